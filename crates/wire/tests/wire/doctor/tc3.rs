//! Known mistakes with TC3. Each is made with the plain functions below, not with those that look for it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use sha2::{Digest, Sha256};
use wire::Refusal;
use wire::doctor::{Check, CheckId, Deviation as D, Diagnosis, Difference, Hint};

use super::{Case, check, differs, explained, fits, unknown};
use crate::received::Received;
use crate::signer::{DATE, NOW, SECRET_ID, SECRET_KEY, sign, sign_in_scope, signed, unsigned};

const SCOPE: &str = "2023-11-14/cdb/tc3_request";
pub(super) const PARTS: [&str; 3] = [DATE, "cdb", "tc3_request"];
pub(super) const BODY: &str = r#"{"InstanceId":"cdb-je5dfmdl"}"#;

pub(super) fn hmac(key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_ref()).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) fn sha256(text: &str) -> String {
    hex(Sha256::digest(text))
}

/// The key that signs.
pub(super) fn derived(secret: &str, parts: &[&str]) -> Vec<u8> {
    let first = secret.as_bytes().to_vec();
    parts.iter().fold(first, hmac)
}

/// The key as it should be.
pub(super) fn key() -> Vec<u8> {
    derived(&format!("TC3{SECRET_KEY}"), &PARTS)
}

pub(super) fn canonical() -> String {
    canonical_of(BODY)
}

pub(super) fn canonical_of(body: &str) -> String {
    let hash = sha256(body);
    format!(
        "POST\n/\n\ncontent-type:application/json\nhost:cdb.example:8080\n\ncontent-type;host\n{hash}"
    )
}

pub(super) fn to_sign(canonical: &str) -> String {
    format!("TC3-HMAC-SHA256\n{NOW}\n{SCOPE}\n{}", sha256(canonical))
}

pub(super) fn with_signature(received: Received, names: &str, signature: &str) -> Received {
    let header = format!(
        "TC3-HMAC-SHA256 Credential={SECRET_ID}/{SCOPE}, SignedHeaders={names}, Signature={signature}"
    );
    received.with("Authorization", &header)
}

/// The checks of `received`, which is right but for its signature. `canonical` is how it should have been.
pub(super) fn checks(received: &Received, names: &str, canonical: &str, given: &str) -> Vec<Check> {
    let signature = hex(hmac(key(), to_sign(canonical)));
    let header = received.headers["Authorization"].to_str().unwrap();
    let now = NOW.to_string();
    let signature = if signature == given {
        fits(CheckId::Signature, &signature, given)
    } else {
        differs(CheckId::Signature, &signature, given)
    };
    vec![
        fits(CheckId::Authorization, "", header),
        fits(CheckId::Algorithm, "TC3-HMAC-SHA256", "TC3-HMAC-SHA256"),
        fits(CheckId::SecretId, SECRET_ID, SECRET_ID),
        fits(CheckId::Timestamp, &now, &now),
        fits(CheckId::Date, DATE, DATE),
        fits(CheckId::Service, "", "cdb"),
        fits(CheckId::SignedHeaders, "content-type;host", names),
        unknown(CheckId::CanonicalRequest, canonical),
        unknown(CheckId::StringToSign, &to_sign(canonical)),
        signature,
    ]
}

/// A request that should have been signed over `right`, and has this signature instead.
fn case_of(deviation: D, received: Received, names: &str, right: &str, signature: &str) -> Case {
    let received = with_signature(received, names, signature);
    let checks = checks(&received, names, right, signature);
    Case {
        expected: explained(&[deviation], checks),
        deviations: vec![deviation],
        received,
        own: [None, None],
    }
}

/// The usual request with this signature.
fn case(deviation: D, signature: &str) -> Case {
    case_of(
        deviation,
        unsigned(),
        "content-type;host",
        &canonical(),
        signature,
    )
}

