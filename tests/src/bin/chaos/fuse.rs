//! What a worker process does to itself at a step of its work, by fail points in the worker.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGKILL, SIGSTOP};
use signal_hook::low_level::raise;
use tracing::warn;

/// The fail point in front of a stage: to sleep there is to be a slow stage.
const STAGE: &str = "before-stage";
/// What a process says before it sleeps.
const SLEEPS: &str = "sleeps for longer than the poll interval";

/// The fail points of `services/worker`, in the order of a record's way, and how often a worker
/// comes by: once in its life, at a rebalance, for each batch, for each record.
const STEPS: [(&str, u32); 14] = [
    ("before-init", 1),
    ("before-rebalance", 3),
    ("after-rebalance", 3),
    (STAGE, 20),
    ("before-hand-over", 20),
    ("before-begin", 20),
    ("after-begin", 20),
    ("between-records", 200),
    ("before-delivered", 20),
    ("before-send-offsets", 20),
    ("before-commit", 20),
    ("after-commit", 20),
    ("before-abort", 1),
    ("after-abort", 1),
];

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Deed {
    /// The process is gone.
    Kill,
    /// The process halts until somebody has it go on.
    Halt,
    /// The thread panics, and what follows from that.
    Panic,
    /// The thread takes its time.
    Sleep { ms: u64 },
}

/// A deed at a step, on one of the times that the process comes by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fuse {
    pub(crate) step: String,
    pub(crate) visit: u32,
    pub(crate) deed: Deed,
}

impl Fuse {
    /// Most are deadly. `slow` is longer than a worker may take for a batch.
    pub(crate) fn random(random: &mut Rng, slow: Duration) -> Self {
        let ms = u64::try_from(slow.as_millis()).unwrap_or(u64::MAX);
        let (mut step, mut visits) = STEPS[random.usize(..STEPS.len())];
        let deed = match random.u32(..20) {
            0..13 => Deed::Kill,
            13..15 => Deed::Halt,
            15..17 => Deed::Panic,
            17 => Deed::Sleep { ms },
            _ => {
                (step, visits) = (STAGE, 20);
                Deed::Sleep { ms }
            }
        };
        Self {
            step: step.to_owned(),
            visit: random.u32(1..=visits),
            deed,
        }
    }

    /// Where the plainest worker would do the most harm if it were wrong.
    pub(crate) fn before_commit(random: &mut Rng) -> Self {
        Self {
            step: "before-commit".to_owned(),
            visit: random.u32(1..10),
            deed: Deed::Kill,
        }
    }

    /// Whether the process that wrote this log has had a slow stage by it.
    pub(crate) fn was_slow_stage(&self, log: &str) -> bool {
        self.step == STAGE && log.contains(SLEEPS)
    }

    /// Sets the fail point in this process.
    pub(crate) fn lay(&self) -> anyhow::Result<()> {
        let Self { visit, deed, .. } = *self;
        let visits = AtomicU32::new(0);
        let come_by = move || {
            if visits.fetch_add(1, Ordering::Relaxed) + 1 == visit {
                deed.perform();
            }
        };
        fail::cfg_callback(self.step.as_str(), come_by).map_err(|error| anyhow!(error))
    }
}

impl Deed {
    fn perform(self) {
        match self {
            Self::Kill => raise(SIGKILL).expect("a process may signal itself"),
            Self::Halt => raise(SIGSTOP).expect("a process may signal itself"),
            Self::Panic => panic!("fuse"),
            Self::Sleep { ms } => {
                warn!(ms, "{SLEEPS}");
                pass(Duration::from_millis(ms));
            }
        }
    }
}

fn pass(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}
