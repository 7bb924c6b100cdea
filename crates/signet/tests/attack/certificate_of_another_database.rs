//! Somebody who got the key of one database's certificate shows it in the place of another database.

use lab::pki::CertFiles;
use lab::{Kind, Options, Server};
use serde_json::json;

use crate::support::{Connection, ID, Place, mysql};

#[test]
fn a_certificate_of_ours_under_another_name_does_not_get_the_probe_password() {
    let place = Place::new();
    let served = place.serve();
    let robbed = [mysql(), mysql()];
    let mut connection = Connection::open(served.address()).unwrap();
    let nodes = robbed
        .each_ref()
        .map(|s| format!("{}:{}", s.host(), s.port()));
    connection
        .call(
            "RegisterInstance",
            &json!({
                "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes,
                "Driver": "sql", "SqlUser": "signet", "SqlPassword": "secret",
            }),
        )
        .unwrap();
    let opened = connection
        .call("OpenSSL", &json!({ "InstanceId": ID }))
        .unwrap();
    let (state, info) = connection.finish(opened["AsyncRequestId"].as_str().unwrap());
    assert_eq!(state, "SUCCESS", "{info}");

    let [cert, key, ca] = ["ssl_cert", "ssl_key", "ssl_ca"].map(|name| {
        let value = robbed[0].sql(&format!("SELECT @@{name}")).unwrap();
        std::path::PathBuf::from(value.trim())
    });
    let options = Options::new().tls(CertFiles { ca, cert, key });
    let thiefs = Server::start(Kind::MySql, options).unwrap();
    thiefs
        .sql("CREATE USER probe@'%' IDENTIFIED BY 'secret'")
        .unwrap();
    let other = "cdb-other001";
    connection
        .call(
            "RegisterInstance",
            &json!({
                "InstanceId": other, "InstanceName": "other", "Architecture": "single-node",
                "Nodes": [format!("localhost:{}", thiefs.port())], "ProbeUser": "probe", "ProbePassword": "secret",
            }),
        )
        .unwrap();
    connection
        .call("ProbeNow", &json!({ "InstanceId": other }))
        .unwrap();
    let posture = connection
        .call("DescribePosture", &json!({ "InstanceId": other }))
        .unwrap();
    let node = &posture["Nodes"][0];
    assert_eq!(
        (&node["Status"], &node["ChainVerifies"], &node["ProbeLogin"]),
        (&json!("ON"), &json!(true), &json!("WITHHELD")),
        "{node}"
    );
    assert_eq!(
        node["ProbeLoginMessage"],
        "The password was not sent: the server could not be verified. Its certificate chain must lead to a trusted CA, be valid now, not be revoked, and name the host."
    );
}
