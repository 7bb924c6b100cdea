//! Asking whether SSL is on.

use lab::fake::Behaviour::{Blocked, NoTls, StallsInHandshake, Tls, Tls11Only};
use serde_json::json;

use crate::support::{ANY, TestServer, fakes, nobody};

const ID: &str = "cdb-c1nl9rpv";

fn status(server: &TestServer) -> crate::support::Answer {
    server.call("DescribeSSLStatus", json!({ "InstanceId": ID }))
}

#[test]
fn on_when_every_node_does_tls() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls]);
    server.register(ID, &nodes);
    let answer = status(&server);
    answer.answers(json!({ "Status": "ON", "Url": ANY }));
    let url = answer.text("Url");
    assert!(
        url.starts_with(&format!(
            "http://{}/certificates/{ID}/TencentDB-CA-Chain.zip?expires=",
            server.address()
        )),
        "{url}"
    );
}

#[test]
fn off_when_one_node_does_not() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls, NoTls]);
    server.register(ID, &nodes);
    status(&server).answers(json!({ "Status": "OFF", "Url": ANY }));
}

#[test]
fn there_is_no_link_before_a_certificate_was_seen() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[NoTls, NoTls]);
    server.register(ID, &nodes);
    status(&server).answers(json!({ "Status": "OFF", "Url": "" }));
}

#[test]
fn obsolete_tls_is_on_all_the_same() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls11Only]);
    server.register(ID, &nodes);
    status(&server).answers(json!({ "Status": "ON", "Url": ANY }));
}

#[test]
fn a_ro_group_covers_all_its_read_only_instances() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls, Tls, NoTls]);
    server.register(ID, &nodes[..2]);
    for (group, members, expected) in [
        ("cdbrg-aaaaaaaa", &nodes[2..3], "ON"),
        ("cdbrg-bbbbbbbb", &nodes[2..4], "OFF"),
    ] {
        let ids: Vec<_> = members.iter().map(|_| ANY).collect();
        server
            .call("RegisterRoGroup", json!({ "InstanceId": ID, "RoGroupId": group, "RoGroupName": "reports", "Nodes": members }))
            .answers(json!({ "RoGroupId": group, "RoInstanceIds": ids }));
        server
            .call("ProbeNow", json!({ "RoGroupId": group }))
            .answers(json!({ "Status": expected }));
        server
            .call("DescribeSSLStatus", json!({ "RoGroupId": group }))
            .answers(json!({ "Status": expected, "Url": ANY }));
    }
}

#[test]
fn a_node_that_cannot_be_judged_is_named_with_the_reason() {
    let server = TestServer::configured(|config| {
        config.probe_timeout = std::time::Duration::from_millis(700)
    });
    let (_fleet, mut nodes) = fakes(&[Tls, Blocked, StallsInHandshake]);
    nodes.push(nobody());
    for bad in 1..4 {
        let id = format!("cdb-0000000{bad}");
        server.register(&id, &[nodes[0].clone(), nodes[bad].clone()]);
        let answer = server.call("DescribeSSLStatus", json!({ "InstanceId": id }));
        answer.answers(
            json!({ "Error": { "Code": "InternalError.ExecHttpRequestError", "Message": ANY } }),
        );
        let message = answer.fields["Error"]["Message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            message.starts_with(&format!("The node `{}` cannot be judged: ", nodes[bad])),
            "{message}"
        );
        let expected = [
            "blocked because of many connection errors",
            "timed out",
            "refuses connections",
        ][bad - 1];
        assert!(
            message.contains(expected),
            "{message} should say `{expected}`"
        );
    }
}

#[test]
fn an_unreachable_node_keeps_its_last_observation_until_it_is_stale() {
    let server = TestServer::start();
    let (fleet, nodes) = fakes(&[Tls, Tls]);
    server.register(ID, &nodes);
    drop(fleet);
    server.pass(600);
    server
        .call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "ON" }));
    status(&server).answers(json!({ "Status": "ON", "Url": ANY }));
    server.pass(1);
    status(&server).answers(
        json!({ "Error": { "Code": "InternalError.ExecHttpRequestError", "Message": ANY } }),
    );
}

