//! Annotated articles: read as running text, and compared with what was found in them.

pub mod document;
pub mod score;
pub mod sets;
