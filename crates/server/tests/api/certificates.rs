//! The certificate link.

use std::io::Read as _;

use lab::fake::Behaviour::{NoTls, Tls};
use serde_json::json;

use crate::support::{ANY, TestServer, fakes};

const ID: &str = "cdb-c1nl9rpv";

fn link(server: &TestServer) -> String {
    let url = server
        .call("DescribeSSLStatus", json!({ "InstanceId": ID }))
        .text("Url");
    url.strip_prefix(&format!("http://{}", server.address()))
        .expect("an address of this server")
        .to_owned()
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")))
        .unwrap_or_else(|| panic!("no {name} in {head}"))
}

#[test]
fn the_archive_and_each_file_in_it_can_be_fetched() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls]);
    server.register(ID, &nodes);
    let link = link(&server);
    for (file, media_type) in [
        ("TencentDB-CA-Chain.zip", "application/zip"),
        ("TencentDB-CA-Chain.pem", "application/x-pem-file"),
        ("TencentDB-CA-Chain.p7b", "application/x-pkcs7-certificates"),
        ("TencentDB-CA-Chain.jks", "application/x-java-keystore"),
        ("TencentDB-CA-Chain.p12", "application/x-pkcs12"),
        ("README.txt", "text/plain; charset=utf-8"),
    ] {
        let (status, head, body) = server.get(&link.replace("TencentDB-CA-Chain.zip", file));
        assert_eq!(status, 200, "{head}");
        assert_eq!(header(&head, "content-type"), media_type);
        assert_eq!(
            header(&head, "content-disposition"),
            format!("attachment; filename=\"{file}\"")
        );
        assert!(!body.is_empty());
    }
}

/// The certificates of a PEM text, without its comments.
fn certificates(pem: &str) -> Vec<String> {
    let lines = pem
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .collect::<String>()
        .split_inclusive("-----END CERTIFICATE-----")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_bundle_holds_what_was_registered_or_else_what_is_served() {
    let server = TestServer::start();
    let (fleet, nodes) = fakes(&[Tls, Tls]); // these fakes do not send their root, as most servers do not
    server.register(ID, &nodes);
    let pem = |server: &TestServer| {
        String::from_utf8(server.get(&link(server).replace(".zip", ".pem")).2).unwrap()
    };
    let readme = |server: &TestServer| {
        String::from_utf8(
            server
                .get(&link(server).replace("TencentDB-CA-Chain.zip", "README.txt"))
                .2,
        )
        .unwrap()
    };
    assert_eq!(certificates(&pem(&server)).len(), 2, "each node's own");
    assert!(readme(&server).contains("ATTENTION: the servers do not send their root certificate"));

    server
        .call(
            "ModifyInstance",
            json!({ "InstanceId": ID, "CaCertificates": fleet.root_pem() }),
        )
        .answers(json!({}));
    assert_eq!(certificates(&pem(&server)), certificates(fleet.root_pem()));
    assert!(!readme(&server).contains("ATTENTION"));
}

#[test]
fn the_link_is_stable_for_a_day_and_expires() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls]);
    server.register(ID, &nodes);
    let to_midnight = 86_400 - server.clock.now().rem_euclid(86_400);
    server.pass(to_midnight); // the first second of a day
    server
        .call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "ON" }));
    let first = link(&server);
    server.pass(86_399);
    server
        .call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "ON" }));
    assert_eq!(link(&server), first, "the last second of the day");
    server.pass(1);
    server
        .call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "ON" }));
    assert_ne!(link(&server), first, "the next day");
    server.pass(86_399);
    assert_eq!(
        server.get(&first).0,
        200,
        "good until the end of the next day"
    );
    server.pass(1);
    let (status, _, body) = server.get(&first);
    assert_eq!(
        (status, String::from_utf8(body).unwrap().as_str()),
        (
            403,
            "This link has expired. Ask DescribeSSLStatus for a new one.\n"
        )
    );
}