#[test]
fn exactly_one_of_the_two_ids_is_needed() {
    let server = TestServer::start();
    for parameters in [
        json!({}),
        json!({ "InstanceId": "" }),
        json!({ "InstanceId": "", "RoGroupId": "" }),
        json!({ "InstanceId": null }),
    ] {
        server.call("DescribeSSLStatus", parameters).fails(
            "MissingParameter.MissingParamError",
            "Specify `InstanceId` or `RoGroupId`.",
        );
    }
    server
        .call(
            "DescribeSSLStatus",
            json!({ "InstanceId": ID, "RoGroupId": "cdbrg-k9a6gup3" }),
        )
        .fails(
            "InvalidParameter",
            "Specify either `InstanceId` or `RoGroupId`, not both.",
        );
}

#[test]
fn what_does_not_exist_has_the_documented_code() {
    let server = TestServer::start();
    for id in ["cdb-nobody00", "cdb-test", "cdn-ahend", "x"] {
        server
            .call("DescribeSSLStatus", json!({ "InstanceId": id }))
            .fails(
                "ResourceNotFound.InstanceNotFoundError",
                &format!("The instance `{id}` does not exist."),
            );
    }
    for id in ["cdbrg-nobody00", "cdbrg-test", "cdb-c1nl9rpv"] {
        server
            .call("DescribeSSLStatus", json!({ "RoGroupId": id }))
            .fails(
                "InternalError.DBRecordNotExistError",
                &format!("The RO group `{id}` does not exist."),
            );
    }
}

#[test]
fn a_read_only_instance_is_asked_for_by_its_group() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls, Tls]);
    server.register(ID, &nodes[..2]);
    let group = server.call("RegisterRoGroup", json!({ "InstanceId": ID, "RoGroupId": "cdbrg-k9a6gup3", "RoGroupName": "reports", "Nodes": nodes[2..] }));
    let member = group.fields["RoInstanceIds"][0]
        .as_str()
        .unwrap()
        .to_owned();
    server.call("DescribeSSLStatus", json!({ "InstanceId": member })).fails(
        "ResourceNotFound.InstanceNotFoundError",
        &format!("`{member}` is a read-only instance. Ask for its RO group: `RoGroupId` = `cdbrg-k9a6gup3`."),
    );
    server.call("DescribeSSLStatus", json!({ "InstanceId": "cdbro-nobody00" })).fails(
        "ResourceNotFound.InstanceNotFoundError",
        "`cdbro-nobody00` names a read-only instance, and none is known by it. Read-only instances are asked for by their RO group, in `RoGroupId`.",
    );
}

#[test]
fn an_architecture_without_ssl_says_so() {
    let server = TestServer::start();
    for (id, architecture, nodes) in [
        ("cdb-single00", "single-node", vec![nobody()]),
        ("cdb-cluster0", "cluster", vec![nobody(), nobody()]),
    ] {
        server
            .call("RegisterInstance", json!({ "InstanceId": id, "InstanceName": "x", "Architecture": architecture, "Nodes": nodes }))
            .answers(json!({ "InstanceId": id }));
        server.call("DescribeSSLStatus", json!({ "InstanceId": id })).fails(
            "ResourceNotFound.InstanceNotFoundError",
            &format!("The instance `{id}` has no SSL: its architecture is {architecture}, and only two-node and three-node instances have it."),
        );
    }
}

#[test]
fn a_change_on_a_server_is_seen_within_an_interval_and_at_once_when_asked() {
    let server =
        TestServer::configured(|config| config.probe_interval = std::time::Duration::from_secs(1));
    let (fleet, nodes) = fakes(&[Tls, Tls]);
    server.register(ID, &nodes);
    status(&server).answers(json!({ "Status": "ON", "Url": ANY }));
    drop(fleet);
    // Other fakes cannot be had on the same addresses, so the nodes are replaced: that is a change as well.
    let (_fleet, nodes) = fakes(&[NoTls, NoTls]);
    server
        .call(
            "ModifyInstance",
            json!({ "InstanceId": ID, "Nodes": nodes }),
        )
        .answers(json!({}));
    server.wait_for(
        "DescribeSSLStatus",
        &json!({ "InstanceId": ID }),
        &json!({ "Status": "OFF", "Url": "" }),
    );
}
