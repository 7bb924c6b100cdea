//! Requests that a proxy in front and the service could read differently, so that one hides another.

use crate::edge::{DEADLINE, exchange};
use crate::support::Place;

/// What an attacker wants to be answered as a request of its own.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: signet\r\n\r\n";

fn shapes() -> Vec<(&'static str, String)> {
    let length = HIDDEN.len();
    let post = |headers: &str, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: signet\r\n{headers}\r\n{body}{HIDDEN}")
    };
    let chunk = "0\r\n\r\n";
    let lengths = "Send one Content-Length, a number of bytes.";
    let encoding = "The only Transfer-Encoding is chunked, once, with HTTP/1.1.";
    let both = "Send either Content-Length or Transfer-Encoding, not both.";
    let line = "Header lines must end in CRLF and must not be folded.";
    let host = "Send one Host header.";
    let by_parser = ""; // what hyper refuses itself has no text
    vec![
        (
            both,
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunk),
        ),
        (
            both,
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunk),
        ),
        (
            both,
            post("transfer-encoding: Chunked\r\ncontent-length: 0\r\n", chunk),
        ),
        (
            lengths,
            post("Content-Length: 0\r\nContent-Length: 0\r\n", ""),
        ),
        (
            by_parser,
            post(
                &format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
                "",
            ),
        ),
        (by_parser, post("Content-Length: 0, 0\r\n", "")),
        (by_parser, post("Content-Length: +0\r\n", "")),
        (by_parser, post("Content-Length: 0x0\r\n", "")),
        (
            by_parser,
            post("Content-Length: 99999999999999999999\r\n", ""),
        ),
        (by_parser, post("Content-Length : 0\r\n", "")),
        (
            encoding,
            post("Transfer-Encoding: gzip, chunked\r\n", chunk),
        ),
        (
            encoding,
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                chunk,
            ),
        ),
        (by_parser, post("Transfer-Encoding: xchunked\r\n", chunk)),
        (by_parser, post("Transfer-Encoding: identity\r\n", chunk)),
        (
            by_parser,
            post("Transfer-Encoding: chunked, identity\r\n", chunk),
        ),
        (by_parser, post("Transfer-Encoding:\u{b}chunked\r\n", chunk)),
        (by_parser, post("X: a\r\n Content-Length: 5\r\n", "")),
        (by_parser, post("X: a\r\n\tContent-Length: 5\r\n", "")),
        (line, post("Content-Length: 0\n", "")),
        (
            line,
            format!("GET /healthz HTTP/1.1\nHost: signet\n\n{HIDDEN}"),
        ),
        (host, format!("GET /healthz HTTP/1.1\r\n\r\n{HIDDEN}")),
        (
            host,
            format!("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n{HIDDEN}"),
        ),
        (
            by_parser,
            format!(
                "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{HIDDEN}"
            ),
        ),
        (
            "This is no proxy.",
            format!("CONNECT signet:80 HTTP/1.1\r\nHost: signet\r\n\r\n{HIDDEN}"),
        ),
    ]
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_and_the_connection_is_closed() {
    let place = Place::new();
    let served = place.serve();
    for (text, request) in shapes() {
        let answer = exchange(served.address(), request.as_bytes());
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{request}\nwas answered with\n{answer}"
        );
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.to_ascii_lowercase().contains("connection: close"),
            "{head}"
        );
        assert!(
            body.trim_end() == text || body.is_empty() && text.is_empty(),
            "{request}\n{answer}"
        );
    }
}

/// Nothing behind a chunked body is a request, whatever its chunks look like.
#[test]
fn after_a_chunked_body_the_connection_is_closed() {
    let place = Place::new();
    let served = place.serve();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: signet\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
    );
    let began = std::time::Instant::now();
    let answer = exchange(served.address(), request.as_bytes());
    assert!(began.elapsed() < DEADLINE, "it stays open");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

/// Two good requests in one write are two requests.
#[test]
fn pipelined_requests_are_each_answered() {
    let place = Place::new();
    let served = place.serve();
    let post = "POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\nabc";
    let last = "GET /healthz HTTP/1.1\r\nHost: signet\r\nConnection: close\r\n\r\n";
    let answer = exchange(served.address(), format!("{HIDDEN}{post}{last}").as_bytes());
    let statuses: Vec<_> = answer.matches("HTTP/1.1 ").collect();
    assert_eq!(statuses.len(), 3, "{answer}");
}
