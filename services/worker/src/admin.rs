//! The admin port: `/metrics`, `/healthz`, `/readyz`.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::{Error, Health};

/// The admin port, served on a thread of its own until dropped.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Listens on `address` (port 0 takes a free one) and serves.
    pub fn bind(address: SocketAddr, registry: Registry, health: Health) -> Result<Self, Error> {
        let failed = |cause| Error::Bind { address, cause };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(failed)?;
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let name = "admin";
        let serve = move || serve(&runtime, listener, router(registry, health), stopped);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(serve)
            .map_err(|cause| Error::Thread { name, cause })?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        // Dropping the sender is the signal.
        self.stop.take();
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("admin thread panicked");
        }
    }
}

/// Serves until `stopped`; connections that are open then are cut.
fn serve(runtime: &Runtime, listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) {
    runtime.spawn(axum::serve(listener, router).into_future());
    // The error is the signal: the sender is dropped.
    runtime.block_on(stopped).ok();
}

fn router(registry: Registry, health: Health) -> Router {
    Router::new()
        .route(
            "/metrics",
            get(metrics).with_state((registry, health.clone())),
        )
        .route("/healthz", get(alive).with_state(health.clone()))
        .route("/readyz", get(ready).with_state(health))
}

async fn metrics(State((registry, health)): State<(Registry, Health)>) -> impl IntoResponse {
    // Looks at the clock, and sets the metric that says so.
    health.stalled();
    let text = TextEncoder::new().encode_to_string(&registry.gather());
    let text = text.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()));
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], text)
}

async fn alive(State(health): State<Health>) -> (StatusCode, String) {
    match health.stalled() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("stalled: {why}\n")),
    }
}

async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    match health.not_ready() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {why}\n"),
        ),
    }
}
