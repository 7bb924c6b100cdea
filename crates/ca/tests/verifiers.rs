//! What the verifiers of other people make of issued certificates: OpenSSL, webpki, Java. OpenSSL 3 and a JDK must be installed.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ca::authority::{Authority, Issued, Order, Profile, Reason, Revoked, SERVER_LIFETIME, Serial};
use ca::bundle::{Bundle, Format, STORE_PASSWORD};
use ca::key::{KeyKind, PrivateKey};
use ca::request::CertificateRequest;
use pki_types::{CertificateDer, ServerName, UnixTime};
use support::operator::{Key, Operator};
use support::{keytool, keytool_list, openssl, openssl_says, path, run};
use tempfile::{TempDir, tempdir};

mod support;

const DAY: i64 = 24 * 60 * 60;
const NAMES: [&str; 5] = [
    "db1.example",
    "*.replicas.example",
    "mysql_primary",
    "10.0.0.5",
    "2001:db8::5",
];

#[test]
fn openssl_accepts_a_server_for_its_use_under_each_of_its_names_and_no_other() {
    for pki in Pki::all() {
        for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
            let leaf = pki.write("leaf", &pki.issue(kind, Profile::DatabaseServer));
            for good in [
                vec!["-purpose", "sslserver", "-verify_hostname", "db1.example"],
                vec![
                    "-purpose",
                    "sslserver",
                    "-verify_hostname",
                    "r2.replicas.example",
                ],
                vec!["-purpose", "sslserver", "-verify_hostname", "mysql_primary"],
                vec!["-purpose", "sslserver", "-verify_ip", "10.0.0.5"],
                vec!["-purpose", "sslserver", "-verify_ip", "2001:db8::5"],
                vec!["-purpose", "sslserver", "-x509_strict"],
            ] {
                assert_eq!(
                    pki.verify(&leaf, &good),
                    Ok(()),
                    "{} {kind:?} {good:?}",
                    pki.name
                );
            }
            for (bad, error) in [
                (
                    vec!["-verify_hostname", "db2.example"],
                    "error 62 at 0 depth lookup: hostname mismatch",
                ),
                (
                    vec!["-verify_hostname", "a.b.replicas.example"],
                    "error 62 at 0 depth lookup: hostname mismatch",
                ),
                (
                    vec!["-verify_ip", "10.0.0.6"],
                    "error 64 at 0 depth lookup: IP address mismatch",
                ),
                (
                    vec!["-purpose", "sslclient"],
                    "error 26 at 0 depth lookup: unsuitable certificate purpose",
                ),
            ] {
                assert_eq!(
                    pki.verify(&leaf, &bad),
                    Err(error.to_owned()),
                    "{} {kind:?}",
                    pki.name
                );
            }
        }
    }
}

#[test]
fn openssl_accepts_an_agent_as_a_client_alone() {
    for pki in Pki::all() {
        let leaf = pki.write("leaf", &pki.issue(KeyKind::EcdsaP256, Profile::AgentClient));
        assert_eq!(
            pki.verify(&leaf, &["-purpose", "sslclient", "-x509_strict"]),
            Ok(()),
            "{}",
            pki.name
        );
        assert_eq!(
            pki.verify(&leaf, &["-purpose", "sslserver"]),
            Err("error 26 at 0 depth lookup: unsuitable certificate purpose".to_owned()),
            "{}",
            pki.name
        );
    }
}

#[test]
fn openssl_refuses_what_another_root_issued() {
    let [one, other] = [Pki::own(), Pki::own()];
    let leaf = one.write(
        "leaf",
        &other.issue(KeyKind::EcdsaP256, Profile::DatabaseServer),
    );
    // The other root has the same name; the identifier of its key is another.
    assert_eq!(
        one.verify(&leaf, &[]),
        Err("error 20 at 0 depth lookup: unable to get local issuer certificate".to_owned())
    );
}

#[test]
fn openssl_refuses_what_the_revocation_list_names() {
    for pki in Pki::all() {
        let issued = pki.issue(KeyKind::EcdsaP256, Profile::DatabaseServer);
        let leaf = pki.write("leaf", &issued);
        let others = [Reason::Superseded, Reason::CessationOfOperation].map(|reason| Revoked {
            serial: Serial::from_random([reason as u8; 16]),
            at: lab::now() - DAY,
            reason,
        });
        let this = Revoked {
            serial: issued.serial,
            at: lab::now(),
            reason: Reason::KeyCompromise,
        };

        assert_eq!(
            pki.verify(&leaf, &["-crl_check", "-CRLfile", &pki.crl(&[])]),
            Ok(()),
            "{}",
            pki.name
        );
        assert_eq!(
            pki.verify(&leaf, &["-crl_check", "-CRLfile", &pki.crl(&others)]),
            Ok(()),
            "{}",
            pki.name
        );
        let all = [others[0], this, others[1]];
        assert_eq!(
            pki.verify(&leaf, &["-crl_check", "-CRLfile", &pki.crl(&all)]),
            Err("error 23 at 0 depth lookup: certificate revoked".to_owned()),
            "{}",
            pki.name
        );
    }
}

