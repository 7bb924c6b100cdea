//! Somebody between Signet and a server takes TLS out of the greeting, or ends it with a certificate of their own, to get the SQL session of the
//! `sql` driver.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};

use lab::pki::{Authority, Leaf};
use lab::{Host, Kind, Network, Options, Server};
use serde_json::{Value, json};

use crate::support::{Connection, ID, Place};

/// `CLIENT_SSL` in the lower half of the greeting's capabilities.
const CLIENT_SSL: u8 = 0x08;

/// A database on a host of its own, with the driver's account, whose password it has cached; and what verifies it.
fn database(host: &Host, of: &Authority, files: &std::path::Path) -> Server {
    std::fs::create_dir_all(files).unwrap();
    let leaf = Leaf::new([host.address().to_string()], lab::now());
    let certificate = of.issue(&leaf).unwrap().write_to(files).unwrap();
    let options = Options::new().tls(certificate).also_on(host.address());
    let server = host.run(|| Server::start(Kind::MySql, options)).unwrap();
    let grants = dbtls::switch::grants("signet", "%");
    server
        .sql(
            &grants
                .replace("RANDOM PASSWORD", "'secret'")
                .replace("REQUIRE SSL", ""),
        )
        .unwrap();
    log_in(&server);
    server
}

/// MySQL keeps a hash of the password from then on, and does not ask for it in full any more.
fn log_in(server: &Server) {
    let account = dbtls::Account::new("signet", dbtls::Password::new("secret".to_owned()));
    let target = dbtls::Target::unix(server.socket());
    let (trust, limits) = (dbtls::Trust::none(), dbtls::Limits::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = dbtls::Session::open(&target, &account, &trust, limits).await;
        opened
            .unwrap_or_else(|error| panic!("{error}"))
            .close()
            .await;
    });
}

/// Registers it, has TLS switched on, and answers what the task says of it in the end. On the service's host.
fn open_ssl(place: &Place, host: &Host, node: &str, ca: &str) -> (String, String) {
    host.run(|| {
        let served = place.serve_on(host.address().into(), &[]);
        let mut connection = Connection::open(served.address()).unwrap();
        let registered = connection.call(
            "RegisterInstance",
            &json!({
                "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node",
                "Nodes": [node, "192.0.2.9:1"], "NodeDrivers": [{ "Node": "192.0.2.9:1", "Driver": "agent" }],
                "Driver": "sql", "SqlUser": "signet", "SqlPassword": "secret", "CaCertificates": ca,
            }),
        );
        assert_eq!(registered.unwrap()["InstanceId"], ID);
        let started: Value = connection
            .call("OpenSSL", &json!({ "InstanceId": ID }))
            .unwrap()
            .into();
        connection.finish(started["AsyncRequestId"].as_str().unwrap_or_else(|| panic!("{started}")))
    })
}

#[test]
fn without_tls_in_the_greeting_nobody_logs_in() {
    let network = Network::new().unwrap();
    let [own, databases] = [1, 2].map(|last| network.host(last).unwrap());
    let files = tempfile::tempdir().unwrap();
    let root = Authority::root("Lab Root", lab::now()).unwrap();
    let server = database(&databases, &root, files.path());
    let (told, logins) = channel();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    let listener = databases.run(|| TcpListener::bind((databases.address(), 7000)).unwrap());
    // A thread stays on the host on which it was made.
    databases.run(|| std::thread::spawn(move || relay(&listener, to, &told)));
    let place = Place::configured("allow_plaintext = true");
    let node = format!("{}:7000", databases.address());
    let (state, info) = open_ssl(&place, &own, &node, root.root_pem());
    let logins: Vec<_> = logins.try_iter().collect();
    assert!(
        logins.iter().all(|user| user == "signet-probe-nobody"),
        "{logins:?}"
    );
    assert_eq!(sessions(&server), "");
    assert_eq!(state, "FAILED");
    assert!(
        info.contains(
            "`signet` was not logged in, for the connection is plaintext over a network: "
        ),
        "{info}"
    );
}

#[test]
fn with_another_certificate_nobody_logs_in() {
    let network = Network::new().unwrap();
    let [own, databases] = [1, 2].map(|last| network.host(last).unwrap());
    let files = tempfile::tempdir().unwrap();
    let [root, other] =
        ["Lab Root", "Other Root"].map(|name| Authority::root(name, lab::now()).unwrap());
    let server = database(&databases, &other, files.path());
    let place = Place::configured("allow_plaintext = true");
    let node = format!("{}:{}", databases.address(), server.port());
    let (state, info) = open_ssl(&place, &own, &node, root.root_pem());
    assert_eq!(sessions(&server), "", "of {info}");
    assert_eq!(state, "FAILED");
    assert!(
        info.contains("`signet` was not logged in, for the connection is TLS with an unknown server (its chain does not lead to a given CA certificate): "),
        "{info}"
    );
}

/// From where the account was logged in over TCP.
fn sessions(server: &Server) -> String {
    let sql = "SELECT HOST FROM performance_schema.accounts WHERE USER = 'signet' AND HOST <> 'localhost'";
    server.sql(sql).unwrap().trim().to_owned()
}

/// Hands everything on but the bit that offers TLS, and tells as whom somebody logs in.
fn relay(listener: &TcpListener, to: SocketAddr, told: &Sender<String>) {
    for stream in listener.incoming() {
        let mut client = stream.unwrap();
        let mut server = TcpStream::connect(to).unwrap();
        let mut greeting = vec![0; 4096];
        let length = server.read(&mut greeting).unwrap();
        greeting.truncate(length);
        strip(&mut greeting);
        let _ = client.write_all(&greeting);
        let mut login = vec![0; 4096];
        let length = client.read(&mut login).unwrap_or(0);
        if length < 37 {
            continue;
        }
        // The header of the packet, that of the client, and then the user's name.
        let name = login[36..].split(|byte| *byte == 0).next().unwrap();
        let _ = told.send(String::from_utf8_lossy(name).into_owned());
        server.write_all(&login[..length]).unwrap();
        let (mut from_client, mut to_server) =
            (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut server, &mut client);
            let _ = client.shutdown(Shutdown::Write);
        });
    }
}

/// The capabilities' lower half is behind the version's text, the connection's number, eight bytes of challenge and a zero.
fn strip(greeting: &mut [u8]) {
    let end = 5 + greeting[5..].iter().position(|byte| *byte == 0).unwrap();
    greeting[end + 1 + 4 + 8 + 1 + 1] &= !CLIENT_SSL;
}
