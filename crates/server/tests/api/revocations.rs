//! The revocation list.

use std::process::Command;

use lab::{Options, Server};
use serde_json::json;

use crate::support::TestServer;
use crate::switching::{ca_file, mysql, register, serial, succeeds};

const DAY: i64 = 86_400;

/// A list, and what OpenSSL reads in it.
struct List {
    der: Vec<u8>,
    text: String,
}

impl List {
    /// Fetches the list of the authority that issues. OpenSSL must find it signed by that.
    fn fetch(api: &TestServer) -> Self {
        let (status, head, der) = api.get("/certificates/authority.crl");
        assert_eq!(status, 200, "{head}");
        assert!(
            head.contains("\r\ncontent-type: application/pkix-crl\r\n"),
            "{head}"
        );
        let folder = tempfile::tempdir().unwrap();
        let (list, ca) = (folder.path().join("list"), folder.path().join("ca.pem"));
        std::fs::write(&list, &der).unwrap();
        let authorities = api.call("DescribeAuthorities", json!({}));
        let chain = &authorities.fields["Items"][0]["Certificates"];
        std::fs::write(&ca, chain.as_str().unwrap()).unwrap();
        let output = Command::new("openssl")
            .args(["crl", "-inform", "DER", "-noout", "-text", "-in"])
            .args([list.as_path(), "-CAfile".as_ref(), &ca])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "verify OK\n");
        let text = String::from_utf8(output.stdout).unwrap();
        Self { der, text }
    }

    /// What follows this, on its line or on the next one.
    fn after(&self, name: &str) -> Vec<&str> {
        let rest = self.text.split(name).skip(1);
        rest.filter_map(|rest| rest.trim_start().lines().next())
            .collect()
    }

    fn number(&self) -> u64 {
        self.after("X509v3 CRL Number:")[0].parse().unwrap()
    }

    /// The serial numbers on it.
    fn serials(&self) -> Vec<String> {
        sorted(self.after("Serial Number:"))
    }
}

fn sorted(serials: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let serials = serials.into_iter();
    let mut serials: Vec<_> = serials.map(|s| s.as_ref().to_ascii_uppercase()).collect();
    serials.sort();
    serials
}

/// MySQL's own client connects if the server's certificate is not on the list. What it says if it does not.
fn connect(api: &TestServer, server: &Server, list: &List) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let (der, pem) = (folder.path().join("der"), folder.path().join("pem"));
    std::fs::write(&der, &list.der).unwrap();
    let converted = Command::new("openssl")
        .args(["crl", "-inform", "DER", "-in"])
        .args([der.as_path(), "-out".as_ref(), &pem])
        .status()
        .unwrap();
    assert!(converted.success());
    let ca = ca_file(api, folder.path());
    let output = server
        .installation()
        .verifying_client("localhost", server.port(), &ca)
        .arg(format!("--ssl-crl={}", pem.display()))
        .args(["--user=signet", "--password=secret", "-e", "SELECT 1"])
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_client_that_has_the_list_turns_away_from_a_server_with_a_replaced_certificate() {
    let api = TestServer::start();
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    succeeds(&api, "OpenSSL");
    let former = one.sql("SELECT @@ssl_cert, @@ssl_key").unwrap();
    succeeds(&api, "RotateCertificate");
    let list = List::fetch(&api);
    assert_eq!(connect(&api, &one, &list), Ok(()));

    let (certificate, key) = former.split_once('\t').unwrap();
    one.sql(&format!(
        "SET GLOBAL ssl_cert = '{certificate}'; SET GLOBAL ssl_key = '{key}'; ALTER INSTANCE RELOAD TLS"
    ))
    .unwrap();
    let said = connect(&api, &one, &list).unwrap_err();
    assert!(said.contains("certificate verify failed"), "{said}");
    assert_eq!(connect(&api, &two, &list), Ok(()));
}

#[test]
fn what_was_replaced_is_on_the_list_at_once_and_after_a_restart() {
    let mut api = TestServer::start();
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    let empty = List::fetch(&api);
    assert_eq!(empty.serials(), Vec::<String>::new());
    succeeds(&api, "OpenSSL");
    let first = serial(&api);
    assert_eq!(
        List::fetch(&api).der,
        empty.der,
        "what is used is not on it"
    );

    succeeds(&api, "RotateCertificate");
    let one_rotation = List::fetch(&api);
    assert_eq!(one_rotation.serials(), sorted(&first));
    assert_eq!(
        one_rotation.after("X509v3 CRL Reason Code:"),
        ["Superseded", "Superseded"]
    );
    assert!(one_rotation.number() > empty.number());

    let second = serial(&api);
    succeeds(&api, "RotateCertificate");
    api.pass(2);
    api.restart();
    let two_rotations = List::fetch(&api);
    assert_eq!(two_rotations.serials(), sorted(first.iter().chain(&second)));
    assert!(two_rotations.number() > one_rotation.number());
}

#[test]
fn it_is_signed_once_a_day() {
    let api = TestServer::start();
    let first = List::fetch(&api);
    api.pass(DAY - 1);
    assert_eq!(List::fetch(&api).der, first.der);
    api.pass(1);
    let next = List::fetch(&api);
    assert_eq!(next.number(), first.number() + DAY.unsigned_abs());
    assert_ne!(next.after("Next Update:"), first.after("Next Update:"));
}

#[test]
fn every_authority_has_one_under_its_name() {
    let api = TestServer::start();
    let authorities = api.call("DescribeAuthorities", json!({}));
    let id = authorities.fields["Items"][0]["Authority"]
        .as_str()
        .unwrap();
    let (status, _, der) = api.get(&format!("/certificates/{id}.crl"));
    assert_eq!((status, der), (200, List::fetch(&api).der));
    let (status, _, said) = api.get("/certificates/another.crl");
    assert_eq!(
        (status, said.as_slice()),
        (404, b"There is no such authority.\n".as_slice())
    );
}