#[test]
fn openssl_checks_a_whole_chain_of_our_own_root_against_its_one_list() {
    let pki = Pki::own();
    let leaf = pki.write(
        "leaf",
        &pki.issue(KeyKind::EcdsaP256, Profile::DatabaseServer),
    );
    assert_eq!(
        pki.verify(&leaf, &["-crl_check_all", "-CRLfile", &pki.crl(&[])]),
        Ok(())
    );
    assert_eq!(
        pki.verify(&leaf, &["-crl_check_all"]),
        Err("error 3 at 0 depth lookup: unable to get certificate CRL".to_owned())
    );
}

#[test]
fn openssl_reads_in_the_revocation_list_what_was_written() {
    for pki in Pki::all() {
        let revoked = [
            (Reason::Superseded, 0x11),
            (Reason::KeyCompromise, 0x22),
            (Reason::CessationOfOperation, 0x33),
        ]
        .map(|(reason, byte)| Revoked {
            serial: Serial::from_random([byte; 16]),
            at: 1_795_490_000,
            reason,
        });
        let list = pki.crl(&revoked);
        let authorities = pki.write_der("ca.pem", pki.authority.ca_pem().as_bytes());
        let verified = openssl(&["crl", "-noout", "-in", &list, "-CAfile", &authorities]);
        assert_eq!(verified.error, "verify OK\n", "{}", pki.name);

        let answer = openssl(&["crl", "-noout", "-text", "-in", &list]);
        let text: Vec<_> = answer
            .text()
            .lines()
            .map(|line| line.trim().to_owned())
            .collect();
        let after = |line: &str| {
            let at = text
                .iter()
                .position(|found| found.starts_with(line))
                .unwrap();
            text[at + 1].as_str()
        };
        assert!(text.contains(&"Version 2 (0x1)".to_owned()), "{text:?}");
        assert_eq!(after("X509v3 CRL Number"), "7");
        assert_eq!(
            after(&format!("Serial Number: {}", revoked[0].serial)),
            "Revocation Date: Nov 24 03:13:20 2026 GMT"
        );
        for (entry, reason) in
            revoked
                .iter()
                .zip(["Superseded", "Key Compromise", "Cessation Of Operation"])
        {
            let at = text
                .iter()
                .position(|line| line.ends_with(&entry.serial.to_string()))
                .unwrap();
            assert_eq!(text[at + 4], reason);
        }
    }
}

#[test]
fn webpki_accepts_and_refuses_the_same() {
    for pki in Pki::all() {
        let server = pki.issue(KeyKind::EcdsaP256, Profile::DatabaseServer);
        let server_auth = webpki::KeyUsage::server_auth;
        for name in [
            "db1.example",
            "r2.replicas.example",
            "10.0.0.5",
            "2001:db8::5",
        ] {
            assert_eq!(
                pki.webpki(&server, server_auth(), name, lab::now()),
                Ok(()),
                "{} {name}",
                pki.name
            );
        }
        for name in ["db2.example", "replicas.example", "10.0.0.6"] {
            let error = pki
                .webpki(&server, server_auth(), name, lab::now())
                .unwrap_err();
            assert!(
                matches!(error, webpki::Error::CertNotValidForName(_)),
                "{error:?}"
            );
        }
        let as_client = pki.webpki(
            &server,
            webpki::KeyUsage::client_auth(),
            "db1.example",
            lab::now(),
        );
        assert!(
            matches!(as_client, Err(webpki::Error::RequiredEkuNotFoundContext(_))),
            "{as_client:?}"
        );
        let late = pki.webpki(&server, server_auth(), "db1.example", server.not_after + 1);
        assert!(
            matches!(late, Err(webpki::Error::CertExpired { .. })),
            "{late:?}"
        );
        let early = pki.webpki(&server, server_auth(), "db1.example", server.not_before - 1);
        assert!(
            matches!(early, Err(webpki::Error::CertNotValidYet { .. })),
            "{early:?}"
        );

        let agent = pki.issue(KeyKind::EcdsaP256, Profile::AgentClient);
        let as_client = pki.webpki(
            &agent,
            webpki::KeyUsage::client_auth(),
            "db1.example",
            lab::now(),
        );
        assert_eq!(as_client, Ok(()), "{}", pki.name);
    }
}

