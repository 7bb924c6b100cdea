//! Whatever bytes come from outside: an answer, never a panic.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use crate::{
    CertificateReport, LoginOutcome, Name, Observation, Report, Status, Target, Tls, Trust,
    anchors, greeting, obsolete,
    packet::{self, parse_error, printable},
};

/// A certificate of which a few bytes were changed: what gets deeper into the parsers than noise does.
fn mutilated_certificate() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "db1.example.com".to_owned(),
        "192.0.2.1".to_owned(),
        "*.example.com".to_owned(),
    ];
    let der = rcgen::generate_simple_self_signed(names)
        .unwrap()
        .cert
        .der()
        .to_vec();
    let length = der.len();
    (vec((0..length, any::<u8>()), 0..6), 0..=length).prop_map(move |(changes, cut)| {
        let mut der = der.clone();
        for (at, byte) in changes {
            der[at] = byte;
        }
        // Every second one is whole.
        der.truncate(if cut % 2 == 0 { length } else { cut });
        der
    })
}

fn chains() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(
        prop_oneof![vec(any::<u8>(), 0..200), mutilated_certificate()],
        0..4,
    )
}

proptest! {
    #[test]
    fn a_first_packet(payload in vec(any::<u8>(), 0..200)) {
        let _ = greeting::parse(&payload);
        let _ = greeting::parse(&[&[10], &payload[..]].concat());
        let _ = greeting::parse(&[b"\x0a5.5.5-10\0", &payload[..]].concat());
    }

    #[test]
    fn an_error_packet(payload in vec(any::<u8>(), 0..700)) {
        if let Some(error) = parse_error(&[&[0xff], &payload[..]].concat()) {
            prop_assert!(error.text.chars().count() <= 512 && !error.text.contains(char::is_control));
        }
    }

    #[test]
    fn a_text(bytes in vec(any::<u8>(), 0..100), longest in 0_usize..50) {
        let text = printable(&bytes, longest);
        prop_assert!(text.chars().count() <= longest && !text.contains(char::is_control));
    }

    #[test]
    fn a_packet(bytes in vec(any::<u8>(), 0..100)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _ = runtime.block_on(packet::read(&mut &bytes[..], crate::Step::Login));
    }

    #[test]
    fn the_first_messages_of_a_handshake(hello in vec(any::<u8>(), 0..120), certificates in vec(any::<u8>(), 0..200)) {
        let _ = obsolete::parse(&hello);
        let message = |kind: u8, body: &[u8]| [&[kind, 0, 0, u8::try_from(body.len()).unwrap()], body].concat();
        let _ = obsolete::parse(&[message(2, &hello), message(11, &certificates)].concat());
    }

    #[test]
    fn a_target(text in ".{0,40}") {
        if let Ok(target) = text.parse::<Target>() {
            prop_assert_eq!(target.to_string().parse(), Ok(target));
        }
    }

    #[test]
    fn a_chain(chain in chains(), trusted in chains(), now in any::<i64>()) {
        let trust = Trust::from_ders(trusted).unwrap_or_default();
        let target: Target = "db1.example.com".parse().unwrap();
        let names: Vec<Name> = ["192.0.2.1", "x.example.com"].map(|name| name.parse().unwrap()).into();
        let tls = Tls { version: String::new(), cipher: String::new(), chain: chain.clone(), signature_checked: true };
        let observation = Observation {
            status: Status::On, reason: None, greeting: None, tls: Some(tls), login: LoginOutcome::Nobody, took: Duration::ZERO,
        };
        let report = Report::of(&target, &observation, &trust, &names, now);
        prop_assert_eq!(report.chain.len(), chain.len());
        prop_assert!(anchors(&chain).certificates.len() <= chain.len());
        let _ = trust.vouches_for(&chain);
    }

    #[test]
    fn a_certificate(der in mutilated_certificate()) {
        prop_assert_eq!(CertificateReport::of(&der).sha256.len(), 64);
    }
}
