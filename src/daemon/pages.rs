//! What is served over HTTP: metrics and the API.

use std::io;
use std::net::{SocketAddr, TcpListener};

use tokio::runtime::Runtime;

use super::failure::StartFailure;
use super::materials::api_tls;
use super::phase::{Phase, PhaseBoard};
use crate::api;
use crate::config::Settings;
use crate::metrics::registry::Sources;
use crate::metrics::server;
use crate::net::inherited::Inherited;
use crate::net::renewal::Renewal;

/// `/metrics`, `/healthz` and `/readyz`, where `metrics.bind` is written.
///
/// # Errors
/// The port cannot be had.
pub fn metrics(
    settings: &Settings,
    sources: Sources,
    phase: &PhaseBoard,
    inherited: &Inherited,
    runtime: &Runtime,
) -> Result<(), StartFailure> {
    let Some(address) = settings.metrics else { return Ok(()) };
    let failed = |error| StartFailure::Metrics(address, error);
    let socket = of_http(address, inherited).map_err(failed)?;
    let phase = phase.clone();
    let readiness = server::Readiness(Box::new(move || {
        let current = phase.current();
        (current == Phase::Running, current.name())
    }));
    runtime.spawn(server::serve(socket, sources, readiness));
    Ok(())
}

/// The API, where `api.bind` is written and there is a store.
///
/// # Errors
/// Its certificate or its port cannot be had.
pub fn api(
    settings: &Settings,
    served: Option<api::server::Served>,
    (renewal, inherited): (&Renewal, &Inherited),
    runtime: &Runtime,
) -> Result<(), StartFailure> {
    let (Some(api), Some(served)) = (&settings.api, served) else { return Ok(()) };
    let tls = api_tls(settings, renewal).map_err(|bad| StartFailure::Files(vec![bad]))?;
    let failed = |error| StartFailure::Api(api.bind, error);
    let socket = of_http(api.bind, inherited).map_err(failed)?;
    let local = socket.local_addr().map_err(failed)?;
    tracing::info!(url = %api::server::url(local, tls.is_some()), "API");
    runtime.spawn(api::server::serve(socket, tls, served));
    Ok(())
}

fn of_http(address: SocketAddr, inherited: &Inherited) -> io::Result<tokio::net::TcpListener> {
    let socket = inherited.stream(address).map_or_else(|| TcpListener::bind(address), Ok)?;
    socket.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(socket)
}
