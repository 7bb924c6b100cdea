//! A caller without a key fills the disk with what is written about the refusals.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::support::{Connection, Place};

/// How many refused requests, on connections that stay open.
const FLOOD: usize = 20_000;
/// What audit log and log may grow by for one source in a minute: 64 KiB, and two minutes may be touched; and some lines of the service's own.
const BUDGET: u64 = 2 * (64 << 10) + (32 << 10);

fn flood(address: std::net::SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    let name = "A".repeat(200);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nX-TC-Action: {name}\r\nX-TC-Version: 2017-03-20\r\n\
         X-TC-Timestamp: 1\r\nAuthorization: TC3-HMAC-SHA256 Credential={name}/2026-11-24/cdb/tc3_request, \
         SignedHeaders=content-type;host, Signature={}\r\nContent-Length: 2\r\n\r\n{{}}",
        "0".repeat(64)
    );
    let mut reader = stream.try_clone().unwrap();
    let answers = std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        all
    });
    let batch = request.repeat(100);
    for _ in 0..FLOOD / 100 {
        stream.write_all(batch.as_bytes()).unwrap();
    }
    let last = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(last.as_bytes()).unwrap();
    let answers = answers.join().unwrap();
    let count = answers
        .windows(9)
        .filter(|part| part == b"HTTP/1.1 ")
        .count();
    assert_eq!(count, FLOOD + 1);
}

#[test]
fn audit_log_and_log_stay_within_their_bytes_and_writes_are_never_dropped() {
    let place = Place::new();
    let served = place.serve();
    let size = |name: &str| fs::metadata(place.path(name)).map_or(0, |file| file.len());
    let before = ["data/audit.jsonl", "serve.log"].map(size);
    flood(served.address());
    let mut connection = Connection::open(served.address()).unwrap();
    connection
        .call("CreateAccessKey", &json!({ "Access": "ReadOnly" }))
        .unwrap();
    served.stop();
    let after = ["data/audit.jsonl", "serve.log"].map(size);
    for (name, (before, after)) in ["audit log", "log"].iter().zip(before.iter().zip(after)) {
        assert!(
            after - before < BUDGET,
            "the {name} grew by {} bytes",
            after - before
        );
    }
    let text = fs::read_to_string(place.path("data/audit.jsonl")).unwrap();
    assert!(
        text.contains("\"outcome\":\"done\""),
        "the write after the flood"
    );
    assert!(
        !text.contains(&"A".repeat(33)),
        "names are cut to 32 characters"
    );
    assert!(
        place
            .run("audit verify --data data")
            .ends_with("lines, unbroken")
    );
}
