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

use std::path::Path;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use subtle::ConstantTimeEq;

use crate::http::{Reply, text};
use crate::service::Service;
use crate::state::records::Access;

/// The token that `/metrics` asks for. It cannot be printed.
pub struct Token(zeroize::Zeroizing<String>);

impl Token {
    /// Reads it from its file.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no token: 16 or more visible characters.
    pub fn read(file: &Path) -> std::io::Result<Self> {
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(file)?);
        let token = text.trim();
        if token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(std::io::Error::other(
                "it must hold one line with a token of 16 or more visible characters",
            ));
        }
        Ok(Self(zeroize::Zeroizing::new(token.to_owned())))
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|given| given.strip_prefix(b"Bearer "));
        given.is_some_and(|given| bool::from(given.ct_eq(self.0.as_bytes())))
    }
}

/// Metrics on the listener of the API: with a token, or on loopback, unless they have a listener of their own.
pub fn metrics_beside_the_api(service: &Service, headers: &HeaderMap) -> Reply {
    if service.config.metrics.listen.is_some() {
        return text(
            StatusCode::NOT_FOUND,
            "Metrics have a listener of their own: see [metrics] listen.\n",
        );
    }
    let has_token = service.edge.metrics_token.is_some();
    if !has_token && !service.config.listen.ip().is_loopback() {
        return text(
            StatusCode::FORBIDDEN,
            "Metrics are served on loopback only. Set [metrics] token_file, or give them a listener of their own with [metrics] listen.\n",
        );
    }
    metrics(service, headers)
}

/// What was counted, for Prometheus, to whoever has the token if there is one.
pub fn metrics(service: &Service, headers: &HeaderMap) -> Reply {
    let token = service.edge.metrics_token.as_ref();
    if token.is_some_and(|token| !token.is_in(headers)) {
        let mut reply = text(
            StatusCode::UNAUTHORIZED,
            "Send the token of [metrics] token_file: Authorization: Bearer TOKEN\n",
        );
        reply
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return reply;
    }
    for (name, access) in [("full", Access::Full), ("read-only", Access::ReadOnly)] {
        let memory = &service.signatures;
        let (remembered, capacity) = (memory.count(access), memory.capacity(access));
        service.metrics.show_signatures(name, remembered, capacity);
    }
    let used = i64::try_from(service.audit.budget_used()).unwrap_or(i64::MAX);
    service.metrics.audit_budget_used.set(used);
    let mut reply = text(StatusCode::OK, service.metrics.render());
    reply.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    reply
}
