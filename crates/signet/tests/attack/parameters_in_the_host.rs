//! Signature v1 has the host right before the parameters, raw: whoever moves the border makes parameters a part of the host, or
//! several parameters one.

use std::net::SocketAddr;

use serde_json::{Value, json};
use server::api::action::Product::Signet;

use crate::signing::{ROOT, exchange, fails, response, v1_get};
use crate::support::{Connection, Place};

/// What an attacker has the owner of a key write into a note.
const NOTE: &str = "/?Access=Full&Action=CreateAccessKey&Nonce=1&Note=watcher";

fn list(address: SocketAddr, action: &str) -> Value {
    let mut connection = Connection::open(address).unwrap();
    connection.call(action, &json!({})).unwrap()["Items"].clone()
}

/// The value of a pair in a query string.
fn value<'q>(query: &'q str, name: &str) -> &'q str {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn a_read_only_key_does_not_become_a_full_one() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let host = address.to_string();
    let parameters = [
        ("Access", "ReadOnly"),
        ("Action", "CreateAccessKey"),
        ("Note", NOTE),
        ("Version", Signet.version()),
    ];
    let recorded = v1_get(address, ROOT, &host, &parameters);
    let query = recorded.target.trim_start_matches("/?");
    let (time, signature) = (value(query, "Timestamp"), value(query, "Signature"));
    // The same string to sign with its border at the second `/?`.
    let moved = format!("{host}/?Access=ReadOnly&Action=CreateAccessKey&Nonce=1234&Note=");
    let rest = format!(
        "SecretId={}&SignatureMethod=HmacSHA256&Timestamp={time}&Version={}",
        ROOT.id,
        Signet.version()
    );
    let target = format!("{NOTE}&{rest}&Signature={signature}");
    let request = format!("GET {target} HTTP/1.1\r\nHost: {moved}\r\nConnection: close\r\n\r\n");
    let answer = response(&exchange(address, request.as_bytes()));
    assert_eq!(
        list(address, "ListAccessKeys").as_array().unwrap().len(),
        1,
        "{answer}"
    );
    fails(
        &answer,
        "InvalidParameterValue",
        "The header `Host` is not a host name or an address with an optional port.",
    );
}

#[test]
fn a_parameter_does_not_swallow_the_next() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let parameters = [
        ("Action", "RegisterInstance"),
        ("Architecture", "single-node"),
        ("InstanceName", "orders"),
        ("KeyType", "rsa-2048"),
        ("Nodes.0", "192.0.2.1:3306"),
        ("Version", Signet.version()),
    ];
    let recorded = v1_get(address, ROOT, &address.to_string(), &parameters);
    let mut moved = recorded.clone();
    moved.target = recorded.target.replace("&KeyType=rsa-2048", "").replace(
        "InstanceName=orders",
        "InstanceName=orders%26KeyType%3Drsa-2048",
    );
    let answer = moved.send(address);
    assert_eq!(
        list(address, "DescribeDBInstances")
            .as_array()
            .unwrap()
            .len(),
        0,
        "{answer}"
    );
    fails(
        &answer,
        "InvalidParameter",
        "The parameter `InstanceName` has both `&` and `=` in it. HmacSHA1 and HmacSHA256 sign values as they are, so it could be \
         read as several parameters: sign the request with TC3-HMAC-SHA256.",
    );
    assert!(recorded.send(address)["InstanceId"].is_string());
}
