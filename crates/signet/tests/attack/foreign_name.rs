use serde_json::json;

use crate::agent::free_port;
use crate::support::{Connection, ID, Place, mysql, register};

/// A caller who may register instances registers somebody else's name, or the control plane's, for a server of their own.
#[test]
fn no_certificate_is_issued_for_a_name_that_does_not_lead_to_the_servers() {
    let place = Place::configured(&format!(
        "agents.listen = '127.0.0.1:{}'\nagents.names = ['signet.example.com', 'agents.example.com']",
        free_port()
    ));
    let servers = [mysql(), mysql()];
    let served = place.serve();
    register(served.address(), &servers);
    let mut connection = Connection::open(served.address()).unwrap();
    for (names, refused) in [
        (
            json!({ "DnsNames": ["accounts.example.com"] }),
            "the name `accounts.example.com` was not proven to lead to a node of the instance",
        ),
        (
            json!({ "DnsNames": ["Signet.Example.COM"] }),
            "the name `signet.example.com` covers the control plane",
        ),
        (
            json!({ "DnsNames": ["agents.example.com"] }),
            "the name `agents.example.com` covers the control plane",
        ),
        (
            json!({ "DnsNames": [], "Vip": "127.0.0.9" }),
            "the name `127.0.0.9` was not proven to lead to a node of the instance",
        ),
    ] {
        let mut parameters = json!({ "InstanceId": ID });
        for (name, value) in names.as_object().unwrap() {
            parameters[name] = value.clone();
        }
        let modified = connection.call("ModifyInstance", &parameters).unwrap();
        assert!(modified.is_empty(), "{modified:?}");
        let started = connection
            .call("RotateCertificate", &json!({ "InstanceId": ID }))
            .unwrap();
        let (state, info) = connection.finish(started["AsyncRequestId"].as_str().unwrap());
        assert_eq!(state, "FAILED", "{names}: {info}");
        assert!(info.contains(refused), "{info}");
    }
    let issued = connection.call("DescribeCertificates", &json!({ "InstanceId": ID }));
    assert_eq!(issued.unwrap()["TotalCount"], 0);
}
