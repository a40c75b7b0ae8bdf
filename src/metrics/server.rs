//! `/metrics`, `/healthz`, `/readyz`, `/drainz` (PF-202) on a port of their own.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use super::gauges::GaugeBoard;
use super::registry::{Sources, registry};
use crate::net::http::Pages;

/// The media type of the text format (OpenMetrics 1.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Asks whether new calls are welcome, and what the process is doing.
pub struct Readiness(pub Box<dyn Fn() -> (bool, &'static str) + Send + Sync>);

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readiness")
    }
}

#[derive(Debug)]
struct Served {
    registry: Registry,
    readiness: Readiness,
    gauges: Arc<GaugeBoard>,
}

/// Serves until the process ends.
pub async fn serve(socket: TcpListener, sources: Sources, readiness: Readiness) {
    let gauges = Arc::clone(&sources.gauges);
    let served = Arc::new(Served { registry: registry(sources), readiness, gauges });
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/drainz", get(drainz))
        .with_state(served);
    if let Err(error) = axum::serve(Pages::new(socket), routes).await {
        tracing::error!(%error, "metrics are no longer served");
    }
}

async fn metrics(State(served): State<Arc<Served>>) -> impl IntoResponse {
    // The engine is asked how many calls each trunk has: not on a thread that serves the network.
    let encoded = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        encode(&mut text, &served.registry).map(|()| text)
    });
    match encoded.await {
        Ok(Ok(text)) => (StatusCode::OK, [(header::CONTENT_TYPE, OPEN_METRICS)], text),
        Ok(Err(_)) | Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new())
        }
    }
}

/// The process lives: it answers.
async fn healthz(State(served): State<Arc<Served>>) -> impl IntoResponse {
    let (_, phase) = (served.readiness.0)();
    format!("{phase}\n")
}

/// New calls are welcome: only then may a balancer send any.
async fn readyz(State(served): State<Arc<Served>>) -> impl IntoResponse {
    let (ready, phase) = (served.readiness.0)();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{phase}\n"))
}

/// How far a drain has come: the phase, and the calls that are not over.
async fn drainz(State(served): State<Arc<Served>>) -> impl IntoResponse {
    let (_, phase) = (served.readiness.0)();
    let told = serde_json::json!({ "phase": phase, "calls": served.gauges.read().calls });
    ([(header::CONTENT_TYPE, "application/json")], format!("{told}\n"))
}
