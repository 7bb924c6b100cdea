//! The API Explorer and the signature doctor.

use serde_json::json;

use super::{Browser, served};
use crate::support::{SECRET_ID, SECRET_KEY, TestServer};

#[test]
fn a_call_in_the_explorer_goes_through_the_whole_gate() {
    let server = served();
    let browser = Browser::signed_in(&server);
    let page = browser.submit(
        "/console/explorer/cdb/DescribeSSLStatus",
        &[("InstanceId", "cdb-nothing1")],
    );
    assert_eq!(page.0, 200);
    page.has("ResourceNotFound.InstanceNotFoundError")
        .has("The instance `cdb-nothing1` does not exist.")
        .has("X-TC-Action: DescribeSSLStatus")
        .has("{&#34;InstanceId&#34;:&#34;cdb-nothing1&#34;}")
        .has("content-type;host")
        .has("/console/explorer/cdb/DescribeSSLStatus?InstanceId=cdb-nothing1");
    server.audited(|line| line["code"] == "ResourceNotFound.InstanceNotFoundError");
    browser
        .get("/console/explorer")
        .has("cdb/DescribeSSLStatus")
        .has("ResourceNotFound.InstanceNotFoundError");
}

#[test]
fn every_signature_that_the_explorer_makes_is_accepted() {
    let server = served();
    let browser = Browser::signed_in(&server);
    for signature in ["TC3-HMAC-SHA256", "HmacSHA256", "HmacSHA1"] {
        let fields = [
            (".signature", signature),
            (".region", "ap-guangzhou"),
            ("InstanceIds", "cdb-console1\r\ncdb-nothing1"),
            ("Limit", "7"),
        ];
        let page = browser.submit("/console/explorer/cdb/DescribeDBInstances", &fields);
        page.has("&#34;TotalCount&#34;: 1")
            .has(signature)
            .has("Signature");
    }
}

#[test]
fn a_secret_that_is_typed_is_shown_nowhere() {
    const PASSWORD: &str = "pass\"word&1+2 ü";
    let server = TestServer::start();
    let browser = Browser::signed_in(&server);
    for signature in ["TC3-HMAC-SHA256", "HmacSHA1"] {
        let fields = [
            (".signature", signature),
            ("InstanceName", "orders"),
            ("Architecture", "two-node"),
            ("Nodes", "127.0.0.1:1\n127.0.0.1:2"),
            ("ProbeUser", "probe"),
            ("ProbePassword", PASSWORD),
        ];
        let page = browser.submit("/console/explorer/signet/RegisterInstance", &fields);
        page.has("&#34;InstanceId&#34;: &#34;cdb-").has("********");
        // The name of the parameter is on the page; no part of its value is, however it is written.
        for part in ["word&1", "word&#38;1", "word%261", "1+2 ", "1%2B2"] {
            page.has_not(part);
        }
        browser.get("/console/explorer").has_not("ProbePassword=");
    }
}

#[test]
fn the_doctor_finds_a_refused_call_of_ones_own_key() {
    let server = served();
    let refused = server.call_with(
        SECRET_ID,
        &format!("{SECRET_KEY}\n"),
        "DescribeSSLStatus",
        json!({ "InstanceId": "cdb-console1" }),
    );
    assert_eq!(
        refused.fields["Error"]["Code"],
        "AuthFailure.SignatureFailure"
    );
    let id = refused.request_id;
    let browser = Browser::signed_in(&server);
    browser
        .get(&format!("/console/doctor?RequestId={id}"))
        .has("The signature is wrong, and this is how it was made:")
        .has("It was answered with <code>AuthFailure.SignatureFailure</code>")
        .has("There is white space or a line end around the SecretKey: strip it where you read the key.")
        .has("content-type:application/json")
        .has_not(SECRET_KEY);

    let made = server.call("CreateAccessKey", json!({}));
    let mut other = Browser::new(&server);
    other.sign_in(&made.text("SecretId"), &made.text("SecretKey"));
    let page = other.get(&format!("/console/doctor?RequestId={id}"));
    assert_eq!(page.0, 400);
    page.has("No refused call with this RequestId is remembered")
        .has_not("content-type:application/json");
}

#[test]
fn the_doctor_looks_at_what_is_pasted() {
    let server = served();
    let browser = Browser::signed_in(&server);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:7780\r\nContent-Type: application/json\r\nX-TC-Action: DescribeSSLStatus\r\n\
         X-TC-Version: 2017-03-20\r\nX-TC-Timestamp: {}\r\nAuthorization: TC3-HMAC-SHA256 Credential={SECRET_ID}/2026-11-24/cdb/tc3_request, \
         SignedHeaders=content-type;host, Signature={}\r\n\r\n{{}}",
        lab::now(),
        "0".repeat(64)
    );
    let own = "POST\n/\n\ncontent-type:application/json; charset=utf-8\nhost:127.0.0.1:7780\n\ncontent-type;host\nabc";
    browser
        .submit("/console/doctor", &[("request", &request), ("canonical_request", own)])
        .has("None of the known mistakes makes this signature: most likely the SecretKey is another one.")
        .has("The first line that differs is line 4")
        .has("content-type:application/json; charset=utf-8");
    let page = browser.submit("/console/doctor", &[("request", "this is no request")]);
    assert_eq!(page.0, 400);
    page.has("line 1 is no header like")
        .has("this is no request");
}