/// Signed with the right key over something else.
fn string(deviation: D, string_to_sign: &str) -> Case {
    case(deviation, &hex(hmac(key(), string_to_sign)))
}

/// Signed over another canonical request.
fn request(deviation: D, canonical: &str) -> Case {
    string(deviation, &to_sign(canonical))
}

/// Signed over a canonical request with something replaced.
fn replaced(deviation: D, what: &str, by: &str) -> Case {
    assert!(canonical().contains(what));
    request(deviation, &canonical().replacen(what, by, 1))
}

/// Signed with another key.
pub(super) fn keyed(deviation: D, key: impl AsRef<[u8]>) -> Case {
    case(deviation, &hex(hmac(key, to_sign(&canonical()))))
}

/// A body whose hash was made of another text.
fn hashed(deviation: D, body: &str, hashed: &str) -> Case {
    let signature = &hex(hmac(key(), to_sign(&canonical_of(hashed))));
    case_of(
        deviation,
        unsigned().body(body),
        "content-type;host",
        &canonical_of(body),
        signature,
    )
}

/// A GET whose query was signed as another text.
fn query(deviation: D, sent: &str, signed: &str) -> Case {
    let of = |query: &str| {
        let hash = sha256("");
        format!(
            "GET\n/\n{query}\ncontent-type:application/json\nhost:cdb.example:8080\n\ncontent-type;host\n{hash}"
        )
    };
    let get = Received {
        method: Method::GET,
        ..unsigned().query(sent).body("")
    };
    let signature = &hex(hmac(key(), to_sign(&of(signed))));
    case_of(deviation, get, "content-type;host", &of(sent), signature)
}

/// Signed over headers with other values than were sent; `right` are those that were.
fn header(deviation: D, received: Received, names: &str, signed: &str, right: &str) -> Case {
    let of = |lines: &str| format!("POST\n/\n\n{lines}\n\n{names}\n{}", sha256(BODY));
    let signature = &hex(hmac(key(), to_sign(&of(signed))));
    case_of(deviation, received, names, &of(right), signature)
}

fn accepted() -> Vec<Case> {
    let three = "content-type;host;x-tc-action";
    let lines = |host: &str, action: &str| {
        format!("content-type:application/json\nhost:{host}\nx-tc-action:{action}")
    };
    let capitals = Received {
        host: "CDB.example".to_owned(),
        ..unsigned()
    };
    let node = "content-type:application/json\nhost:cdb.example";
    let lower = "content-type:application/json\nhost:cdb.example";
    let kept = lines("cdb.example:8080", "DescribeSSLStatus");
    vec![
        header(
            D::HostWithoutPort,
            unsigned(),
            "content-type;host",
            node,
            node,
        ),
        header(
            D::HeadersInLowerCase,
            capitals,
            "content-type;host",
            lower,
            lower,
        ),
        header(D::HeadersAsTheyAre, unsigned(), three, &kept, &kept),
    ]
}

