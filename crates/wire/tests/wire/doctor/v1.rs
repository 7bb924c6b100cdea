//! Known mistakes with v1.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use wire::Refusal;
use wire::doctor::{Body, CheckId, Deviation as D, Diagnosis, Verdict};

use super::{Case, check, diagnosis, diagnosis_with, differs, explained, fits, pasted, unknown};
use crate::received::Received;
use crate::signer::{NOW, SECRET_ID, SECRET_KEY};

/// The parameters, sorted. The value makes a difference between raw and encoded, the name between `_` and `.`.
const SORTED: &str = "Action=DescribeSSLStatus&Nonce=11886&Region=&SecretId=AKIDEXAMPLE&Tag_Name=a b&Timestamp=1700000000&Version=2017-03-20&instanceId=cdb-je5dfmdl";
/// The same, in the order in which they are sent, encoded.
const SENT: &str = "Version=2017-03-20&Action=DescribeSSLStatus&Nonce=11886&Region=&SecretId=AKIDEXAMPLE&Tag_Name=a%20b&Timestamp=1700000000&instanceId=cdb-je5dfmdl";

fn right() -> String {
    format!("POSTcdb.example:8080/?{SORTED}")
}

fn sha1(key: &str, message: &str) -> Vec<u8> {
    let mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn form(signature: &str) -> Received {
    let encoded = signature
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    form_of(&format!("{SENT}&Signature={encoded}"))
}

fn form_of(body: &str) -> Received {
    Received::new(http::Method::POST, "cdb.example:8080")
        .with("Host", "cdb.example:8080")
        .with("Content-Type", "application/x-www-form-urlencoded")
        .body(body)
}

/// A form that should have been signed over `to_sign`, and has this signature instead.
fn case_of(deviation: D, received: Received, to_sign: &str, signature: &str) -> Case {
    let now = NOW.to_string();
    let expected = base64(sha1(SECRET_KEY, to_sign));
    let checks = vec![
        fits(CheckId::Authorization, "", ""),
        fits(CheckId::Algorithm, "HmacSHA1", ""),
        fits(CheckId::SecretId, SECRET_ID, SECRET_ID),
        fits(CheckId::Timestamp, &now, &now),
        unknown(CheckId::StringToSign, to_sign),
        if expected == signature {
            fits(CheckId::Signature, &expected, signature)
        } else {
            differs(CheckId::Signature, &expected, signature)
        },
    ];
    Case {
        expected: explained(&[deviation], checks),
        deviations: vec![deviation],
        received,
        own: [None, None],
    }
}

fn case(deviation: D, signature: &str) -> Case {
    case_of(deviation, form(signature), &right(), signature)
}

fn string(deviation: D, to_sign: &str) -> Case {
    case(deviation, &base64(sha1(SECRET_KEY, to_sign)))
}

fn replaced(deviation: D, what: &str, by: &str) -> Case {
    assert!(right().contains(what));
    string(deviation, &right().replacen(what, by, 1))
}

fn keyed(deviation: D, key: &str) -> Case {
    case(deviation, &base64(sha1(key, &right())))
}

fn accepted(deviation: D, to_sign: &str) -> Case {
    let signature = base64(sha1(SECRET_KEY, to_sign));
    case_of(deviation, form(&signature), to_sign, &signature)
}

/// The `+` of the signature arrives as a space.
fn not_encoded() -> Case {
    // With another nonce, so that there is a `+`.
    let with = |text: &str, nonce: u32| text.replace("11886", &nonce.to_string());
    let signature = |nonce| base64(sha1(SECRET_KEY, &with(&right(), nonce)));
    let nonce = (1..).find(|nonce| signature(*nonce).contains('+')).unwrap();
    let body = format!("{}&Signature={}", with(SENT, nonce), signature(nonce));
    let arrived = signature(nonce).replace('+', " ");
    case_of(
        D::SignatureNotEncoded,
        form_of(&body),
        &with(&right(), nonce),
        &arrived,
    )
}

fn other_algorithm() -> Case {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET_KEY.as_bytes()).unwrap();
    let mac = mac.chain_update(right()).finalize().into_bytes();
    case(D::Algorithm, &base64(mac))
}

fn sorted_without_case() -> Case {
    let mut pairs: Vec<_> = SORTED.split('&').collect();
    pairs.sort_by_key(|pair| pair.to_ascii_lowercase());
    string(
        D::SortedWithoutCase,
        &format!("POSTcdb.example:8080/?{}", pairs.join("&")),
    )
}

