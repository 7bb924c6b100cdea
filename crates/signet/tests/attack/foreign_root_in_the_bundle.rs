//! Somebody between Signet and a server shows a chain of their own, so that their root comes into the bundle that all clients trust.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use lab::pki::{Authority, Leaf};
use lab::{Kind, Options, Server};
use serde_json::{Value, json};

use crate::support::{Connection, ID, Place, Served};

struct Site {
    place: Place,
    served: Served,
    servers: [Server; 2],
    right: Authority,
    wrong: Authority,
    files: tempfile::TempDir,
}

impl Site {
    /// Two servers with certificates of one authority, registered with what `more` says, and seen.
    fn start(more: impl Fn(&Authority) -> Value) -> Self {
        let place = Place::new();
        let served = place.serve();
        let [right, wrong] =
            ["Right Root", "Wrong Root"].map(|name| Authority::root(name, lab::now()).unwrap());
        let files = tempfile::tempdir().unwrap();
        let servers = ["right-1", "right-2"].map(|name| {
            let options = certificate(&right, &files.path().join(name));
            Server::start(Kind::MySql, options).unwrap()
        });
        let nodes = servers
            .each_ref()
            .map(|s| format!("{}:{}", s.host(), s.port()));
        let mut parameters = json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes,
        });
        let Value::Object(more) = more(&right) else {
            panic!()
        };
        parameters.as_object_mut().unwrap().extend(more);
        let site = Self {
            place,
            served,
            servers,
            right,
            wrong,
            files,
        };
        let mut connection = site.connection();
        connection.call("RegisterInstance", &parameters).unwrap();
        connection
            .call("ProbeNow", &json!({ "InstanceId": ID }))
            .unwrap();
        site
    }

    fn connection(&self) -> Connection {
        Connection::open(self.served.address()).unwrap()
    }

    /// From now on an impostor with a chain of its own is where the second server was.
    fn replace_the_second_server(&mut self) {
        let options = certificate(&self.wrong, &self.files.path().join("wrong"));
        self.servers[1].restart(options).unwrap();
        let mut connection = self.connection();
        connection
            .call("ProbeNow", &json!({ "InstanceId": ID }))
            .unwrap();
    }

    /// The bundle of the link that `DescribeSSLStatus` answers, as PEM.
    fn bundle(&self) -> String {
        let status = self
            .connection()
            .call("DescribeSSLStatus", &json!({ "InstanceId": ID }))
            .unwrap();
        let url = status["Url"]
            .as_str()
            .unwrap_or_else(|| panic!("{status:?}"));
        let url = url.replace("TencentDB-CA-Chain.zip", "TencentDB-CA-Chain.pem");
        let path = url.splitn(4, '/').last().unwrap();
        get(self.served.address(), path)
    }

    /// What is told of the second node.
    fn second(&self) -> Value {
        let mut posture = self
            .connection()
            .call("DescribePosture", &json!({ "InstanceId": ID }))
            .unwrap();
        posture["Nodes"][1].take()
    }
}

fn certificate(of: &Authority, directory: &Path) -> Options {
    std::fs::create_dir_all(directory).unwrap();
    let issued = of.issue(&Leaf::for_loopback(lab::now())).unwrap();
    Options::new().tls(issued.write_to(directory).unwrap())
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// The base64 of a PEM certificate, as it stands in a bundle.
fn body(pem: &str) -> &str {
    let (_, body) = pem.split_once("-----BEGIN CERTIFICATE-----").unwrap();
    body.split_once("-----END").unwrap().0.trim()
}

fn has(bundle: &str, of: &Authority) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    plain(bundle).contains(&plain(body(of.root_pem())))
}

#[test]
fn where_ca_certificates_are_registered_nothing_else_is_in_the_bundle() {
    let mut site = Site::start(|right| json!({ "CaCertificates": right.root_pem() }));
    assert!(has(&site.bundle(), &site.right));
    site.replace_the_second_server();
    let bundle = site.bundle();
    assert!(
        has(&bundle, &site.right) && !has(&bundle, &site.wrong),
        "{bundle}"
    );
    let refused = site
        .connection()
        .call("AcceptAuthority", &json!({ "InstanceId": ID }))
        .unwrap();
    assert_eq!(refused["Error"]["Code"], "OperationDenied");
    assert_eq!(
        refused["Error"]["Message"],
        format!(
            "CA certificates are registered for `{ID}`, and only those are believed. Change them with `CaCertificates` of ModifyInstance, or register the RO group again."
        )
    );
}

#[test]
fn a_changed_authority_is_drift_until_it_is_accepted() {
    let mut site = Site::start(|_| json!({}));
    assert!(has(&site.bundle(), &site.right));
    assert_eq!(site.second()["Drift"], "");
    site.replace_the_second_server();
    let bundle = site.bundle();
    assert!(
        has(&bundle, &site.right) && !has(&bundle, &site.wrong),
        "{bundle}"
    );
    let drift = site.second()["Drift"].as_str().unwrap().to_owned();
    assert!(
        drift.starts_with(
            "its certificate leads to another authority than the accepted one (SHA-256 "
        ),
        "{drift}"
    );

    // It stays so after a restart, and somebody who knows that it is right accepts it.
    let Site { place, served, .. } = site;
    served.kill();
    let site = Site {
        served: place.serve(),
        place,
        ..site
    };
    assert_eq!(site.second()["Drift"], drift);
    let mut connection = site.connection();
    let listed = connection
        .call("AcceptAuthority", &json!({ "InstanceId": ID }))
        .unwrap();
    let [waits] = &listed["Authorities"].as_array().unwrap()[..] else {
        panic!("{listed:?}")
    };
    assert_eq!(
        (&waits["Subject"], &waits["Accepted"]),
        (&json!("CN=Wrong Root"), &json!(false))
    );
    assert!(!has(&site.bundle(), &site.wrong));
    let stray = connection
        .call(
            "AcceptAuthority",
            &json!({ "InstanceId": ID, "Sha256": ["00"] }),
        )
        .unwrap();
    assert_eq!(stray["Error"]["Code"], "InvalidParameterValue");
    let accept = json!({ "InstanceId": ID, "Sha256": [waits["Sha256"]] });
    let accepted = connection.call("AcceptAuthority", &accept).unwrap();
    assert_eq!(accepted["Authorities"][0]["Accepted"], true, "{accepted:?}");
    let bundle = site.bundle();
    assert!(
        has(&bundle, &site.right) && has(&bundle, &site.wrong),
        "{bundle}"
    );
    assert_eq!(site.second()["Drift"], "");
}
