//! One call of a stage, whose error or panic is the reason why a lone article is rejected.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Stage;
use crate::budget::{Budget, Kind, StageError};
use crate::dead_letter::Reject;
use crate::error::chain;

/// The reason of a failure that may pass.
pub(crate) const UNAVAILABLE: &str = "stage_unavailable";
const FAILED: &str = "stage_failed";
const TIMED_OUT: &str = "stage_timed_out";
const PANICKED: &str = "stage_panicked";

/// All reasons for which a stage rejects an article.
pub(crate) const REASONS: [&str; 4] = [UNAVAILABLE, FAILED, TIMED_OUT, PANICKED];

/// Calls a stage, and turns its error or panic into the reason why a lone article is rejected.
pub(crate) fn call<D>(
    stage: &mut dyn Stage<D>,
    drafts: &mut [D],
    budget: &Budget,
) -> Result<(), Reject> {
    let name = stage.name();
    match catch_unwind(AssertUnwindSafe(|| stage.process(drafts, budget))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(StageError { cause, kind })) => {
            let reason = match kind {
                Kind::Lasting => FAILED,
                Kind::Retriable => UNAVAILABLE,
                Kind::OutOfTime => TIMED_OUT,
            };
            Err(Reject::new(name, reason, chain(cause.as_ref())))
        }
        Err(panic) => Err(Reject::new(name, PANICKED, panic_text(panic.as_ref()))),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
