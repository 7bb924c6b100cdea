//! What people and machines fetch beside the API: certificate bundles, metrics, code samples.

/// The console.
pub mod console;

/// The certificate bundles behind a signed link.
pub mod download;

/// The revocation lists of our authorities.
pub mod revocations;

/// The text that goes with a bundle.
pub mod readme;

/// Calls as programs.
pub mod samples;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use crate::http::{Reply, text};
use crate::service::Service;
use crate::state::records::Access;

/// What was counted, for Prometheus.
pub fn metrics(service: &Service) -> Reply {
    for (name, access) in [("full", Access::Full), ("read-only", Access::ReadOnly)] {
        let memory = &service.signatures;
        let (remembered, capacity) = (memory.count(access), memory.capacity(access));
        service.metrics.show_signatures(name, remembered, capacity);
    }
    let mut reply = text(StatusCode::OK, service.metrics.render());
    reply.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    reply
}
