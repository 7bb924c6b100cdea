//! Keys and certificate requests, our own and others'.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use ca::key::{self, KeyKind, PrivateKey};
use ca::request::{CertificateRequest, Error};
use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, PublicKeyData as _};

#[test]
fn our_own_request_verifies_and_carries_the_key() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let key = PrivateKey::generate(kind).unwrap();
        let csr = key.csr("db1.example").unwrap();

        let request = CertificateRequest::from_der(&csr).unwrap();

        assert_eq!(request, CertificateRequest::of(&key));
        assert_eq!(request.public_key_der(), key.public_key_der());
    }
}

#[test]
fn a_request_with_a_broken_signature_is_refused() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let mut csr = PrivateKey::generate(kind)
            .unwrap()
            .csr("db1.example")
            .unwrap();
        *csr.last_mut().unwrap() ^= 1;
        let error = CertificateRequest::from_der(&csr).unwrap_err();
        assert_eq!(error, Error::Signature);
        assert_eq!(
            error.to_string(),
            "the request's own signature does not verify: it was damaged, or the asker does not have the key that it names, or it was signed with anything but SHA-256, SHA-384 or SHA-512"
        );
    }
}

#[test]
fn a_request_for_somebody_elses_key_is_refused() {
    let (own, other) = (ecdsa(), ecdsa());
    let csr = own.csr("db1.example").unwrap();
    let public = own.public_key_der();
    let at = csr
        .windows(public.len())
        .position(|window| window == public)
        .unwrap();

    let mut swapped = csr;
    swapped[at..at + public.len()].copy_from_slice(&other.public_key_der());

    assert_eq!(
        CertificateRequest::from_der(&swapped),
        Err(Error::Signature)
    );
}

#[test]
fn a_request_in_pem_is_read_under_both_names() {
    let key = KeyPair::generate().unwrap();
    let pem = rcgen_request(&key, &CertificateParams::default());
    let read = CertificateRequest::from_pem(&pem).unwrap();
    assert_eq!(read.public_key_der(), key.subject_public_key_info());

    let older = pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    assert_eq!(CertificateRequest::from_pem(&older), Ok(read));

    let other = pem.replace("CERTIFICATE REQUEST", "PUBLIC KEY");
    assert_eq!(
        CertificateRequest::from_pem(&other)
            .unwrap_err()
            .to_string(),
        "this is no certificate request (PKCS#10): the PEM block is a `PUBLIC KEY`"
    );
}

#[test]
fn a_request_for_p384_is_good_and_one_for_ed25519_is_not() {
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let pem = rcgen_request(&p384, &CertificateParams::default());
    assert!(CertificateRequest::from_pem(&pem).is_ok());

    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let pem = rcgen_request(&ed25519, &CertificateParams::default());
    assert_eq!(
        CertificateRequest::from_pem(&pem).unwrap_err().to_string(),
        "the request is for a key of the algorithm 1.3.101.112; certificates are issued for ECDSA keys on P-256 or P-384, and for RSA keys with 2048 to 8192 bits"
    );
}

#[test]
fn what_is_no_request_is_refused_with_the_reason() {
    for (bytes, reason) in [
        (
            vec![],
            "ASN.1 DER message is incomplete: expected 1, actual 0 at DER byte 0",
        ),
        (
            b"-----BEGIN".to_vec(),
            "unknown/unsupported ASN.1 DER tag: 0x2d at DER byte 1",
        ),
    ] {
        assert_eq!(
            CertificateRequest::from_der(&bytes)
                .unwrap_err()
                .to_string(),
            format!("this is no certificate request (PKCS#10): {reason}")
        );
    }
}

#[test]
fn a_request_gives_nothing_of_what_it_asks_for() {
    use ca::authority::{Authority, Order, Profile, SERVER_LIFETIME, Serial};
    use x509_parser::prelude::*;

    let mut params = CertificateParams::new(["bank.example".to_owned()]).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "bank.example");
    // basicConstraints, critical, CA:TRUE
    let mut ca_true =
        CustomExtension::from_oid_content(&[2, 5, 29, 19], vec![0x30, 0x03, 0x01, 0x01, 0xff]);
    ca_true.set_criticality(true);
    params.custom_extensions.push(ca_true);
    let pem = rcgen_request(&KeyPair::generate().unwrap(), &params);
    let request = CertificateRequest::from_pem(&pem).unwrap();

    let now = 1_795_490_000;
    let authority = Authority::new_root("Root", Serial::from_random([1; 16]), now).unwrap();
    let order = Order {
        profile: Profile::DatabaseServer,
        common_name: "db1".to_owned(),
        names: vec!["db1.example".parse().unwrap()],
        lifetime: SERVER_LIFETIME,
    };
    let issued = authority
        .issue(&request, &order, Serial::from_random([2; 16]), now)
        .unwrap();

    let (_, leaf) = X509Certificate::from_der(&issued.leaf).unwrap();
    assert!(!leaf.is_ca());
    assert_eq!(leaf.subject().to_string(), "CN=db1");
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    assert_eq!(
        names.value.general_names,
        [GeneralName::DNSName("db1.example")]
    );
    assert!(
        !issued
            .leaf
            .windows(12)
            .any(|window| window == b"bank.example")
    );
}

