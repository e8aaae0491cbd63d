//! Whether a static member that hears of another one with its name has heard of itself.
//!
//! A broker answers FENCED_INSTANCE_ID to a member whose name another has joined under. It answers
//! the same to one that the group had dropped, e.g. since the process was halted for longer than
//! its session: librdkafka (2.12) joins again under a new member id, and a request that still has
//! the old one, as a commit of offsets may, comes from somebody else in the broker's eyes. librdkafka
//! takes that for the end of the consumer, though there is no other worker.
//!
//! The order tells the two apart. Who is replaced hears it at once, and loses its partitions
//! for that. Who is dropped loses them first, while nobody has its name, and hears it, if at all,
//! before the group has given it partitions again. If another joins in just that time, this worker
//! begins anew and replaces it: one of the two goes on.

use std::sync::atomic::{AtomicBool, Ordering};

/// The place of a worker in its group.
#[derive(Default)]
pub(crate) struct Membership {
    /// Whether the group has dropped this member and not taken it back yet.
    is_dropped: AtomicBool,
}

impl Membership {
    /// Notes that the group has given this member partitions, be it none.
    pub(crate) fn renew(&self) {
        self.is_dropped.store(false, Ordering::Relaxed);
    }

    /// Notes that partitions are lost; `is_fatal` where the consumer has ended before, as it does
    /// when it hears that it was replaced.
    pub(crate) fn lose(&self, is_fatal: bool) {
        if !is_fatal {
            self.is_dropped.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the other one, of which this member hears now, is this member as it was.
    pub(crate) fn meets_itself(&self) -> bool {
        self.is_dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_dropped_meets_itself_until_it_is_taken_back() {
        let membership = Membership::default();
        membership.renew();

        membership.lose(false);
        let dropped = membership.meets_itself();
        membership.renew();

        assert!(dropped);
        assert!(!membership.meets_itself());
    }

    #[test]
    fn who_hears_it_before_the_loss_was_replaced() {
        let membership = Membership::default();
        membership.renew();

        let at_once = membership.meets_itself();
        membership.lose(true);

        assert!(!at_once && !membership.meets_itself());
    }
}
