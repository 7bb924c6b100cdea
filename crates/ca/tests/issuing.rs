//! What the authority issues and refuses.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::time::Duration;

use ca::authority::{
    Authority, CLOCK_SKEW, Error, Issued, Order, Profile, SERVER_LIFETIME, Serial,
};
use ca::key::{KeyKind, PrivateKey};
use ca::request::CertificateRequest;
use x509_parser::prelude::*;

const NOW: i64 = 1_795_490_000; // 24 November 2026
const DAY: i64 = 24 * 60 * 60;

#[test]
fn a_certificate_of_a_database_server_says_what_was_ordered_and_no_more() {
    let authority = root();
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let order = Order {
        names: names(&["db1.example", "10.0.0.5", "::1", "db1.example"]),
        ..order(Profile::DatabaseServer)
    };

    let issued = issue(&authority, &key, &order).unwrap();

    let (rest, leaf) = X509Certificate::from_der(&issued.leaf).unwrap();
    assert!(rest.is_empty());
    assert_eq!(leaf.version(), X509Version::V3);
    assert_eq!(leaf.subject().to_string(), "CN=cdb-c1nl9rpv");
    assert_eq!(leaf.issuer().to_string(), "CN=Signet test root");
    assert_eq!(leaf.public_key().raw, key.public_key_der());
    assert_eq!(leaf.raw_serial(), [0x41; 16]);
    assert_eq!(issued.serial.to_string(), "41".repeat(16));
    assert_eq!(leaf.validity().not_before.timestamp(), NOW - CLOCK_SKEW);
    assert_eq!(leaf.validity().not_after.timestamp(), NOW + 90 * DAY);
    assert_eq!(
        (issued.not_before, issued.not_after),
        (NOW - CLOCK_SKEW, NOW + 90 * DAY)
    );
    assert_eq!(
        extensions(&leaf),
        [
            "critical BasicConstraints { ca: false, path_len_constraint: None }",
            "critical Digital Signature",
            "server auth",
            "SubjectKeyIdentifier",
            "AuthorityKeyIdentifier",
            "DNSName(db1.example), IPAddress(0a:00:00:05), IPAddress(00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:01)",
        ]
    );
    assert_eq!(issued.intermediates, Vec::<Vec<u8>>::new());
    assert_eq!(issued.sha256.len(), 64);
}

#[test]
fn the_root_certificate_is_a_ca_for_twenty_years() {
    let authority = root();

    assert_eq!(authority.common_name(), "Signet test root");
    assert_eq!(authority.chain().len(), 1);
    assert_eq!(authority.anchors(), authority.chain());
    assert_eq!(authority.intermediates(), Vec::<Vec<u8>>::new());
    assert_eq!(authority.not_after(), NOW + 7305 * DAY);
    let (_, root) = X509Certificate::from_der(&authority.chain()[0]).unwrap();
    assert_eq!(root.subject(), root.issuer());
    assert_eq!(
        root.validity().not_after.to_string(),
        "Nov 24 03:13:20 2046 +00:00"
    );
    assert_eq!(
        extensions(&root),
        [
            "critical BasicConstraints { ca: true, path_len_constraint: Some(0) }",
            "critical Key Cert Sign, CRL Sign",
            "SubjectKeyIdentifier",
        ]
    );
    assert_eq!(authority.id().len(), 64);
    assert!(authority.id().starts_with(authority.short_id()));
}

#[test]
fn what_a_profile_is_for_decides_the_usages() {
    let authority = root();
    let ecdsa = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let rsa = PrivateKey::generate(KeyKind::Rsa2048).unwrap();
    for (profile, key, usages) in [
        (
            Profile::DatabaseServer,
            &ecdsa,
            ["critical Digital Signature", "server auth"],
        ),
        (
            Profile::AgentListener,
            &ecdsa,
            ["critical Digital Signature", "server auth"],
        ),
        (
            Profile::AgentClient,
            &ecdsa,
            ["critical Digital Signature", "client auth"],
        ),
        (
            Profile::AgentClient,
            &rsa,
            ["critical Digital Signature", "client auth"],
        ),
        (
            Profile::DatabaseServer,
            &rsa,
            [
                "critical Digital Signature, Key Encipherment",
                "server auth",
            ],
        ),
    ] {
        let issued = issue(&authority, key, &order(profile)).unwrap();
        let (_, leaf) = X509Certificate::from_der(&issued.leaf).unwrap();
        assert_eq!(extensions(&leaf)[1..3], usages, "{profile:?}");
    }
}

