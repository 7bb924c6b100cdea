//! Registering, changing, listing and forgetting.

use lab::fake::Behaviour::{NoTls, Tls};
use serde_json::{Value, json};

use crate::support::{ANY, TestServer, fakes, nobody};

const ID: &str = "cdb-c1nl9rpv";

#[test]
fn an_instance_is_registered_shown_changed_and_forgotten() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls]);
    server
        .call(
            "RegisterInstance",
            json!({
                "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes, "Vip": "192.0.2.10", "Vport": 3306,
                "DnsNames": ["Orders.DB.example.com"], "Tags": [{ "Key": "env", "Value": "prod" }],
            }),
        )
        .answers(json!({ "InstanceId": ID }));
    server
        .call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "ON" }));
    server.call("DescribeFleet", json!({})).answers(json!({ "TotalCount": 1, "Items": [{
        "Id": ID, "Kind": "Instance", "Name": "orders", "Architecture": "two-node", "PrimaryInstanceId": "", "Nodes": nodes,
        "Vip": "192.0.2.10", "Vport": 3306, "DnsNames": ["orders.db.example.com"], "Driver": "observe", "NodeDrivers": [],
        "KeyType": "ecdsa-p256", "Tags": [{ "Key": "env", "Value": "prod" }], "Drift": [], "Status": "ON", "Enforcement": "UNKNOWN", "TlsVersions": ["TLSv1.3"], "Issuers": [ANY], "NotAfter": ANY, "DaysLeft": ANY, "Servers": [ANY], "LastSeen": ANY,
    }] }));

    server
        .call(
            "ModifyInstance",
            json!({ "InstanceId": ID, "InstanceName": "orders-2", "DnsNames": [] }),
        )
        .answers(json!({}));
    let fleet = server.call("DescribeFleet", json!({}));
    let item = &fleet.fields["Items"][0];
    assert_eq!(
        (
            &item["Name"],
            &item["DnsNames"],
            &item["Vip"],
            &item["Status"]
        ),
        (
            &json!("orders-2"),
            &json!([]),
            &json!("192.0.2.10"),
            &json!("ON")
        )
    );

    server
        .call("DeregisterInstance", json!({ "InstanceId": ID }))
        .answers(json!({}));
    server
        .call("DescribeFleet", json!({}))
        .answers(json!({ "TotalCount": 0, "Items": [] }));
    server
        .call("DescribeSSLStatus", json!({ "InstanceId": ID }))
        .fails(
            "ResourceNotFound.InstanceNotFoundError",
            &format!("The instance `{ID}` does not exist."),
        );
}

#[test]
fn what_cannot_be_registered_says_why() {
    let server = TestServer::start();
    let good = json!({ "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": ["127.0.0.1:1", "127.0.0.1:2"] });
    let with = |name: &str, value: Value| {
        let mut parameters = good.clone();
        parameters[name] = value;
        server.call("RegisterInstance", parameters)
    };
    let invalid = |name: &str, why: &str| {
        (
            "InvalidParameterValue",
            format!("The value of parameter `{name}` is not valid: {why}."),
        )
    };
    for (name, value, (code, message)) in [
        (
            "InstanceId",
            json!("cdb-x"),
            invalid(
                "InstanceId",
                "an instance ID is `cdb-` and eight of a-z0-9, like `cdb-c1nl9rpv`",
            ),
        ),
        (
            "InstanceName",
            json!(""),
            invalid(
                "InstanceName",
                "a name has 1 to 60 characters, none of them a control or a direction character",
            ),
        ),
        (
            "InstanceName",
            json!("a\nb"),
            invalid(
                "InstanceName",
                "a name has 1 to 60 characters, none of them a control or a direction character",
            ),
        ),
        (
            "Nodes",
            json!(["127.0.0.1:1"]),
            invalid("Nodes", "two-node has 2 node(s), 1 given"),
        ),
        (
            "Nodes",
            json!(["127.0.0.1:1", "127.0.0.1:1"]),
            invalid("Nodes", "`127.0.0.1:1` is there twice"),
        ),
        (
            "Nodes",
            json!(["127.0.0.1:1", "a b"]),
            invalid(
                "Nodes.1",
                "`a b` is not a target: expected HOST, HOST:PORT, [IPV6]:PORT or unix:/path/to.sock",
            ),
        ),
        (
            "DnsNames",
            json!(["192.0.2.1"]),
            invalid(
                "DnsNames.0",
                "a DNS name is letters, digits and hyphens between dots, like db.example.com",
            ),
        ),
        (
            "Vport",
            json!(70000),
            invalid("Vport", "invalid value: integer `70000`, expected u16"),
        ),
        (
            "ProbeUser",
            json!("probe"),
            (
                "InvalidParameter",
                "Specify `ProbeUser` and `ProbePassword` together, or neither.".to_owned(),
            ),
        ),
        (
            "Driver",
            json!("sql"),
            (
                "InvalidParameter",
                "The driver `sql` needs `SqlUser` and `SqlPassword`.".to_owned(),
            ),
        ),
        (
            "CaCertificates",
            json!("hello"),
            invalid("CaCertificates", "the CA bundle holds no certificate"),
        ),
    ] {
        with(name, value).fails(code, &message);
    }
    server
        .call("DescribeFleet", json!({}))
        .answers(json!({ "TotalCount": 0, "Items": [] }));
}

