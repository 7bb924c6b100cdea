//! Switching SSL on and off and rotating certificates, on real servers, as a caller sees it.

use std::path::Path;
use std::process::Command;

use lab::fake::{Behaviour, FakeFleet};
use lab::{Kind, Options, Server};
use serde_json::{Value, json};

use crate::support::{ANY, Answer, TestServer, fakes};

/// The instance that is switched.
pub const ID: &str = "cdb-c1nl9rpv";

/// A MySQL server with the account of the `sql` driver.
pub fn mysql(options: Options) -> Server {
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
pub fn register(api: &TestServer, nodes: [&Server; 2]) {
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

/// Lets a task about it succeed. Answers its text.
pub fn succeeds(api: &TestServer, action: &str) -> String {
    let (state, info) = finish(api, action, &json!({ "InstanceId": ID }));
    assert_eq!(state, "SUCCESS", "{action}: {info}");
    info
}

fn status(api: &TestServer) -> Answer {
    api.call("DescribeSSLStatus", json!({ "InstanceId": ID }))
}

/// What the first switch of two servers says, which are configured without TLS.
fn first_on(servers: [&Server; 2]) -> String {
    let notes = servers.map(|server| {
        let file = server.dir().join("my.cnf");
        format!(
            " About `{}`: `tls_version` is set in {}; from now on what is persisted goes before it.",
            address(server),
            file.display()
        )
    });
    format!(
        "TLS is on, seen by a handshake with 2 node(s).{}",
        notes.concat()
    )
}

/// The CA file that the link of the answer leads to.
pub fn ca_file(api: &TestServer, folder: &Path) -> std::path::PathBuf {
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
pub fn verify(server: &Server, ca: &Path) {
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

/// The serial numbers of the certificates that its nodes were last seen with.
pub fn serial(api: &TestServer) -> Vec<String> {
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

    assert_eq!(succeeds(&api, "OpenSSL"), first_on([&one, &two]));
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

    // Four tasks on two nodes; one of them brought no certificate.
    let (_, _, metrics) = api.get("/metrics");
    let metrics = String::from_utf8(metrics).unwrap();
    for (step, count) in [
        ("check", 8),
        ("deliver", 6),
        ("issue", 6),
        ("load", 8),
        ("verify", 8),
    ] {
        let line = format!("signet_task_step_seconds_count{{step=\"{step}\"}} {count}");
        assert!(metrics.lines().any(|known| known == line), "no `{line}`");
    }
}

/// Registers a two-node instance of fakes that can be switched; they end when what is returned is dropped.
pub fn register_fakes(api: &TestServer) -> FakeFleet {
    let (fleet, nodes) = fakes(&[Behaviour::Switchable, Behaviour::Switchable]);
    api.call(
        "RegisterInstance",
        json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes,
            "Driver": "sql", "SqlUser": lab::fake::ACCOUNT, "SqlPassword": "secret",
        }),
    )
    .answers(json!({ "InstanceId": ID }));
    api.call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": ANY }));
    fleet
}

/// What is measured on hundreds of fakes is the same work as on servers.
#[test]
fn fakes_that_can_be_switched_are_switched_like_servers() {
    let api = TestServer::start();
    let _fleet = register_fakes(&api);
    status(&api).answers(json!({ "Status": "OFF", "Url": "" }));
    for _ in 0..2 {
        assert_eq!(
            succeeds(&api, "OpenSSL"),
            "TLS is on, seen by a handshake with 2 node(s)."
        );
        status(&api).answers(json!({ "Status": "ON", "Url": ANY }));
        assert_eq!(succeeds(&api, "CloseSSL"), "TLS is off, seen on 2 node(s).");
        status(&api).answers(json!({ "Status": "OFF", "Url": ANY }));
    }
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

#[test]
fn a_group_is_switched_with_all_its_read_only_instances() {
    let api = TestServer::start();
    let (_fleet, nodes) = fakes(&[Behaviour::NoTls, Behaviour::NoTls]);
    api.register(ID, &nodes);
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    let group = json!({
        "InstanceId": ID, "RoGroupId": "cdbrg-k9a6gup3", "RoGroupName": "reports", "Nodes": [address(&one), address(&two)],
        "Driver": "sql", "SqlUser": "signet", "SqlPassword": "secret", "KeyType": "rsa-2048",
    });
    api.call("RegisterRoGroup", group)
        .answers(json!({ "RoGroupId": "cdbrg-k9a6gup3", "RoInstanceIds": ANY }));
    let subject = json!({ "RoGroupId": "cdbrg-k9a6gup3" });
    let (state, info) = finish(&api, "OpenSSL", &subject);
    assert_eq!(
        (state.as_str(), info.as_str()),
        ("SUCCESS", first_on([&one, &two]).as_str())
    );
    api.call("DescribeSSLStatus", subject.clone())
        .answers(json!({ "Status": "ON", "Url": ANY }));
    let posture = api.call("DescribePosture", subject);
    for node in posture.fields["Nodes"].as_array().unwrap() {
        assert_eq!(
            (&node["Chain"][0]["KeyType"], &node["Chain"][0]["KeyBits"]),
            (&json!("RSA"), &json!(2048))
        );
    }
    // Its primary has a status of its own.
    status(&api).answers(json!({ "Status": "OFF", "Url": "" }));
}

#[test]
fn of_two_tasks_at_once_the_second_is_refused_and_status_stays_what_it_was() {
    let api = TestServer::start();
    let one = mysql(Options::new());
    // This one answers nothing once TLS begins: the task has to wait for it.
    let (_fleet, stalled) = fakes(&[Behaviour::StallsInHandshake]);
    let nodes = [address(&one), stalled[0].clone()];
    api.call(
        "RegisterInstance",
        json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes, "Driver": "sql",
            "SqlUser": "signet", "SqlPassword": "secret",
        }),
    )
    .answers(json!({ "InstanceId": ID }));
    api.wait_for(
        "DescribeSSLStatus",
        &json!({ "InstanceId": ID }),
        &json!({ "Status": "OFF", "Url": "" }),
    );
    let task = api
        .call("OpenSSL", json!({ "InstanceId": ID }))
        .text("AsyncRequestId");
    let conflict = format!(
        "`{ID}` is being changed by the task `{task}`. Wait until it has ended, then call again."
    );
    for (action, parameters) in [
        ("OpenSSL", json!({ "InstanceId": ID })),
        ("CloseSSL", json!({ "InstanceId": ID })),
        ("RotateCertificate", json!({ "InstanceId": ID })),
        ("DeregisterInstance", json!({ "InstanceId": ID })),
        (
            "ModifyInstance",
            json!({ "InstanceId": ID, "InstanceName": "other" }),
        ),
    ] {
        api.call(action, parameters)
            .fails("OperationDenied.InstanceLockerConflict", &conflict);
    }
    status(&api).answers(json!({ "Status": "OFF", "Url": "" }));
    let items = api.call("DescribeDBInstances", json!({ "TaskStatus": [10] }));
    assert_eq!(
        (
            &items.fields["TotalCount"],
            &items.fields["Items"][0]["TaskStatus"]
        ),
        (&json!(1), &json!(10))
    );
    let running = api.call("DescribeTasks", json!({ "TaskStatus": [1] }));
    assert_eq!(running.fields["Items"][0]["TaskStatus"], "RUNNING");

    let (state, info) = api.finish(&task);
    assert_eq!(state, "FAILED");
    assert_eq!(
        info,
        format!(
            "`{}` (checking): timed out while shaking hands for TLS: check the network, firewalls and the server's load",
            stalled[0]
        )
    );
    // What could be changed was not: every node is checked before the first is touched.
    status(&api).answers(json!({ "Status": "OFF", "Url": "" }));
}

#[test]
fn bad_luck_ends_in_a_reason_and_a_second_try_succeeds_once_it_is_gone() {
    let api = TestServer::start();
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    let fails = |expected: String| {
        let (state, info) = finish(&api, "OpenSSL", &json!({ "InstanceId": ID }));
        assert_eq!(state, "FAILED");
        assert!(
            info.starts_with(&expected),
            "expected {expected}\ngot {info}"
        );
        status(&api).answers(json!({ "Status": "OFF", "Url": "" }));
    };
    let second = format!("`{}` (checking): ", address(&two));

    two.sql("ALTER USER 'signet'@'%' IDENTIFIED BY 'changed'")
        .unwrap();
    fails(format!(
        "{second}the server refuses the login of `signet` (1045 "
    ));
    two.sql("ALTER USER 'signet'@'%' IDENTIFIED BY 'secret'")
        .unwrap();

    two.sql("REVOKE FILE ON *.* FROM 'signet'@'%'").unwrap();
    fails(format!("{second}the account lacks FILE"));
    two.sql("GRANT FILE ON *.* TO 'signet'@'%'").unwrap();

    succeeds(&api, "OpenSSL");
    status(&api).answers(json!({ "Status": "ON", "Url": ANY }));
}

#[test]
fn a_node_that_is_down_is_named_and_nothing_is_touched() {
    let api = TestServer::start();
    let (one, mut two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    two.kill().unwrap();
    let (state, info) = finish(&api, "OpenSSL", &json!({ "InstanceId": ID }));
    assert_eq!(state, "FAILED");
    let node = address(&two);
    assert_eq!(
        info,
        format!(
            "`{node}` (checking): {node} refuses connections: check that the server runs, its port and its `bind_address`"
        )
    );
    assert_eq!(one.sql("SELECT @@GLOBAL.tls_version").unwrap(), "");

    two.restart(Options::new()).unwrap();
    succeeds(&api, "OpenSSL");
}

#[test]
fn certificates_are_renewed_at_two_thirds_of_their_life() {
    const DAY: i64 = 86_400;
    let api = TestServer::begun_before(70 * DAY, |config| {
        config.renewal_interval = std::time::Duration::from_millis(100);
        config.probe_interval = std::time::Duration::from_secs(1);
    });
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    succeeds(&api, "OpenSSL");
    let first = serial(&api);

    api.pass(50 * DAY);
    api.call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "ON" }));
    assert_eq!(
        serial(&api),
        first,
        "half of its life is over, which is no reason"
    );

    api.pass(20 * DAY);
    api.call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "ON" }));
    api.wait_for(
        "DescribeTasks",
        &json!({ "TaskStatus": [2], "Limit": 1 }),
        &json!({ "TotalCount": 2, "Items": [{
            "Code": 0, "Message": "A fresh certificate is served, seen by a handshake with 2 node(s).", "JobId": ANY, "Progress": 100,
            "TaskStatus": "SUCCEED", "TaskType": "ROTATE SSL", "StartTime": ANY, "EndTime": ANY, "InstanceIds": [ID],
            "AsyncRequestId": ANY, "TaskAttachInfo": ANY,
        }] }),
    );
    assert!(
        serial(&api)
            .iter()
            .zip(&first)
            .all(|(now, first)| now != first)
    );
}