fn keys() -> Vec<Case> {
    let prefixed = format!("TC3{SECRET_KEY}");
    let [date, service, request] = PARTS;
    let hex_keys = PARTS
        .iter()
        .fold(prefixed.clone(), |key, part| hex(hmac(key, part)));
    let swapped = PARTS
        .iter()
        .fold(prefixed.clone().into_bytes(), |key, part| hmac(part, key));
    vec![
        keyed(D::Prefix, derived(SECRET_KEY, &PARTS)),
        keyed(
            D::SecretWithWhitespace,
            derived(&format!("{prefixed}\n"), &PARTS),
        ),
        keyed(
            D::SecretWithWhitespace,
            derived(&format!("TC3 {SECRET_KEY}"), &PARTS),
        ),
        keyed(
            D::SecretInQuotes,
            derived(&format!("TC3\"{SECRET_KEY}\""), &PARTS),
        ),
        keyed(
            D::SecretIdAsKey,
            derived(&format!("TC3{SECRET_ID}"), &PARTS),
        ),
        keyed(
            D::DerivationOrder,
            derived(&prefixed, &[service, date, request]),
        ),
        keyed(
            D::DerivationOrder,
            derived(&prefixed, &[date, request, service]),
        ),
        keyed(D::DerivationTooShort, derived(&prefixed, &[date, service])),
        keyed(D::DerivationTooShort, derived(&prefixed, &[])),
        keyed(
            D::DerivationDate,
            derived(&prefixed, &["2023-11-15", service, request]),
        ),
        keyed(
            D::DerivationDate,
            derived(&prefixed, &["20231114", service, request]),
        ),
        keyed(
            D::DerivationService,
            derived(&prefixed, &[date, "cvm", request]),
        ),
        keyed(D::HexKeys, hex_keys),
        keyed(D::HexKeys, hex(key())),
        keyed(D::SwappedArguments, swapped),
        case(
            D::SwappedArguments,
            &hex(hmac(to_sign(&canonical()), key())),
        ),
    ]
}

fn strings() -> Vec<Case> {
    let right = to_sign(&canonical());
    let (before, hash) = right.rsplit_once('\n').unwrap();
    vec![
        string(D::StringLineEnds, &right.replace('\n', "\r\n")),
        string(D::StringNewline, &format!("{right}\n")),
        string(
            D::CanonicalHashInCapitals,
            &format!("{before}\n{}", hash.to_ascii_uppercase()),
        ),
        string(D::CanonicalNotHashed, &format!("{before}\n{}", canonical())),
        string(
            D::OtherTimestamp,
            &right.replace(&NOW.to_string(), &(NOW + 1).to_string()),
        ),
        case(
            D::SignatureEncoding,
            &BASE64_STANDARD.encode(hmac(key(), &right)),
        ),
        case(
            D::SignatureInCapitals,
            &hex(hmac(key(), &right)).to_ascii_uppercase(),
        ),
    ]
}

fn requests() -> Vec<Case> {
    let hash = sha256(BODY);
    vec![
        replaced(D::Method, "POST", "post"),
        replaced(D::Method, "POST", "GET"),
        replaced(D::Path, "\n/\n", "\n\n"),
        replaced(D::Path, "\n/\n", "\n/v2/index.php\n"),
        replaced(D::BlankLine, "\n\ncontent-type;host", "\ncontent-type;host"),
        replaced(
            D::HeaderOrder,
            "content-type:application/json\nhost:cdb.example:8080",
            "host:cdb.example:8080\ncontent-type:application/json",
        ),
        replaced(
            D::HeaderNames,
            "content-type:application/json\nhost:",
            "Content-Type:application/json\nHost:",
        ),
        request(
            D::HeaderSpace,
            &canonical()
                .replace("type:", "type: ")
                .replace("host:", "host: "),
        ),
        replaced(
            D::Charset,
            "application/json",
            "application/json; charset=utf-8",
        ),
        replaced(
            D::ContentType,
            "application/json",
            "application/x-www-form-urlencoded",
        ),
        replaced(D::HostPort, ":8080", ":443"),
        replaced(D::OtherHost, "cdb.example:8080", "cdb.tencentcloudapi.com"),
        request(D::CanonicalLineEnds, &canonical().replace('\n', "\r\n")),
        request(D::CanonicalNewline, &format!("{}\n", canonical())),
        replaced(D::PayloadHashInCapitals, &hash, &hash.to_ascii_uppercase()),
        replaced(D::PayloadHashMissing, &hash, ""),
        replaced(D::PayloadHashMissing, &format!("\n{hash}"), ""),
        replaced(D::PayloadNotHashed, &hash, BODY),
        replaced(D::PayloadUnsigned, &hash, &sha256("UNSIGNED-PAYLOAD")),
    ]
}

