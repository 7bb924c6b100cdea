use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::agent::{Agent, free_port, register, token};
use crate::support::{Connection, Place, Served};

fn stage() -> (Place, Served, Connection, u16) {
    let port = free_port();
    let place = Place::configured(&format!("agents.listen = '127.0.0.1:{port}'"));
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    register(&mut connection);
    (place, served, connection, port)
}

/// Whoever gets hold of one more token for a node enrols beside its agent, and gets the orders as well.
#[test]
fn a_second_agent_of_a_node_is_refused_or_takes_the_place_of_the_first() {
    let (place, _served, mut connection, port) = stage();
    let first = Agent::new(&place, "first");
    assert!(
        first
            .enrol(port, &token(&mut connection, &json!({})))
            .status
            .success()
    );
    let second = Agent::new(&place, "second");
    let refused = second.enrol(port, &token(&mut connection, &json!({})));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success(),
        "the second agent enrolled: {refused:?}"
    );
    assert!(
        said.contains("another agent is enrolled for this node"),
        "{said}"
    );

    let replacing = token(&mut connection, &json!({ "Replace": true }));
    assert!(second.enrol(port, &replacing).status.success());
    let agents = connection.call("DescribeAgents", &json!({})).unwrap();
    let agents = agents["Items"].as_array().unwrap();
    let live = agents.iter().filter(|agent| agent["Revoked"] == false);
    assert_eq!((agents.len(), live.count()), (2, 1), "{agents:?}");
}

/// Whoever copies the state folder of an agent shows its certificate from another machine.
#[test]
fn a_state_folder_that_was_copied_to_another_machine_opens_nothing() {
    let (place, _served, mut connection, port) = stage();
    let agent = Agent::new(&place, "agent");
    assert!(
        agent
            .enrol(port, &token(&mut connection, &json!({})))
            .status
            .success()
    );
    let identity = fs::read(agent.folder.join("state/identity.json")).unwrap();
    let identity: Value = serde_json::from_slice(&identity).unwrap();
    for (file, field) in [
        ("cert.pem", "certificate"),
        ("key.pem", "key"),
        ("ca.pem", "roots"),
    ] {
        fs::write(place.path(file), identity[field].as_str().unwrap()).unwrap();
    }
    let other = format!("Signet-Machine: {}\r\n", "ab".repeat(32));
    for header in [other.as_str(), ""] {
        let answer = done(&place, port, header);
        assert!(
            answer.starts_with("HTTP/1.1 401 "),
            "{header:?} is answered:\n{answer}"
        );
        assert!(
            answer.contains("this agent enrolled on another machine"),
            "{answer}"
        );
    }
}

/// Reports the end of an order that nobody gave, with the copied certificate.
fn done(place: &Place, port: u16, header: &str) -> String {
    let body = r#"{"order_id":"t-1","outcome":"installed"}"#;
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-ign_eof", "-cert"])
        .arg(place.path("cert.pem"))
        .arg("-key")
        .arg(place.path("key.pem"))
        .arg("-CAfile")
        .arg(place.path("ca.pem"))
        .args(["-connect", &format!("127.0.0.1:{port}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = format!(
        "POST /agent/done HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{header}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut answer)
        .unwrap();
    client.wait().unwrap();
    answer
}
