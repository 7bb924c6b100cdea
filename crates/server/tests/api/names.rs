//! Which names a certificate may cover: never the control plane's, and no other than a node's own before a login showed that it leads there.

use std::io::{ErrorKind, copy};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lab::{Kind, Options, Server};
use serde_json::{Value, json};
use server::Resolver;
use server::config::NameProof;
use server::state::ids::SubjectId;
use server::work::names::{self, Approved, Refused};

use crate::support::{ANY, TestServer};
use crate::switching::{ID, mysql, register};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Where a server of somebody else listens.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// Names below `ours.test` lead to the nodes, those below `theirs.test` elsewhere, those below `both.test` to both, and those below
/// `rebound.test` to the nodes when they are asked for the first time.
fn resolver() -> Resolver {
    let asked = AtomicUsize::new(0);
    Resolver::Fixed(Arc::new(move |name| {
        match name.split_once('.').map_or("", |(_, domain)| domain) {
            "ours.test" => vec![HERE],
            "theirs.test" => vec![ELSEWHERE],
            "both.test" => vec![HERE, ELSEWHERE],
            "rebound.test" if asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => vec![HERE],
            "rebound.test" => vec![ELSEWHERE],
            _ => Vec::new(),
        }
    }))
}

fn api() -> TestServer {
    TestServer::resolving(resolver(), |config| {
        config.public_url = "https://api.ours.test:7780".into();
        config.agents.listen = Some(SocketAddr::new(HERE, 0));
        config.agents.names = vec!["signet.ours.test".into(), "192.0.2.1".into()];
    })
}

/// Forwards what comes to `ELSEWHERE`, on the port of one server, to another one. It ends with the test's process.
fn forward(port: u16, to: &Server) {
    let listener = TcpListener::bind((ELSEWHERE, port)).unwrap();
    let to = SocketAddr::new(HERE, to.port());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(client) = client else { return };
            let Ok(server) = TcpStream::connect(to) else {
                return;
            };
            for (mut from, mut into) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                std::thread::spawn(move || {
                    let ended = copy(&mut from, &mut into).map_err(|error| error.kind());
                    drop(into.shutdown(std::net::Shutdown::Write));
                    assert!(!matches!(ended, Err(ErrorKind::InvalidInput)));
                });
            }
        }
    });
}

fn modify(api: &TestServer, change: Value) {
    let mut parameters = json!({ "InstanceId": ID });
    for (name, value) in change.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    api.call("ModifyInstance", parameters).answers(json!({}));
}

fn approve(api: &TestServer, node: &Server, names: &[&str]) -> Result<Approved, Refused> {
    let node = format!("{}:{}", node.host(), node.port()).parse().unwrap();
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    let subject = SubjectId::Instance(ID.parse().unwrap());
    api.wait(names::approve(api.service(), subject, &node, &names))
}

