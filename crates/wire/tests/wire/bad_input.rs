//! What bad requests get: code and message of each.

use http::{HeaderValue, Method};
use wire::{Envelope, Language};

use crate::received::{Received, verify};
use crate::signer::{DATE, NOW, SECRET_KEY, sign_in_scope, signed, unsigned};

const FORM: &str = "application/x-www-form-urlencoded";

fn form(body: &str) -> Received {
    Received::new(Method::POST, "h")
        .with("Content-Type", FORM)
        .body(body)
}

#[track_caller]
fn refused(received: &Received, expected: &str) {
    assert_eq!(received.refusal().to_string(), expected);
}

// --- the request as a whole ---

#[test]
fn only_get_and_post_are_methods() {
    for method in [Method::PUT, Method::HEAD, Method::OPTIONS, Method::DELETE] {
        let received = Received { method, ..signed() };
        refused(
            &received,
            "UnsupportedProtocol: Only the HTTP methods GET and POST are supported.",
        );
    }
}

#[test]
fn a_get_over_32_kilobytes_is_too_large() {
    let get = |length: usize| {
        Received {
            method: Method::GET,
            ..signed()
        }
        .query(&"a".repeat(length))
    };
    refused(
        &get(32_769),
        "RequestSizeLimitExceeded: The request exceeds the size limit of 32768 bytes.",
    );
    get(32_768).parsed(|_| ());
}

#[test]
fn a_post_over_10_megabytes_is_too_large() {
    let post = |length: usize| signed().body(vec![b' '; length]);
    refused(
        &post(10 * 1024 * 1024 + 1),
        "RequestSizeLimitExceeded: The request exceeds the size limit of 10485760 bytes.",
    );
    post(10 * 1024 * 1024).parsed(|_| ());
}

#[test]
fn a_form_over_1_megabyte_gets_the_vendors_odd_answer() {
    let text = "AuthFailure.SignatureFailure: The provided credentials could not be validated because of exceeding request size \
                limit, please use new signature method `TC3-HMAC-SHA256`.";
    refused(&form(&"a".repeat(1024 * 1024 + 1)), text);
    let zh = "由于请求包大小超过限制，请求签名验证失败，请使用新的签名方法 `TC3-HMAC-SHA256`";
    assert_eq!(
        form(&"a".repeat(1024 * 1024 + 1))
            .refusal()
            .message(Language::ZhCn),
        zh
    );
    refused(
        &form("a"),
        "InvalidParameter: Url key and value should be splited by `=`.",
    );
}

#[test]
fn a_tc3_post_is_json_or_multipart() {
    for content_type in [FORM, "text/xml; charset=utf-8"] {
        let media_type = content_type.split(';').next().unwrap();
        let text = format!(
            "InvalidParameter: The `Content-Type` `{media_type}` cannot be used for a POST request with TC3-HMAC-SHA256; use \
             `application/json`."
        );
        refused(&signed().instead("Content-Type", content_type), &text);
    }
}

#[test]
fn v1_does_not_take_json() {
    let body = r#"{"Action":"DescribeSSLStatus","SecretId":"AKID","Signature":"x"}"#;
    let received = Received::new(Method::POST, "h")
        .with("Content-Type", "application/json")
        .body(body);
    refused(
        &received,
        "MissingParameter: The request is missing a required parameter `Action`.",
    );
}

// --- common parameters ---

#[test]
fn missing_headers_are_named_without_their_prefix() {
    for name in ["Action", "Version", "Timestamp"] {
        let text =
            format!("MissingParameter: The request is missing a required parameter `{name}`.");
        refused(&signed().without(&format!("X-TC-{name}")), &text);
        refused(&signed().instead(&format!("X-TC-{name}"), ""), &text);
    }
}

#[test]
fn missing_form_fields_are_named() {
    let all = [
        "Action",
        "Version",
        "Timestamp",
        "Nonce",
        "SecretId",
        "Signature",
    ];
    for name in all {
        let others = all.iter().filter(|other| **other != name);
        let body: Vec<_> = others.map(|other| format!("{other}=1")).collect();
        let text =
            format!("MissingParameter: The request is missing a required parameter `{name}`.");
        refused(&form(&body.join("&")), &text);
        refused(&form(&format!("{}&{name}=", body.join("&"))), &text);
    }
}

