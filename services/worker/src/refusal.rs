//! Why a broker does not let a client in.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::debug;

const POLL: Duration = Duration::from_millis(20);
const POLLS: usize = 10;

/// The last refusal that librdkafka has told a client of. The calls that fail for it say only that
/// no broker could be reached in time.
#[derive(Default)]
pub(crate) struct LastRefusal(Mutex<Option<String>>);

impl LastRefusal {
    /// Keeps the reason, if the error is a refusal.
    pub(crate) fn note(&self, error: &KafkaError, reason: &str) {
        debug!(%error, reason, "librdkafka");
        let is_refusal = matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::Authentication
                    | RDKafkaErrorCode::SaslAuthenticationFailed
                    | RDKafkaErrorCode::SSL
            )
        );
        if is_refusal {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }

    /// The reason, of a consumer that reads nothing yet. librdkafka tells in polls alone, and may
    /// have other news to tell first.
    pub(crate) fn ask<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>) -> Option<String> {
        for _ in 0..POLLS {
            if let Some(reason) = self.take() {
                return Some(reason);
            }
            drop(consumer.poll(POLL));
        }
        self.take()
    }

    /// The reason, if there is one; the next failure may have another.
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_is_kept_and_once() {
        let last = LastRefusal::default();

        last.note(
            &KafkaError::Global(RDKafkaErrorCode::Authentication),
            "wrong password",
        );
        last.note(
            &KafkaError::Global(RDKafkaErrorCode::AllBrokersDown),
            "1/1 brokers are down",
        );

        assert_eq!(last.take().as_deref(), Some("wrong password"));
        assert_eq!(last.take(), None);
    }
}