pub(super) fn cases() -> Vec<Case> {
    let unsorted = SENT.replace("%20", " ");
    let digits: String = sha1(SECRET_KEY, &right())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    vec![
        accepted(D::HostWithoutPort, &right().replace(":8080", "")),
        accepted(D::DottedNames, &right().replace("Tag_Name", "Tag.Name")),
        keyed(D::SecretWithWhitespace, &format!("{SECRET_KEY}\n")),
        keyed(D::SecretInQuotes, &format!("'{SECRET_KEY}'")),
        keyed(D::SecretIdAsKey, SECRET_ID),
        keyed(D::Prefix, &format!("TC3{SECRET_KEY}")),
        replaced(D::ValuesEncoded, "a b", "a%20b"),
        replaced(D::ValuesEncoded, "a b", "a+b"),
        replaced(D::Method, "POST", "GET"),
        replaced(D::Path, "/?", "?"),
        replaced(D::Path, "/?", "/v2/index.php?"),
        replaced(D::Query, "/?", "/"),
        replaced(D::HostPort, ":8080", ":443"),
        replaced(D::OtherHost, "cdb.example:8080", "cdb.tencentcloudapi.com"),
        replaced(D::ParameterLeftOut, "&Region=", ""),
        replaced(D::ParameterLeftOut, "&Nonce=11886", ""),
        replaced(D::SignatureLeftIn, "&Tag_Name", "&Signature=&Tag_Name"),
        string(D::Unsorted, &format!("POSTcdb.example:8080/?{unsorted}")),
        sorted_without_case(),
        other_algorithm(),
        not_encoded(),
        case(D::SwappedArguments, &base64(sha1(&right(), SECRET_KEY))),
        case(D::SignatureEncoding, &digits),
        case(D::SignatureEncoding, &base64(&digits)),
    ]
}

#[test]
fn every_known_mistake_is_found() {
    check(cases());
}

#[test]
fn a_right_signature_is_called_right_and_may_end_in_a_newline() {
    let signature = base64(sha1(SECRET_KEY, &right()));
    let mut expected = case_of(D::HostWithoutPort, form(&signature), &right(), &signature).expected;
    expected.deviations.clear();
    assert_eq!(diagnosis(&form(&signature)), expected);
    let ruby = form_of(&format!(
        "{SENT}&Signature={}%0A",
        signature.replace('+', "%2B")
    ));
    assert_eq!(diagnosis(&ruby), expected);
}

#[test]
fn lists_in_the_order_of_numbers_are_not_sorted() {
    let of = |list: &str| {
        format!("Action=A&{list}&Nonce=1&SecretId={SECRET_ID}&Timestamp={NOW}&Version=2017-03-20")
    };
    let numbers = of("InstanceIds.2=b&InstanceIds.12=c");
    let signature = base64(sha1(
        SECRET_KEY,
        &format!("POSTcdb.example:8080/?{numbers}"),
    ));
    let sent = of("InstanceIds.12=c&InstanceIds.2=b");
    let encoded = signature.replace('+', "%2B");
    let found = diagnosis(&form_of(&format!("{sent}&Signature={encoded}")));
    assert_eq!(
        (found.verdict, found.deviations),
        (Verdict::Explained, vec![D::Unsorted])
    );
}

#[test]
fn with_another_key_no_mistake_fits() {
    let case = keyed(D::Prefix, "another key");
    let expected = Diagnosis {
        verdict: Verdict::Unexplained,
        deviations: Vec::new(),
        ..case.expected
    };
    assert_eq!(diagnosis(&case.received), expected);
}

#[test]
fn without_a_signature_the_missing_parameter_is_named() {
    let found = diagnosis(&form_of(SENT));
    assert_eq!(
        (found.verdict, found.refusal),
        (
            Verdict::Unsigned,
            Some(Refusal::missing_parameter("Signature"))
        )
    );
}

#[test]
fn a_form_of_which_only_the_hash_was_kept_cannot_be_looked_at() {
    let mut request = pasted(&form("AAAA"));
    request.body = Body::Hash("0".repeat(64));
    let found = diagnosis_with(&request, [None, None]);
    assert_eq!(
        (found.verdict, found.refusal),
        (Verdict::Unsigned, Some(Refusal::signature_failure()))
    );
}
