//! What a signature costs to verify. The request is that of the Python SDK for `DescribeSSLStatus`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method};
use wire::{Envelope, Proof, Request, SecretId, SecretKey, parse, tc3, v1};

const HOST: &str = "127.0.0.1:7780";
const BODY: &[u8] = br#"{"InstanceId": "cdb-je5dfmdl"}"#;

criterion_group!(benches, tc3_verification, v1_verification, parsing);
criterion_main!(benches);

fn key() -> SecretKey {
    SecretKey::new("EXAMPLEKEYEXAMPLEKEYEXAMPLEKEYEX")
}

fn tc3_headers() -> HeaderMap {
    let request = tc3::Unsigned {
        method: &Method::POST,
        host: HOST,
        content_type: "application/json",
        query: "",
        body: BODY,
        service: "cdb",
        timestamp: 1_700_000_000,
        headers: &[],
    };
    let id = SecretId::new("AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE").expect("a good id");
    let authorization = tc3::authorization(&id, &key(), &request);
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static(HOST));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-tc-action", HeaderValue::from_static("DescribeSSLStatus"));
    headers.insert("x-tc-version", HeaderValue::from_static("2017-03-20"));
    headers.insert("x-tc-timestamp", HeaderValue::from_static("1700000000"));
    headers.insert("x-tc-region", HeaderValue::from_static("ap-guangzhou"));
    headers.insert("x-tc-language", HeaderValue::from_static("zh-CN"));
    headers.insert(
        "authorization",
        HeaderValue::from_str(&authorization).expect("visible ASCII"),
    );
    headers
}

fn post<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Request<'a> {
    Request {
        method: &Method::POST,
        host: HOST,
        query: "",
        headers,
        body,
    }
}

fn tc3_proof<'e, 'a>(envelope: &'e Envelope<'a>) -> &'e tc3::Proof<'a> {
    match &envelope.proof {
        Proof::Tc3(proof) => proof,
        _ => panic!("signed with TC3"),
    }
}

fn tc3_verification(criterion: &mut Criterion) {
    let headers = tc3_headers();
    let request = post(&headers, BODY);
    let envelope = parse(&request).expect("a good request");
    let proof = tc3_proof(&envelope);
    let secret = key();
    let cached = tc3::SigningKey::derive(&secret, proof.date, proof.service);
    assert!(proof.verify(&cached));
    criterion.bench_function("tc3/verify, derived key cached", |bencher| {
        bencher.iter(|| black_box(proof).verify(black_box(&cached)));
    });
    criterion.bench_function("tc3/verify, key derived anew", |bencher| {
        bencher.iter(|| {
            black_box(proof).verify(&tc3::SigningKey::derive(
                black_box(&secret),
                proof.date,
                proof.service,
            ))
        });
    });
}

fn v1_verification(criterion: &mut Criterion) {
    for method in ["HmacSHA1", "HmacSHA256"] {
        let parameters = [
            ("Action", "DescribeSSLStatus"),
            ("InstanceId", "cdb-je5dfmdl"),
            ("Language", "zh-CN"),
            ("Nonce", "1299333319599695547"),
            ("Region", "ap-guangzhou"),
            ("RequestClient", "SDK_PYTHON_3.1.192"),
            ("SecretId", "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE"),
            ("SignatureMethod", method),
            ("Timestamp", "1700000000"),
            ("Version", "2017-03-20"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = v1::sign(&key(), &Method::POST, HOST, &parameters);
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-type",
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let request = post(&headers, body.as_bytes());
        let envelope = parse(&request).expect("a good request");
        let Proof::V1(proof) = &envelope.proof else {
            panic!("signed with v1")
        };
        let secret = key();
        assert!(proof.verify(&secret));
        criterion.bench_function(&format!("v1/verify, {method}"), |bencher| {
            bencher.iter(|| black_box(proof).verify(black_box(&secret)));
        });
    }
}

fn parsing(criterion: &mut Criterion) {
    let headers = tc3_headers();
    let request = post(&headers, BODY);
    criterion.bench_function("envelope/parse, TC3", |bencher| {
        bencher.iter(|| {
            parse(black_box(&request))
                .map(|envelope| envelope.timestamp)
                .ok()
        });
    });
    let envelope = parse(&request).expect("a good request");
    criterion.bench_function("envelope/parameters, JSON", |bencher| {
        bencher.iter(|| black_box(&envelope).parameters().ok());
    });
}