#[test]
fn a_certificate_ends_with_its_authority() {
    let authority = root();
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let serial = Serial::from_random([1; 16]);
    let request = CertificateRequest::of(&key);
    let order = order(Profile::DatabaseServer);

    let late = authority.not_after() - DAY;
    let issued = authority.issue(&request, &order, serial, late).unwrap();
    assert_eq!(issued.not_before, late - CLOCK_SKEW);
    assert_eq!(issued.not_after, authority.not_after());

    let too_late = authority.not_after();
    let error = authority
        .issue(&request, &order, serial, too_late)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the authority `Signet test root` expired at 2046-11-24T03:13:20Z"
    );
}

#[test]
fn an_order_that_no_client_would_accept_is_refused() {
    let authority = root();
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let refusal = |order: Order| issue(&authority, &key, &order).unwrap_err().to_string();

    for profile in [Profile::DatabaseServer, Profile::AgentListener] {
        let nameless = Order {
            names: Vec::new(),
            ..order(profile)
        };
        assert_eq!(
            refusal(nameless),
            "a certificate for a server needs at least one name: a host name or an address"
        );
    }
    let momentary = Order {
        lifetime: Duration::from_millis(999),
        ..order(Profile::DatabaseServer)
    };
    assert_eq!(
        refusal(momentary),
        "a certificate must last for a second at least"
    );
    for (common_name, counted) in [
        ("", "0: ``".to_owned()),
        ("a\nb", "3: `a\\nb`".to_owned()),
        (&"x".repeat(65), format!("65: `{}`", "x".repeat(64))),
    ] {
        let order = Order {
            common_name: common_name.to_owned(),
            ..order(Profile::AgentClient)
        };
        assert_eq!(
            refusal(order),
            format!(
                "a common name has 1 to 64 characters and no control characters; this has {counted}"
            )
        );
    }
}

#[test]
fn an_agents_certificate_needs_no_names() {
    let authority = root();
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let nameless = Order {
        names: Vec::new(),
        ..order(Profile::AgentClient)
    };

    let issued = issue(&authority, &key, &nameless).unwrap();

    let (_, leaf) = X509Certificate::from_der(&issued.leaf).unwrap();
    assert_eq!(extensions(&leaf)[5..], ["URI(urn:signet:role:agent)"]);
}

#[test]
fn only_the_control_plane_and_agents_get_their_marks() {
    let (authority, key) = (root(), PrivateKey::generate(KeyKind::EcdsaP256).unwrap());
    for (profile, names) in [
        (Profile::DatabaseServer, "DNSName(db1.example)"),
        (
            Profile::AgentListener,
            "DNSName(db1.example), URI(urn:signet:role:control-plane)",
        ),
        (
            Profile::AgentClient,
            "DNSName(db1.example), URI(urn:signet:role:agent)",
        ),
    ] {
        let issued = issue(&authority, &key, &order(profile)).unwrap();
        let (_, leaf) = X509Certificate::from_der(&issued.leaf).unwrap();
        assert_eq!(extensions(&leaf)[5], names, "{profile:?}");
    }
}

