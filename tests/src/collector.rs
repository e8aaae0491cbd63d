//! A collector of traces: takes OTLP over HTTP, as the ones of OpenTelemetry do, and keeps it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;
use prost::Message;
use tokio::net::TcpListener;

/// A span as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// Ids as in a `traceparent`.
    pub trace_id: String,
    /// Its own id.
    pub id: String,
    /// Id of the span that it is a child of; empty for none.
    pub parent_id: String,
    /// Trace and span ids of what it is linked to.
    pub links: Vec<(String, String)>,
    /// Attributes that are text or numbers, those of its service besides.
    pub attributes: HashMap<String, String>,
    /// What its status says, where it is an error.
    pub error: Option<String>,
    /// Nanoseconds since 1970.
    pub times: (u64, u64),
}

/// A collector, for as long as the test runs.
#[derive(Clone, Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let spans = Arc::default();
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&spans));
        thread::spawn(move || runtime.block_on(axum::serve(listener, router).into_future()));
        Self { address, spans }
    }

    /// Its address, as a setting.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn take(State(spans): State<Arc<Mutex<Vec<Span>>>>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
    for resource in request.resource_spans {
        let of_service = resource.resource.unwrap_or_default().attributes;
        let own = resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans);
        spans.extend(own.map(|span| Span::new(span, &of_service)));
    }
    StatusCode::OK
}

impl Span {
    fn new(span: ProtoSpan, of_service: &[KeyValue]) -> Self {
        let attributes = of_service.iter().chain(&span.attributes).filter_map(text);
        let status = span.status.unwrap_or_default();
        Self {
            attributes: attributes.collect(),
            links: span
                .links
                .iter()
                .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
                .collect(),
            error: (status.code == ERROR).then_some(status.message),
            trace_id: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent_id: hex(&span.parent_span_id),
            times: (span.start_time_unix_nano, span.end_time_unix_nano),
            name: span.name,
        }
    }
}

/// OTLP's code of a failure.
const ERROR: i32 = 2;

fn text(attribute: &KeyValue) -> Option<(String, String)> {
    let Some(AnyValue { value: Some(value) }) = &attribute.value else {
        return None;
    };
    let value = match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        _ => return None,
    };
    Some((attribute.key.clone(), value))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
