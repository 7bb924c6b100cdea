//! Any bytes as the certificates of a server: they are told, bundled, and never trusted.
#![no_main]

use std::time::Duration;

use dbtls::{LoginOutcome, Observation, Report, Status, Tls, Trust};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let chain: Vec<Vec<u8>> = data.split(|byte| *byte == b'\n').take(4).map(<[u8]>::to_vec).collect();
    let tls = Tls { version: "TLSv1.3".into(), cipher: String::new(), chain: chain.clone(), signature_checked: false };
    let seen = Observation { status: Status::On, reason: None, greeting: None, tls: Some(tls), login: LoginOutcome::NotTried, took: Duration::ZERO };
    let target = "db.example.com:3306".parse().expect("a target");
    let report = Report::of(&target, &seen, &Trust::none(), &[], 1_795_490_000);
    assert!(!report.chain_verifies, "nobody is trusted");
    let _ = ca::bundle::Bundle::new(dbtls::anchors(&chain).certificates);
});
