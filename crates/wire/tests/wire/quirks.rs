//! What the official clients do that a server would not expect, one test each.

use http::Method;
use serde_json::{Value, json};
use wire::{CONTENT_TYPE, Language, Proof, Refusal, RequestId, SecretId, SecretKey, answer, tc3};

use crate::received::Received;
use crate::signer::{
    DATE, NOW, SECRET_ID, SECRET_KEY, fails, parameters, sign, sign_in_scope, signed, unsigned,
    verifies,
};

// --- answers ---

#[test]
fn the_content_type_of_answers_has_no_charset() {
    // With one, the Python SDK and tccli take an error for a success.
    assert_eq!(CONTENT_TYPE, "application/json");
}

#[test]
fn a_failure_always_has_a_request_id() {
    // Without one, the Python SDK raises a KeyError instead of the error.
    let answer = answer::failure(
        &Refusal::signature_failure(),
        Language::EnUs,
        &RequestId::from_random([7; 16]),
    );
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(
        answer["Response"]["RequestId"],
        "07070707-0707-4707-8707-070707070707"
    );
}

#[test]
fn an_answer_is_compact_json_with_the_single_key_response() {
    let id = RequestId::from_random([7; 16]);
    for answer in [
        answer::success(b"{\"A\":1}", &id),
        answer::failure(&Refusal::internal_error(), Language::ZhCn, &id),
    ] {
        let value: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(
            value.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["Response"]
        );
        assert_eq!(serde_json::to_vec(&value).unwrap().len(), answer.len());
    }
}

// --- TC3: host and scope ---

#[test]
fn node_signs_the_host_without_its_port() {
    verifies(&sign(
        unsigned(),
        &[
            ("content-type", "application/json"),
            ("host", "cdb.example"),
        ],
    ));
    fails(&sign(
        unsigned(),
        &[
            ("content-type", "application/json"),
            ("host", "cdb.example:80"),
        ],
    ));
}

#[test]
fn java_and_node_take_the_service_from_the_endpoint() {
    for service in ["127", "localhost:8080", "cdb"] {
        let scope = format!("{DATE}/{service}/tc3_request");
        let headers = [
            ("content-type", "application/json"),
            ("host", "cdb.example:8080"),
        ];
        let received = sign_in_scope(unsigned(), &headers, &scope);
        verifies(&received);
        received.parsed(|envelope| {
            let Proof::Tc3(proof) = &envelope.proof else {
                panic!("signed with TC3")
            };
            assert_eq!((proof.date, proof.service), (DATE, service));
        });
    }
}

#[test]
fn tccli_sends_a_whole_url_as_host() {
    let url = "http://127.0.0.1:8080";
    let received = Received {
        host: url.to_owned(),
        ..unsigned().instead("Host", url)
    };
    verifies(&sign(
        received,
        &[("content-type", "application/json"), ("host", url)],
    ));
}

#[test]
fn with_http_2_the_host_is_the_authority() {
    let received = unsigned().without("Host");
    verifies(&sign(
        received,
        &[
            ("content-type", "application/json"),
            ("host", "cdb.example:8080"),
        ],
    ));
}

// --- TC3: headers ---

#[test]
fn go_writes_header_names_in_its_own_case() {
    // A `HeaderMap` folds case, so this holds as long as nobody looks names up in another way.
    let received = signed()
        .without("X-TC-Action")
        .with("X-Tc-Action", "OpenSSL");
    assert_eq!(
        received.parsed(|envelope| envelope.action.to_string()),
        "OpenSSL"
    );
}

#[test]
fn the_vendors_samples_sign_the_action_in_lower_case() {
    let headers = [
        ("content-type", "application/json"),
        ("host", "cdb.example:8080"),
        ("x-tc-action", "describesslstatus"),
    ];
    let received = sign(unsigned(), &headers);
    verifies(&received);
    fails(&received.instead("X-TC-Action", "OpenSSL"));
}

