//! Names that change what a terminal shows: colours, moved cursors, reversed text.

use serde_json::{Value, json};

use crate::support::{Connection, Place};

#[test]
fn control_and_direction_characters_are_refused_on_the_way_in() {
    let place = Place::new();
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let mut register = |more: Value| {
        let mut parameters = json!({ "InstanceName": "orders", "Architecture": "single-node", "Nodes": ["127.0.0.1:1"] });
        parameters
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        connection.call("RegisterInstance", &parameters).unwrap()["Error"]["Code"].clone()
    };
    for hostile in [
        "\u{1b}[31mred",
        "\u{9b}31m",
        "a\u{202e}b",
        "a\u{2066}b",
        "a\u{200f}b",
        "a\nb",
    ] {
        for more in [
            json!({ "InstanceName": hostile }),
            json!({ "Tags": [{ "Key": hostile, "Value": "x" }] }),
            json!({ "Tags": [{ "Key": "x", "Value": hostile }] }),
            json!({ "Nodes": [format!("unix:/run/{hostile}.sock")] }),
            json!({ "DnsNames": [hostile] }),
        ] {
            assert_eq!(register(more.clone()), "InvalidParameterValue", "{more}");
        }
        let note = json!({ "Note": hostile, "Access": "ReadOnly" });
        let made = connection_to(&served)
            .call("CreateAccessKey", &note)
            .unwrap();
        assert_eq!(
            made["Error"]["Code"], "InvalidParameterValue",
            "{hostile:?}"
        );
    }
}

fn connection_to(served: &crate::support::Served) -> Connection {
    Connection::open(served.address()).unwrap()
}