#[test]
fn nothing_at_all_lacks_an_action() {
    let text = "MissingParameter: The request is missing a required parameter `Action`.";
    refused(&Received::new(Method::GET, "h"), text);
    refused(&Received::new(Method::POST, "h").body(b"\0\xff"), text);
}

#[test]
fn a_timestamp_is_an_integer() {
    let text = "InvalidParameter: The value type of parameter `Timestamp` is not valid.";
    for timestamp in [
        "1700000000.5",
        "+1700000000",
        "-1",
        "now",
        "99999999999999999999",
        "0x10",
    ] {
        refused(&signed().instead("X-TC-Timestamp", timestamp), text);
        refused(
            &form(&format!(
                "Action=A&Version=1&Nonce=1&SecretId=S&Signature=x&Timestamp={timestamp}"
            )),
            text,
        );
    }
}

#[test]
fn a_nonce_is_an_integer() {
    let text = "InvalidParameter: The value type of parameter `Nonce` is not valid.";
    refused(
        &form("Action=A&Version=1&Nonce=x&SecretId=S&Signature=x&Timestamp=1"),
        text,
    );
}

#[test]
fn a_header_that_comes_twice_is_refused() {
    let headers = [
        ("X-TC-Action", "Action"),
        ("X-TC-Version", "Version"),
        ("X-TC-Timestamp", "Timestamp"),
        ("Authorization", "Authorization"),
        ("Content-Type", "Content-Type"),
        ("Host", "Host"),
    ];
    for (header, name) in headers {
        refused(
            &signed().with(header, "x"),
            &format!("InvalidParameter: The parameter `{name}` is given more than once."),
        );
    }
}

#[test]
fn a_header_that_is_not_utf8_is_refused() {
    let mut received = signed();
    received
        .headers
        .insert("x-tc-action", HeaderValue::from_bytes(b"\xff").unwrap());
    let text = "InvalidParameterValue: A value specified in `Action` is not valid, is unsupported, or cannot be used.";
    refused(&received, text);
}

#[test]
fn a_form_field_that_comes_twice_is_refused() {
    refused(
        &form("Action=A&B=1&Action=A"),
        "InvalidParameter: The parameter `Action` is given more than once.",
    );
}

// --- the Authorization header ---

#[track_caller]
fn unauthorized(received: &Received, why: &str) {
    let text = "AuthFailure.InvalidAuthorization: The request `Authorization` header does not conform to tencentcloud standards";
    refused(received, &format!("{text}: {why}"));
}

#[test]
fn an_absent_authorization_is_told() {
    unauthorized(&unsigned(), "the header is missing.");
}

#[test]
fn another_scheme_is_told() {
    for header in [
        "Bearer abc",
        "skip",
        "AWS4-HMAC-SHA256 Credential=a",
        "TC3-HMAC-SHA1 x",
        "TC3-HMAC-SHA256Credential=a",
    ] {
        unauthorized(
            &unsigned().with("Authorization", header),
            "the scheme is not `TC3-HMAC-SHA256`.",
        );
    }
}

#[test]
fn the_parts_of_the_header_are_fixed() {
    let parts = "it does not consist of `Credential`, `SignedHeaders` and `Signature`.";
    for rest in [
        "",
        "garbage",
        "Credential=a,Credential=b",
        "Credential=a, Other=b",
        "Credential=a,,",
    ] {
        unauthorized(
            &unsigned().with("Authorization", &format!("TC3-HMAC-SHA256 {rest}")),
            parts,
        );
    }
    let missing = unsigned().with(
        "Authorization",
        "TC3-HMAC-SHA256 Credential=a/b/c/tc3_request, Signature=x",
    );
    unauthorized(&missing, "`SignedHeaders` is missing.");
}