#[test]
fn an_extra_header_may_be_signed_as_it_is() {
    let headers = [
        ("content-type", "application/json"),
        ("host", "cdb.example:8080"),
        ("x-tc-action", "DescribeSSLStatus"),
    ];
    verifies(&sign(unsigned(), &headers));
}

#[test]
fn content_type_and_host_may_be_signed_in_either_case() {
    let received = unsigned().instead("Content-Type", "multipart/form-data; boundary=AbC");
    let received = Received {
        host: "CDB.example".to_owned(),
        ..received
    };
    verifies(&sign(
        received.clone(),
        &[
            ("content-type", "multipart/form-data; boundary=AbC"),
            ("host", "CDB.example"),
        ],
    ));
    verifies(&sign(
        received.clone(),
        &[
            ("content-type", "multipart/form-data; boundary=abc"),
            ("host", "cdb.example"),
        ],
    ));
    fails(&sign(
        received,
        &[
            ("content-type", "multipart/form-data; boundary=ABC"),
            ("host", "CDB.EXAMPLE"),
        ],
    ));
}

#[test]
fn a_signed_value_longer_than_a_lower_casing_step_verifies() {
    let (sent, signed) = ("Aa".repeat(100), "aa".repeat(100));
    let headers = [
        ("content-type", "application/json"),
        ("host", "cdb.example:8080"),
        ("x-long", signed.as_str()),
    ];
    verifies(&sign(unsigned().with("X-Long", &sent), &headers));
}

#[test]
fn java_sends_and_signs_a_charset() {
    let java = "application/json; charset=utf-8";
    let received = sign(
        unsigned().instead("Content-Type", java),
        &[("content-type", java), ("host", "cdb.example:8080")],
    );
    verifies(&received);
    assert_eq!(
        parameters(&received),
        json!({ "InstanceId": "cdb-je5dfmdl" })
    );
}

#[test]
fn the_action_is_not_signed_by_the_sdks() {
    // Known to every reader of the protocol: one signature is good for OpenSSL and CloseSSL alike.
    verifies(&signed().instead("X-TC-Action", "OpenSSL"));
}

#[test]
fn the_space_after_a_comma_is_optional() {
    let received = signed();
    let header = received.headers["Authorization"]
        .to_str()
        .unwrap()
        .replace(", ", ",");
    verifies(&received.instead("Authorization", &header));
}

#[test]
fn authorization_may_be_skipped() {
    let received = unsigned().with("Authorization", "SKIP");
    received.parsed(|envelope| {
        assert!(matches!(envelope.proof, Proof::Skip));
        assert_eq!(envelope.secret_id(), None);
    });
}

#[test]
fn go_sends_the_same_bytes_again() {
    let received = signed();
    verifies(&received);
    verifies(&received.clone());
}

// --- TC3: body and query ---

#[test]
fn an_unsigned_payload_covers_no_body() {
    let hash_of = |body: &str| {
        unsigned()
            .body(body.to_owned())
            .with("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD")
    };
    let headers = [
        ("content-type", "application/json"),
        ("host", "cdb.example:8080"),
    ];
    let received = Received {
        body: b"{}".to_vec(),
        ..sign(hash_of("UNSIGNED-PAYLOAD"), &headers)
    };
    verifies(&received);
    verifies(&received.clone().body("{\"changed\":true}"));
    received.parsed(|envelope| {
        assert!(matches!(&envelope.proof, Proof::Tc3(proof) if proof.unsigned_payload()));
    });
}

#[test]
fn any_other_content_hash_header_changes_nothing() {
    let received = signed().with(
        "X-TC-Content-SHA256",
        "70a80a36a82c9f6229e19e09ebfd2577304ca4d52abf72575c3497fa7e2ef9b6",
    );
    verifies(&received);
    fails(&received.body("{}"));
}

