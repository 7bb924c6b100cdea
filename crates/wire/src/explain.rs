//! Every step of a signature, for the very request shown, so that a client's author can find the step in which his own differs.
//!
//! A key may only be explained to whoever holds it: the steps end in a good signature. The keys that are derived on the way are
//! masked, for four digits are enough to compare them, and a derived key signs for a whole day.

use sha2::{Digest, Sha256};

use crate::envelope::Proof;
use crate::ids::ids;
use crate::{SecretKey, hex, tc3, v1};

ids! {
    /// Which step.
    pub enum StepId {
        /// TC3: the request, normalised.
        CanonicalRequest = "canonical-request",
        /// TC3: the SHA-256 of the canonical request.
        CanonicalHash = "canonical-hash",
        /// TC3: date, service, and `tc3_request`.
        Scope = "scope",
        /// v1: `name=value` of each signed parameter, sorted, one a line.
        Parameters = "parameters",
        /// v1: the hash under the MAC.
        Algorithm = "algorithm",
        /// What the MAC is of.
        StringToSign = "string-to-sign",
        /// TC3: the key of the date, masked.
        DateKey = "date-key",
        /// TC3: the key of the service, masked.
        ServiceKey = "service-key",
        /// TC3: the key that signs, masked.
        SigningKey = "signing-key",
        /// The signature.
        Signature = "signature",
        /// TC3: the whole `Authorization` header.
        Authorization = "authorization",
        /// v1: the query string or the form, with its signature.
        Encoded = "encoded",
    }
}

/// One step and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub id: StepId,
    /// What came of it: its first four digits, if [`masked`](Self::masked).
    pub text: String,
    /// Whether most of it is left out, because it is a key.
    pub masked: bool,
}

/// The steps, in their order. None for a request that is not signed.
///
/// Where clients differ (a host without its port, values in lower case), it is the way in which this request's signature was made.
pub fn steps(proof: &Proof<'_>, key: &SecretKey) -> Vec<Step> {
    match proof {
        Proof::Tc3(proof) => of_tc3(proof, key),
        Proof::V1(proof) => of_v1(proof, key),
        Proof::Skip => Vec::new(),
    }
}

fn of_tc3(proof: &tc3::Proof<'_>, key: &SecretKey) -> Vec<Step> {
    let made = proof.explained(key);
    let hash = hex::lower(&Sha256::digest(&made.canonical_request).into());
    let authorization = format!(
        "TC3-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
        proof.secret_id, made.scope, proof.signed_headers, made.signature
    );
    let [date_key, service_key, signing_key] = &made.keys;
    vec![
        shown(StepId::CanonicalRequest, made.canonical_request),
        shown(
            StepId::CanonicalHash,
            String::from_utf8_lossy(&hash).into_owned(),
        ),
        shown(StepId::Scope, made.scope.to_owned()),
        shown(StepId::StringToSign, made.string_to_sign),
        masked(StepId::DateKey, date_key),
        masked(StepId::ServiceKey, service_key),
        masked(StepId::SigningKey, signing_key),
        shown(StepId::Signature, made.signature),
        shown(StepId::Authorization, authorization),
    ]
}

fn of_v1(proof: &v1::Proof<'_>, key: &SecretKey) -> Vec<Step> {
    let made = proof.explained(key);
    vec![
        shown(StepId::Parameters, made.parameters.join("\n")),
        shown(StepId::Algorithm, proof.algorithm().as_str().to_owned()),
        shown(StepId::StringToSign, made.string_to_sign),
        shown(StepId::Signature, made.signature),
        shown(StepId::Encoded, made.encoded),
    ]
}

fn shown(id: StepId, text: String) -> Step {
    Step {
        id,
        text,
        masked: false,
    }
}

/// The first four digits.
fn masked(id: StepId, key: &[u8; 32]) -> Step {
    Step {
        id,
        text: format!("{:02x}{:02x}…", key[0], key[1]),
        masked: true,
    }
}
