//! Large bodies that never end, without a valid key: what they may take of the memory.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use server::Clock;

use crate::edge::{BOUND, DEADLINE, Site};
use crate::support::SECRET_ID;

const BODIES: usize = 60;
const LENGTH: usize = 10 << 20;

/// The head of a call to an action whose signature cannot be right.
fn head(secret_id: &str, action: &str, timestamp: i64, length: usize) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: signet\r\nContent-Type: application/json\r\nX-TC-Action: {action}\r\nX-TC-Version: 2026-11-24\r\n\
         X-TC-Timestamp: {timestamp}\r\nAuthorization: TC3-HMAC-SHA256 Credential={secret_id}/2026-11-24/signet/tc3_request, \
         SignedHeaders=content-type;host;x-tc-action;x-tc-version, Signature={}\r\nContent-Length: {length}\r\n\r\n",
        "0".repeat(64)
    )
}

/// Sends all of a body but its end, as far as it is taken.
fn send_most_of(address: SocketAddr, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let piece = vec![b'x'; 256 << 10];
    let mut left = LENGTH - piece.len();
    let mut sent = stream.write_all(head.as_bytes());
    while sent.is_ok() && left > 0 {
        sent = stream.write_all(&piece);
        left -= piece.len();
    }
    stream
}

fn flood(site: &Site, head: &str) -> (u64, u64) {
    let (idle, _) = site.memory();
    let address = site.address;
    let held: Vec<_> = site.attacker.run(|| {
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..BODIES)
                .map(|_| scope.spawn(|| send_most_of(address, head)))
                .collect();
            senders
                .into_iter()
                .map(|sender| sender.join().unwrap())
                .collect()
        })
    });
    site.answers_a_friend(3);
    let (_, peak) = site.memory();
    drop(held);
    (idle, peak)
}

#[test]
fn bodies_of_strangers_and_forms_and_known_keys_take_little_memory() {
    let site = Site::new("");
    let now = Clock::System.now();
    let form = format!(
        "POST / HTTP/1.1\r\nHost: signet\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\nSecretId={SECRET_ID}&X=",
        1 << 20
    );
    for (what, head) in [
        (
            "an unknown key",
            head("AKIDNOBODY", "RegisterInstance", now, LENGTH),
        ),
        (
            "a known key",
            head(SECRET_ID, "RegisterInstance", now, 1 << 20),
        ),
        ("a form", form),
    ] {
        let (idle, peak) = flood(&site, &head);
        assert!(
            peak < idle + BOUND,
            "{BODIES} unfinished bodies of {what}: {} MiB of memory, idle {} MiB",
            peak >> 10,
            idle >> 10
        );
    }
}

/// What a caller gets who has sent nothing but a head.
fn answer_to(site: &Site, head: &str) -> String {
    site.attacker.run(|| {
        let mut stream = TcpStream::connect(site.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut buffer = [0; 4096];
        let count = stream
            .read(&mut buffer)
            .expect("an answer before the body was sent");
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    })
}

#[test]
fn a_request_is_refused_by_its_head_before_its_body_is_read() {
    let site = Site::new("");
    let now = Clock::System.now();
    let found = |head: &str, code: &str, message: &str| {
        let answer = answer_to(&site, head);
        let expected = format!("\"Code\":\"{code}\",\"Message\":\"{message}");
        assert!(answer.contains(&expected), "{head}\n{answer}");
    };
    found(
        &head("AKIDNOBODY", "RegisterInstance", now, 200_000),
        "AuthFailure.SecretIdNotFound",
        "The SecretId is not found, please ensure that your SecretId is correct.",
    );
    found(
        &head(SECRET_ID, "RegisterInstance", now - 600, 200_000),
        "AuthFailure.SignatureExpire",
        "Signature expired.",
    );
    found(
        &head(SECRET_ID, "DescribeFleet", now, (256 << 10) + 1),
        "RequestSizeLimitExceeded",
        "The request exceeds the size limit of 262144 bytes.",
    );
    found(
        &head(SECRET_ID, "RegisterInstance", now, (1 << 20) + 1),
        "RequestSizeLimitExceeded",
        "The request exceeds the size limit of 1048576 bytes.",
    );
    let line = site.audited(|line| line["code"] == "AuthFailure.SecretIdNotFound");
    assert_eq!(line["action"], "RegisterInstance");
    assert!(line["from"].as_str().unwrap().starts_with("192.0.2.9:"));
    site.answers_a_friend(1);
}
