//! Somebody with an access key registers addresses of the inner network as nodes, and reads with Signet's eyes what listens there.

use std::io::Write as _;
use std::net::TcpListener;

use serde_json::json;

use crate::support::{Connection, ID, Place};

const BANNER: &str = "SSH-2.0-Inner_Secret_9.2 build-7f3a";

#[test]
fn a_banner_is_told_to_nobody_but_the_log() {
    let place = Place::new();
    let served = place.serve();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream
                .unwrap()
                .write_all(format!("{BANNER}\r\n").as_bytes());
        }
    });
    let mut connection = Connection::open(served.address()).unwrap();
    let nodes = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let register = json!({ "InstanceId": ID, "InstanceName": "scan", "Architecture": "two-node", "Nodes": nodes });
    connection.call("RegisterInstance", &register).unwrap();
    for action in [
        "ProbeNow",
        "DescribePosture",
        "DescribeSSLStatus",
        "DescribeFleet",
    ] {
        let parameters = match action {
            "DescribeFleet" => json!({}),
            _ => json!({ "InstanceId": ID }),
        };
        let answer = connection.call(action, &parameters).unwrap();
        let text = serde_json::to_string(&answer).unwrap();
        assert!(
            !text.contains("SSH-2.0") && !text.contains("Secret"),
            "{action}: {text}"
        );
    }
    let posture = connection
        .call("DescribePosture", &json!({ "InstanceId": ID }))
        .unwrap();
    assert_eq!(
        posture["Nodes"][0]["Reason"],
        "this is not a MySQL server; check the port"
    );
    place.wait_for_log(BANNER);
}

#[test]
fn what_is_never_a_database_is_refused_and_not_registered() {
    let place = Place::new();
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let own = served.address().to_string();
    let cloud = "it is a link-local address, where clouds have their metadata service; if a database is there all the same, name the address in `allow` of [targets]";
    let sockets = "it is not below a directory of `sockets` in [targets] (/run/mysqld, /var/run/mysqld, /run/mariadb, /var/lib/mysql); add its directory there";
    for (node, why) in [
        (own.as_str(), "Signet itself listens there"),
        ("169.254.169.254:80", cloud),
        ("[::ffff:169.254.169.254]:80", cloud),
        ("unix:/run/docker.sock", sockets),
        ("unix:/run/mysqld/../docker.sock", sockets),
    ] {
        let register = json!({ "InstanceId": ID, "InstanceName": "scan", "Architecture": "single-node", "Nodes": [node] });
        let refused = connection.call("RegisterInstance", &register).unwrap();
        let error = refused
            .get("Error")
            .unwrap_or_else(|| panic!("`{node}` was registered"));
        assert_eq!(error["Code"], "InvalidParameterValue", "{node}: {error}");
        let message = error["Message"].as_str().unwrap();
        assert!(message.contains(why), "{node}: {message}");
    }
    let fleet = connection.call("DescribeFleet", &json!({})).unwrap();
    assert_eq!(fleet["TotalCount"], 0, "{fleet:?}");
}
