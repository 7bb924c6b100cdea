//! A node whose name is stored in a form that reads as something else: the service would not start any more.

use serde_json::json;

use crate::support::{Connection, Place};

#[test]
fn a_node_called_unix_is_refused_and_the_service_starts_again() {
    let place = Place::new();
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    for node in ["unix", "UNIX.", "unix:3306", "unix:relative"] {
        let answer = connection
            .call(
                "RegisterInstance",
                &json!({ "InstanceName": "x", "Architecture": "single-node", "Nodes": [node] }),
            )
            .unwrap();
        let error = &answer["Error"];
        assert_eq!(error["Code"], "InvalidParameterValue", "{node}: {answer:?}");
        let message = error["Message"].as_str().unwrap();
        assert!(
            message.contains(
                "is not a target: expected HOST, HOST:PORT, [IPV6]:PORT or unix:/path/to.sock"
            ),
            "{message}"
        );
    }
    let fleet = connection.call("DescribeFleet", &json!({})).unwrap();
    assert_eq!(fleet["TotalCount"], 0);
    served.stop();
    place.serve().stop();
}
