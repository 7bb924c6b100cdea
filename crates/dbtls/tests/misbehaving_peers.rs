//! Peers that no operator would install on purpose, one by one, and what is told about each. They are fakes on loopback, made of bytes.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper that fails is a test that fails"
)]

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use dbtls::{
    Flavor, Greeting, Limits, Login, LoginOutcome, Observation, Password, Prober, Reason, Status,
    Step, Target, Tls, Trust,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const SSL: u32 = 0x800;

/// A peer on a free port of 127.0.0.1 that treats each connection as `serve` says, with its number, counted from 1.
struct Peer {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
    accepting: JoinHandle<()>,
}

impl Peer {
    async fn that<S, F>(serve: S) -> Self
    where
        S: Fn(TcpStream, u32) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(serve(stream, number));
            }
        });
        Self {
            address,
            connections,
            accepting,
        }
    }

    /// A peer that sends these bytes and then waits for the other end.
    async fn that_says(bytes: &'static [u8]) -> Self {
        Self::that(move |mut stream, _| async move {
            let _ = stream.write_all(bytes).await;
            wait_for_the_end(&mut stream).await;
        })
        .await
    }

    fn target(&self) -> Target {
        self.address.to_string().parse().unwrap()
    }

    fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Steps of 300 ms, so that peers which never end do not hold the tests up.
fn prober() -> Prober {
    let step = Duration::from_millis(300);
    Prober::new(Limits {
        connect: step,
        greeting: step,
        handshake: step,
        login: step,
        total: Duration::from_secs(2),
    })
}

async fn observe(peer: &Peer) -> Observation {
    prober()
        .observe(&peer.target(), &Login::Nobody, &Trust::none())
        .await
}

/// The whole answer about a peer that sent no greeting; `took` is checked on its own.
fn unknown(reason: Reason, took: Duration) -> Observation {
    Observation {
        status: Status::Unknown,
        reason: Some(reason),
        greeting: None,
        tls: None,
        login: LoginOutcome::NotTried,
        took,
    }
}

async fn is_unknown(peer: &Peer, reason: Reason) {
    let seen = observe(peer).await;
    assert_eq!(seen, unknown(reason, seen.took));
    assert!(seen.took < Duration::from_secs(2), "{:?}", seen.took);
}

async fn wait_for_the_end(stream: &mut TcpStream) {
    let mut bytes = [0; 1024];
    while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
}

async fn read_packet(stream: &mut TcpStream) -> Vec<u8> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.unwrap();
    let mut payload = vec![0; usize::from(header[0]) | usize::from(header[1]) << 8];
    stream.read_exact(&mut payload).await.unwrap();
    payload
}

async fn write_packet(stream: &mut TcpStream, sequence: u8, payload: &[u8]) {
    let length = u8::try_from(payload.len()).unwrap();
    stream
        .write_all(&[&[length, 0, 0, sequence], payload].concat())
        .await
        .unwrap();
}

/// The greeting of a MySQL 9.7, for connection `number`.
fn greeting(tls: bool, number: u32) -> Vec<u8> {
    let capabilities = if tls {
        0xdfff_ffff_u32
    } else {
        0xdfff_ffff & !SSL
    };
    [
        b"\x0a9.7.4\0",
        &number.to_le_bytes()[..],
        b"abcdefgh\0",
        &capabilities.to_le_bytes()[..2],
        &[255, 2, 0],
        &capabilities.to_le_bytes()[2..],
        &[21],
        &[0; 10],
        b"ijklmnopqrst\0caching_sha2_password\0",
    ]
    .concat()
}

fn mysql_97() -> Option<Greeting> {
    Some(Greeting {
        flavor: Flavor::MySql,
        server_version: "9.7.4".to_owned(),
    })
}

/// Greets, and reads the SSLRequest.
async fn until_tls(stream: &mut TcpStream, number: u32) {
    write_packet(stream, 0, &greeting(true, number)).await;
    assert_eq!(read_packet(stream).await.len(), 32);
}