#[test]
fn an_id_is_taken_once() {
    let server = TestServer::start();
    server.register(ID, &[nobody(), nobody()]);
    server
        .call("RegisterInstance", json!({ "InstanceId": ID, "InstanceName": "x", "Architecture": "two-node", "Nodes": [nobody(), nobody()] }))
        .fails("ResourceInUse", &format!("An instance with the ID `{ID}` is registered already."));
}

#[test]
fn an_instance_with_ro_groups_is_not_forgotten() {
    let server = TestServer::start();
    server.register(ID, &[nobody(), nobody()]);
    server
        .call("RegisterRoGroup", json!({ "InstanceId": ID, "RoGroupId": "cdbrg-k9a6gup3", "RoGroupName": "reports", "Nodes": [nobody()] }))
        .answers(json!({ "RoGroupId": "cdbrg-k9a6gup3", "RoInstanceIds": [ANY] }));
    server
        .call("DeregisterInstance", json!({ "InstanceId": ID }))
        .fails("OperationDenied", &format!("The instance `{ID}` still has the RO group `cdbrg-k9a6gup3`. Deregister its RO groups first."));
    server
        .call(
            "DeregisterRoGroup",
            json!({ "RoGroupId": "cdbrg-k9a6gup3" }),
        )
        .answers(json!({}));
    server
        .call("DeregisterInstance", json!({ "InstanceId": ID }))
        .answers(json!({}));
}

#[test]
fn posture_tells_what_was_seen_on_each_node() {
    let server = TestServer::start();
    let (fleet, nodes) = fakes(&[Tls, NoTls]);
    let parameters = json!({
        "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes, "CaCertificates": fleet.root_pem(),
        "Vip": "192.0.2.10", "DnsNames": ["db.example.com"],
    });
    server
        .call("RegisterInstance", parameters)
        .answers(json!({ "InstanceId": ID }));
    server
        .call("ProbeNow", json!({ "InstanceId": ID }))
        .answers(json!({ "Status": "OFF" }));
    let posture = server.call("DescribePosture", json!({ "InstanceId": ID }));
    assert_eq!(
        (&posture.fields["Status"], &posture.fields["Reason"]),
        (&json!("OFF"), &json!(""))
    );
    let (on, off) = (&posture.fields["Nodes"][0], &posture.fields["Nodes"][1]);

    let host = nodes[0].split(':').next().unwrap();
    assert_eq!(
        (&on["Target"], &on["Status"], &on["TlsVersion"]),
        (&json!(nodes[0]), &json!("ON"), &json!("TLSv1.3"))
    );
    assert_eq!(
        (&on["ChainVerifies"], &on["TrustedBy"], &on["Reachable"]),
        (&json!(true), &json!("CN=Lab fake fleet root"), &json!(true))
    );
    assert_eq!(
        on["Names"],
        json!([
            { "Name": host, "Covered": true, "CommonNameOnly": false },
            { "Name": "192.0.2.10", "Covered": false, "CommonNameOnly": false },
            { "Name": "db.example.com", "Covered": false, "CommonNameOnly": false },
        ])
    );
    assert_eq!(on["Chain"][0]["Sans"], json!([host]));
    assert_eq!(
        (
            &off["Status"],
            &off["Chain"],
            &off["TlsVersion"],
            &off["NotAfter"]
        ),
        (&json!("OFF"), &json!([]), &json!(""), &json!(""))
    );
}

