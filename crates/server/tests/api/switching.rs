//! Switching SSL on and off and rotating certificates, on real servers, as a caller sees it.

use std::path::Path;
use std::process::Command;

use lab::fake::Behaviour;
use lab::{Kind, Options, Server};
use serde_json::{Value, json};

use crate::support::{ANY, Answer, TestServer, fakes};

const ID: &str = "cdb-c1nl9rpv";

/// A MySQL server with the account of the `sql` driver.
fn mysql(options: Options) -> Server {
    let server = Server::start(Kind::MySql, options).unwrap();
    server
        .sql(&dbtls::switch::grants("signet", "%").replace("RANDOM PASSWORD", "'secret'"))
        .unwrap();
    server
}

fn address(server: &Server) -> String {
    format!("{}:{}", server.host(), server.port())
}

/// Registers a two-node instance that is changed by SQL.
fn register(api: &TestServer, nodes: [&Server; 2]) {
    let nodes = nodes.map(address);
    api.call(
        "RegisterInstance",
        json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes,
            "DnsNames": ["localhost"], "Driver": "sql", "SqlUser": "signet", "SqlPassword": "secret",
        }),
    )
    .answers(json!({ "InstanceId": ID }));
    api.call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": ANY }));
}

/// Calls an action that starts a task, and waits for its end. Answers its state and its text.
fn finish(api: &TestServer, action: &str, parameters: &Value) -> (String, String) {
    let task = api.call(action, parameters.clone()).text("AsyncRequestId");
    api.finish(&task)
}

fn succeeds(api: &TestServer, action: &str) -> String {
    let (state, info) = finish(api, action, &json!({ "InstanceId": ID }));
    assert_eq!(state, "SUCCESS", "{action}: {info}");
    info
}

fn status(api: &TestServer) -> Answer {
    api.call("DescribeSSLStatus", json!({ "InstanceId": ID }))
}

/// The CA file that the link of the answer leads to.
fn ca_file(api: &TestServer, folder: &Path) -> std::path::PathBuf {
    let url = status(api).text("Url");
    let path = url.split_once("://").unwrap().1.split_once('/').unwrap().1;
    let pem = format!("/{}", path.replace(".zip", ".pem"));
    let (code, head, body) = api.get(&pem);
    assert_eq!(code, 200, "{head}");
    let file = folder.join("ca.pem");
    std::fs::write(&file, body).unwrap();
    file
}

/// Connects as strangers do: with the client that belongs to the server, and with OpenSSL, both checking chain and name.
fn verify(server: &Server, ca: &Path) {
    let installation = server.installation();
    let output = installation
        .verifying_client("localhost", server.port(), ca)
        .args(["--user=signet", "--password=secret", "-e", "SELECT 1"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = Command::new("openssl")
        .args(["s_client", "-starttls", "mysql", "-verify_return_error"])
        .args([
            "-verify_hostname",
            "localhost",
            "-connect",
            &address(server),
        ])
        .arg("-CAfile")
        .arg(ca)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
}

fn serial(api: &TestServer) -> Vec<String> {
    let posture = api.call("DescribePosture", json!({ "InstanceId": ID }));
    let nodes = posture.fields["Nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| {
            node["Chain"][0]["Serial"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[test]
fn plain_servers_are_switched_on_rotated_switched_off_and_on_again() {
    let api = TestServer::start();
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    status(&api).answers(json!({ "Status": "OFF", "Url": "" }));

    assert_eq!(
        succeeds(&api, "OpenSSL"),
        "TLS is on, seen by a handshake with 2 node(s)."
    );
    status(&api).answers(json!({ "Status": "ON", "Url": ANY }));
    let folder = tempfile::tempdir().unwrap();
    let ca = ca_file(&api, folder.path());
    verify(&one, &ca);
    verify(&two, &ca);

    let first = serial(&api);
    assert_eq!(
        succeeds(&api, "RotateCertificate"),
        "A fresh certificate is served, seen by a handshake with 2 node(s)."
    );
    let second = serial(&api);
    assert!(
        first
            .iter()
            .zip(&second)
            .all(|(first, second)| first != second)
    );
    verify(&one, &ca);
    verify(&two, &ca);

    assert_eq!(succeeds(&api, "CloseSSL"), "TLS is off, seen on 2 node(s).");
    status(&api).answers(json!({ "Status": "OFF", "Url": ANY }));

    succeeds(&api, "OpenSSL");
    status(&api).answers(json!({ "Status": "ON", "Url": ANY }));
    verify(&one, &ca);
    verify(&two, &ca);

    let certificates = api.call(
        "DescribeCertificates",
        json!({ "InstanceId": ID, "State": "active" }),
    );
    assert_eq!(certificates.fields["TotalCount"], 2);
    let replaced = api.call(
        "DescribeCertificates",
        json!({ "InstanceId": ID, "State": "replaced" }),
    );
    assert_eq!(replaced.fields["TotalCount"], 4);
}

#[test]
fn what_is_on_already_is_left_as_it_is() {
    let api = TestServer::start();
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    succeeds(&api, "OpenSSL");
    let before = serial(&api);
    let [one, two] = [address(&one), address(&two)];
    assert_eq!(
        succeeds(&api, "OpenSSL"),
        format!(
            "`{one}` serves a valid certificate of ours already. `{two}` serves a valid certificate of ours already."
        )
    );
    assert_eq!(serial(&api), before);
}

#[test]
fn what_is_not_ours_to_change_is_refused() {
    let api = TestServer::start();
    let (_fleet, nodes) = fakes(&[Behaviour::NoTls, Behaviour::NoTls]);
    api.register(ID, &nodes);
    for action in ["OpenSSL", "CloseSSL", "RotateCertificate"] {
        api.call(action, json!({ "InstanceId": ID })).fails(
            "OperationDenied.ActionNotSupport",
            &format!(
                "`{ID}` is not changed: its node `{}` is registered with the driver `observe`. Register it with `sql` or `agent` to have it switched.",
                nodes[0]
            ),
        );
        api.call(action, json!({})).fails(
            "MissingParameter.MissingParamError",
            "Specify `InstanceId` or `RoGroupId`.",
        );
        api.call(action, json!({ "InstanceId": "cdb-nobody00" }))
            .fails(
                "ResourceNotFound.InstanceNotFoundError",
                "The instance `cdb-nobody00` does not exist.",
            );
    }
    api.call(
        "DescribeAsyncRequestInfo",
        json!({ "AsyncRequestId": "nonsense" }),
    )
    .fails(
        "InvalidParameter.InvalidAsyncRequestId",
        "There is no task `nonsense`.",
    );
    api.call("DescribeTasks", json!({}))
        .answers(json!({ "TotalCount": 0, "Items": [] }));
}