#[tokio::test]
async fn an_http_server() {
    let peer = Peer::that_says(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n").await;
    is_unknown(
        &peer,
        Reason::NotMySql {
            saw: "HTTP/1.1 408 Request Timeout".to_owned(),
        },
    )
    .await;
    let told = observe(&peer).await.reason.unwrap().to_string();
    assert_eq!(told, "this is not a MySQL server; check the port");
}

#[tokio::test]
async fn an_ssh_server() {
    let peer = Peer::that_says(b"SSH-2.0-OpenSSH_9.2p1\r\n").await;
    is_unknown(
        &peer,
        Reason::NotMySql {
            saw: "SSH-2.0-OpenSSH_9.2p1".to_owned(),
        },
    )
    .await;
}

#[tokio::test]
async fn a_port_of_the_x_protocol() {
    is_unknown(
        &Peer::that_says(&[5, 0, 0, 0, 11, 8, 5, 26, 0]).await,
        Reason::XProtocol,
    )
    .await;
}

#[tokio::test]
async fn a_silent_port() {
    let peer = Peer::that_says(b"").await;
    is_unknown(&peer, Reason::Silent).await;
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn garbage_for_ever() {
    let peer = Peer::that(|mut stream, _| async move {
        while stream.write_all(&[0xa5; 4096]).await.is_ok() {}
    })
    .await;
    let saw = "\u{fffd}".repeat(60);
    is_unknown(&peer, Reason::NotMySql { saw }).await;
}

#[tokio::test]
async fn a_packet_that_claims_16_megabytes() {
    is_unknown(
        &Peer::that_says(&[0xff, 0xff, 0xff, 0]).await,
        Reason::NotMySql {
            saw: "\u{fffd}\u{fffd}\u{fffd}".to_owned(),
        },
    )
    .await;
}

#[tokio::test]
async fn a_greeting_a_byte_at_a_time() {
    let peer = Peer::that(|mut stream, _| async move {
        for byte in [&[75, 0, 0, 0][..], &greeting(true, 1)].concat() {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    is_unknown(
        &peer,
        Reason::TimedOut {
            step: Step::Greeting,
        },
    )
    .await;
}

#[tokio::test]
async fn a_connection_that_is_closed_at_once() {
    is_unknown(
        &Peer::that(|_, _| async {}).await,
        Reason::Closed {
            step: Step::Greeting,
        },
    )
    .await;
}

#[tokio::test]
async fn a_port_where_nobody_listens() {
    let address = lab::nobody().to_string();
    let seen = prober()
        .observe(&address.parse().unwrap(), &Login::Nobody, &Trust::none())
        .await;
    assert_eq!(seen, unknown(Reason::Refused { address }, seen.took));
}

#[tokio::test]
async fn a_socket_that_is_not_there() {
    let seen = prober()
        .observe(
            &Target::unix("/nowhere/mysqld.sock"),
            &Login::Nobody,
            &Trust::none(),
        )
        .await;
    let detail = "No such file or directory (os error 2)".to_owned();
    assert_eq!(
        seen,
        unknown(
            Reason::Unreachable {
                address: "/nowhere/mysqld.sock".to_owned(),
                detail
            },
            seen.took
        )
    );
}

#[tokio::test]
async fn refusals_instead_of_a_greeting_are_unknown_never_off() {
    let text = "Too many connections".to_owned();
    is_unknown(
        &Peer::that_says(b"\x17\0\0\0\xff\x10\x04Too many connections").await,
        Reason::TooManyConnections { text },
    )
    .await;
    let text = "Host 'db' is blocked".to_owned();
    is_unknown(
        &Peer::that_says(b"\x17\0\0\0\xff\x69\x04Host 'db' is blocked").await,
        Reason::Blocked { text },
    )
    .await;
    let text = "Host 'x' is not allow".to_owned();
    is_unknown(
        &Peer::that_says(b"\x18\0\0\0\xff\x6a\x04Host 'x' is not allow").await,
        Reason::NotAllowed { text },
    )
    .await;
}

#[tokio::test]
async fn a_server_that_stalls_in_the_handshake() {
    let peer = Peer::that(|mut stream, number| async move {
        until_tls(&mut stream, number).await;
        wait_for_the_end(&mut stream).await;
    })
    .await;
    let seen = observe(&peer).await;
    assert_eq!(
        seen,
        Observation {
            greeting: mysql_97(),
            ..unknown(
                Reason::TimedOut {
                    step: Step::Handshake
                },
                seen.took
            )
        }
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_in_the_handshake() {
    let peer = Peer::that(|mut stream, number| async move {
        until_tls(&mut stream, number).await;
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let seen = observe(&peer).await;
    assert_eq!(
        seen,
        Observation {
            greeting: mysql_97(),
            ..unknown(
                Reason::Closed {
                    step: Step::Handshake
                },
                seen.took
            )
        }
    );
}

#[tokio::test]
async fn a_server_that_answers_the_client_hello_with_garbage() {
    let peer = Peer::that(|mut stream, number| async move {
        until_tls(&mut stream, number).await;
        while stream.write_all(&[0xa5; 4096]).await.is_ok() {}
    })
    .await;
    let seen = observe(&peer).await;
    let detail = "received corrupt message of type InvalidContentType".to_owned();
    assert_eq!(
        seen,
        Observation {
            greeting: mysql_97(),
            ..unknown(Reason::HandshakeFailed { detail }, seen.took)
        }
    );
}

#[tokio::test]
async fn the_whole_probe_has_a_limit_of_its_own() {
    let peer = Peer::that_says(b"").await;
    let step = Duration::from_secs(60);
    let prober = Prober::new(Limits {
        connect: step,
        greeting: step,
        handshake: step,
        login: step,
        total: Duration::from_millis(200),
    });
    let seen = prober
        .observe(&peer.target(), &Login::Nobody, &Trust::none())
        .await;
    assert_eq!(seen, unknown(Reason::Silent, seen.took));
    assert!(seen.took < Duration::from_secs(5), "{:?}", seen.took);
}

#[tokio::test]
async fn a_host_with_several_addresses_is_tried_until_one_answers() {
    let peer = Peer::that_says(b"\x17\0\0\0\xff\x10\x04Too many connections").await;
    let target = format!("localhost:{}", peer.address.port())
        .parse()
        .unwrap();
    let seen = prober()
        .observe(&target, &Login::Nobody, &Trust::none())
        .await;
    assert_eq!(
        seen,
        unknown(
            Reason::TooManyConnections {
                text: "Too many connections".to_owned()
            },
            seen.took
        )
    );
}

#[tokio::test]
async fn without_tls_the_account_is_never_named() {
    let peer = Peer::that(|mut stream, number| async move {
        write_packet(&mut stream, 0, &greeting(false, number)).await;
        let login = read_packet(&mut stream).await;
        assert_eq!(
            login[..4],
            0x0008_8201_u32.to_le_bytes(),
            "no SSL among the capabilities"
        );
        let answer: &[u8] = if login[32..].starts_with(b"signet-probe-nobody\0") {
            b"\xff\x15\x04#28000Access denied"
        } else {
            b"\xff\x51\x04#HY000wrong user"
        };
        write_packet(&mut stream, 2, answer).await;
    })
    .await;
    let account = Login::Account {
        user: "probe".to_owned(),
        password: Password::new("secret".to_owned()),
    };
    let seen = prober()
        .observe(&peer.target(), &account, &Trust::none())
        .await;
    assert_eq!(
        seen,
        Observation {
            status: Status::Off,
            reason: None,
            greeting: mysql_97(),
            tls: None,
            login: LoginOutcome::Nobody,
            took: seen.took
        }
    );
}

#[tokio::test]
async fn a_server_without_tls_is_off_even_if_the_login_breaks_off() {
    let peer = Peer::that(|mut stream, number| async move {
        write_packet(&mut stream, 0, &greeting(false, number)).await;
        read_packet(&mut stream).await;
    })
    .await;
    let seen = observe(&peer).await;
    let login = LoginOutcome::Broken {
        reason: Reason::Closed { step: Step::Login },
    };
    assert_eq!(
        seen,
        Observation {
            status: Status::Off,
            reason: None,
            greeting: mysql_97(),
            tls: None,
            login,
            took: seen.took
        }
    );
}

/// What a server with `tls_version=TLSv1.1` does: to our library's hello it answers the alert `protocol_version`; to one without
/// supported_versions a ServerHello of 1.1 and its certificate in clear. A plain login it refuses as any server.
async fn serve_tls_1_1(mut stream: TcpStream, connection: u32) {
    write_packet(&mut stream, 0, &greeting(true, connection)).await;
    if read_packet(&mut stream).await.len() > 32 {
        return write_packet(&mut stream, 2, b"\xff\x15\x04#28000Access denied").await;
    }
    let mut header = [0; 5];
    stream.read_exact(&mut header).await.unwrap();
    let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    stream.read_exact(&mut hello).await.unwrap();
    let supported_versions = hello
        .windows(5)
        .any(|bytes| bytes[..2] == [0, 43] && bytes[2] == 0 && bytes[4] > 1);
    let answer = if supported_versions {
        vec![21, 3, 3, 0, 2, 2, 70]
    } else {
        [server_hello_1_1(), certificate()].concat()
    };
    stream.write_all(&answer).await.unwrap();
    wait_for_the_end(&mut stream).await;
}

fn server_hello_1_1() -> Vec<u8> {
    [
        &[22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2],
        &[7; 32][..],
        &[0, 0xc0, 0x13, 0],
    ]
    .concat()
}

fn certificate() -> Vec<u8> {
    [
        &[22, 3, 2, 0, 14, 11, 0, 0, 10, 0, 0, 7, 0, 0, 4],
        &b"leaf"[..],
    ]
    .concat()
}

fn obsolete(took: Duration, login: LoginOutcome) -> Observation {
    let (version, cipher) = (
        "TLSv1.1".to_owned(),
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA".to_owned(),
    );
    Observation {
        status: Status::On,
        reason: Some(Reason::Obsolete {
            version: version.clone(),
            cipher: cipher.clone(),
        }),
        greeting: mysql_97(),
        tls: Some(Tls {
            version,
            cipher,
            chain: vec![b"leaf".to_vec()],
            signature_checked: false,
        }),
        login,
        took,
    }
}

#[tokio::test]
async fn a_byte_level_fake_of_a_tls_1_1_server_is_on_and_told_to_be_obsolete() {
    let peer = Peer::that(serve_tls_1_1).await;
    let prober = prober();
    let first = prober
        .observe(&peer.target(), &Login::Nobody, &Trust::none())
        .await;
    assert_eq!(first, obsolete(first.took, LoginOutcome::NotTried));
    assert_eq!(
        peer.connections(),
        2,
        "one handshake that fails, one by hand"
    );

    let second = prober
        .observe(&peer.target(), &Login::Nobody, &Trust::none())
        .await;
    assert_eq!(second, obsolete(second.took, LoginOutcome::Nobody));
    assert_eq!(
        peer.connections(),
        3,
        "remembered: one connection that ends in a login"
    );

    prober.forget(&peer.target());
    let third = prober
        .observe(&peer.target(), &Login::Nobody, &Trust::none())
        .await;
    assert_eq!(third, obsolete(third.took, LoginOutcome::NotTried));
    assert_eq!(peer.connections(), 5);
}

#[tokio::test]
async fn a_restarted_server_is_looked_at_again() {
    // Its second life begins with the fourth connection, which it counts as its first.
    let peer = Peer::that(|stream, number| {
        serve_tls_1_1(
            stream,
            if number < 4 {
                number + 1000
            } else {
                number - 3
            },
        )
    })
    .await;
    let prober = prober();
    for (login, connections) in [
        (LoginOutcome::NotTried, 2),
        (LoginOutcome::Nobody, 3),
        (LoginOutcome::NotTried, 5),
    ] {
        let seen = prober
            .observe(&peer.target(), &Login::Nobody, &Trust::none())
            .await;
        assert_eq!(seen, obsolete(seen.took, login));
        assert_eq!(peer.connections(), connections);
    }
}

#[tokio::test]
async fn a_server_that_refuses_every_hello_is_not_asked_again_and_again() {
    let peer = Peer::that(|mut stream, number| async move {
        write_packet(&mut stream, 0, &greeting(true, number)).await;
        if read_packet(&mut stream).await.len() > 32 {
            return write_packet(&mut stream, 2, b"\xff\x15\x04#28000Access denied").await;
        }
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).await;
        wait_for_the_end(&mut stream).await;
    })
    .await;
    let prober = prober();
    let detail = "received fatal alert: HandshakeFailure".to_owned();
    for (login, connections) in [(LoginOutcome::NotTried, 2), (LoginOutcome::Nobody, 3)] {
        let seen = prober
            .observe(&peer.target(), &Login::Nobody, &Trust::none())
            .await;
        let reason = Reason::HandshakeFailed {
            detail: detail.clone(),
        };
        assert_eq!(
            seen,
            Observation {
                greeting: mysql_97(),
                login,
                ..unknown(reason, seen.took)
            }
        );
        assert_eq!(peer.connections(), connections);
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    let seen = prober()
        .observe(
            &"nowhere.invalid".parse().unwrap(),
            &Login::Nobody,
            &Trust::none(),
        )
        .await;
    let reason = seen.reason.clone().unwrap();
    assert_eq!(seen, unknown(reason.clone(), seen.took));
    // A resolver may need longer than our limit to say no.
    assert!(
        matches!(
            reason,
            Reason::NotResolved { .. }
                | Reason::TimedOut {
                    step: Step::Connect
                }
        ),
        "{reason}"
    );
}