#[test]
fn a_key_is_the_same_after_pem_and_after_der() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let key = PrivateKey::generate(kind).unwrap();
        assert_eq!(key.kind(), Some(kind));

        let from_pem = PrivateKey::from_pem(&key.to_pem()).unwrap();
        let from_der = PrivateKey::from_pkcs8_der(&key.to_der()).unwrap();

        for read in [from_pem, from_der] {
            assert_eq!(*read.to_der(), *key.to_der());
            assert_eq!(read.public_key_der(), key.public_key_der());
            assert_eq!(read.kind(), Some(kind));
        }
    }
}

#[test]
fn the_kinds_of_keys_are_spelled_as_in_configurations() {
    for (kind, text) in [
        (KeyKind::EcdsaP256, "\"ecdsa-p256\""),
        (KeyKind::Rsa2048, "\"rsa-2048\""),
    ] {
        assert_eq!(serde_json::to_string(&kind).unwrap(), text);
        assert_eq!(serde_json::from_str::<KeyKind>(text).unwrap(), kind);
    }
    assert_eq!(KeyKind::default(), KeyKind::EcdsaP256);
}

#[test]
fn a_key_in_another_form_is_refused_with_the_command_that_converts_it() {
    let pem = ecdsa().to_pem().to_string();
    for (text, found) in [
        (
            pem.replace("PRIVATE KEY", "EC PRIVATE KEY"),
            "found `EC PRIVATE KEY`",
        ),
        (
            pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            "found `ENCRYPTED PRIVATE KEY`",
        ),
        ("secret".to_owned(), "found none"),
        (
            pem.repeat(2),
            "found something else or more: PEM error: PEM Base64 error: invalid Base64 encoding",
        ),
    ] {
        assert_eq!(
            key_error(PrivateKey::from_pem(&text)).to_string(),
            format!(
                "expected one PEM block `PRIVATE KEY`, {found}; `openssl pkey -in FILE` writes any key in this form"
            )
        );
    }
}

#[test]
fn a_key_of_another_algorithm_is_refused() {
    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    assert_eq!(
        key_error(PrivateKey::from_pkcs8_der(ed25519.serialized_der())).to_string(),
        "the private key is for the algorithm 1.3.101.112; keys can be ECDSA on P-256 or P-384, or RSA with 2048 to 4096 bits"
    );
}

#[test]
fn a_key_that_contradicts_itself_is_refused() {
    let (one, other) = (ecdsa().to_der(), ecdsa().to_der());
    let half = one.len() - 65; // the public key stands at the end
    let mixed = [&one[..half], &other[half..]].concat();
    assert_eq!(
        key_error(PrivateKey::from_pkcs8_der(&mixed)).to_string(),
        "the private key cannot be used: InconsistentComponents; keys can be ECDSA on P-256 or P-384 with their public key inside, or RSA with 2048 to 4096 bits"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(CertificateRequest::from_der(&bytes).is_err());
        prop_assert!(PrivateKey::from_pkcs8_der(&bytes).is_err());
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(CertificateRequest::from_pem(&text).is_err());
        prop_assert!(PrivateKey::from_pem(&text).is_err());
    }

    /// Damaged ones get much further than noise does. Every byte of a request is covered by its signature or by DER.
    #[test]
    fn a_damaged_request_is_refused(at in 0usize..1000, flip in 1u8..=255) {
        let mut csr = fixed_key().csr("db1.example").unwrap();
        let at = at % csr.len();
        csr[at] ^= flip;
        prop_assert!(CertificateRequest::from_der(&csr).is_err());
    }

    #[test]
    fn a_damaged_key_is_refused_or_another_one(at in 0usize..1000, flip in 1u8..=255) {
        let mut der = fixed_key().to_der();
        let at = at % der.len();
        der[at] ^= flip;
        if let Ok(key) = PrivateKey::from_pkcs8_der(&der) {
            let csr = key.csr("db1.example").unwrap();
            prop_assert!(CertificateRequest::from_der(&csr).is_ok());
        }
    }
}

fn ecdsa() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcdsaP256).unwrap()
}

fn fixed_key() -> &'static PrivateKey {
    static KEY: std::sync::LazyLock<PrivateKey> = std::sync::LazyLock::new(ecdsa);
    &KEY
}

fn rcgen_request(key: &KeyPair, params: &CertificateParams) -> String {
    params
        .serialize_request(key)
        .unwrap()
        .pem()
        .unwrap()
        .replace("\r\n", "\n")
}

/// A key has no `Debug`, so `unwrap_err` is not to be had.
fn key_error(result: Result<PrivateKey, key::Error>) -> key::Error {
    match result {
        Ok(_) => panic!("the key was accepted"),
        Err(error) => error,
    }
}