#[test]
fn a_credential_has_four_parts() {
    for credential in [
        "AKID",
        "AKID/2023-11-14/cdb",
        "/2023-11-14/cdb/tc3_request",
        "AKID//cdb/tc3_request",
        "A/2023-11-14/cdb/aws4_request",
    ] {
        let header = format!(
            "TC3-HMAC-SHA256 Credential={credential}, SignedHeaders=content-type;host, Signature=x"
        );
        unauthorized(
            &unsigned().with("Authorization", &header),
            "`Credential` is not `SecretId/date/service/tc3_request`.",
        );
    }
}

fn signing(names: &str) -> Received {
    let header = format!(
        "TC3-HMAC-SHA256 Credential=A/{DATE}/cdb/tc3_request, SignedHeaders={names}, Signature=x"
    );
    unsigned().with("Authorization", &header)
}

#[test]
fn content_type_and_host_must_be_signed() {
    unauthorized(
        &signing("host"),
        "`SignedHeaders` does not name `content-type`.",
    );
    unauthorized(
        &signing("content-type;x-tc-action"),
        "`SignedHeaders` does not name `host`.",
    );
    unauthorized(
        &signing("Content-Type;Host"),
        "`SignedHeaders` does not name `content-type`.",
    );
}

#[test]
fn a_signed_header_is_there_once_and_named_once() {
    unauthorized(
        &signing("content-type;host;x-a"),
        "the request has no header `x-a`, which `SignedHeaders` names.",
    );
    unauthorized(
        &signing("content-type;host;"),
        "the request has no header ``, which `SignedHeaders` names.",
    );
    unauthorized(
        &signing("content-type;host;host"),
        "`SignedHeaders` names `host` twice.",
    );
    unauthorized(
        &signing("content-type;host;X-A"),
        "`X-A` in `SignedHeaders` is not in lower case.",
    );
    let twice = signing("content-type;host;x-a")
        .with("X-A", "1")
        .with("X-A", "2");
    unauthorized(&twice, "the signed header `x-a` comes more than once.");
    let without = signing("content-type;host").without("Content-Type");
    unauthorized(
        &without,
        "the request has no header `content-type`, which `SignedHeaders` names.",
    );
    let without = Received {
        host: String::new(),
        ..signing("content-type;host")
    };
    refused(
        &without,
        "InvalidParameterValue: The header `Host` is not a host name or an address with an optional port.",
    );
    let many: String = (0..31).map(|number| format!(";x-{number}")).collect();
    unauthorized(
        &signing(&format!("content-type;host{many}")),
        "`SignedHeaders` has more than 32 names.",
    );
}

// --- time ---

fn expiry(received: &Received, now: i64) -> Result<(), String> {
    received.parsed(|envelope: &Envelope<'_>| {
        envelope
            .check_time(now)
            .map_err(|refusal| refusal.to_string())
    })
}

#[test]
fn a_timestamp_five_minutes_off_is_good_and_a_second_more_is_not() {
    for now in [NOW - 300, NOW, NOW + 300] {
        assert_eq!(expiry(&signed(), now), Ok(()));
    }
    for now in [NOW - 301, NOW + 301] {
        let text = format!(
            "AuthFailure.SignatureExpire: Signature expired. Please use local time and enable NTP service for time \
             synchronization to avoid a deviation between `Timestamp` and the server time {now}."
        );
        assert_eq!(expiry(&signed(), now), Err(text));
    }
}

#[test]
fn an_absurd_timestamp_does_not_overflow() {
    let received = signed().instead("X-TC-Timestamp", &i64::MAX.to_string());
    assert!(expiry(&received, i64::MIN).is_err());
    assert!(!received.parsed(|envelope| verify(envelope, SECRET_KEY)));
}

// --- signatures that do not match ---

#[track_caller]
fn does_not_verify(received: &Received) {
    assert!(!received.parsed(|envelope| verify(envelope, SECRET_KEY)));
}

