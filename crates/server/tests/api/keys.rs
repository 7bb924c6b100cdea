//! Access keys.

use serde_json::json;

use crate::support::{ANY, SECRET_ID, SECRET_KEY, TestServer};

#[test]
fn a_key_is_made_used_and_disabled() {
    let server = TestServer::start();
    let key = server.call(
        "CreateAccessKey",
        json!({ "Access": "Full", "Note": "terraform" }),
    );
    key.answers(json!({ "SecretId": ANY, "SecretKey": ANY }));
    let (id, secret) = (key.text("SecretId"), key.text("SecretKey"));
    assert_eq!((id.len(), secret.len(), &id[..4]), (36, 32, "AKID"));

    server
        .call_with(&id, &secret, "ListAccessKeys", json!({}))
        .answers(json!({ "TotalCount": 2, "Items": [ANY, ANY] }));
    server
        .call("DisableAccessKey", json!({ "SecretId": id }))
        .answers(json!({}));
    server
        .call_with(&id, &secret, "ListAccessKeys", json!({}))
        .fails(
            "AuthFailure.SecretIdNotFound",
            "The SecretId is not found, please ensure that your SecretId is correct.",
        );
    let keys = server.call("ListAccessKeys", json!({}));
    let disabled = keys.fields["Items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["SecretId"] == json!(id))
        .unwrap();
    assert_eq!(
        *disabled,
        json!({ "SecretId": id, "Access": "Full", "Enabled": false, "Note": "terraform", "Created": date_of(disabled) })
    );
}

/// The date is the test's own clock's; only its form is of interest here.
fn date_of(key: &serde_json::Value) -> &serde_json::Value {
    let date = &key["Created"];
    assert!(
        date.as_str()
            .is_some_and(|date| date.len() == 20 && date.ends_with('Z')),
        "{date}"
    );
    date
}

#[test]
fn the_last_key_cannot_be_disabled() {
    let server = TestServer::start();
    server
        .call("CreateAccessKey", json!({ "Access": "ReadOnly" }))
        .answers(json!({ "SecretId": ANY, "SecretKey": ANY }));
    server
        .call("DisableAccessKey", json!({ "SecretId": SECRET_ID }))
        .fails(
            "OperationDenied",
            "This is the last key that may change anything. Make another one first.",
        );
    server
        .call("DisableAccessKey", json!({ "SecretId": "AKIDNOBODY" }))
        .fails("ResourceNotFound", "No key has the SecretId `AKIDNOBODY`.");
}

#[test]
fn no_secret_stands_in_the_data_folder() {
    let mut server = TestServer::start();
    let key = server.call("CreateAccessKey", json!({}));
    let password = "the probe's password";
    server
        .call(
            "RegisterInstance",
            json!({ "InstanceName": "x", "Architecture": "single-node", "Nodes": ["127.0.0.1:1"], "ProbeUser": "probe", "ProbePassword": password }),
        )
        .answers(json!({ "InstanceId": ANY }));
    server.stop();
    let secrets = [
        key.text("SecretKey"),
        SECRET_KEY.to_owned(),
        password.to_owned(),
    ];
    let mut files = 0;
    for file in std::fs::read_dir(server.data()).unwrap() {
        let bytes = match std::fs::read(file.unwrap().path()) {
            // The store's journal goes when its last connection closes, and that may be now.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read.unwrap(),
        };
        files += 1;
        for secret in &secrets {
            assert!(
                !bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes()),
                "a secret in clear"
            );
        }
    }
    assert!(
        files >= 4,
        "the data file, the master key, the audit log and the lock were looked at"
    );
}

#[test]
fn a_root_key_that_was_disabled_stays_so_after_a_restart_that_gives_it_again() {
    let mut server = TestServer::start();
    let made = server.call("CreateAccessKey", json!({ "Access": "Full" }));
    let (id, key) = (made.text("SecretId"), made.text("SecretKey"));
    server
        .call_with(
            &id,
            &key,
            "DisableAccessKey",
            json!({ "SecretId": SECRET_ID }),
        )
        .answers(json!({}));
    server.restart();
    server.call("ListAccessKeys", json!({})).fails(
        "AuthFailure.SecretIdNotFound",
        "The SecretId is not found, please ensure that your SecretId is correct.",
    );
    let keys = server.call_with(&id, &key, "ListAccessKeys", json!({}));
    assert_eq!(keys.fields["TotalCount"], 2);
}
