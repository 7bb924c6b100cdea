//! What the official clients do with signature v1 that a server would not expect, one test each.

use http::Method;
use serde_json::{Value, json};
use wire::{Proof, SecretKey, v1};

use crate::received::Received;
use crate::signer::{NOW, SECRET_ID, SECRET_KEY, fails, parameters, verifies};

/// A form as a client sends it, signed over what it sends.
fn form(extra: &[(&str, &str)]) -> Received {
    let pairs = common(extra);
    let body = v1::sign(
        &SecretKey::new(SECRET_KEY),
        &Method::POST,
        "cdb.example:8080",
        &pairs,
    );
    form_of(body)
}

fn form_of(body: String) -> Received {
    Received::new(Method::POST, "cdb.example:8080")
        .with("Host", "cdb.example:8080")
        .with("Content-Type", "application/x-www-form-urlencoded")
        .body(body)
}

fn common(extra: &[(&str, &str)]) -> Vec<(String, String)> {
    let common = [
        ("Action", "DescribeSSLStatus"),
        ("Nonce", "11886"),
        ("SecretId", SECRET_ID),
        ("Timestamp", "1700000000"),
        ("Version", "2017-03-20"),
    ];
    let pairs = common.iter().chain(extra);
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A form whose string to sign spells names in another way than the wire.
fn form_signed_as(sent: &[(&str, &str)], signed: &[(&str, &str)]) -> Received {
    // `v1::sign` sorts, so the only part of its answer that is used is the signature.
    let body = v1::sign(
        &SecretKey::new(SECRET_KEY),
        &Method::POST,
        "cdb.example:8080",
        &common(signed),
    );
    let (_, signature) = body.rsplit_once("&Signature=").unwrap();
    let sent = common(sent)
        .iter()
        .map(|(name, value)| format!("{name}={value}&"))
        .collect::<String>();
    form_of(format!("{sent}Signature={signature}"))
}

#[test]
fn only_hmac_sha256_spelled_exactly_selects_sha256() {
    for (method, algorithm) in [
        ("HmacSHA256", v1::Algorithm::HmacSha256),
        ("HmacSHA1", v1::Algorithm::HmacSha1),
        ("hmacsha256", v1::Algorithm::HmacSha1),
        ("HmacSHA512", v1::Algorithm::HmacSha1),
        ("", v1::Algorithm::HmacSha1),
    ] {
        let received = form(&[("SignatureMethod", method)]);
        verifies(&received);
        received.parsed(|envelope| {
            assert!(
                matches!(&envelope.proof, Proof::V1(proof) if proof.algorithm() == algorithm),
                "{method}"
            );
        });
    }
}

#[test]
fn go_sends_an_empty_region() {
    let received = form(&[("Region", "")]);
    verifies(&received);
    assert!(received.parsed(|envelope| envelope.region.is_none()));
}

#[test]
fn python_signs_an_underscore_as_a_dot() {
    // It replaces first and sorts then: `A.B` comes before `AC`.
    verifies(&form_signed_as(
        &[("A_B", "1"), ("AC", "2")],
        &[("A.B", "1"), ("AC", "2")],
    ));
    // Names alone: an underscore in a value stays.
    fails(&form_signed_as(&[("A_B", "x_y")], &[("A.B", "x.y")]));
}

#[test]
fn java_signs_an_underscore_as_a_dot_in_another_order() {
    // It sorts first and replaces then: `A_B` comes after `AC`. The string to sign is written out, for no signer of ours makes it.
    use base64::Engine as _;
    use hmac::{KeyInit, Mac};
    let to_sign = "POSTcdb.example:8080/?AC=2&A.B=1&Action=DescribeSSLStatus&Nonce=11886&SecretId=AKIDEXAMPLE\
                   &Timestamp=1700000000&Version=2017-03-20";
    let mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(SECRET_KEY.as_bytes())
        .unwrap()
        .chain_update(to_sign);
    let signature = base64::prelude::BASE64_STANDARD
        .encode(mac.finalize().into_bytes())
        .replace('+', "%2B");
    let sent = common(&[("A_B", "1"), ("AC", "2")])
        .iter()
        .map(|(name, value)| format!("{name}={value}&"))
        .collect::<String>();
    verifies(&form_of(format!("{sent}Signature={signature}")));
}

#[test]
fn python_sends_booleans_with_a_capital() {
    let received = form(&[("Flag", "True")]);
    verifies(&received);
    received.parsed(|envelope| {
        let parameters = envelope.parameters().unwrap();
        assert!(parameters.text, "the schema is to read `True` as a boolean");
        assert_eq!(Value::Object(parameters.map), json!({ "Flag": "True" }));
    });
}

#[test]
fn ruby_ends_the_signature_in_a_newline() {
    let mut received = form(&[]);
    received.body.extend_from_slice(b"%0A");
    verifies(&received);
}

#[test]
fn percent_encoding_may_have_lower_case_digits() {
    let received = form(&[("Name", "a/b 名")]);
    let body = String::from_utf8(received.body.clone()).unwrap();
    let lower = body
        .replace("%2F", "%2f")
        .replace("%E5%90%8D", "%e5%90%8d")
        .replace("%3D", "%3d");
    assert_ne!(lower, body);
    let received = received.body(lower);
    verifies(&received);
    assert_eq!(parameters(&received), json!({ "Name": "a/b 名" }));
}

#[test]
fn a_name_sorts_by_its_bytes() {
    let items: Vec<_> = (0..12)
        .map(|index| (format!("Ids.{index}"), index.to_string()))
        .collect();
    let items: Vec<_> = items
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let received = form(&items);
    received.parsed(|envelope| {
        let Proof::V1(proof) = &envelope.proof else {
            panic!("signed with v1")
        };
        assert!(
            proof
                .string_to_sign()
                .contains("&Ids.1=1&Ids.10=10&Ids.11=11&Ids.2=2&")
        );
    });
}

#[test]
fn java_v1_has_a_charset_and_no_x_tc_headers() {
    let received = form(&[("InstanceId", "cdb-je5dfmdl")]);
    let received = received.instead(
        "Content-Type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    verifies(&received);
    assert_eq!(
        parameters(&received),
        json!({ "InstanceId": "cdb-je5dfmdl" })
    );
}

#[test]
fn node_repeats_a_nonce() {
    // Its nonces are 0 to 65535, so that equal ones must not be refused.
    let received = form(&[]);
    verifies(&received);
    verifies(&received);
    received.parsed(|envelope| assert_eq!(envelope.check_time(NOW + 300), Ok(())));
}

#[test]
fn python_nonces_have_63_bits() {
    let body = String::from_utf8(form(&[]).body)
        .unwrap()
        .replace("Nonce=11886", "Nonce=9223372036854775807");
    assert_eq!(form_of(body).parsed(|envelope| envelope.timestamp), NOW);
}

#[test]
fn a_v1_get_needs_no_content_type() {
    let query = v1::sign(
        &SecretKey::new(SECRET_KEY),
        &Method::GET,
        "cdb.example:8080",
        &common(&[("InstanceId", "cdb-1")]),
    );
    let received = Received::new(Method::GET, "cdb.example:8080").query(&query);
    verifies(&received);
    assert_eq!(parameters(&received), json!({ "InstanceId": "cdb-1" }));
}

#[test]
fn a_v1_signature_covers_the_token() {
    let received = form(&[("Token", "T1")]);
    verifies(&received);
    assert_eq!(
        received.parsed(|envelope| envelope.token.as_deref().map(str::to_owned)),
        Some("T1".to_owned())
    );
    let other = String::from_utf8(received.body.clone())
        .unwrap()
        .replace("Token=T1", "Token=T2");
    fails(&received.body(other));
}
