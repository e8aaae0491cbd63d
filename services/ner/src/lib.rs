//! Token vectors to entities.
//!
//! [`Tagger`] holds the model's tag heads. It reads the token vectors of one window at a time
//! ([`Tagger::tag`]), and at the end joins the tags of all windows of a text into entities
//! ([`Tagger::entities`]), for which the mentions of a name agree (`agree.rs`), together with those that a rule finds more surely than a model: addresses,
//! hashes, CVE numbers. Entities are bytes of the text, in order, and never overlap.

mod agree;
mod decode;
mod entity;
mod indicator;
mod merge;
mod opinion;
mod relatives;
mod tag;
mod tagger;

pub use entity::{Entity, Origin};
pub use indicator::RULE_LABELS;
pub use tagger::{Tagger, WindowTags};
