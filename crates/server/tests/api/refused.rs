//! Refused calls, which the owner of the key can ask about.

use std::sync::Arc;

use serde_json::{Value, json};
use server::state::refused::RefusedCall;
use wire::doctor::{Body, Deviation, Diagnosis, Question, Verdict, diagnose};
use wire::{Code, SecretKey};

use crate::support::{ANY, Request, SECRET_ID, SECRET_KEY, TestServer, split};

/// A signed request for `DescribeSSLStatus`, to be spoilt.
fn signed(server: &TestServer, body: &str) -> Request {
    let mut request = Request::post(server, "DescribeSSLStatus", "2017-03-20", body);
    request.sign(SECRET_ID, SECRET_KEY);
    request
}

/// Sends a request, which is refused, and returns its RequestId.
fn refused(server: &TestServer, request: &Request, code: Code) -> String {
    let (_, _, body) = split(&request.send(server));
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["Response"]["Error"]["Code"], code.as_str());
    answer["Response"]["RequestId"].as_str().unwrap().to_owned()
}

fn find(server: &TestServer, secret_id: &str, request_id: &str) -> Option<Arc<RefusedCall>> {
    let now = server.clock.now();
    server.service().refused.find(secret_id, request_id, now)
}

fn diagnosis(call: &RefusedCall) -> Diagnosis {
    diagnose(&Question {
        request: &call.request,
        secret_id: SECRET_ID,
        secret_key: &SecretKey::new(SECRET_KEY),
        now: call.time,
        canonical_request: None,
        string_to_sign: None,
    })
}

