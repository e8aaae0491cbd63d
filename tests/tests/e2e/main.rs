//! The built program, as its users see it: with the real model, on a real broker.
//!
//! `make test` builds the program first; `cargo test` alone runs whatever was built last.

#![allow(
    clippy::unwrap_used,
    reason = "tests may, and clippy knows only the functions that are marked as such"
)]

mod admin;
mod article;
mod desk;
mod engine;
mod failure;
mod metrics;
mod model;
mod monitoring;
mod pipeline;
mod program;
mod prometheus;
mod replay;
mod security;
mod settings;
mod text;
mod tracing;
