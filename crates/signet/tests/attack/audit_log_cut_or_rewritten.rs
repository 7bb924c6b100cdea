//! Somebody who can write the audit log hides what was done: cuts its end off, or writes all of it again.

use std::fs;
use std::process::Command;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{Connection, Place, program};

/// A folder with the log of three writes.
fn place() -> Place {
    let place = Place::new();
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    for _ in 0..3 {
        connection
            .call("CreateAccessKey", &json!({ "Access": "ReadOnly" }))
            .unwrap();
    }
    served.stop();
    place
}

/// What `signet audit verify` says: whether all is well, and how it puts it.
fn verify(place: &Place) -> (bool, String) {
    let output = Command::new(program())
        .args(["audit", "verify", "--data", "data"])
        .current_dir(place.path(""))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn a_cut_end_is_found() {
    let place = place();
    assert!(verify(&place).0);
    let log = place.path("data/audit.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let kept: String = text.split_inclusive('\n').take(4).collect();
    fs::write(&log, kept).unwrap();
    assert_eq!(
        verify(&place),
        (false, "error: data/audit.jsonl: the log ends with line 4, but 6 lines were written: the end was cut off\n".to_owned())
    );
}

#[test]
fn a_log_that_was_written_again_as_a_whole_is_found() {
    let place = place();
    let log = place.path("data/audit.jsonl");
    // A chain that needs no secret, in the form that any version accepts.
    let mut last = "0".repeat(64);
    let mut forged = String::new();
    for time in 0..6 {
        let body = format!("{{\"time\":{time},\"outcome\":\"done\",\"from\":\"127.0.0.1:1\"}}");
        let hash = Sha256::new().chain_update(&last).chain_update(&body);
        last = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        forged += &format!("{},\"hash\":\"{last}\"}}\n", &body[..body.len() - 1]);
    }
    fs::write(&log, forged).unwrap();
    assert_eq!(
        verify(&place),
        (false, "error: data/audit.jsonl: line 6 is not the one that the checkpoint speaks of: the log was rewritten\n".to_owned())
    );
}

#[test]
fn a_line_says_what_a_write_changed_without_secrets() {
    let place = Place::new();
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let made = connection
        .call(
            "RegisterInstance",
            &json!({
                "InstanceName": "orders", "Architecture": "single-node", "Nodes": ["127.0.0.1:1"],
                "ProbeUser": "probe", "ProbePassword": "a password that nobody may read",
            }),
        )
        .unwrap();
    let id = made["InstanceId"].as_str().unwrap().to_owned();
    connection
        .call(
            "ModifyInstance",
            &json!({ "InstanceId": id, "InstanceName": "invoices" }),
        )
        .unwrap();
    served.stop();
    let text = fs::read_to_string(place.path("data/audit.jsonl")).unwrap();
    assert!(
        text.contains("\"field\":\"registration.probe.password\",\"new\":\"(secret)\""),
        "{text}"
    );
    assert!(
        text.contains("\"field\":\"registration.name\",\"old\":\"orders\",\"new\":\"invoices\""),
        "{text}"
    );
    assert!(!text.contains("nobody may read"));
}
