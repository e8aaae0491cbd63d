//! How a pipeline goes about a batch.

use std::time::Duration;

use crate::Error;
use crate::config::Retry;
use crate::trace::BatchTrace;

/// How a pipeline goes about a batch.
pub(crate) struct Conduct<'a> {
    /// Budget of a stage's call; none for no limit.
    pub(crate) article_timeout: Option<Duration>,
    /// How often an article is tried again whose failure may pass; none for never.
    pub(crate) retry: Option<&'a Retry>,
    /// The trace that the stages' spans belong to.
    pub(crate) trace: Option<&'a BatchTrace>,
    /// Called before each stage, with no time, and to wait. An error gives the batch up.
    pub(crate) pause: &'a mut dyn FnMut(Duration) -> Result<(), Error>,
}