#[test]
fn a_limited_root_says_so_and_issues_for_its_names_alone() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    for (permitted, good, bad) in [
        (&["db.example"][..], "a.db.example", "db1.example"),
        (&["*.db.example", "10.0.0.0/8"], "10.1.2.3", "192.0.2.1"),
        (&["db.example"], "db.example", "10.0.0.1"),
        (&["10.0.0.0/8"], "10.255.0.1", "db1.example"),
        (&["2001:db8::/32"], "2001:db8::1", "2001:db9::1"),
    ] {
        let permitted: Vec<_> = permitted.iter().map(|text| text.parse().unwrap()).collect();
        let serial = Serial::from_random([7; 16]);
        let authority =
            Authority::new_limited_root("Signet test root", &permitted, serial, NOW).unwrap();
        let for_name = |profile, name: &str| Order {
            names: names(&[name]),
            ..order(profile)
        };
        for profile in [Profile::DatabaseServer, Profile::AgentListener] {
            issue(&authority, &key, &for_name(profile, good)).unwrap();
            assert_eq!(
                issue(&authority, &key, &for_name(profile, bad))
                    .unwrap_err()
                    .to_string(),
                "clients would refuse a certificate of this authority: the nameConstraints of a certificate in its chain do not allow one of the names"
            );
        }
        let nameless = Order {
            names: Vec::new(),
            ..order(Profile::AgentClient)
        };
        issue(&authority, &key, &nameless).unwrap();
    }
}

#[test]
fn a_voucher_names_the_root_that_it_is_about() {
    let (one, two) = (root(), root());
    let serial = Serial::from_random([9; 16]);
    let voucher = one.vouch(&two.anchors()[0], serial, NOW).unwrap();
    let voucher = &ca::authority::certificates_from_pem(&voucher).unwrap()[0];
    let (_, leaf) = X509Certificate::from_der(voucher).unwrap();
    assert_eq!(
        extensions(&leaf)[5],
        format!("URI(urn:signet:root:{})", two.id())
    );
    assert_eq!(leaf.validity().not_after.timestamp(), NOW + DAY);
}

#[test]
fn an_authority_is_opened_again_from_what_was_kept_of_it() {
    let made = root();
    let key = PrivateKey::from_pkcs8_der(&made.key().to_der()).unwrap();

    let opened = Authority::open(key, made.chain().to_vec(), NOW + DAY).unwrap();

    assert_eq!(opened.id(), made.id());
    assert_eq!(opened.chain(), made.chain());
    assert_eq!(opened.not_after(), made.not_after());
}

fn root() -> Authority {
    Authority::new_root("Signet test root", Serial::from_random([7; 16]), NOW).unwrap()
}

fn order(profile: Profile) -> Order {
    Order {
        profile,
        common_name: "cdb-c1nl9rpv".to_owned(),
        names: names(&["db1.example"]),
        lifetime: SERVER_LIFETIME,
    }
}

fn names(texts: &[&str]) -> Vec<ca::authority::SubjectName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn issue(authority: &Authority, key: &PrivateKey, order: &Order) -> Result<Issued, Error> {
    let serial = Serial::from_random([0x41; 16]);
    authority.issue(&CertificateRequest::of(key), order, serial, NOW)
}

/// Each extension in words, `critical` before those that are.
fn extensions(certificate: &X509Certificate<'_>) -> Vec<String> {
    let words = |extension: &ParsedExtension<'_>| match extension {
        ParsedExtension::BasicConstraints(constraints) => format!("{constraints:?}"),
        ParsedExtension::KeyUsage(usage) => usage.to_string(),
        ParsedExtension::ExtendedKeyUsage(usage) => match (usage.server_auth, usage.client_auth) {
            (true, false) => "server auth".to_owned(),
            (false, true) => "client auth".to_owned(),
            _ => format!("{usage:?}"),
        },
        ParsedExtension::SubjectKeyIdentifier(_) => "SubjectKeyIdentifier".to_owned(),
        ParsedExtension::AuthorityKeyIdentifier(_) => "AuthorityKeyIdentifier".to_owned(),
        ParsedExtension::SubjectAlternativeName(names) => {
            let names = names.general_names.iter().map(ToString::to_string);
            names.collect::<Vec<_>>().join(", ")
        }
        other => format!("{other:?}"),
    };
    let of = |extension: &X509Extension<'_>| {
        let critical = if extension.critical { "critical " } else { "" };
        format!("{critical}{}", words(extension.parsed_extension()))
    };
    certificate.extensions().iter().map(of).collect()
}
