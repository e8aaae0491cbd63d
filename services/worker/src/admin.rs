//! The admin port: `/metrics`, `/healthz`, `/readyz`, and what the program adds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use crate::{Error, Health};

/// Connections that are open at a time.
const MAX_CONNECTIONS: usize = 64;
/// A connection that is open for longer is cut, whatever it does.
const MAX_CONNECTION_TIME: Duration = Duration::from_secs(10);
/// Before another try, where the system gives no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
        Self::bind_with(address, registry, health, Router::new())
    }

    /// The same with further pages, each at a path of its own.
    pub fn bind_with(
        address: SocketAddr,
        registry: Registry,
        health: Health,
        pages: Router,
    ) -> Result<Self, Error> {
        let failed = |cause| Error::Bind { address, cause };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let name = "admin";
        let router = router(registry, health).merge(pages);
        let serve = move || serve(&runtime, listener, router, stopped);
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
    runtime.spawn(accept(listener, router));
    // The error is the signal: the sender is dropped.
    runtime.block_on(stopped).ok();
}

/// Takes connections, a few at a time and each for a short time: whoever holds them open must not
/// use up the files of the process, which the worker's own connections need.
#[allow(
    clippy::disallowed_methods,
    reason = "nothing tells when the system can give a connection again"
)]
async fn accept(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = TowerToHyperService::new(router.clone());
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    // A client that goes away, or is cut off, is none of ours to report.
                    timeout(MAX_CONNECTION_TIME, connection).await.ok();
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "admin port cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
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
