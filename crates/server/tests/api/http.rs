//! HTTP: sizes, methods, doors, and what is no HTTP at all. After each, the next good request is answered.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::support::{Answer, Request, SECRET_ID, SECRET_KEY, TestServer, split};

fn is_alive(server: &TestServer) {
    server
        .call("DescribeFleet", json!({}))
        .answers(json!({ "TotalCount": 0, "Items": [] }));
}

#[test]
fn a_body_over_10_mb_is_refused() {
    let server = TestServer::start();
    let mut request = Request::post(
        &server,
        "DescribeSSLStatus",
        "2017-03-20",
        &"x".repeat(10 * 1024 * 1024 + 1),
    );
    request.sign(SECRET_ID, SECRET_KEY);
    Answer::of(&request.send(&server)).fails(
        "RequestSizeLimitExceeded",
        "The request exceeds the size limit of 10485760 bytes.",
    );
    is_alive(&server);
}

#[test]
fn a_chunked_body_over_the_limit_of_its_action_is_refused() {
    let server = TestServer::start();
    let mut request = Request::post(&server, "DescribeSSLStatus", "2017-03-20", "{}");
    request.sign(SECRET_ID, SECRET_KEY);
    let mut bytes = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n".to_vec();
    for (name, value) in &request.headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..11 {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(&chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let _ = stream.write_all(&bytes); // it may close before it has read all of it
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Answer::of(&answer).fails(
        "RequestSizeLimitExceeded",
        "The request exceeds the size limit of 262144 bytes.",
    );
    is_alive(&server);
}

/// What an action takes is much less than what the protocol allows.
#[test]
fn a_body_over_the_limit_of_its_action_is_refused() {
    let server = TestServer::start();
    for (action, version, limit) in [
        ("DescribeSSLStatus", "2017-03-20", 256 << 10),
        ("RegisterInstance", "2026-11-24", 1 << 20),
    ] {
        let mut request = Request::post(&server, action, version, &" ".repeat(limit + 1));
        request.sign(SECRET_ID, SECRET_KEY);
        Answer::of(&request.send(&server)).fails(
            "RequestSizeLimitExceeded",
            &format!("The request exceeds the size limit of {limit} bytes."),
        );
        let mut body = "{}".to_owned();
        body.push_str(&" ".repeat(limit - body.len()));
        let mut request = Request::post(&server, action, version, &body);
        request.sign(SECRET_ID, SECRET_KEY);
        let answer = Answer::of(&request.send(&server));
        let code = answer.fields["Error"]["Code"].as_str().unwrap();
        assert!(code.starts_with("MissingParameter"), "{action}: {code}");
    }
    is_alive(&server);
}

#[test]
fn a_large_form_that_does_not_name_its_key_first_is_refused() {
    let server = TestServer::start();
    let filler = "x".repeat(100 << 10);
    for (body, code, message) in [
        (
            format!("SecretId=AKIDNOBODY&X={filler}"),
            "AuthFailure.SecretIdNotFound",
            "The SecretId is not found, please ensure that your SecretId is correct.",
        ),
        (
            format!("Action=DescribeSSLStatus&X={filler}"),
            "RequestSizeLimitExceeded",
            "The request exceeds the size limit of 65536 bytes.",
        ),
        (
            format!("SecretId={SECRET_ID}&X={filler}"),
            "MissingParameter",
            "The request is missing a required parameter `Action`.",
        ),
    ] {
        let mut request = Request::post(&server, "", "", &body);
        request
            .headers
            .retain(|(name, _)| !name.starts_with("X-TC"));
        request.set("Content-Type", "application/x-www-form-urlencoded");
        Answer::of(&request.send(&server)).fails(code, message);
    }
    is_alive(&server);
}

#[test]
fn a_v1_body_over_1_mb_gets_the_vendors_answer() {
    let server = TestServer::start();
    let mut request = Request::post(
        &server,
        "",
        "",
        &format!("Action=DescribeSSLStatus&X={}", "x".repeat(1024 * 1024)),
    );
    request
        .headers
        .retain(|(name, _)| !name.starts_with("X-TC"));
    request.set("Content-Type", "application/x-www-form-urlencoded");
    Answer::of(&request.send(&server)).fails(
        "AuthFailure.SignatureFailure",
        "The provided credentials could not be validated because of exceeding request size limit, please use new signature method `TC3-HMAC-SHA256`.",
    );
    is_alive(&server);
}

#[test]
fn a_query_over_32_kb_is_refused() {
    let server = TestServer::start();
    let (status, _, body) = server.get(&format!(
        "/?Action=DescribeSSLStatus&X={}",
        "x".repeat(33 * 1024)
    ));
    assert_eq!(status, 200);
    assert!(String::from_utf8(body).unwrap().contains("\"Code\":\"RequestSizeLimitExceeded\",\"Message\":\"The request exceeds the size limit of 32768 bytes.\""));
    is_alive(&server);
}

#[test]
fn other_methods_are_refused() {
    let server = TestServer::start();
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        let answer = server.exchange(
            format!(
                "{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        );
        Answer::of(&answer).fails(
            "UnsupportedProtocol",
            "Only the HTTP methods GET and POST are supported.",
        );
    }
    is_alive(&server);
}

#[test]
fn a_tls_hello_on_the_plain_port_is_closed_at_once() {
    let server = TestServer::start();
    assert_eq!(server.exchange(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]), b"");
    is_alive(&server);
}

#[test]
fn what_is_no_http_is_closed() {
    let server = TestServer::start();
    for garbage in [
        &b"\0\0\0\0"[..],
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
    ] {
        let answer = server.exchange(garbage);
        assert!(answer.is_empty() || split(&answer).0 == 400, "{garbage:?}");
    }
    is_alive(&server);
}

#[test]
fn a_host_that_is_a_whole_url_is_accepted() {
    let server = TestServer::start();
    let mut request = Request::post(&server, "DescribeSSLStatus", "2017-03-20", "{}");
    request.set("Host", &format!("http://{}", server.address()));
    request.sign(SECRET_ID, SECRET_KEY);
    Answer::of(&request.send(&server)).fails(
        "MissingParameter.MissingParamError",
        "Specify `InstanceId` or `RoGroupId`.",
    );
}

#[test]
fn health_metrics_and_nothing_else() {
    let server = TestServer::start();
    server.call("DescribeSSLStatus", json!({}));
    is_alive(&server);
    for (path, expected) in [
        ("/healthz", (200, "ok\n")),
        ("/readyz", (200, "ready\n")),
        (
            "/nothing",
            (404, "There is nothing here. The API is at /.\n"),
        ),
    ] {
        let (status, _, body) = server.get(path);
        assert_eq!(
            (status, String::from_utf8(body).unwrap().as_str()),
            expected
        );
    }
    let (status, head, body) = server.get("/metrics");
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 200);
    assert!(
        head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{head}"
    );
    for line in [
        "signet_requests_total{action=\"DescribeFleet\",code=\"\",service=\"signet\"} 1",
        "signet_requests_total{action=\"DescribeSSLStatus\",code=\"MissingParameter.MissingParamError\",service=\"cdb\"} 1",
        "signet_request_seconds_count{action=\"DescribeFleet\",service=\"signet\"} 1",
    ] {
        assert!(
            text.lines().any(|known| known == line),
            "no `{line}` in\n{text}"
        );
    }
    let answer = server.exchange(
        b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(split(&answer).0, 405);
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    for _ in 0..3 {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"ok\n") {
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
    }
}

/// Browsers open connections ahead and may never use them.
#[test]
fn a_silent_connection_does_not_hold_up_the_end() {
    let hour = std::time::Duration::from_secs(3600);
    let mut server = TestServer::configured(|config| config.shutdown_timeout = hour);
    let silent = std::net::TcpStream::connect(server.address()).unwrap();
    server.call("ListAccessKeys", json!({})); // the silent one was accepted before this one
    server.stop(); // would take the hour
    drop(silent);
}