#[track_caller]
fn refused(api: &TestServer, node: &Server, name: &str) -> String {
    match approve(api, node, &[name]) {
        Ok(approved) => panic!("`{name}` was approved: {approved:?}"),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn fifty_thefts_of_names_get_no_certificate_and_fifty_rightful_names_do() {
    let api = api();
    let [one, two, theirs] = [(); 3].map(|()| mysql(Options::new()));
    forward(one.port(), &theirs);
    forward(two.port(), &theirs);
    register(&api, [&one, &two]);

    let mut thefts: Vec<(String, &str)> = Vec::new();
    for n in 0..10 {
        thefts.push((
            format!("accounts{n}.example.com"),
            "its address was not found",
        ));
        thefts.push((
            format!("db{n}.theirs.test"),
            "which is another server (server_uuid",
        ));
        thefts.push((
            format!("db{n}.both.test"),
            "which is another server (server_uuid",
        ));
        thefts.push((
            format!("db{n}.rebound.test"),
            "led to 127.0.0.1 first and to 127.0.0.3",
        ));
    }
    let control_plane = "covers the control plane";
    thefts.extend(
        [
            ("signet.ours.test", control_plane),
            ("SIGNET.Ours.Test", control_plane),
            ("signet.ours.test.", control_plane),
            ("*.ours.test", control_plane),
            ("api.ours.test", control_plane),
            ("192.0.2.1", control_plane),
            ("::ffff:192.0.2.1", control_plane),
            ("*.theirs.test", "a wildcard leads to no address"),
            (
                "xn--bcher-kva.theirs.test",
                "which is another server (server_uuid",
            ),
            ("0.0.0.0", "is loopback or no host's"),
        ]
        .map(|(name, why)| (name.to_owned(), why)),
    );
    assert_eq!(thefts.len(), 50);
    for (name, why) in &thefts {
        let said = refused(&api, &one, name);
        assert!(said.contains(why), "{name}: {said}");
    }

    // The task fails before anything is touched, and says what can be done.
    modify(&api, json!({ "DnsNames": ["db0.theirs.test"] }));
    let task = api
        .call("OpenSSL", json!({ "InstanceId": ID }))
        .text("AsyncRequestId");
    let (state, info) = api.finish(&task);
    assert_eq!(state, "FAILED");
    assert!(
        info.contains("(checking): no certificate was issued: the name `db0.theirs.test` was not proven to lead to a node of the instance: it leads to 127.0.0.3")
            && info.contains("`signet instance modify --accept-unproven-names` (`AcceptUnprovenNames`). `[ca] name_proof` decides for all"),
        "{info}"
    );
    let none = json!({ "TotalCount": 0, "Items": [] });
    api.call("DescribeCertificates", json!({ "InstanceId": ID }))
        .answers(none);

    let rightful: Vec<_> = (0..50).map(|n| format!("db{n}.ours.test")).collect();
    let names: Vec<_> = rightful.iter().map(String::as_str).collect();
    assert_eq!(approve(&api, &one, &names).unwrap().proven, rightful);
    modify(&api, json!({ "DnsNames": rightful }));
    crate::switching::succeeds(&api, "OpenSSL");
    let issued = api.call(
        "DescribeCertificates",
        json!({ "InstanceId": ID, "State": "active" }),
    );
    assert_eq!(issued.fields["TotalCount"], 2);
    let covered = issued.fields["Items"][0]["Names"].as_array().unwrap();
    assert!(
        rightful.iter().all(|name| covered.contains(&json!(name))),
        "{covered:?}"
    );
    assert_eq!(unproven(&api), [json!([]), json!([])]);
}

fn unproven(api: &TestServer) -> Vec<Value> {
    let posture = api.call("DescribePosture", json!({ "InstanceId": ID }));
    let nodes = posture.fields["Nodes"].as_array().unwrap().iter();
    nodes.map(|node| node["UnprovenNames"].clone()).collect()
}

#[test]
fn a_name_that_was_accepted_or_issued_before_is_marked_until_it_is_proven() {
    let mut api = api();
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    modify(
        &api,
        json!({ "DnsNames": ["later.example.com"], "AcceptUnprovenNames": true }),
    );
    let info = crate::switching::succeeds(&api, "OpenSSL");
    assert!(
        info.contains("the certificate covers the name `later.example.com`, which is not proven: its address was not found (it has no address)."),
        "{info}"
    );
    assert_eq!(
        unproven(&api),
        [json!(["later.example.com"]), json!(["later.example.com"])]
    );

    // Accepting does not reach the control plane's names, and names that are there already are renewed.
    assert!(refused(&api, &one, "signet.ours.test").contains("covers the control plane"));
    modify(&api, json!({ "AcceptUnprovenNames": false }));
    assert!(refused(&api, &one, "db.example.com").contains("was not proven"));
    crate::switching::succeeds(&api, "RotateCertificate");
    assert_eq!(
        unproven(&api),
        [json!(["later.example.com"]), json!(["later.example.com"])]
    );

    for (proof, notes) in [(NameProof::Warn, 1), (NameProof::Off, 0)] {
        api.config.ca.name_proof = proof;
        api.restart();
        let approved = approve(&api, &one, &["db.example.com"]).unwrap();
        assert_eq!((approved.proven.len(), approved.notes.len()), (0, notes));
    }
    assert!(refused(&api, &one, "signet.ours.test").contains("covers the control plane"));
}

#[test]
fn only_allowed_names_are_covered_and_a_new_root_says_so() {
    let api = TestServer::resolving(resolver(), |config| {
        config.ca.allowed_names = vec!["ours.test".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    });
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    let said = refused(&api, &one, "localhost");
    assert_eq!(
        said,
        "the name `localhost` is not among `[ca] allowed_names`: add it there, or take it out"
    );
    modify(&api, json!({ "DnsNames": ["db.ours.test"] }));
    crate::switching::succeeds(&api, "OpenSSL");
    let root = &api.call("DescribeAuthorities", json!({})).fields["Items"][0]["Certificates"];
    let output = lab_openssl(root.as_str().unwrap());
    assert!(
        output.contains("X509v3 Name Constraints: critical"),
        "{output}"
    );
    assert!(
        output.contains("DNS:ours.test") && output.contains("pathlen:0"),
        "{output}"
    );
}

fn lab_openssl(pem: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let output = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(file.path())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A task leaves a node alone that serves a certificate of somebody else's, so its address is not proven by the driver.
#[test]
fn the_address_of_another_node_is_covered_only_after_a_login_there() {
    let api = api();
    let ours = mysql(Options::new());
    let theirs = format!("db.theirs.test:{}", ours.port());
    api.call(
        "RegisterInstance",
        json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Driver": "sql",
            "Nodes": [format!("{}:{}", ours.host(), ours.port()), theirs],
            "SqlUser": "signet", "SqlPassword": "secret",
        }),
    )
    .answers(json!({ "InstanceId": ID }));
    let said = refused(&api, &ours, "db.theirs.test");
    assert!(
        said.contains("the name `db.theirs.test` was not proven to lead to a node of the instance: no login at 127.0.0.3"),
        "{said}"
    );
}

#[test]
fn a_mariadb_is_found_by_a_lock_that_its_own_session_holds() {
    let api = api();
    let servers =
        [(); 2].map(|()| Server::start(Kind::MariaDb, Options::new().tls_auto()).unwrap());
    let account = "CREATE USER probe@'%' IDENTIFIED BY 'secret'";
    servers
        .iter()
        .for_each(|server| drop(server.sql(account).unwrap()));
    let [ours, theirs] = &servers;
    forward(ours.port(), theirs);
    api.call(
        "RegisterInstance",
        json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "single-node", "Driver": "agent",
            "Nodes": [format!("{}:{}", ours.host(), ours.port())], "ProbeUser": "probe", "ProbePassword": "secret",
        }),
    )
    .answers(json!({ "InstanceId": ANY }));
    assert_eq!(
        approve(&api, ours, &["db.ours.test"]).unwrap().proven,
        ["db.ours.test"]
    );
    let said = refused(&api, ours, "db.theirs.test");
    assert!(said.contains("which is another server ("), "{said}");

    modify(&api, json!({ "ProbeUser": "" }));
    let said = refused(&api, ours, "db.ours.test");
    assert!(
        said.contains("no account is registered that could log in to"),
        "{said}"
    );
}