#[test]
fn what_somebody_changes_behind_our_back_is_told_and_left() {
    let api = TestServer::configured(|config| {
        config.witness_interval = std::time::Duration::from_millis(200);
    });
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    succeeds(&api, "OpenSSL");
    let drift = || {
        api.call("ProbeNow", json!({ "InstanceId": ID }))
            .answers(json!({ "Status": ANY }));
        let posture = api.call("DescribePosture", json!({ "InstanceId": ID }));
        posture.fields["Nodes"][0]["Drift"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(drift(), "");

    one.sql("SET PERSIST tls_version=''").unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while drift() != "after its next restart TLS will be off" {
        assert!(
            std::time::Instant::now() < deadline,
            "it is never told: {}",
            drift()
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    one.switch_tls_off().unwrap();
    assert_eq!(drift(), "TLS is off, and was switched on by Signet");
    status(&api).answers(json!({ "Status": "OFF", "Url": ANY }));
    let fleet = api.call("DescribeFleet", json!({}));
    assert_eq!(
        fleet.fields["Items"][0]["Drift"],
        json!([format!(
            "{}: TLS is off, and was switched on by Signet",
            address(&one)
        )])
    );

    succeeds(&api, "OpenSSL");
    assert_eq!(drift(), "");
}

#[test]
fn enforcement_refuses_plaintext_and_keeps_tls_from_being_switched_off() {
    let api = TestServer::start();
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    let enforce = |required: bool| {
        finish(
            &api,
            "SetEnforcement",
            &json!({ "InstanceId": ID, "Required": required }),
        )
    };
    let enforcement = || {
        let posture = api.call("DescribePosture", json!({ "InstanceId": ID }));
        let nodes = posture.fields["Nodes"].as_array().unwrap().clone();
        nodes
            .iter()
            .map(|node| node["Enforcement"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (state, info) = enforce(true);
    assert_eq!(state, "FAILED", "nobody could connect any more: {info}");
    assert_eq!(one.sql("SELECT @@require_secure_transport").unwrap(), "0");

    succeeds(&api, "OpenSSL");
    assert_eq!(
        enforce(true),
        (
            "SUCCESS".into(),
            "Plaintext connections are refused by 2 node(s).".into()
        )
    );
    assert_eq!(enforcement(), ["REQUIRED", "REQUIRED"]);
    assert_eq!(one.sql("SELECT @@require_secure_transport").unwrap(), "1");

    let (state, info) = finish(&api, "CloseSSL", &json!({ "InstanceId": ID }));
    assert_eq!(state, "FAILED");
    assert!(info.contains("require_secure_transport"), "{info}");
    status(&api).answers(json!({ "Status": "ON", "Url": ANY }));

    assert_eq!(enforce(false).0, "SUCCESS");
    assert_eq!(enforcement(), ["OPTIONAL", "OPTIONAL"]);
    succeeds(&api, "CloseSSL");
}

#[test]
fn an_authority_of_the_operators_issues_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let root = lab::pki::Authority::root("Operator root", lab::now()).unwrap();
    let issuing = root.intermediate("Operator issuing").unwrap();
    let (certificate, key) = (
        folder.path().join("issuing.pem"),
        folder.path().join("issuing.key"),
    );
    let (chain, secret) = issuing.issuing_pem();
    std::fs::write(&certificate, chain).unwrap();
    std::fs::write(&key, secret).unwrap();
    let mut api = TestServer::configured(|config| {
        config.ca.certificate = Some(certificate);
        config.ca.key = Some(key);
    });
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    api.restart();
    succeeds(&api, "OpenSSL");

    let authorities = api.call("DescribeAuthorities", json!({}));
    let chain = authorities.fields["Items"][0]["Certificates"]
        .as_str()
        .unwrap();
    assert!(
        chain.ends_with(root.root_pem()),
        "the root is the last one:\n{chain}"
    );
    let ca = folder.path().join("root.pem");
    std::fs::write(&ca, root.root_pem()).unwrap();
    verify(&one, &ca);
    verify(&two, &ca_file(&api, folder.path()));
}
