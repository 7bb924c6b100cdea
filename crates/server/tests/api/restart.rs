//! What is there after a restart, and what keeps a start from happening.

use lab::fake::Behaviour::Tls;
use serde_json::json;

use crate::support::{ANY, SECRET_ID, TestServer, fakes};
use crate::switching::register_fakes;

const ID: &str = "cdb-c1nl9rpv";

#[test]
fn everything_is_there_after_a_restart() {
    let mut server = TestServer::start();
    let (fleet, nodes) = fakes(&[Tls, Tls, Tls]);
    server.register(ID, &nodes[..2]);
    server.call("RegisterRoGroup", json!({ "InstanceId": ID, "RoGroupId": "cdbrg-k9a6gup3", "RoGroupName": "reports", "Nodes": nodes[2..] }));
    server
        .call("ProbeNow", json!({ "RoGroupId": "cdbrg-k9a6gup3" }))
        .answers(json!({ "Status": "ON" }));
    let key = server.call("CreateAccessKey", json!({}));
    drop(fleet); // what is answered from now on was observed before

    server.restart();
    for parameters in [
        json!({ "InstanceId": ID }),
        json!({ "RoGroupId": "cdbrg-k9a6gup3" }),
    ] {
        server
            .call("DescribeSSLStatus", parameters)
            .answers(json!({ "Status": "ON", "Url": ANY }));
    }
    server
        .call_with(
            &key.text("SecretId"),
            &key.text("SecretKey"),
            "DescribeFleet",
            json!({}),
        )
        .answers(json!({ "TotalCount": 2, "Items": [ANY, ANY] }));
}

#[test]
fn an_observation_from_before_a_long_pause_is_not_answered() {
    let mut server = TestServer::start();
    let (fleet, nodes) = fakes(&[Tls, Tls]);
    server.register(ID, &nodes);
    server.stop();
    drop(fleet);
    server.pass(601);
    server.restart();
    server
        .call("DescribeSSLStatus", json!({ "InstanceId": ID }))
        .answers(
            json!({ "Error": { "Code": "InternalError.ExecHttpRequestError", "Message": ANY } }),
        );
}

#[test]
fn a_task_is_forgotten_half_a_year_after_its_end() {
    const DAY: i64 = 86_400;
    let mut server = TestServer::start();
    let _fleet = register_fakes(&server);
    let switch = |server: &TestServer, action: &str| {
        let task = server.call(action, json!({ "InstanceId": ID }));
        let task = task.text("AsyncRequestId");
        assert_eq!(server.finish(&task).0, "SUCCESS");
        task
    };
    let old = switch(&server, "OpenSSL");
    server.pass(100 * DAY);
    let young = switch(&server, "CloseSSL");
    server.pass(81 * DAY);
    server.restart();
    server.wait_for(
        "DescribeTasks",
        &json!({}),
        &json!({ "TotalCount": 1, "Items": [ANY] }),
    );
    server
        .call("DescribeAsyncRequestInfo", json!({ "AsyncRequestId": old }))
        .fails(
            "InvalidParameter.InvalidAsyncRequestId",
            &format!("There is no task `{old}`."),
        );
    server
        .call(
            "DescribeAsyncRequestInfo",
            json!({ "AsyncRequestId": young }),
        )
        .answers(json!({ "Status": "SUCCESS", "Info": ANY }));
}

#[test]
fn a_second_service_on_the_same_folder_is_refused() {
    let server = TestServer::start();
    assert_eq!(
        server.start_error(),
        format!(
            "the data folder {} is in use by another signet. Stop that one, or name another folder with --data",
            server.data().display()
        )
    );
}

#[test]
fn a_damaged_data_file_keeps_the_service_from_starting_and_is_left_alone() {
    let mut server = TestServer::start();
    for n in 0..50 {
        let parameters = json!({ "InstanceId": format!("cdb-{n:08}"), "InstanceName": "x", "Architecture": "single-node", "Nodes": ["127.0.0.1:1"] });
        server
            .call("RegisterInstance", parameters)
            .answers(json!({ "InstanceId": ANY }));
    }
    server.stop();
    let path = server.data().join("signet.db");
    wait_for_checkpoint(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = 8192..bytes.len();
    bytes[middle].fill(0xAA);
    std::fs::write(&path, &bytes).unwrap();
    let error = server.start_error();
    assert!(
        error.contains("is damaged") && error.ends_with("Restore the folder from a backup"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

/// The last connection that closes brings the log into the file and removes it.
fn wait_for_checkpoint(path: &std::path::Path) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while path.with_file_name("signet.db-wal").exists() {
        assert!(
            std::time::Instant::now() < deadline,
            "the log is still there"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn the_audit_log_tells_what_was_done() {
    let mut server = TestServer::start();
    server.call("RegisterInstance", json!({ "InstanceId": ID, "InstanceName": "x", "Architecture": "single-node", "Nodes": ["127.0.0.1:1"] }));
    server.restart();
    server
        .call("DeregisterInstance", json!({ "InstanceId": ID }))
        .answers(json!({}));
    server.stop();
    let path = server.data().join("audit.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let told: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| {
            (
                line["outcome"].clone(),
                line["action"].clone(),
                line["resource"].clone(),
                line["secret_id"].clone(),
            )
        })
        .collect();
    let line =
        |outcome: &str, action: &str| (json!(outcome), json!(action), json!(ID), json!(SECRET_ID));
    assert_eq!(
        told,
        [
            line("attempt", "RegisterInstance"),
            line("done", "RegisterInstance"),
            line("attempt", "DeregisterInstance"),
            line("done", "DeregisterInstance")
        ]
    );
}
