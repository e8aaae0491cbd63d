//! Clean text to windows to token vectors.
//!
//! [`Tokenizer`] cuts a text into sentences, sentences into [`Window`]s that the model reads in one
//! go; [`Encoder`] runs the model over windows and hands out the vectors of their tokens; a
//! [`Linear`] head turns vectors into logits. What the logits mean is for the crates of the heads:
//! this one knows no entities and no categories, no Kafka and no files but its [`ModelFolder`].
//!
//! Contract: nothing of a text is dropped, however long it is. Every word of every sentence is
//! *owned* by exactly one window, and a word's position is its byte range in the text.

mod batch;
mod case;
mod encoder;
mod engine;
mod error;
mod folder;
mod linear;
mod sentence;
mod tokenizer;
mod window;

pub use batch::TokenBatch;
pub use encoder::{Encoder, Settings, Usage};
pub use engine::{Device, Engine, EngineName, Precision};
pub use error::Error;
pub use folder::{CategoryLabel, MeaningHead, ModelFolder, TagHead, TopicHead};
pub use linear::Linear;
pub use tokenizer::Tokenizer;
pub use window::{Window, Word};
