//! What can be refused before the body of a request is read.

use wire::{Refusal, Request};

use crate::api::{gate, region};
use crate::service::Service;

/// The largest body that is read for a request, in bytes, by its head alone. The checks are those that the whole request meets again, in
/// the same order.
///
/// # Errors
/// What the request is refused for, whatever its body is.
pub fn largest_body(service: &Service, request: &Request<'_>) -> Result<usize, Refusal> {
    let envelope = wire::parse(request)?;
    let route = service.table.find(&envelope.action, &envelope.version)?;
    region::check(&envelope, &service.config.regions)?;
    envelope.check_time(service.clock.now())?;
    gate::key_of(service, &envelope)?;
    Ok(route.entry.largest_body)
}

/// Whether a key exists and is enabled.
pub fn is_known(service: &Service, secret_id: &str) -> bool {
    let key = service.catalog.key(secret_id);
    key.is_some_and(|key| key.enabled)
}
