//! Any bytes as a request: the first line is the query, the lines up to an empty one are headers, the rest is the body.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use wire::{Proof, Request, SecretKey, tc3};

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let query = lines.next().map(String::from_utf8_lossy).unwrap_or_default();
    let mut headers = HeaderMap::new();
    let mut read = query.len() + 1;
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        read += line.len() + 1;
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(&line[at + 1..])) {
            headers.append(name, value);
        }
    }
    let body = data.get(read..).unwrap_or_default();
    for method in [Method::GET, Method::POST] {
        let request = Request { method: &method, host: "127.0.0.1:7780", query: &query, headers: &headers, body };
        let Ok(envelope) = wire::parse(&request) else { continue };
        let key = SecretKey::new("secret".to_owned());
        let verified = match &envelope.proof {
            Proof::Tc3(proof) => proof.verify(&tc3::SigningKey::derive(&key, proof.date, proof.service)),
            Proof::V1(proof) => proof.verify(&key),
            Proof::Skip => false,
        };
        assert!(!verified, "nobody signed this");
        let _ = envelope.parameters();
    }
});
