//! The fake fleet, looked at by clients that do not know it: rustls, the `mysql` client, the `openssl`
//! program.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lab::fake::{ACCOUNT, Behaviour, Counts, FakeFleet};
use lab::{Installation, Kind};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const CLIENT_SSL: u8 = 0x08;
/// A login's first 32 bytes with `CLIENT_SSL`, behind a packet header.
const SSL_REQUEST: [u8; 36] = {
    let mut request = [0; 36];
    (request[0], request[3], request[5], request[6]) = (32, 1, 0x8a | CLIENT_SSL, 0x08);
    request
};

#[test]
fn every_address_has_a_certificate_of_its_own() {
    let fleet = FakeFleet::start(&[(Behaviour::Tls, 3)]).expect("starts");

    for (index, target) in fleet.targets().iter().enumerate() {
        assert_eq!(
            target.address.ip().to_string(),
            format!("127.1.0.{}", index + 1)
        );
        let mut session = handshake(&fleet, target.address);
        assert_eq!(
            login(&mut session, "nobody"),
            (
                3,
                error(
                    1045,
                    "#28000Access denied for user 'nobody'@'localhost' (using password: YES)"
                )
            )
        );
        assert_eq!(
            session
                .read_to_end(&mut Vec::new())
                .expect("is closed in order"),
            0
        );
    }

    assert_eq!(
        fleet.counts(Behaviour::Tls),
        Counts {
            connections: 3,
            handshakes: 3,
            logins: 3,
            quits: 0
        }
    );
}

#[test]
fn the_account_is_let_in_and_its_goodbye_is_counted() {
    let fleet = FakeFleet::start(&[(Behaviour::Tls, 1)]).expect("starts");
    let mut session = handshake(&fleet, fleet.targets()[0].address);

    assert_eq!(login(&mut session, ACCOUNT), (3, vec![0, 0, 0, 2, 0, 0, 0]));
    session.write_all(&[1, 0, 0, 0, 1]).expect("says goodbye");
    assert_eq!(
        session
            .read_to_end(&mut Vec::new())
            .expect("is closed in order"),
        0
    );

    assert_eq!(
        fleet.counts(Behaviour::Tls),
        Counts {
            connections: 1,
            handshakes: 1,
            logins: 1,
            quits: 1
        }
    );
}

#[test]
fn the_mysql_client_takes_the_fake_for_a_server_and_verifies_its_name() {
    let fleet = FakeFleet::start(&[(Behaviour::Tls, 1)]).expect("starts");
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("root.pem");
    std::fs::write(&root, fleet.root_pem()).expect("writes");
    let address = fleet.targets()[0].address;

    let installation = Installation::locate(Kind::MySql).unwrap_or_else(|error| panic!("{error}"));
    let mut client =
        installation.verifying_client(&address.ip().to_string(), address.port(), &root);
    let answer = client
        .args(["--user=nobody", "--execute=SELECT 1"])
        .output()
        .expect("the client runs");

    let text = String::from_utf8_lossy(&answer.stderr);
    assert_eq!(
        text.trim(),
        "ERROR 1045 (28000): Access denied for user 'nobody'@'localhost' (using password: YES)"
    );
    assert_eq!(
        fleet.counts(Behaviour::Tls),
        Counts {
            connections: 1,
            handshakes: 1,
            logins: 1,
            quits: 0
        }
    );
}

#[test]
fn a_server_without_tls_says_so_and_refuses_the_login() {
    let fleet = FakeFleet::start(&[(Behaviour::NoTls, 1)]).expect("starts");
    let mut stream = connect(fleet.targets()[0].address);

    assert_eq!(capabilities(&read_packet(&mut stream).1) & CLIENT_SSL, 0);
    assert_eq!(login(&mut stream, ACCOUNT).1[..3], [0xff, 0x15, 0x04]);
    assert_eq!(
        fleet.counts(Behaviour::NoTls),
        Counts {
            connections: 1,
            logins: 1,
            ..Counts::default()
        }
    );
}

#[test]
fn refusals_come_instead_of_the_greeting_and_without_an_sqlstate() {
    let expected = [
        (
            Behaviour::Blocked,
            error(
                1129,
                "Host '127.0.0.1' is blocked because of many connection errors; unblock with 'mysqladmin flush-hosts'",
            ),
        ),
        (Behaviour::TooMany, error(1040, "Too many connections")),
        (
            Behaviour::NotAllowed,
            error(
                1130,
                "Host '127.0.0.1' is not allowed to connect to this MySQL server",
            ),
        ),
    ];
    for (behaviour, payload) in expected {
        let fleet = FakeFleet::start(&[(behaviour, 1)]).expect("starts");
        let mut stream = connect(fleet.targets()[0].address);

        assert_eq!(read_packet(&mut stream), (0, payload));
        assert_eq!(stream.read(&mut [0]).expect("is closed"), 0);
    }
}

#[test]
fn the_silent_say_nothing_and_the_others_what_no_mysql_says() {
    let fleet = FakeFleet::start(
        &[
            Behaviour::Silent,
            Behaviour::Garbage,
            Behaviour::Http,
            Behaviour::ClosesAtOnce,
        ]
        .map(|one| (one, 1)),
    )
    .expect("starts");
    let [mut silent, mut garbage, mut http, mut closing] =
        [0, 1, 2, 3].map(|index| connect(fleet.targets()[index].address));

    silent
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a limit");
    assert_eq!(
        silent.read(&mut [0]).expect_err("says nothing").kind(),
        std::io::ErrorKind::WouldBlock
    );

    let mut megabyte = vec![0; 1 << 20];
    garbage.read_exact(&mut megabyte).expect("goes on");
    assert!(megabyte.iter().all(|byte| !byte.is_ascii()));

    http.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("sends");
    let mut answer = String::new();
    http.read_to_string(&mut answer).expect("is text");
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );

    assert_eq!(closing.read(&mut [0]).expect("is closed"), 0);
}

