//! Somebody who can write `signet.db`, but has no `master.key`, gives a key more than it was given.

use rusqlite::Connection as Sqlite;
use serde_json::json;

use crate::edge;
use crate::signing::{Key, Request, fails};
use crate::support::{Connection, Place};

/// Replaces a text in every document whose key starts like this.
fn edit(place: &Place, prefix: &str, from: &str, to: &str) {
    let store = Sqlite::open(place.path("data/signet.db")).unwrap();
    let changed = store
        .execute(
            "UPDATE document SET value = CAST(replace(CAST(value AS TEXT), ?1, ?2) AS BLOB)
             WHERE key LIKE ?3 AND instr(CAST(value AS TEXT), ?1) > 0",
            [from, to, &format!("{prefix}%")],
        )
        .unwrap();
    assert!(changed > 0, "nothing under {prefix} has {from}");
}

fn get(address: std::net::SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    edge::exchange(address, request.as_bytes())
}

#[test]
fn a_read_only_key_that_was_made_a_full_one_in_the_store_opens_nothing() {
    let place = Place::new();
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let made = connection
        .call("CreateAccessKey", &json!({ "Access": "ReadOnly" }))
        .unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("SecretId"), text("SecretKey"));
    served.stop();
    edit(&place, &format!("k/{id}"), "\"ReadOnly\"", "\"Full\"");

    let served = place.serve();
    let address = served.address();
    let key = Key {
        id: &id,
        secret: &secret,
    };
    let product = server::api::action::Product::Signet;
    let answer = Request::post(address, product, "CreateAccessKey", "{}")
        .signed(key)
        .send(address);
    fails(
        &answer,
        "AuthFailure.SecretIdNotFound",
        "The SecretId is not found, please ensure that your SecretId is correct.",
    );
    let ready = get(address, "/readyz");
    let line = format!("set aside: k/{id}: its MAC does not fit: it was edited or moved\n");
    assert!(ready.ends_with(&line), "{ready}");
    // Everything else is served.
    let mut connection = Connection::open(address).unwrap();
    assert_eq!(
        connection.call("DescribeFleet", &json!({})).unwrap()["TotalCount"],
        0
    );
}

#[test]
fn a_key_that_was_disabled_is_not_enabled_by_an_edit() {
    let place = Place::new();
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let made = connection
        .call("CreateAccessKey", &json!({ "Access": "Full" }))
        .unwrap();
    let id = made["SecretId"].as_str().unwrap().to_owned();
    connection
        .call("DisableAccessKey", &json!({ "SecretId": id }))
        .unwrap();
    served.stop();
    edit(
        &place,
        &format!("k/{id}"),
        "\"enabled\":false",
        "\"enabled\":true",
    );
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let keys = connection.call("ListAccessKeys", &json!({})).unwrap();
    let listed = serde_json::to_string(&keys).unwrap();
    assert!(listed.contains(crate::signing::ROOT.id), "{listed}");
    assert!(!listed.contains(&id), "{listed}");
}

#[test]
fn no_key_is_given_away_when_all_were_edited() {
    let place = Place::new();
    place.serve().stop();
    edit(&place, "k/", "\"enabled\":true", "\"enabled\":true ");
    // Without a root key from outside, a first start would make one and print it.
    let served = place.serve_with(&[
        ("SIGNET_ROOT_SECRET_ID", ""),
        ("SIGNET_ROOT_SECRET_KEY", ""),
    ]);
    served.stop();
    let store = Sqlite::open(place.path("data/signet.db")).unwrap();
    let keys: i64 = store
        .query_row(
            "SELECT count(*) FROM document WHERE key LIKE 'k/%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(keys, 1);
}
