//! Calls in the name of a hundred thousand keys that do not exist.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use server::Clock;

use crate::edge::{DEADLINE, Site};

const KEYS: usize = 100_000;
const THREADS: usize = 4;
/// Requests that are sent before the first answer is read.
const BATCH: usize = 100;

/// What more memory all of them may take, in KiB.
const MEMORY: u64 = 64 << 10;

fn request(number: usize, timestamp: i64) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: signet\r\nContent-Type: application/json\r\nX-TC-Action: DescribeSSLStatus\r\nX-TC-Version: 2017-03-20\r\n\
         X-TC-Timestamp: {timestamp}\r\nAuthorization: TC3-HMAC-SHA256 Credential=AKID{number:032}/2026-11-24/cdb/tc3_request, \
         SignedHeaders=content-type;host, Signature={}\r\nContent-Length: 2\r\n\r\n{{}}",
        "0".repeat(64)
    )
}

fn refusals(address: SocketAddr, numbers: std::ops::Range<usize>) -> usize {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut stream = BufReader::new(stream);
    let (mut refused, now) = (0, Clock::System.now());
    for first in numbers.clone().step_by(BATCH) {
        let batch = first..(first + BATCH).min(numbers.end);
        let requests: String = batch.clone().map(|number| request(number, now)).collect();
        stream.get_mut().write_all(requests.as_bytes()).unwrap();
        for _ in batch {
            let body = answer(&mut stream);
            refused += usize::from(body.contains("\"Code\":\"AuthFailure.SecretIdNotFound\""));
        }
    }
    refused
}

fn answer(stream: &mut BufReader<TcpStream>) -> String {
    let (mut length, mut line) = (0, String::new());
    while line != "\r\n" {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "closed");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn a_hundred_thousand_secret_ids_take_bounded_memory() {
    let site = Site::new("[log]\nfilter = 'warn'\n");
    let address = site.address;
    let warm = site.attacker.run(|| refusals(address, 0..1000));
    let (idle, _) = site.memory();
    let refused: usize = site.attacker.run(|| {
        std::thread::scope(|scope| {
            let share = KEYS / THREADS;
            let callers: Vec<_> = (0..THREADS)
                .map(|part| {
                    scope.spawn(move || refusals(address, part * share..(part + 1) * share))
                })
                .collect();
            callers
                .into_iter()
                .map(|caller| caller.join().unwrap())
                .sum()
        })
    });
    assert_eq!((warm, refused), (1000, KEYS));
    let (_, peak) = site.memory();
    assert!(
        peak < idle + MEMORY,
        "{peak} KiB of memory, idle {idle} KiB"
    );
    site.answers_a_friend(1);
}
