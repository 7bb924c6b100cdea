//! What a certificate costs to issue: the key, the request, the signature.

use std::hint::black_box;

use ca::authority::{Authority, Order, Profile, SERVER_LIFETIME, Serial};
use ca::key::{KeyKind, PrivateKey};
use ca::request::CertificateRequest;
use criterion::{Criterion, criterion_group, criterion_main};

const NOW: i64 = 1_795_490_000;

criterion_group!(benches, issuing);
criterion_main!(benches);

fn authority() -> Authority {
    Authority::new_root("Signet root", Serial::from_random([1; 16]), NOW).expect("a good root")
}

fn order() -> Order {
    let names = ["db1.example.com", "db.example.com", "10.0.0.5"];
    Order {
        profile: Profile::DatabaseServer,
        common_name: "cdb-c1nl9rpv".to_owned(),
        names: names.map(|name| name.parse().expect("a good name")).into(),
        lifetime: SERVER_LIFETIME,
    }
}

fn new_key() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcdsaP256).expect("randomness")
}

fn issuing(criterion: &mut Criterion) {
    let (authority, order, serial) = (authority(), order(), Serial::from_random([2; 16]));
    let issue = |request: &CertificateRequest| {
        authority
            .issue(request, black_box(&order), serial, NOW)
            .expect("a good order")
    };
    criterion.bench_function("issue/P-256 key and certificate", |bencher| {
        bencher.iter(|| {
            let key = new_key();
            (issue(&CertificateRequest::of(&key)), key)
        });
    });
    criterion.bench_function("issue/P-256 key alone", |bencher| bencher.iter(new_key));
    let request = CertificateRequest::of(&new_key());
    criterion.bench_function("issue/certificate alone", |bencher| {
        bencher.iter(|| issue(black_box(&request)));
    });
    let csr = new_key().csr("db1.example.com").expect("a good name");
    criterion.bench_function("issue/request verified", |bencher| {
        bencher.iter(|| CertificateRequest::from_der(black_box(&csr)).expect("a good request"));
    });
}
