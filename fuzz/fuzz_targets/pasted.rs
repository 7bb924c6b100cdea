//! Any bytes as a request that somebody pasted, because he wants to know why its signature is wrong.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::SecretKey;
use wire::doctor::{Pasted, Question, Verdict, diagnose};

fuzz_target!(|data: &[u8]| {
    let Ok(request) = Pasted::read(data) else { return };
    let own = String::from_utf8_lossy(data);
    let diagnosis = diagnose(&Question {
        request: &request,
        secret_id: "AKIDEXAMPLE",
        secret_key: &SecretKey::new("secret"),
        now: 1_700_000_000,
        canonical_request: Some(&own),
        string_to_sign: Some(&own),
    });
    assert_ne!(diagnosis.verdict, Verdict::Right, "nobody signed this");
});