#[test]
fn one_offers_tls_and_then_stalls() {
    let fleet = FakeFleet::start(&[(Behaviour::StallsInHandshake, 1)]).expect("starts");
    let mut stream = connect(fleet.targets()[0].address);

    assert_eq!(
        capabilities(&read_packet(&mut stream).1) & CLIENT_SSL,
        CLIENT_SSL
    );
    stream.write_all(&SSL_REQUEST).expect("sends");
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a limit");
    assert_eq!(
        stream.read(&mut [0]).expect_err("says nothing").kind(),
        std::io::ErrorKind::WouldBlock
    );
}

#[test]
fn openssl_reads_the_certificate_of_a_server_whose_tls_ends_at_1_1() {
    let fleet = FakeFleet::start(&[(Behaviour::Tls11Only, 1)]).expect("starts");

    let old = openssl(
        fleet.targets()[0].address,
        &["-tls1_1", "-cipher", "AES128-SHA:@SECLEVEL=0", "-msg"],
    );

    let messages: Vec<&str> = old
        .lines()
        .filter(|line| line.starts_with("<<< ") && line.contains("Handshake"))
        .collect();
    let kinds: Vec<&str> = messages
        .iter()
        .filter_map(|line| line.rsplit(", ").next())
        .collect();
    assert_eq!(
        kinds,
        ["ServerHello", "Certificate", "ServerHelloDone"],
        "{old}"
    );
    assert!(
        messages
            .iter()
            .all(|line| line.starts_with("<<< TLS 1.1, ")),
        "{old}"
    );
    assert_eq!(fleet.counts(Behaviour::Tls11Only).handshakes, 1);
}

#[test]
fn a_newer_client_gets_the_alert_protocol_version_from_it() {
    let fleet = FakeFleet::start(&[(Behaviour::Tls11Only, 1)]).expect("starts");

    let new = openssl(fleet.targets()[0].address, &["-tls1_3"]);

    assert!(new.contains("alert protocol version"), "{new}");
    assert_eq!(
        fleet.counts(Behaviour::Tls11Only),
        Counts {
            connections: 1,
            ..Counts::default()
        }
    );
}

#[test]
fn a_thousand_addresses_answer_and_are_gone_when_the_fleet_is_dropped() {
    let fleet = FakeFleet::start(&[(Behaviour::TooMany, 1000)]).expect("starts");
    let addresses: Vec<SocketAddr> = fleet
        .targets()
        .iter()
        .map(|target| target.address)
        .collect();

    for address in &addresses {
        assert_eq!(
            read_packet(&mut connect(*address)).1,
            error(1040, "Too many connections")
        );
    }
    assert_eq!(fleet.counts(Behaviour::TooMany).connections, 1000);

    drop(fleet);
    for address in &addresses {
        assert_eq!(
            TcpStream::connect(address)
                .expect_err("nobody listens")
                .kind(),
            std::io::ErrorKind::ConnectionRefused
        );
    }
}

#[test]
fn behaviours_go_by_their_names() {
    for behaviour in Behaviour::ALL {
        assert_eq!(Behaviour::named(behaviour.name()), Some(behaviour));
    }
    assert_eq!(Behaviour::named("tsl"), None);
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a limit");
    stream
}

/// Greeting, `SSLRequest`, handshake with verification of chain and address.
fn handshake(fleet: &FakeFleet, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let mut stream = connect(address);
    let (sequence, greeting) = read_packet(&mut stream);
    assert_eq!(
        (sequence, capabilities(&greeting) & CLIENT_SSL),
        (0, CLIENT_SSL)
    );
    stream.write_all(&SSL_REQUEST).expect("sends");
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(fleet.root_pem().as_bytes()).expect("PEM"))
        .expect("a root");
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = builder
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), address.ip().into()).expect("a client");
    let mut session = StreamOwned::new(client, stream);
    session.flush().expect("the handshake succeeds");
    session
}

/// Logs in with the packet number 2; returns number and payload of the answer.
fn login(stream: &mut (impl Read + Write), user: &str) -> (u8, Vec<u8>) {
    let payload = [&SSL_REQUEST[4..], user.as_bytes(), b"\0\0"].concat();
    let header = [u8::try_from(payload.len()).expect("short"), 0, 0, 2];
    stream
        .write_all(&[&header[..], &payload].concat())
        .expect("sends");
    read_packet(stream)
}

fn read_packet(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let mut header = [0; 4];
    stream.read_exact(&mut header).expect("a header");
    let mut payload = vec![0; usize::from(header[0])];
    stream.read_exact(&mut payload).expect("a payload");
    (header[3], payload)
}

/// The second byte of the capabilities, which has `CLIENT_SSL`: behind version, connection id, and eight
/// bytes of nonce with a zero.
fn capabilities(greeting: &[u8]) -> u8 {
    let version_end = greeting
        .iter()
        .position(|&byte| byte == 0)
        .expect("the version ends");
    greeting[version_end + 1 + 4 + 9 + 1]
}

fn error(code: u16, text: &str) -> Vec<u8> {
    [&[0xff], &code.to_le_bytes()[..], text.as_bytes()].concat()
}

/// Runs `openssl s_client -starttls mysql`; everything that it says.
fn openssl(address: SocketAddr, options: &[&str]) -> String {
    let mut client = Command::new("openssl");
    client
        .args([
            "s_client",
            "-starttls",
            "mysql",
            "-connect",
            &address.to_string(),
        ])
        .args(options);
    let Output { stdout, stderr, .. } = client.stdin(Stdio::null()).output().expect("openssl runs");
    format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    )
}