/// `keytool` adds a certificate without a question only if it can verify it with those it trusts already.
#[test]
fn java_verifies_a_certificate_with_the_root_of_the_jks() {
    for pki in Pki::all() {
        let store = pki.bundle();
        let listed = keytool_list("JKS", &store, STORE_PASSWORD).succeeds();
        assert_eq!(
            listed.lines_with("trustedCertEntry").len(),
            1,
            "{}",
            listed.text()
        );

        let import = |alias: &str, file: &str| {
            let store = [
                "-storetype",
                "JKS",
                "-keystore",
                &store,
                "-storepass",
                STORE_PASSWORD,
            ];
            keytool(&[&["-importcert", "-alias", alias, "-file", file], &store[..]].concat()).error
        };
        let issued = pki.issue(KeyKind::EcdsaP256, Profile::DatabaseServer);
        for (index, intermediate) in issued.intermediates.iter().enumerate() {
            let file = pki.write_der(&format!("intermediate-{index}"), intermediate);
            let answer = import(&format!("intermediate-{index}"), &file);
            assert!(
                answer.contains("Certificate was added to keystore"),
                "{}: {answer}",
                pki.name
            );
        }
        let answer = import("leaf", &pki.write_der("java", &issued.leaf));
        assert!(
            answer.contains("Certificate was added to keystore"),
            "{}: {answer}",
            pki.name
        );

        let other = Pki::own().issue(KeyKind::EcdsaP256, Profile::DatabaseServer);
        let answer = import("other", &pki.write_der("other", &other.leaf));
        assert!(
            answer.contains("Certificate was not added to keystore"),
            "{}: {answer}",
            pki.name
        );
    }
}

#[test]
fn openssl_finds_our_request_and_our_keys_in_order() {
    let dir = tempdir().unwrap();
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let key = PrivateKey::generate(kind).unwrap();
        let (csr, pem) = (dir.path().join("csr"), dir.path().join("key"));
        fs::write(&csr, key.csr("db1.example").unwrap()).unwrap();
        fs::write(&pem, &*key.to_pem()).unwrap();

        let answer = openssl(&[
            "req",
            "-verify",
            "-noout",
            "-subject",
            "-inform",
            "DER",
            "-in",
            path(&csr),
        ]);
        assert_eq!(answer.text(), "subject=CN = db1.example\n");
        assert_eq!(
            answer.error,
            "Certificate request self-signature verify OK\n"
        );
        let answer = openssl(&["pkey", "-check", "-noout", "-in", path(&pem)]);
        assert_eq!(answer.text(), "Key is valid\n");
    }
}

#[test]
fn a_request_that_openssl_or_java_made_is_read() {
    let dir = tempdir().unwrap();
    let file = |name: &str| path(&dir.path().join(name)).to_owned();
    for (algorithm, option) in [
        ("EC", "ec_paramgen_curve:P-256"),
        ("EC", "ec_paramgen_curve:P-384"),
        ("RSA", "rsa_keygen_bits:2048"),
    ] {
        let (key, csr) = (file("key"), file("csr"));
        openssl(&[
            "genpkey",
            "-algorithm",
            algorithm,
            "-pkeyopt",
            option,
            "-out",
            &key,
        ]);
        openssl(&[
            "req",
            "-new",
            "-key",
            &key,
            "-subj",
            "/CN=db1",
            "-addext",
            "subjectAltName=DNS:bank.example",
            "-out",
            &csr,
        ]);
        let request = CertificateRequest::from_pem(&fs::read_to_string(&csr).unwrap()).unwrap();
        let public = openssl(&["pkey", "-pubout", "-outform", "DER", "-in", &key]).out;
        assert_eq!(request.public_key_der(), public, "{option}");
    }

    let store = file("store");
    let store = ["-keystore", &store, "-storepass", "changeit", "-alias", "a"];
    keytool(
        &[
            &[
                "-genkeypair",
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-dname",
                "CN=db1",
            ],
            &store[..],
        ]
        .concat(),
    );
    let answer = keytool(&[&["-certreq"], &store[..]].concat());
    assert!(
        answer.text().contains("NEW CERTIFICATE REQUEST"),
        "{}",
        answer.text()
    );
    assert!(CertificateRequest::from_pem(&answer.text()).is_ok());
}