#[test]
fn a_refused_call_is_found_by_its_request_id_and_diagnosed() {
    let server = TestServer::start();
    let mut request = signed(&server, r#"{"InstanceId":"cdb-c1nl9rpv"}"#);
    request.body.push(b'\n');
    let id = refused(&server, &request, Code::AuthFailureSignatureFailure);
    let call = find(&server, SECRET_ID, &id).unwrap();
    let Body::Whole(body) = &call.request.body else {
        panic!("a small body is kept")
    };
    assert_eq!(
        (
            call.request_id.as_str(),
            call.time,
            call.refusal.code(),
            call.from.ip().to_string().as_str()
        ),
        (
            id.as_str(),
            server.clock.now(),
            Code::AuthFailureSignatureFailure,
            "127.0.0.1"
        )
    );
    assert_eq!(
        (
            call.request.method.as_str(),
            call.request.host.as_str(),
            call.request.query.as_str()
        ),
        ("POST", server.address().to_string().as_str(), "")
    );
    assert_eq!(*body, request.body);
    let found = diagnosis(&call);
    assert_eq!(found.verdict, Verdict::Explained);
    assert_eq!(found.deviations, [Deviation::PayloadNewline]);
}

#[test]
fn nobody_but_the_key_that_was_named_finds_it() {
    let server = TestServer::start();
    let other = server.call("CreateAccessKey", json!({}));
    other.answers(json!({ "SecretId": ANY, "SecretKey": ANY }));
    let mut request = signed(&server, "{}");
    request.body.push(b' ');
    let id = refused(&server, &request, Code::AuthFailureSignatureFailure);
    assert!(find(&server, SECRET_ID, &id).is_some());
    assert!(find(&server, &other.text("SecretId"), &id).is_none());
    assert!(find(&server, "", &id).is_none());
}

#[test]
fn every_way_to_fail_with_a_signature_is_kept() {
    let server = TestServer::start();
    let mut late = Request::post(&server, "DescribeSSLStatus", "2017-03-20", "{}");
    late.set("X-TC-Timestamp", &(server.clock.now() - 301).to_string());
    late.sign(SECRET_ID, SECRET_KEY);
    let mut with_token = signed(&server, "{}");
    with_token.set("X-TC-Token", "a token");
    let mut unreadable = signed(&server, "{}");
    let header = unreadable.header("Authorization").replace(";host", "");
    unreadable.set("Authorization", &header);
    let cases = [
        (late, Code::AuthFailureSignatureExpire),
        (with_token, Code::AuthFailureTokenFailure),
        (unreadable, Code::AuthFailureInvalidAuthorization),
    ];
    for (request, code) in cases {
        let request_id = refused(&server, &request, code);
        let call = find(&server, SECRET_ID, &request_id).unwrap();
        assert_eq!(call.refusal.code(), code);
    }
}

#[test]
fn of_a_form_the_secret_id_is_read_too() {
    let server = TestServer::start();
    let now = server.clock.now();
    let form = format!(
        "Action=DescribeSSLStatus&Version=2017-03-20&Timestamp={now}&Nonce=1&SecretId={SECRET_ID}&Signature=AAAA"
    );
    let mut request = Request::post(&server, "", "", &form);
    for name in ["X-TC-Action", "X-TC-Version", "X-TC-Timestamp"] {
        request.set(name, "");
    }
    request.set("Content-Type", "application/x-www-form-urlencoded");
    let id = refused(&server, &request, Code::AuthFailureSignatureFailure);
    let call = find(&server, SECRET_ID, &id).unwrap();
    assert_eq!(diagnosis(&call).verdict, Verdict::Unexplained);
}

#[test]
fn what_names_no_key_or_failed_otherwise_is_not_kept() {
    let server = TestServer::start();
    let mut stranger = Request::post(&server, "DescribeSSLStatus", "2017-03-20", "{}");
    stranger.sign("AKIDNOBODY", SECRET_KEY);
    let id = refused(&server, &stranger, Code::AuthFailureSecretIdNotFound);
    assert!(find(&server, "AKIDNOBODY", &id).is_none());
    assert!(find(&server, SECRET_ID, &id).is_none());

    let mut unsigned = signed(&server, "{}");
    unsigned.set("Authorization", "");
    let id = refused(&server, &unsigned, Code::AuthFailureInvalidAuthorization);
    assert!(find(&server, SECRET_ID, &id).is_none());

    let missing = signed(&server, "{}");
    let id = refused(&server, &missing, Code::MissingParameterMissingParamError);
    assert!(find(&server, SECRET_ID, &id).is_none());

    // What the key may not do was signed rightly, and its body may hold a password that was right.
    let read_only = server.call("CreateAccessKey", json!({ "Access": "ReadOnly" }));
    let (secret_id, secret_key) = (read_only.text("SecretId"), read_only.text("SecretKey"));
    let mut forbidden = Request::post(&server, "OpenSSL", "2017-03-20", "{}");
    forbidden.sign(&secret_id, &secret_key);
    let id = refused(&server, &forbidden, Code::AuthFailureUnauthorizedOperation);
    assert!(find(&server, &secret_id, &id).is_none());
}

#[test]
fn of_a_large_body_the_hash_is_kept_which_is_enough() {
    let server = TestServer::start();
    let body = json!({ "InstanceId": "x".repeat(64 << 10) }).to_string();
    let mut request = Request::post(&server, "DescribeSSLStatus", "2017-03-20", &body);
    request.set("Host", "cdb.tencentcloudapi.com");
    request.sign(SECRET_ID, SECRET_KEY);
    request.set("Host", &server.address().to_string());
    let id = refused(&server, &request, Code::AuthFailureSignatureFailure);
    let call = find(&server, SECRET_ID, &id).unwrap();
    assert!(matches!(&call.request.body, Body::Hash(hash) if hash.len() == 64));
    assert_eq!(diagnosis(&call).deviations, [Deviation::OtherHost]);
}

#[test]
fn it_is_forgotten_after_a_quarter_of_an_hour() {
    let server = TestServer::start();
    let mut request = signed(&server, "{}");
    request.body.push(b' ');
    let id = refused(&server, &request, Code::AuthFailureSignatureFailure);
    server.pass(15 * 60);
    assert!(find(&server, SECRET_ID, &id).is_some());
    server.pass(1);
    assert!(find(&server, SECRET_ID, &id).is_none());
}