fn bodies() -> Vec<Case> {
    vec![
        hashed(D::PayloadEmpty, BODY, ""),
        hashed(D::PayloadNull, BODY, "null"),
        hashed(D::PayloadNull, BODY, "{}"),
        hashed(D::PayloadNewline, BODY, &format!("{BODY}\n")),
        hashed(D::PayloadNewline, &format!("{BODY}\n"), BODY),
        hashed(
            D::PayloadLineEnds,
            "{\r\n\"Limit\": 1\r\n}",
            "{\n\"Limit\": 1\n}",
        ),
        hashed(D::PayloadJson, BODY, r#"{"InstanceId": "cdb-je5dfmdl"}"#),
        hashed(
            D::PayloadJson,
            r#"{"Limit": 1, "A": "名"}"#,
            r#"{"Limit":1,"A":"名"}"#,
        ),
        hashed(
            D::PayloadJson,
            r#"{"Limit": 1, "A": "名"}"#,
            r#"{"Limit": 1, "A": "\u540d"}"#,
        ),
        hashed(
            D::PayloadJson,
            r#"{"Limit":1,"A":[]}"#,
            "{\n  \"Limit\": 1,\n  \"A\": []\n}",
        ),
        hashed(
            D::PayloadJson,
            r#"{"Limit":1,"A":[]}"#,
            r#"{"A":[],"Limit":1}"#,
        ),
    ]
}

fn queries() -> Vec<Case> {
    vec![
        query(D::Query, "Limit=1", ""),
        query(D::Query, "Limit=1", "?Limit=1"),
        query(D::QuerySorted, "Offset=0&Limit=1", "Limit=1&Offset=0"),
        query(D::QueryEncoding, "Name=a+b", "Name=a%20b"),
        query(D::QueryEncoding, "Name=%E5%90%8D", "Name=名"),
        query(D::QueryEncoding, "Name=*", "Name=%2A"),
    ]
}

/// Where not the signature alone is to blame.
fn asides() -> Vec<Case> {
    let headers = [
        ("content-type", "application/json"),
        ("host", "cdb.example:8080"),
    ];
    vec![
        credential_date("2023-11-15", Hint::LocalDate),
        credential_date("20231114", Hint::DateForm),
        signed_headers(sign(unsigned(), &headers[..1])),
        other_secret_id(),
        unsigned_action(),
        other_service(),
    ]
}

/// Date and key fit each other, but not the timestamp.
fn credential_date(date: &str, hint: Hint) -> Case {
    let headers = [
        ("content-type", "application/json"),
        ("host", "cdb.example:8080"),
    ];
    let scope = format!("{date}/cdb/tc3_request");
    let received = sign_in_scope(unsigned(), &headers, &scope);
    let mut checks = checks_as_given(&received);
    checks[4] = Check {
        hint: Some(hint),
        ..differs(CheckId::Date, DATE, date)
    };
    checks[8] = unknown(
        CheckId::StringToSign,
        &to_sign(&canonical()).replace(SCOPE, &scope),
    );
    aside(
        D::CredentialDate,
        received,
        checks,
        Refusal::signature_failure(),
    )
}

fn signed_headers(received: Received) -> Case {
    let canonical = canonical()
        .replace("host:cdb.example:8080\n", "")
        .replace(";host", "");
    let mut checks = checks_as_given(&received);
    checks[6] = differs(CheckId::SignedHeaders, "content-type;host", "content-type");
    checks[7] = unknown(CheckId::CanonicalRequest, &canonical);
    checks[8] = unknown(CheckId::StringToSign, &to_sign(&canonical));
    let refusal = Refusal::invalid_authorization("`SignedHeaders` does not name `host`.");
    aside(D::SignedHeaders, received, checks, refusal)
}

/// Signed rightly for this service, as SDKs sign: without action and version.
fn for_service(received: Received, service: &str) -> (Received, Vec<Check>) {
    let headers = [
        ("content-type", "application/json"),
        ("host", "cdb.example:8080"),
    ];
    let scope = format!("{DATE}/{service}/tc3_request");
    let received = sign_in_scope(received, &headers, &scope);
    let mut checks = checks_as_given(&received);
    checks[5] = fits(CheckId::Service, "", service);
    checks[8] = unknown(
        CheckId::StringToSign,
        &to_sign(&canonical()).replace(SCOPE, &scope),
    );
    (received, checks)
}

fn unsigned_action() -> Case {
    let received = unsigned().instead("X-TC-Version", "2026-11-24");
    let (received, mut checks) = for_service(received, "signet");
    checks[6] = differs(
        CheckId::SignedHeaders,
        "content-type;host;x-tc-action;x-tc-version",
        "content-type;host",
    );
    let refusal = Refusal::unsigned_action("signet");
    aside(D::UnsignedAction, received, checks, refusal)
}

fn other_service() -> Case {
    let (received, mut checks) = for_service(unsigned(), "cvm");
    checks[5] = differs(CheckId::Service, "cdb", "cvm");
    let refusal = Refusal::other_scope("cvm", "cdb");
    aside(D::OtherService, received, checks, refusal)
}

fn other_secret_id() -> Case {
    let header = signed().headers["Authorization"]
        .to_str()
        .unwrap()
        .replace(SECRET_ID, "AKIDOTHER");
    let received = signed().instead("Authorization", &header);
    let mut checks = checks_as_given(&received);
    checks[2] = differs(CheckId::SecretId, SECRET_ID, "AKIDOTHER");
    aside(
        D::OtherSecretId,
        received,
        checks,
        Refusal::secret_id_not_found(),
    )
}

/// The checks of a request whose signature fits what it says of itself.
fn checks_as_given(received: &Received) -> Vec<Check> {
    let header = received.headers["Authorization"].to_str().unwrap();
    let (_, given) = header.rsplit_once('=').unwrap();
    let mut checks = checks(received, "content-type;host", &canonical(), given);
    checks[9] = fits(CheckId::Signature, given, given);
    checks
}

fn aside(deviation: D, received: Received, checks: Vec<Check>, refusal: Refusal) -> Case {
    Case {
        expected: Diagnosis {
            refusal: Some(refusal),
            ..explained(&[deviation], checks)
        },
        deviations: vec![deviation],
        received,
        own: [None, None],
    }
}

/// The client's own texts are there, and the mistake is in them.
fn own_texts() -> Vec<Case> {
    let wrong = canonical().replace("POST\n", "POST \n");
    let line = |line, expected: &str, given: &str| {
        Some(Difference {
            line,
            expected: Some(expected.to_owned()),
            given: Some(given.to_owned()),
        })
    };
    let differing = |id, expected: &str, given: &str, difference| Check {
        difference,
        ..differs(id, expected, given)
    };
    let mut of_request = request(D::OwnCanonicalRequest, &wrong);
    // A browser hands over its lines with CR LF.
    of_request.own[0] = Some(wrong.replace('\n', "\r\n"));
    of_request.expected.checks[7] = differing(
        CheckId::CanonicalRequest,
        &canonical(),
        &wrong,
        line(1, "POST", "POST·"),
    );
    let right = to_sign(&canonical());
    let wrong = right.replace("cdb/tc3", "CDB/tc3");
    let mut of_string = string(D::OwnStringToSign, &wrong);
    of_string.own[1] = Some(wrong.clone());
    let difference = line(3, SCOPE, "2023-11-14/CDB/tc3_request");
    of_string.expected.checks[8] = differing(CheckId::StringToSign, &right, &wrong, difference);
    vec![of_request, of_string]
}

pub(super) fn cases() -> Vec<Case> {
    [
        accepted(),
        keys(),
        strings(),
        requests(),
        bodies(),
        queries(),
        asides(),
        own_texts(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_known_mistake_is_found() {
    check(cases());
}
