//! What the stored passwords of database accounts are bound to: an edited store is noticed.

use lab::fake::Behaviour::Tls;
use serde_json::json;
use server::state::credentials::{Field, HasAccounts as _, Place};
use server::state::records::{self, InstanceRecord};
use server::state::store::{Expect, Write};

use crate::support::{TestServer, fakes};

const ID: &str = "cdb-c1nl9rpv";

fn key() -> String {
    InstanceRecord::key(ID.parse().unwrap())
}

fn record(server: &TestServer) -> InstanceRecord {
    let catalog = &server.service().catalog;
    let found = server.wait(catalog.document::<InstanceRecord>(&key()));
    found.unwrap().unwrap().0
}

/// Writes past the API, as somebody who edits the file.
fn edit(server: &TestServer, writes: Vec<Write>) {
    server
        .wait(server.service().catalog.commit(writes))
        .unwrap();
}

fn put(record: &InstanceRecord) -> Write {
    Write::put(key(), records::encode(record), Expect::Anything)
}

/// The password of the `sql` driver, if it opens for what the document says.
fn password(server: &TestServer) -> Option<String> {
    let record = record(server);
    let (document, destination) = (record.document(), record.destination());
    let place = Place {
        document: &document,
        field: Field::Sql,
        destination,
    };
    let sealed = record.registration.sql.unwrap().password;
    let opened = place.open(&server.service().vault, &sealed).ok()?;
    Some(String::from_utf8(opened.to_vec()).unwrap())
}

fn register(server: &TestServer, nodes: &[String]) {
    server.call(
        "RegisterInstance",
        json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes,
            "Driver": "sql", "SqlUser": "signet", "SqlPassword": "secret", "ProbeUser": "probe", "ProbePassword": "secret",
        }),
    );
    server.call("ProbeNow", json!({ "InstanceId": ID }));
}

/// The document as the version before would have written it for these nodes.
fn in_the_old_form(server: &TestServer, nodes: &[String]) -> Write {
    let mut record = record(server);
    record.nodes = nodes.iter().map(|node| node.parse().unwrap()).collect();
    let sealed = server.service().vault.seal(&key(), b"secret").unwrap();
    record.registration.sql.as_mut().unwrap().password = sealed;
    put(&record)
}

#[test]
fn other_nodes_in_an_edited_store_do_not_get_the_password() {
    let server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls, Tls, Tls]);
    register(&server, &nodes[..2]);
    assert_eq!(password(&server).as_deref(), Some("secret"));
    let mut edited = record(&server);
    edited.nodes = nodes[2..]
        .iter()
        .map(|node| node.parse().unwrap())
        .collect();
    edit(&server, vec![put(&edited)]);
    assert_eq!(password(&server), None);

    let started = server.call("RotateCertificate", json!({ "InstanceId": ID }));
    let (state, info) = server.finish(&started.text("AsyncRequestId"));
    assert_eq!(
        (state.as_str(), info.as_str()),
        (
            "FAILED",
            format!("`{}` (checking): the stored password of `signet` does not belong to these nodes and CA certificates: it was altered or moved in the store. It was not used; give `SqlUser` and `SqlPassword` again with ModifyInstance", nodes[2]).as_str()
        )
    );
}

/// What an earlier version's data go through is tested with such data: `cargo test -p signet --test upgrade`.
#[test]
fn a_password_in_the_form_of_an_earlier_version_is_not_read_in_data_of_this_one() {
    let mut server = TestServer::start();
    let (_fleet, nodes) = fakes(&[Tls, Tls, Tls, Tls]);
    register(&server, &nodes[..2]);
    for nodes in [&nodes[..2], &nodes[2..]] {
        edit(&server, vec![in_the_old_form(&server, nodes)]);
        server.restart();
        assert_eq!(password(&server), None);
    }
}
