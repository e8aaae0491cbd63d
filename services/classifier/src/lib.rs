//! Window vectors to categories.
//!
//! [`Pool`] takes the mean of an article's leading token vectors, window by window, in order;
//! [`Classifier`] gives that mean its categories: the IPTC Media Topics whose score reaches their
//! threshold, best first. An article that reaches none has no category rather than a guess. A
//! category of the user's own needs no training: its description says what it is ([`Meaning`]).

mod classifier;
mod meaning;
mod pool;

pub use classifier::{Category, Classifier};
pub use meaning::Meaning;
pub use pool::Pool;
