//! The admin port's pages that are the program's own: `/config` and `/log-level`.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::get;

use crate::layer::Layers;
use crate::logging::{BadLevel, Level};

/// Nobody has so many modules to log.
const MAX_DIRECTIVES_BYTES: usize = 4096;

/// What the pages show, and one of them changes.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) layers: Layers,
    pub(crate) level: Level,
}

/// The pages.
pub(crate) fn pages(live: Live) -> Router {
    Router::new()
        .route("/config", get(config))
        .route("/log-level", get(level).put(set_level))
        .layer(DefaultBodyLimit::max(MAX_DIRECTIVES_BYTES))
        .with_state(live)
}

/// The settings as `--check-config` shows them, with the level that is in force now.
async fn config(State(live): State<Live>) -> Result<String, (StatusCode, String)> {
    let level = live.level.get().map_err(|error| broken(&error))?;
    let mut layers = live.layers;
    layers.replace("PUT /log-level", "log.level", &level);
    let lines = layers.lines().map_err(|error| broken(&error))?;
    Ok(lines.join("\n") + "\n")
}

async fn level(State(live): State<Live>) -> Result<String, (StatusCode, String)> {
    let level = live.level.get().map_err(|error| broken(&error))?;
    Ok(level + "\n")
}

async fn set_level(
    State(live): State<Live>,
    directives: String,
) -> Result<String, (StatusCode, String)> {
    match live.level.set(directives.trim()) {
        Ok(()) => level(State(live)).await,
        Err(error @ BadLevel::Ended(_)) => Err(broken(&error)),
        Err(error) => Err((StatusCode::BAD_REQUEST, format!("{error}\n"))),
    }
}

fn broken(error: &dyn std::error::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
}