#[test]
fn the_query_string_is_signed_as_it_came() {
    // Python, Go, Java and Node encode a space, `*`, `~` and `!` differently, and Java's order is that of a hash map.
    let queries = [
        "B=a+b&A=%2A~%27",
        "A=*&B=%7E+%27",
        "B=a%20b&A=*~!()",
        "A=%e5%90%8d",
    ];
    for query in queries {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", "cdb.example:8080"),
        ];
        let get = Received {
            method: Method::GET,
            body: Vec::new(),
            ..unsigned()
        };
        let get = get
            .instead("Content-Type", "application/x-www-form-urlencoded")
            .query(query);
        let received = sign(get, &headers);
        verifies(&received);
        fails(
            &received.clone().query(
                &query
                    .to_ascii_lowercase()
                    .replace("%20", "+")
                    .replace('*', "%2A"),
            ),
        );
    }
}

#[test]
fn a_space_in_a_query_is_plus_or_percent_20() {
    for query in ["Name=a+b", "Name=a%20b"] {
        let get = Received {
            method: Method::GET,
            ..signed()
        }
        .query(query);
        assert_eq!(parameters(&get), json!({ "Name": "a b" }));
    }
}

#[test]
fn utf8_may_be_raw_or_escaped() {
    for body in [r#"{"Name":"名😀"}"#, r#"{"Name": "\u540d\ud83d\ude00"}"#] {
        let received = sign(
            unsigned().body(body),
            &[
                ("content-type", "application/json"),
                ("host", "cdb.example:8080"),
            ],
        );
        verifies(&received);
        assert_eq!(parameters(&received), json!({ "Name": "名😀" }));
    }
}

#[test]
fn go_escapes_html_characters_in_json() {
    assert_eq!(
        parameters(&signed().body(r#"{"Name":"\u0026\u003c\u003e"}"#)),
        json!({ "Name": "&<>" })
    );
}

#[test]
fn a_call_without_parameters_has_an_empty_object_for_body() {
    assert_eq!(parameters(&signed().body("{}")), json!({}));
}

#[test]
fn java_puts_a_charset_before_the_boundary() {
    let received = signed().instead(
        "Content-Type",
        "multipart/form-data; charset=utf-8; boundary=b-1",
    );
    let received = received
        .body("--b-1\r\nContent-Disposition: form-data; name=\"A\"\r\n\r\nx\r\n--b-1--\r\n");
    assert_eq!(parameters(&received), json!({ "A": "x" }));
}

#[test]
fn the_path_is_always_signed_as_a_slash() {
    // The Go SDK signs `/` even when its endpoint has a path; a `Request` has none, so that nobody can sign it.
    let received = signed();
    let canonical = received.parsed(|envelope| match &envelope.proof {
        Proof::Tc3(proof) => proof.canonical_request(),
        _ => panic!("signed with TC3"),
    });
    assert!(canonical.starts_with(
        "POST\n/\n\ncontent-type:application/json\nhost:cdb.example:8080\n\ncontent-type;host\n"
    ));
}

#[test]
fn our_own_signer_is_verified() {
    let request = tc3::Unsigned {
        method: &Method::POST,
        host: "cdb.example:8080",
        content_type: "application/json",
        query: "",
        body: &unsigned().body,
        service: "cdb",
        timestamp: NOW,
        headers: &[],
    };
    let authorization = tc3::authorization(
        &SecretId::new(SECRET_ID).unwrap(),
        &SecretKey::new(SECRET_KEY),
        &request,
    );
    assert_eq!(signed().headers["Authorization"], authorization);
}

// --- region, language ---

#[test]
fn an_empty_region_is_none() {
    let received = signed().with("X-TC-Region", "");
    assert!(received.parsed(|envelope| envelope.region.is_none()));
}

#[test]
fn the_language_of_a_refused_request_is_known() {
    let refused = Received::new(Method::POST, "h").with("X-TC-Language", "zh-CN");
    assert_eq!(wire::language(&refused.request()), Language::ZhCn);
    let refused = Received::new(Method::GET, "h").query("Language=zh-CN&broken");
    assert_eq!(wire::language(&refused.request()), Language::ZhCn);
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let refused = Received::new(Method::POST, "h")
        .with("Content-Type", form)
        .body("A=1&Language=zh-CN");
    assert_eq!(wire::language(&refused.request()), Language::ZhCn);
    assert_eq!(wire::language(&unsigned().request()), Language::EnUs);
}