#[test]
fn a_changed_link_is_refused_and_audited() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls, Tls, Tls]);
    server.register(ID, &nodes[..2]);
    server.register("cdb-other000", &nodes[2..]);
    let link = link(&server);
    let refused = (
        403,
        "The signature of this link is not valid. Ask DescribeSSLStatus for a new one.\n"
            .to_owned(),
    );
    let (path, query) = link.split_once('?').unwrap();
    for bad in [
        link.replace(ID, "cdb-other000"),
        link.replace("expires=1", "expires=2"),
        link.replace("signature=", "signature=0"),
        link[..link.len() - 1].to_owned(),
        path.to_owned(),
        format!("{path}?{}", query.replace("expires", "x")),
    ] {
        let (status, _, body) = server.get(&bad);
        assert_eq!((status, String::from_utf8(body).unwrap()), refused, "{bad}");
    }
    let line = server
        .audited(|line| line["code"] == "LinkSignature" && line["resource"] == "cdb-other000");
    assert_eq!(line["action"], "download");
    for unknown in [
        "/certificates/",
        "/certificates/cdb-c1nl9rpv",
        "/certificates/../etc/passwd",
    ] {
        let (status, _, _) = server.get(unknown);
        assert!(status == 404 || status == 403, "{unknown}: {status}");
    }
    assert_eq!(
        server
            .get(&link.replace("TencentDB-CA-Chain.zip", "other.zip"))
            .0,
        404
    );
}

#[test]
fn an_unchanged_bundle_is_not_sent_again() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls]);
    server.register(ID, &nodes);
    let link = link(&server);
    let (_, head, first) = server.get(&link);
    let tag = header(&head, "etag").to_owned();
    let (_, head, second) = server.get(&link);
    assert_eq!(
        (header(&head, "etag"), second),
        (tag.as_str(), first),
        "the same certificates, the same bytes"
    );
    let conditional = format!(
        "GET {link} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n"
    );
    let (status, _, body) = crate::support::split(&server.exchange(conditional.as_bytes()));
    assert_eq!((status, body), (304, vec![]));
}

#[test]
fn the_bundle_stays_while_ssl_is_off() {
    let mut server = TestServer::start();
    let (fleet, nodes) = fakes(&[Tls, Tls]);
    server.register(ID, &nodes);
    let (_, _, before) = server.get(&link(&server));
    // The same addresses, now without TLS.
    let port: u16 = nodes[0].rsplit(':').next().unwrap().parse().unwrap();
    drop(fleet);
    let fleet = lab::fake::FakeFleet::start_on(port, &[(NoTls, 2)]).unwrap();
    server
        .call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "OFF" }));
    server
        .call("DescribeSSLStatus", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "OFF", "Url": ANY }));
    assert_eq!(server.get(&link(&server)).2, before);

    server.restart();
    server
        .call("DescribeSSLStatus", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "OFF", "Url": ANY }));
    assert_eq!(
        server.get(&link(&server)).2,
        before,
        "after a restart as well"
    );
    drop(fleet);
}

#[test]
fn the_archive_opens() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls]);
    server.register(ID, &nodes);
    let (_, _, body) = server.get(&link(&server));
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(body)).unwrap();
    let mut names: Vec<_> = archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "README.txt",
            "TencentDB-CA-Chain.jks",
            "TencentDB-CA-Chain.p12",
            "TencentDB-CA-Chain.p7b",
            "TencentDB-CA-Chain.pem"
        ]
    );
    let mut readme = String::new();
    archive
        .by_name("README.txt")
        .unwrap()
        .read_to_string(&mut readme)
        .unwrap();
    let (host, port) = nodes[0].split_once(':').unwrap();
    assert!(readme.contains(&format!("mysql --host={host} --port={port} --ssl-mode=VERIFY_IDENTITY --ssl-ca=TencentDB-CA-Chain.pem")), "{readme}");
}
