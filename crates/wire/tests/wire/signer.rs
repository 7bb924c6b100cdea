//! A second signer, written from the vendor's document, for what the SDKs and our own signer never send.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::received::{Received, verify};

pub(crate) const SECRET_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET_KEY: &str = "EXAMPLEKEY";
pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const DATE: &str = "2023-11-14";

/// A request for `DescribeSSLStatus`, good but for its signature.
pub(crate) fn unsigned() -> Received {
    Received::new(http::Method::POST, "cdb.example:8080")
        .with("Host", "cdb.example:8080")
        .with("Content-Type", "application/json")
        .with("X-TC-Action", "DescribeSSLStatus")
        .with("X-TC-Version", "2017-03-20")
        .with("X-TC-Timestamp", "1700000000")
        .body(r#"{"InstanceId":"cdb-je5dfmdl"}"#)
}

/// The same request, signed as the SDKs sign.
pub(crate) fn signed() -> Received {
    sign(
        unsigned(),
        &[
            ("content-type", "application/json"),
            ("host", "cdb.example:8080"),
        ],
    )
}

/// Signs over these headers and values, in this order.
pub(crate) fn sign(received: Received, headers: &[(&str, &str)]) -> Received {
    sign_in_scope(received, headers, &format!("{DATE}/cdb/tc3_request"))
}

/// Signs with another date or service in the scope.
pub(crate) fn sign_in_scope(received: Received, headers: &[(&str, &str)], scope: &str) -> Received {
    let canonical_headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let payload = hex(&Sha256::digest(&received.body));
    let canonical = format!(
        "{}\n/\n{}\n{canonical_headers}\n{names}\n{payload}",
        received.method, received.query
    );
    let to_sign = format!(
        "TC3-HMAC-SHA256\n{NOW}\n{scope}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let mut key = format!("TC3{SECRET_KEY}").into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part);
    }
    let signature = hex(&hmac(&key, &to_sign));
    let authorization = format!(
        "TC3-HMAC-SHA256 Credential={SECRET_ID}/{scope}, SignedHeaders={names}, Signature={signature}"
    );
    received.with("Authorization", &authorization)
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key)
        .unwrap()
        .chain_update(message)
        .finalize()
        .into_bytes()
        .to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asserts that the signature is good.
#[track_caller]
pub(crate) fn verifies(received: &Received) {
    assert!(received.parsed(|envelope| verify(envelope, SECRET_KEY)));
}

/// Asserts that the signature is not good.
#[track_caller]
pub(crate) fn fails(received: &Received) {
    assert!(!received.parsed(|envelope| verify(envelope, SECRET_KEY)));
}

/// The parameters of a good request, as one JSON object.
#[track_caller]
pub(crate) fn parameters(received: &Received) -> Value {
    received.parsed(|envelope| Value::Object(envelope.parameters().unwrap().map))
}