#[test]
fn a_request_for_a_short_rsa_key_is_refused() {
    let dir = tempdir().unwrap();
    let csr = path(&dir.path().join("csr")).to_owned();
    let key = path(&dir.path().join("key")).to_owned();
    openssl(&[
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:1024",
        "-out",
        &key,
    ]);
    openssl(&[
        "req", "-new", "-key", &key, "-subj", "/CN=db1", "-out", &csr,
    ]);
    assert_eq!(
        CertificateRequest::from_pem(&fs::read_to_string(&csr).unwrap())
            .unwrap_err()
            .to_string(),
        "the request is for an RSA key with 1024 bits; certificates are issued for ECDSA keys on P-256 or P-384, and for RSA keys with 2048 to 8192 bits"
    );
    assert!(openssl_says(&["pkey", "-noout", "-in", &key]).code == Some(0));
}

/// An authority, and a folder for files.
struct Pki {
    name: &'static str,
    dir: TempDir,
    authority: Authority,
}

impl Pki {
    /// Our own root, and operators' intermediates of each kind of key.
    fn all() -> Vec<Self> {
        vec![
            Self::own(),
            Self::of_operator("P-256", Key::P256),
            Self::of_operator("P-384", Key::P384),
            Self::of_operator("RSA", Key::Rsa),
        ]
    }

    fn own() -> Self {
        let serial = Serial::from_random([7; 16]);
        let authority = Authority::new_root("Signet test root", serial, lab::now()).unwrap();
        Self {
            name: "own",
            dir: tempdir().unwrap(),
            authority,
        }
    }

    fn of_operator(name: &'static str, key: Key) -> Self {
        let dir = tempdir().unwrap();
        let authority = Operator::intermediate(dir.path(), key).open().unwrap();
        Self {
            name,
            dir,
            authority,
        }
    }

    fn issue(&self, kind: KeyKind, profile: Profile) -> Issued {
        let key = PrivateKey::generate(kind).unwrap();
        let order = Order {
            profile,
            common_name: "cdb-c1nl9rpv".to_owned(),
            names: NAMES.map(|name| name.parse().unwrap()).into(),
            lifetime: SERVER_LIFETIME,
        };
        let serial = Serial::from_random([0x42; 16]);
        let request = CertificateRequest::of(&key);
        self.authority
            .issue(&request, &order, serial, lab::now())
            .unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a server sends, in PEM.
    fn write(&self, name: &str, issued: &Issued) -> String {
        let file = self.file(name);
        fs::write(&file, issued.chain_pem()).unwrap();
        path(&file).to_owned()
    }

    fn write_der(&self, name: &str, der: &[u8]) -> String {
        let file = self.file(name);
        fs::write(&file, der).unwrap();
        path(&file).to_owned()
    }

    /// What clients trust, in PEM: the root alone.
    fn ca_file(&self) -> String {
        let bundle = Bundle::new(self.authority.anchors().to_vec()).unwrap();
        self.write_der("root.pem", &bundle.file(Format::Pem, "").unwrap())
    }

    fn bundle(&self) -> String {
        let bundle = Bundle::new(self.authority.anchors().to_vec()).unwrap();
        self.write_der("root.jks", &bundle.file(Format::Jks, "").unwrap())
    }

    fn crl(&self, revoked: &[Revoked]) -> String {
        let list = self
            .authority
            .crl(revoked, 7, lab::now(), lab::now() + DAY)
            .unwrap();
        let (der, pem) = (self.write_der("crl.der", &list), self.file("crl.pem"));
        openssl(&["crl", "-inform", "DER", "-in", &der, "-out", path(&pem)]);
        path(&pem).to_owned()
    }

    /// As a client that has the root alone: the intermediates come from the server. The error is OpenSSL's line about it.
    fn verify(&self, leaf: &str, options: &[&str]) -> Result<(), String> {
        let root = self.ca_file();
        let fixed = ["verify", "-CAfile", &root, "-untrusted", leaf];
        let answer = run("openssl", &[&fixed, options, &[leaf]].concat());
        if answer.code == Some(0) {
            assert_eq!(answer.text(), format!("{leaf}: OK\n"));
            return Ok(());
        }
        let error = answer.error.lines().find(|line| line.starts_with("error "));
        Err(error.unwrap_or(&answer.error).to_owned())
    }

    fn webpki(
        &self,
        issued: &Issued,
        usage: webpki::KeyUsage,
        name: &str,
        now: i64,
    ) -> Result<(), webpki::Error> {
        let root = CertificateDer::from(self.authority.anchors()[0].as_slice());
        let anchors = [webpki::anchor_from_trusted_cert(&root)?];
        let intermediates: Vec<_> = issued
            .intermediates
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let leaf = CertificateDer::from(issued.leaf.as_slice());
        let leaf = webpki::EndEntityCert::try_from(&leaf)?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs()));
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &intermediates,
            time,
            usage,
            None,
            None,
        )?;
        leaf.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
    }
}
