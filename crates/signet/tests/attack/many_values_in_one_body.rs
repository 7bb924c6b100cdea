//! A body of many small values takes many times its size in memory. They are counted over all parts of a body.

use std::fs;

use server::api::action::Product::Cdb;

use crate::signing::{ROOT, Request, fails};
use crate::support::Place;

/// 60 parts of 60,000 values each: every part alone is within the limit.
fn multipart() -> Vec<u8> {
    let part = format!("[{}]", vec!["0"; 60_000].join(","));
    let parts = (0..60).map(|number| {
        format!("--B\r\nContent-Disposition: form-data; name=\"N{number}\"\r\nContent-Type: application/json\r\n\r\n{part}\r\n")
    });
    (parts.collect::<String>() + "--B--\r\n").into_bytes()
}

#[test]
fn values_are_counted_over_all_parts() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let mut request = Request::post(address, Cdb, "DescribeDBInstances", "")
        .with("Content-Type", "multipart/form-data; boundary=B");
    request.body = multipart();
    let answer = request.signed_by_sdk(ROOT).send(address);
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
