//! Hosts in network namespaces.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use lab::{Kind, Network, Options, Server};

#[test]
fn two_hosts_reach_each_other_and_nobody_else_reaches_them() {
    let network = Network::new().unwrap();
    let [first, second] = [1, 2].map(|last| network.host(last).unwrap());
    let listener = first.run(|| TcpListener::bind((first.address(), 7000)).unwrap());
    second.run(|| {
        let mut stream = TcpStream::connect((first.address(), 7000)).unwrap();
        stream.write_all(b"hello").unwrap();
    });
    let (mut stream, from) = listener.accept().unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert_eq!(
        (said.as_str(), from.ip()),
        ("hello", second.address().into())
    );
    let outside = TcpListener::bind((first.address(), 7000)).unwrap_err();
    assert_eq!(outside.kind(), std::io::ErrorKind::AddrNotAvailable);
}

#[test]
fn a_server_listens_on_a_host_and_is_reached_from_another() {
    let network = Network::new().unwrap();
    let [database, client] = [1, 2].map(|last| network.host(last).unwrap());
    let options = Options::new().tls_auto().also_on(database.address());
    let server = database
        .run(|| Server::start(Kind::MySql, options))
        .unwrap();
    server.sql("CREATE USER app@'192.0.2.%'").unwrap(); // else the greeting is error 1130
    let mut greeting = [0; 5];
    client.run(|| {
        let mut stream = TcpStream::connect((database.address(), server.port())).unwrap();
        stream.read_exact(&mut greeting).unwrap();
    });
    assert_eq!(greeting[3..], [0, 10], "the first packet, protocol 10");
}

#[test]
fn a_network_leaves_nothing_behind() {
    let network = Network::new().unwrap();
    let host = network.host(1).unwrap();
    let named = format!("signet-{}-", std::process::id());
    drop((host, network));
    let left = Command::new("ip").args(["netns", "list"]).output().unwrap();
    let left = String::from_utf8(left.stdout).unwrap();
    // The other tests of this file have networks of their own meanwhile, with more hosts.
    assert!(
        left.lines().filter(|name| name.starts_with(&named)).count() <= 6,
        "{left}"
    );
}
