//! Listeners of their own for health checks and metrics: plain HTTP, no callers of the API among their connections.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::connections::Connections;
use super::listener::{self, Accepted};
use super::{Reply, health, text};
use crate::config::LimitsConfig;
use crate::service::Service;
use crate::web;

/// Connections at a time: there are few who check.
const CONNECTIONS: usize = 64;

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `/healthz` and `/readyz`.
    Health,
    /// `/metrics`.
    Metrics,
}

/// Serves one of them until it is stopped.
pub async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    purpose: Purpose,
    stopped: CancellationToken,
) {
    let name = match purpose {
        Purpose::Health => "health",
        Purpose::Metrics => "metrics",
    };
    let metrics = service.edge.metrics.listener(name);
    let connections = Connections::new(&LimitsConfig::default(), CONNECTIONS, metrics);
    let each = {
        let (service, stopped) = (Arc::clone(&service), stopped.clone());
        move |accepted: Accepted| {
            let (service, stopped) = (Arc::clone(&service), stopped.clone());
            async move {
                tokio::select! {
                    () = converse(service, accepted, purpose) => {}
                    () = stopped.cancelled() => {}
                }
            }
        }
    };
    let patience = service.config.shutdown_timeout;
    listener::serve(service, listener, connections, stopped, patience, each).await;
}

async fn converse(service: Arc<Service>, accepted: Accepted, purpose: Purpose) {
    let connection = Arc::clone(accepted.place.connection());
    let head_timeout = service.config.limits.head_timeout;
    let answer = service_fn(move |request| {
        connection.is_idle();
        let service = Arc::clone(&service);
        async move { Ok::<_, std::convert::Infallible>(route(&service, purpose, &request)) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(8 << 10)
        .serve_connection(TokioIo::new(accepted.stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(from = %accepted.from, %error, "a connection broke");
    }
}

fn route(service: &Service, purpose: Purpose, request: &Request<Incoming>) -> Reply {
    let path = request.uri().path();
    match purpose {
        Purpose::Metrics if path == "/metrics" => web::metrics(service, request.headers()),
        Purpose::Health => health(service, path).unwrap_or_else(nothing),
        Purpose::Metrics => nothing(),
    }
}

fn nothing() -> Reply {
    text(StatusCode::NOT_FOUND, "There is nothing here.\n")
}
