use std::time::Duration;

use ca::key::PrivateKey;
use ca::request::CertificateRequest;
use dbtls::{LoginOutcome, Observation, Report, Status, Tls, Trust};

/// Certificates that a server serves, up to four of them, each after two bytes of its length. They are described and bundled, and trusted by
/// nobody.
pub(crate) fn served(data: &[u8]) {
    let chain = chain(data);
    let tls = Tls {
        version: "TLSv1.3".into(),
        cipher: String::new(),
        chain: chain.clone(),
        signature_checked: false,
    };
    let seen = Observation {
        status: Status::On,
        reason: None,
        greeting: None,
        tls: Some(tls),
        login: LoginOutcome::NotTried,
        took: Duration::ZERO,
    };
    let target = "db.example.com:3306".parse().expect("a target");
    let report = Report::of(&target, &seen, &Trust::none(), &[], 1_795_490_000);
    assert!(!report.chain_verifies, "nobody is trusted");
    assert_eq!(report.chain.len(), chain.len());
    let anchors = dbtls::anchors(&chain).certificates;
    assert!(anchors.len() <= chain.len());
    let _ = ca::bundle::Bundle::new(anchors);
    if let Ok(trust) = Trust::from_ders(chain) {
        let _ = Report::of(&target, &seen, &trust, &[], 1_795_490_000);
    }
}

fn chain(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut chain = Vec::new();
    while let ([high, low, rest @ ..], true) = (data, chain.len() < 4) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (one, rest) = rest.split_at(length.min(rest.len()));
        chain.push(one.to_vec());
        data = rest;
    }
    chain
}

/// A certificate request, DER or PEM. One that is accepted has a public key.
pub(crate) fn csr(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = CertificateRequest::from_der(data);
    for request in [read, CertificateRequest::from_pem(&text)]
        .into_iter()
        .flatten()
    {
        assert!(!request.public_key_der().is_empty());
    }
}

/// A private key, DER or PEM. What is written is read back.
pub(crate) fn private_key(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = PrivateKey::from_pkcs8_der(data);
    for key in [read, PrivateKey::from_pem(&text)].into_iter().flatten() {
        let again = PrivateKey::from_pem(&key.to_pem()).expect("its own PEM is read");
        assert_eq!(again.to_der(), key.to_der());
        assert_eq!(again.public_key_der(), key.public_key_der());
    }
}

/// Certificates in PEM, as operators register them. Both readers find the same number.
pub(crate) fn pem(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = ca::authority::certificates_from_pem(&text);
    if let (Ok(certificates), Ok(trust)) = (read, Trust::from_pem(text.as_bytes())) {
        assert_eq!(certificates.len(), trust.certificates().count());
    }
}
