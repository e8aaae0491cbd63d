//! What a stage may take, and how it fails.

use std::error::Error;
use std::time::{Duration, Instant};

/// Time that a stage has for a call, the setting `limits.article_timeout_ms`.
///
/// No thread can be ended from outside without harm, so it is the stage that looks: often enough
/// that it never goes on for long without. A batch that runs out of time is halved as one that
/// fails is, and each half has the whole time again: what is rejected in the end is the article
/// that takes all of it alone.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// None for no limit.
    end: Option<Instant>,
}

impl Budget {
    /// No limit.
    pub fn unlimited() -> Self {
        Self { end: None }
    }

    /// A time from now on.
    pub fn of(time: Duration) -> Self {
        Self {
            end: Instant::now().checked_add(time),
        }
    }

    /// Fails once the time is over.
    pub fn check(&self) -> Result<(), StageError> {
        match self.end {
            Some(end) if Instant::now() >= end => Err(StageError {
                cause: "it takes longer than the setting limits.article_timeout_ms".into(),
                kind: Kind::OutOfTime,
            }),
            _ => Ok(()),
        }
    }
}

/// What a stage fails with: any error, kept whole, and whether to try again.
///
/// Any error is one that will come again, unless it is made by [`StageError::retriable`].
#[derive(Debug)]
pub struct StageError {
    pub(crate) cause: Box<dyn Error + Send + Sync>,
    pub(crate) kind: Kind,
}

/// What may be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: it will come again.
    Lasting,
    /// Waiting, or fewer articles at once.
    Retriable,
    /// The budget is spent.
    OutOfTime,
}

impl StageError {
    /// A failure that will come again.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let (cause, kind) = (cause.into(), Kind::Lasting);
        Self { cause, kind }
    }

    /// A failure that may pass, or that fewer articles at once may not cause: an engine that is
    /// out of memory, say. An article is tried again as the settings under `retry` say.
    pub fn retriable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let (cause, kind) = (cause.into(), Kind::Retriable);
        Self { cause, kind }
    }
}

// For `?`. Not an error itself, or this would be one implementation too many.
impl<E: Error + Send + Sync + 'static> From<E> for StageError {
    fn from(cause: E) -> Self {
        Self::new(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spent_budget_names_its_setting() {
        let error = Budget::of(Duration::ZERO).check().unwrap_err();

        assert_eq!(error.kind, Kind::OutOfTime);
        let text = error.cause.to_string();
        assert!(text.contains("limits.article_timeout_ms"), "{text}");
    }

    #[test]
    fn unspent_budget_holds_nobody_up() {
        assert!(Budget::of(Duration::from_secs(60)).check().is_ok());
        assert!(Budget::unlimited().check().is_ok());
        assert!(Budget::of(Duration::MAX).check().is_ok());
    }
}
