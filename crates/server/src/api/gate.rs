//! The gate: signature → replay → permission → rate. What is not allowed on purpose is refused.

use std::sync::Arc;

use wire::{Envelope, Proof, Refusal, Request, RequestId};

use crate::ambient::UnixTime;
use crate::api::action::{Effect, Product, Spec};
use crate::api::actions::ACTIONS;
use crate::api::table::Route;
use crate::service::Service;
use crate::state::keys::AccessKey;
use crate::state::records::Access;
use crate::state::signatures::Known;

/// A caller that was let in.
pub struct Admitted {
    /// The key that signed.
    pub key: Arc<AccessKey>,
    /// The bytes of the signature.
    pub mac: [u8; 32],
}

/// Lets a request pass, as the key that signed it.
///
/// The order is the vendor's as far as it is known: time, key, token, signature, permission, rate. Every signature that is right
/// is remembered, also when the request is refused for another reason, since it could be sent again for something else.
///
/// # Errors
/// The code of the first check that fails.
pub fn admit(
    service: &Service,
    request: &Request<'_>,
    envelope: &Envelope<'_>,
    route: &Route,
    request_id: &RequestId,
    now: UnixTime,
) -> Result<Admitted, Refusal> {
    let spec = route.entry.spec;
    envelope.check_time(now)?;
    let admitted = authenticate(service, envelope)?;
    let known = remember(service, &admitted, envelope, route.index, now);
    check_covered(service, request, envelope, spec)?;
    check_replay(service, envelope, spec, known)?;
    permit(&admitted.key, spec, request_id)?;
    let over = |count| Refusal::request_limit_exceeded(count, u64::from(route.limit));
    admitted
        .key
        .rates
        .admit(ACTIONS.len(), route.index, route.limit, now)
        .map_err(over)?;
    Ok(admitted)
}

/// Remembers the signature of a request that names no action which is served, so that it cannot be sent again for one that is.
pub fn spend(service: &Service, envelope: &Envelope<'_>, now: UnixTime) {
    if envelope.check_time(now).is_ok()
        && let Ok(admitted) = authenticate(service, envelope)
    {
        remember(service, &admitted, envelope, NO_ACTION, now);
    }
}

/// In the place of an action that is not served.
const NO_ACTION: usize = 0xff;

fn remember(
    service: &Service,
    admitted: &Admitted,
    envelope: &Envelope<'_>,
    action: usize,
    now: UnixTime,
) -> Known {
    let action = u8::try_from(action).unwrap_or(u8::MAX);
    let (mac, access) = (&admitted.mac, admitted.key.access);
    service
        .signatures
        .remember(mac, access, action, envelope.timestamp, now)
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

fn authenticate(service: &Service, envelope: &Envelope<'_>) -> Result<Admitted, Refusal> {
    let key = key_of(service, envelope)?;
    let verified = match &envelope.proof {
        Proof::Tc3(proof) if proof.unsigned_payload() && !service.config.allow_unsigned_payload => {
            return Err(Refusal::invalid_authorization(
                "this server does not accept `UNSIGNED-PAYLOAD`.",
            ));
        }
        Proof::V1(_) if !service.config.allow_v1 => return Err(Refusal::v1_not_accepted()),
        Proof::Tc3(proof) => key.verifies(proof),
        Proof::V1(proof) => proof.verify(key.secret_key()),
        Proof::Skip => false,
    };
    match envelope.mac().filter(|_| verified) {
        Some(mac) => Ok(Admitted { key, mac }),
        None => Err(Refusal::signature_failure()),
    }
}

/// Checks that the signature covers what this action needs to be covered. With v1 it covers everything, if there is one way to
/// read it.
fn check_covered(
    service: &Service,
    request: &Request<'_>,
    envelope: &Envelope<'_>,
    spec: &Spec,
) -> Result<(), Refusal> {
    let (product, writes) = (spec.product, spec.effect == Effect::Writes);
    let proof = match &envelope.proof {
        Proof::Tc3(proof) => proof,
        Proof::V1(proof) if writes => {
            return proof
                .ambiguous()
                .map_or(Ok(()), |name| Err(Refusal::ambiguous_in_v1(name)));
        }
        Proof::V1(_) | Proof::Skip => return Ok(()),
    };
    // The Java, Node and Go SDKs take the first label of the endpoint for the service.
    let of_host = product == Product::Cdb && Some(proof.service) == request.first_label();
    if proof.service != product.name() && !of_host {
        return Err(Refusal::other_scope(proof.service, product.name()));
    }
    if product == Product::Signet && !proof.signs_action() {
        return Err(Refusal::unsigned_action(product.name()));
    }
    if proof.unsigned_payload() && (product == Product::Signet || writes) {
        return Err(Refusal::unsigned_payload());
    }
    if writes && service.config.require_signed_action && !proof.signs_action() {
        return Err(Refusal::signed_action_required());
    }
    Ok(())
}

/// Refuses what may be a recorded request that is sent again for something else. What is sent again for the same is harmless with
/// a read; a write is answered from memory.
fn check_replay(
    service: &Service,
    envelope: &Envelope<'_>,
    spec: &Spec,
    known: Known,
) -> Result<(), Refusal> {
    match (spec.effect, known) {
        (Effect::Reads, Known::ForAnother { just_now: false })
        | (Effect::Writes, Known::ForAnother { .. }) => {
            return Err(Refusal::replayed_under_another_action());
        }
        (Effect::Reads, _) => return Ok(()),
        (Effect::Writes, Known::New | Known::Again | Known::Unknown) => {}
    }
    let signed = envelope.timestamp;
    if envelope.signs_action() {
        return if signed < service.started {
            Err(Refusal::signed_before_start())
        } else {
            Ok(())
        };
    }
    if signed <= service.started {
        return Err(Refusal::replay_not_excluded(
            "it was signed before the service started",
        ));
    }
    if known == Known::Unknown {
        return Err(Refusal::replay_not_excluded(
            "the memory of signatures is full",
        ));
    }
    Ok(())
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
