//! A body of many small values takes many times its size in memory. They are counted over all parts of a body.

use std::fs;

use server::api::action::Product::Signet;

use crate::signing::{ROOT, Request, fails};
use crate::support::Place;

/// 7 parts of 60,000 values each: every part alone is within the limit, and all of them within the size that the action takes.
fn multipart() -> Vec<u8> {
    let part = format!("[{}]", vec!["0"; 60_000].join(","));
    let parts = (0..7).map(|number| {
        format!("--B\r\nContent-Disposition: form-data; name=\"N{number}\"\r\nContent-Type: application/json\r\n\r\n{part}\r\n")
    });
    (parts.collect::<String>() + "--B--\r\n").into_bytes()
}

#[test]
fn values_are_counted_over_all_parts() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let mut request = Request::post(address, Signet, "ModifyInstance", "")
        .with("Content-Type", "multipart/form-data; boundary=B");
    request.body = multipart();
    let answer = request.signed(ROOT).send(address);
    let status = fs::read_to_string(format!("/proc/{}/status", served.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    fails(
        &answer,
        "InvalidParameter",
        "The request has more than 65536 parameter values.",
    );
    assert!(peak < 256 << 10, "{peak} kB");
}
