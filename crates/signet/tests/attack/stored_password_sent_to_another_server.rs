//! Somebody with an access key changes the nodes of an instance and has the stored password brought to a server of their own.

use lab::{Kind, Options, Server};
use serde_json::json;

use crate::support::{Connection, ID, Place};

/// A server that the thief controls. It knows the account, so that it can be seen whether the password came.
fn server() -> (Server, String, String) {
    let server = Server::start(Kind::MySql, Options::new().tls_auto()).unwrap();
    server
        .sql("CREATE USER probe@'%' IDENTIFIED BY 'secret'")
        .unwrap();
    let ca = std::fs::read_to_string(server.ca().unwrap()).unwrap();
    let node = format!("{}:{}", server.host(), server.port());
    (server, node, ca)
}

#[test]
fn a_change_of_nodes_or_ca_leaves_the_password_behind() {
    let place = Place::new();
    let served = place.serve();
    let (_own, own_node, own_ca) = server();
    let (_thiefs, thiefs_node, thiefs_ca) = server();
    let mut connection = Connection::open(served.address()).unwrap();
    let register = json!({
        "InstanceId": ID, "InstanceName": "orders", "Architecture": "single-node", "Nodes": [own_node],
        "ProbeUser": "probe", "ProbePassword": "secret", "CaCertificates": own_ca,
    });
    connection.call("RegisterInstance", &register).unwrap();
    assert_eq!(probe_login(&mut connection), "ACCEPTED");

    let theft = json!({ "InstanceId": ID, "Nodes": [thiefs_node], "CaCertificates": thiefs_ca });
    let changed = connection.call("ModifyInstance", &theft).unwrap();
    assert_eq!(probe_login(&mut connection), "NOBODY", "at another server");
    let dropped = json!([{ "User": "probe", "Parameters": ["ProbeUser", "ProbePassword"] }]);
    assert_eq!(changed["DroppedAccounts"], dropped);

    // Its owner gives it again; what is changed beside leaves it alone.
    let again = json!({
        "InstanceId": ID, "Nodes": [own_node], "CaCertificates": own_ca, "ProbeUser": "probe", "ProbePassword": "secret",
    });
    connection.call("ModifyInstance", &again).unwrap();
    let beside = json!({ "InstanceId": ID, "InstanceName": "new", "Nodes": [own_node] });
    let changed = connection.call("ModifyInstance", &beside).unwrap();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(probe_login(&mut connection), "ACCEPTED");
}

fn probe_login(connection: &mut Connection) -> String {
    let instance = json!({ "InstanceId": ID });
    connection.call("ProbeNow", &instance).unwrap();
    let posture = connection.call("DescribePosture", &instance).unwrap();
    posture["Nodes"][0]["ProbeLogin"]
        .as_str()
        .unwrap()
        .to_owned()
}