#[test]
fn whatever_is_signed_cannot_change() {
    does_not_verify(&signed().body("{}"));
    does_not_verify(&signed().query("a=b"));
    does_not_verify(&signed().instead("X-TC-Timestamp", "1700000001"));
    does_not_verify(&signed().instead("Content-Type", "application/json; charset=utf-8"));
    does_not_verify(&Received {
        host: "cdb.other:8080".to_owned(),
        ..signed()
    });
    does_not_verify(&Received {
        method: Method::GET,
        ..signed()
    });
}

#[test]
fn another_key_does_not_verify() {
    assert!(signed().parsed(|envelope| verify(envelope, SECRET_KEY)));
    assert!(!signed().parsed(|envelope| verify(envelope, "ANOTHERKEY")));
    assert!(!signed().parsed(|envelope| verify(envelope, "")));
}

#[test]
fn the_credentials_date_must_be_that_of_the_timestamp() {
    // Well signed, with the date of a client that took its local time.
    let headers = [
        ("content-type", "application/json"),
        ("host", "cdb.example:8080"),
    ];
    for date in ["2023-11-15", "2023-11-13", "20231114", "2023-11-14x"] {
        does_not_verify(&sign_in_scope(
            unsigned(),
            &headers,
            &format!("{date}/cdb/tc3_request"),
        ));
    }
}

#[test]
fn a_signature_is_64_lower_case_digits() {
    let good = signed();
    let header = good.headers["Authorization"].to_str().unwrap().to_owned();
    let (head, signature) = header.rsplit_once('=').unwrap();
    for signature in [
        &signature[..63],
        &format!("{signature}0"),
        &signature.to_ascii_uppercase(),
        &"z".repeat(64),
        "x",
    ] {
        does_not_verify(
            &good
                .clone()
                .instead("Authorization", &format!("{head}={signature}")),
        );
    }
}

#[test]
fn a_v1_signature_is_base64_of_the_right_length() {
    for signature in ["x", "AAAA", "%20", "====", "EliP9YW3pW28FpsEdkXt/%2BWcGeI"] {
        does_not_verify(&form(&format!(
            "Action=A&Version=1&Nonce=1&SecretId=S&Timestamp=1&Signature={signature}"
        )));
    }
}

// --- parameters ---

#[track_caller]
fn parameters_refused(received: &Received, expected: &str) {
    assert_eq!(received.parameters().unwrap_err().to_string(), expected);
}

#[test]
fn a_json_body_is_an_object() {
    let text = |why| {
        format!("InvalidParameter.JsonUnmarshalError: Failed to deserialize JSON: the body {why}.")
    };
    parameters_refused(&signed().body("[]"), &text("is an array, not an object"));
    parameters_refused(
        &signed().body(""),
        &text("ends too early, at line 1 column 0"),
    );
    parameters_refused(
        &signed().body(b"{\"a\":\"\xff\"}".to_vec()),
        &text("is not valid JSON at line 1 column 7"),
    );
}

#[test]
fn a_get_with_an_index_bomb_is_refused() {
    let received = Received {
        method: Method::GET,
        ..signed()
    }
    .query("A.999999999=x");
    parameters_refused(
        &received,
        "InvalidParameter: The index of the parameter `A.999999999` is not one of 0 to 9999.",
    );
}

#[test]
fn a_get_parameter_that_comes_twice_is_refused() {
    let received = Received {
        method: Method::GET,
        ..signed()
    }
    .query("A=1&A=2");
    parameters_refused(
        &received,
        "InvalidParameter: The parameter `A` is given more than once.",
    );
}

#[test]
fn a_multipart_body_without_its_end_is_refused() {
    let received = signed()
        .instead("Content-Type", "multipart/form-data; boundary=b")
        .body("--b\r\n");
    parameters_refused(
        &received,
        "InvalidRequest: The multipart body is malformed: the closing delimiter is missing.",
    );
}

#[test]
fn an_octet_stream_has_no_parameters() {
    let received = signed().instead("Content-Type", "application/octet-stream");
    let text = "InvalidParameter: A body of the type `application/octet-stream` has no parameters.";
    parameters_refused(&received, text);
}
