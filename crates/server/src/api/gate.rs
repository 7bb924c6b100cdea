//! The gate: signature → permission → rate. What is not allowed on purpose is refused.

use std::sync::Arc;

use wire::{Envelope, Proof, Refusal, RequestId};

use crate::ambient::UnixTime;
use crate::api::action::{Effect, Spec};
use crate::api::table::Route;
use crate::service::Service;
use crate::state::keys::AccessKey;
use crate::state::records::Access;

/// Lets a request pass, as the key that signed it.
///
/// The order is the vendor's as far as it is known: time, key, token, signature, permission, rate.
///
/// # Errors
/// The code of the first check that fails.
pub fn admit(
    service: &Service,
    envelope: &Envelope<'_>,
    route: &Route,
    request_id: &RequestId,
    now: UnixTime,
) -> Result<Arc<AccessKey>, Refusal> {
    envelope.check_time(now)?;
    let key = authenticate(service, envelope)?;
    permit(&key, route.entry.spec, request_id)?;
    let over = |count| Refusal::request_limit_exceeded(count, u64::from(route.limit));
    service
        .limiter
        .admit(key.account, route.index, route.limit, now)
        .map_err(over)?;
    Ok(key)
}

/// The key that a request names, whether it signed it or not.
///
/// # Errors
/// When it names none, or none that exists and is enabled, or brings a token.
pub fn key_of(service: &Service, envelope: &Envelope<'_>) -> Result<Arc<AccessKey>, Refusal> {
    // No action here may be called unsigned, so `Authorization: SKIP` names no key.
    let Some(secret_id) = envelope.secret_id() else {
        return Err(Refusal::invalid_authorization(
            "this action must be signed.",
        ));
    };
    let key = service
        .catalog
        .key(secret_id)
        .filter(|key| key.enabled)
        .ok_or_else(Refusal::secret_id_not_found)?;
    if envelope.token.is_some() {
        return Err(Refusal::token_failure()); // long-term keys must not carry one
    }
    Ok(key)
}

fn authenticate(service: &Service, envelope: &Envelope<'_>) -> Result<Arc<AccessKey>, Refusal> {
    let key = key_of(service, envelope)?;
    let verified = match &envelope.proof {
        Proof::Tc3(proof) if proof.unsigned_payload() && !service.config.allow_unsigned_payload => {
            return Err(Refusal::invalid_authorization(
                "this server does not accept `UNSIGNED-PAYLOAD`.",
            ));
        }
        Proof::Tc3(proof) => key.verifies(proof),
        Proof::V1(proof) => proof.verify(key.secret_key()),
        Proof::Skip => false,
    };
    if verified {
        Ok(key)
    } else {
        Err(Refusal::signature_failure())
    }
}

/// Lets a key do what it may do.
///
/// # Errors
/// `UnauthorizedOperation`.
pub fn permit(key: &AccessKey, spec: &Spec, request_id: &RequestId) -> Result<(), Refusal> {
    match (key.access, spec.effect) {
        (Access::Full, _) | (Access::ReadOnly, Effect::Reads) => Ok(()),
        (Access::ReadOnly, Effect::Writes) => {
            let operation = format!("{}:{}", spec.product.name(), spec.name);
            Err(Refusal::unauthorized_operation(&operation, "*", request_id))
        }
    }
}