#[test]
fn posture_of_a_node_that_was_never_seen_says_why() {
    let server = TestServer::start();
    let node = nobody();
    server.register(ID, &[node.clone(), nobody()]);
    let posture = server.call("DescribePosture", json!({ "InstanceId": ID }));
    let first = &posture.fields["Nodes"][0];
    assert_eq!(
        (
            &first["Status"],
            &first["Reachable"],
            &first["LastSeen"],
            &first["Since"]
        ),
        (&json!("UNKNOWN"), &json!(false), &json!(""), &json!(""))
    );
    assert!(
        first["Reason"]
            .as_str()
            .unwrap()
            .contains("refuses connections"),
        "{first}"
    );
}

#[test]
fn the_fleet_is_filtered_and_paged() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls, NoTls, NoTls]);
    server.register("cdb-aaaaaaaa", &nodes[..2]);
    server.register("cdb-bbbbbbbb", &nodes[2..]);
    let ids = |parameters: Value| -> Vec<String> {
        let answer = server.call("DescribeFleet", parameters);
        answer.fields["Items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["Id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(json!({})), ["cdb-aaaaaaaa", "cdb-bbbbbbbb"]);
    assert_eq!(ids(json!({ "Status": "OFF" })), ["cdb-bbbbbbbb"]);
    assert_eq!(ids(json!({ "Status": "UNKNOWN" })), Vec::<String>::new());
    assert_eq!(ids(json!({ "Search": "aaaa" })), ["cdb-aaaaaaaa"]);
    assert_eq!(
        ids(json!({ "ExpiresWithinDays": 100_000 })),
        ["cdb-aaaaaaaa"]
    );
    assert_eq!(ids(json!({ "TlsVersion": "TLSv1.3" })), ["cdb-aaaaaaaa"]);
    assert_eq!(ids(json!({ "HasDrift": true })), Vec::<String>::new());
    assert_eq!(
        ids(json!({ "Enforcement": "REQUIRED" })),
        Vec::<String>::new()
    );
    for (order_by, expected) in [
        ("Id", ["cdb-aaaaaaaa", "cdb-bbbbbbbb"]),
        ("Status", ["cdb-bbbbbbbb", "cdb-aaaaaaaa"]),
        ("NotAfter", ["cdb-aaaaaaaa", "cdb-bbbbbbbb"]),
    ] {
        assert_eq!(ids(json!({ "OrderBy": order_by })), expected, "{order_by}");
        let [first, second] = expected;
        let reversed = json!({ "OrderBy": order_by, "Descending": true });
        assert_eq!(ids(reversed), [second, first], "{order_by}");
    }
    assert_eq!(ids(json!({ "Offset": 1, "Limit": 1 })), ["cdb-bbbbbbbb"]);
    server.call("DescribeFleet", json!({ "Limit": 0 })).fails(
        "InvalidParameterValue",
        "The value of parameter `Limit` is not valid: it must be 1 to 2000.",
    );
}

#[test]
fn a_caller_that_hangs_up_loses_nothing() {
    let server = TestServer::start();
    let mut request = crate::support::Request::post(
        &server,
        "RegisterInstance",
        "2026-11-24",
        &json!({ "InstanceId": ID, "InstanceName": "x", "Architecture": "two-node", "Nodes": [nobody(), nobody()] }).to_string(),
    );
    request.sign(crate::support::SECRET_ID, crate::support::SECRET_KEY);
    let connection = request.send_only(&server);
    server.audited(|line| line["outcome"] == "attempt" && line["action"] == "RegisterInstance");
    drop(connection);
    server.audited(|line| line["outcome"] == "done" && line["action"] == "RegisterInstance");
    server.wait_for(
        "DescribeFleet",
        &json!({ "Search": ID, "Status": "UNKNOWN" }),
        &json!({ "TotalCount": 1, "Items": [ANY] }),
    );
}
