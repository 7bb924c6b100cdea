//! Each step of a signature, against the vectors.

use serde_json::Value;
use wire::SecretKey;
use wire::explain::{Step, StepId, steps};

use crate::received::{Received, verify};
use crate::signer::{SECRET_KEY, sign, signed, unsigned};
use crate::vectors::{tc3_request, text, v1_request, vectors};

fn explained(received: &Received, key: &str) -> Vec<Step> {
    received.parsed(|envelope| steps(&envelope.proof, &SecretKey::new(key)))
}

fn step(id: StepId, text: &str) -> Step {
    Step {
        id,
        text: text.to_owned(),
        masked: false,
    }
}

fn masked(id: StepId, hex: &str) -> Step {
    Step {
        id,
        text: format!("{}…", &hex[..4]),
        masked: true,
    }
}

#[test]
fn every_tc3_vector_is_explained_step_by_step() {
    let valid = |vector: &Value| text(vector, "/expect") == "valid";
    for vector in vectors("vectors/tc3.json").into_iter().filter(valid) {
        let of = |name: &str| text(&vector, &format!("/intermediate/{name}")).to_owned();
        assert_eq!(
            explained(&tc3_request(&vector), text(&vector, "/secret_key")),
            [
                step(StepId::CanonicalRequest, &of("canonical_request")),
                step(StepId::CanonicalHash, &of("hashed_canonical_request")),
                step(StepId::Scope, &of("credential_scope")),
                step(StepId::StringToSign, &of("string_to_sign")),
                masked(StepId::DateKey, &of("secret_date_hex")),
                masked(StepId::ServiceKey, &of("secret_service_hex")),
                masked(StepId::SigningKey, &of("secret_signing_hex")),
                step(StepId::Signature, text(&vector, "/signature")),
                step(StepId::Authorization, text(&vector, "/authorization")),
            ],
            "{}",
            text(&vector, "/id")
        );
    }
}

#[test]
fn every_v1_vector_is_explained_step_by_step() {
    let valid = |vector: &Value| text(vector, "/expect") == "valid";
    for vector in vectors("vectors/v1.json").into_iter().filter(valid) {
        let to_sign = text(&vector, "/string_to_sign");
        let (_, joined) = to_sign.split_once('?').unwrap();
        let received = v1_request(&vector);
        let key = text(&vector, "/secret_key");
        let steps = explained(&received, key);
        let [parameters, others @ .., encoded] = &steps[..] else {
            panic!("{steps:?}")
        };
        assert_eq!(parameters.id, StepId::Parameters);
        assert_eq!(parameters.text.replace('\n', "&"), joined);
        assert_eq!(
            others,
            [
                step(StepId::Algorithm, text(&vector, "/signature_method")),
                step(StepId::StringToSign, to_sign),
                step(StepId::Signature, text(&vector, "/signature")),
            ],
            "{}",
            text(&vector, "/id")
        );
        // Clients encode differently and in another order, so what is shown is sent instead.
        assert_eq!(encoded.id, StepId::Encoded);
        let resent = if received.body.is_empty() {
            received.query(&encoded.text)
        } else {
            received.body(encoded.text.clone())
        };
        assert!(resent.parsed(|envelope| verify(envelope, key)));
    }
}

#[test]
fn a_host_that_was_signed_without_its_port_is_explained_without_it() {
    let headers = [
        ("content-type", "application/json"),
        ("host", "cdb.example"),
    ];
    let node = explained(&sign(unsigned(), &headers), SECRET_KEY);
    assert!(node[0].text.contains("\nhost:cdb.example\n"), "{node:?}");
    let sdk = explained(&signed(), SECRET_KEY);
    assert!(sdk[0].text.contains("\nhost:cdb.example:8080\n"), "{sdk:?}");
}

#[test]
fn a_wrong_signature_is_explained_by_the_right_one() {
    let header = signed().headers["Authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    let (before, _) = header.rsplit_once('=').unwrap();
    let spoilt = signed().instead("Authorization", &format!("{before}={}", "0".repeat(64)));
    assert_eq!(
        explained(&spoilt, SECRET_KEY).last(),
        Some(&step(StepId::Authorization, &header))
    );
}

#[test]
fn nothing_that_was_not_signed_has_steps() {
    let skipped = unsigned().with("Authorization", "SKIP");
    assert_eq!(explained(&skipped, SECRET_KEY), []);
}

#[test]
fn no_key_is_shown_in_full() {
    for vector in vectors("vectors/tc3.json") {
        let key = text(&vector, "/secret_key");
        let all: String = explained(&tc3_request(&vector), key)
            .into_iter()
            .map(|step| step.text)
            .collect();
        for name in ["date", "service", "signing"] {
            let derived = text(&vector, &format!("/intermediate/secret_{name}_hex"));
            assert!(!all.contains(&derived[..8]), "{name}");
        }
        // The vendor's current document has asterisks for SecretId and SecretKey.
        assert!(!all.contains(key) || key.starts_with('*'));
    }
}
