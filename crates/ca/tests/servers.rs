//! Real servers with issued certificates, and what their own clients say about them.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use ca::authority::{Authority, Order, Profile, SERVER_LIFETIME, Serial};
use ca::bundle::{Bundle, Format};
use ca::key::{KeyKind, PrivateKey};
use ca::request::CertificateRequest;
use lab::pki::CertFiles;
use lab::{Kind, Options, Server};
use support::operator::{Key, Operator};
use tempfile::{TempDir, tempdir};

mod support;

const MYSQL_REFUSAL: &str =
    "SSL connection error: error:0A000086:SSL routines::certificate verify failed";

#[test]
fn mysql_is_verified_by_its_client() {
    is_verified_by_its_client(Kind::MySql, |_| MYSQL_REFUSAL);
}

#[test]
fn mariadb_is_verified_by_its_client() {
    is_verified_by_its_client(Kind::MariaDb, |authority| match authority {
        // Without intermediates OpenSSL completes what the server sends, by the root that it finds in `ssl_ca`.
        "own" => "TLS/SSL error: self-signed certificate in certificate chain",
        _ => "TLS/SSL error: unable to get local issuer certificate",
    });
}

/// One server, one certificate after the other: those of our own root and of operators' intermediates, with each kind of
/// key. Clients have the bundle of the root alone.
fn is_verified_by_its_client(kind: Kind, refusal: impl Fn(&str) -> &'static str) {
    let dir = tempdir().unwrap();
    let stranger = bundle(&own(), &dir, "stranger");
    let mut running: Option<Server> = None;
    for (name, authority) in authorities() {
        let trusted = bundle(&authority, &dir, name);
        for key in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
            let files = issue(&authority, key, &dir);
            let server = match running.take() {
                None => start(kind, files),
                Some(mut server) => {
                    server.restart(Options::new().tls(files)).unwrap();
                    server
                }
            };
            for host in ["127.0.0.1", "localhost"] {
                let answer = connect(&server, host, &trusted);
                assert_eq!(
                    text(&answer.stdout),
                    "Ssl_version\tTLSv1.3\n",
                    "{kind} {name} {key:?} {host}: {}",
                    text(&answer.stderr)
                );
            }
            let answer = connect(&server, "localhost", &stranger);
            assert_eq!(text(&answer.stdout), "", "{kind} {name} {key:?}");
            let error = text(&answer.stderr);
            assert!(
                error.contains(refusal(name)),
                "{kind} {name} {key:?}: {error}"
            );
            running = Some(server);
        }
    }
}

/// MySQL verifies what it reloads against `ssl_ca` alone: the intermediate must be in there.
#[test]
fn mysql_reloads_a_certificate_of_an_intermediate_without_a_warning() {
    let dir = tempdir().unwrap();
    let server = start(Kind::MySql, issue(&own(), KeyKind::EcdsaP256, &dir));
    for (name, authority) in authorities() {
        let trusted = bundle(&authority, &dir, name);
        let files = issue(&authority, KeyKind::EcdsaP256, &dir);
        let set =
            |variable: &str, file: &Path| format!("SET GLOBAL {variable} = '{}';", file.display());
        let statements = [
            set("ssl_ca", &files.ca),
            set("ssl_cert", &files.cert),
            set("ssl_key", &files.key),
            "ALTER INSTANCE RELOAD TLS; SHOW WARNINGS;".to_owned(),
        ];
        assert_eq!(server.sql(&statements.concat()).unwrap(), "", "{name}");
        let answer = connect(&server, "localhost", &trusted);
        assert_eq!(
            text(&answer.stdout),
            "Ssl_version\tTLSv1.3\n",
            "{name}: {}",
            text(&answer.stderr)
        );
    }
}

#[test]
fn a_client_refuses_a_server_under_a_name_that_was_not_ordered() {
    let dir = tempdir().unwrap();
    let authority = own();
    let trusted = bundle(&authority, &dir, "trusted");
    let files = issue_for(&authority, KeyKind::EcdsaP256, &dir, &["db1.example"]);
    for (kind, refusal) in [
        (Kind::MySql, MYSQL_REFUSAL),
        (
            Kind::MariaDb,
            "TLS/SSL error: Validation of SSL server certificate failed",
        ),
    ] {
        let server = start(kind, files.clone());
        let answer = connect(&server, "localhost", &trusted);
        assert_eq!(text(&answer.stdout), "");
        let error = text(&answer.stderr);
        assert!(error.contains(refusal), "{kind}: {error}");
    }
}

fn authorities() -> Vec<(&'static str, Authority)> {
    let operator = |key| {
        Operator::intermediate(tempdir().unwrap().path(), key)
            .open()
            .unwrap()
    };
    vec![
        ("own", own()),
        ("P-256", operator(Key::P256)),
        ("RSA", operator(Key::Rsa)),
    ]
}

fn own() -> Authority {
    Authority::new_root("Signet test root", Serial::from_random([7; 16]), lab::now()).unwrap()
}

fn issue(authority: &Authority, kind: KeyKind, dir: &TempDir) -> CertFiles {
    issue_for(authority, kind, dir, &["localhost", "127.0.0.1"])
}

/// Issues, and writes what a server is configured with into a folder of its own.
fn issue_for(authority: &Authority, kind: KeyKind, dir: &TempDir, names: &[&str]) -> CertFiles {
    let key = PrivateKey::generate(kind).unwrap();
    let order = Order {
        profile: Profile::DatabaseServer,
        common_name: "cdb-c1nl9rpv".to_owned(),
        names: names.iter().map(|name| name.parse().unwrap()).collect(),
        lifetime: SERVER_LIFETIME,
    };
    let serial = Serial::from_random([0x42; 16]);
    let request = CertificateRequest::of(&key);
    let issued = authority
        .issue(&request, &order, serial, lab::now())
        .unwrap();

    let folder = dir.path().join(&issued.sha256);
    fs::create_dir(&folder).unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        file
    };
    CertFiles {
        ca: write("ca.pem", &authority.ca_pem()),
        cert: write("cert.pem", &issued.chain_pem()),
        key: write("key.pem", &key.to_pem()),
    }
}

/// What users download.
fn bundle(authority: &Authority, dir: &TempDir, name: &str) -> PathBuf {
    let file = dir.path().join(format!("{name}.pem"));
    let bundle = Bundle::new(authority.anchors().to_vec()).unwrap();
    fs::write(&file, bundle.file(Format::Pem, "").unwrap()).unwrap();
    file
}

fn start(kind: Kind, files: CertFiles) -> Server {
    let server = Server::start(kind, Options::new().tls(files)).unwrap();
    server
        .sql("CREATE USER tester@'%' IDENTIFIED BY 'secret'")
        .unwrap();
    server
}

fn connect(server: &Server, host: &str, ca: &Path) -> Output {
    let mut client = server
        .installation()
        .verifying_client(host, server.port(), ca);
    let client = client.args([
        "--user=tester",
        "--password=secret",
        "--execute=SHOW STATUS LIKE 'Ssl_version'",
    ]);
    client.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
