//! The lab's servers, as the tests of other crates use them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use lab::pki::{Authority, CertFiles, Leaf};
use lab::{Error, Kind, Options, Server};

const DAY: i64 = 86_400;

#[test]
fn a_server_starts_without_tls_and_answers() {
    for kind in Kind::ALL {
        let files = Files::new(&Leaf::for_loopback(lab::now()));
        let server = start(kind, Options::new());

        assert_eq!(server.sql("SELECT 1, 'two'").expect("answers"), "1\ttwo");
        assert_eq!(
            server.sql("SELECT @@port").expect("answers"),
            server.port().to_string()
        );
        let refused = connect(&server, "127.0.0.1", &files.paths.ca);
        assert!(
            error_of(&refused).starts_with("ERROR 2026 (HY000): "),
            "{kind}: {}",
            error_of(&refused)
        );
        assert!(
            error_of(&refused).contains("server does"),
            "{kind}: {}",
            error_of(&refused)
        );
    }
}

#[test]
fn a_client_verifies_a_server_with_an_ec_certificate() {
    for kind in Kind::ALL {
        let files = Files::new(&Leaf::for_loopback(lab::now()));
        let server = start(kind, Options::new().tls(files.paths.clone()).ipv6());

        assert_encrypted(&server, "127.0.0.1", &files.paths.ca);
        assert_encrypted(&server, "localhost", &files.paths.ca);
        assert_encrypted(&server, "::1", &files.paths.ca);
    }
}

#[test]
fn a_client_verifies_a_server_with_an_rsa_certificate() {
    for kind in Kind::ALL {
        let files = Files::new(&Leaf::for_loopback(lab::now()).rsa());
        let server = start(kind, Options::new().tls(files.paths.clone()));

        assert_encrypted(&server, "127.0.0.1", &files.paths.ca);
    }
}

#[test]
fn a_client_that_has_only_the_root_verifies_through_the_intermediate_that_is_sent() {
    for kind in Kind::ALL {
        let root = Authority::root("Lab root", lab::now()).expect("a root");
        let intermediate = root
            .intermediate("Lab intermediate")
            .expect("an intermediate");
        let files = Files::issued_by(&intermediate, &Leaf::for_loopback(lab::now()));
        let server = start(kind, Options::new().tls(files.paths.clone()));
        let only_root = files.dir.path().join("root.pem");
        std::fs::write(&only_root, root.root_pem()).expect("writes");

        assert_encrypted(&server, "127.0.0.1", &only_root);
    }
}

#[test]
fn a_client_refuses_an_expired_certificate_that_the_server_serves_all_the_same() {
    for kind in Kind::ALL {
        let now = lab::now();
        let files = Files::new(&Leaf::for_loopback(now).valid(now - 2 * DAY, now - DAY));
        let server = start(kind, Options::new().tls(files.paths.clone()));

        let refused = connect(&server, "127.0.0.1", &files.paths.ca);
        assert!(
            error_of(&refused).contains("certificate"),
            "{kind}: {}",
            error_of(&refused)
        );
        assert!(
            error_of(&refused).starts_with("ERROR 2026 (HY000): "),
            "{kind}: {}",
            error_of(&refused)
        );
    }
}

#[test]
fn a_client_refuses_a_certificate_for_another_name() {
    for kind in Kind::ALL {
        let files = Files::new(&Leaf::new(["db.example.org"], lab::now()));
        let server = start(kind, Options::new().tls(files.paths.clone()));

        // Not 127.0.0.1: MariaDB's client since 11.4 passes over the name there.
        let refused = connect(&server, "localhost", &files.paths.ca);
        assert!(
            error_of(&refused).starts_with("ERROR 2026 (HY000): "),
            "{kind}: {}",
            error_of(&refused)
        );
    }
}

#[test]
fn with_nothing_configured_mysql_serves_a_certificate_of_its_own_making() {
    let server = start(Kind::MySql, Options::new().tls_auto());

    assert_encrypted_without_name(&server, &server.ca().expect("it made one"));
}

#[test]
fn with_nothing_configured_mariadb_11_serves_a_certificate_that_no_restart_keeps() {
    let mut server = start(Kind::MariaDb11, Options::new().tls_auto());
    let first = presented(&server);
    assert!(first.contains("CN=MariaDB Server"), "{first}");
    assert_eq!(server.ca(), None);

    server.sql("FLUSH SSL").expect("loads anew");
    let second = presented(&server);
    server
        .restart(Options::new().tls_auto())
        .expect("starts again");
    let third = presented(&server);

    assert!(first != second && second != third && third != first);
}

#[test]
fn mysql_switches_tls_off_and_on_while_it_runs() {
    let files = Files::new(&Leaf::for_loopback(lab::now()));
    let server = start(Kind::MySql, Options::new().tls(files.paths.clone()));
    let enabled = || {
        server.sql("SELECT value FROM performance_schema.tls_channel_status WHERE channel='mysql_main' AND property='Enabled'")
    };

    server.switch_tls_off().expect("switches off");
    assert_eq!(enabled().expect("answers"), "No");
    let refused = connect(&server, "127.0.0.1", &files.paths.ca);
    assert!(
        error_of(&refused).starts_with("ERROR 2026 (HY000): "),
        "{}",
        error_of(&refused)
    );

    server.switch_tls_on().expect("switches on");
    assert_eq!(enabled().expect("answers"), "Yes");
    assert_encrypted(&server, "127.0.0.1", &files.paths.ca);
}

#[test]
fn mariadb_says_that_it_must_be_restarted_to_switch_tls() {
    for kind in [Kind::MariaDb, Kind::MariaDb11] {
        let files = Files::new(&Leaf::for_loopback(lab::now()));
        let mut server = start(kind, Options::new());

        let error = server.switch_tls_on().expect_err("cannot");
        assert_eq!(
            error.to_string(),
            "MariaDB cannot switch TLS while it runs; restart it with other options"
        );

        let port = server.port();
        server
            .restart(Options::new().tls(files.paths.clone()))
            .expect("restarts");
        assert_eq!(server.port(), port);
        assert_encrypted(&server, "127.0.0.1", &files.paths.ca);
    }
}

#[test]
fn data_survive_a_stop_and_a_crash() {
    for kind in Kind::ALL {
        let mut server = start(kind, Options::new().set("max_connect_errors=3"));
        server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (n INT) ENGINE=InnoDB; INSERT INTO shop.t VALUES (42)").expect("writes");

        server.stop().expect("stops");
        assert_eq!(server.pid(), None);
        server.restart(Options::new()).expect("starts again");
        assert_eq!(server.sql("SELECT n FROM shop.t").expect("answers"), "42");

        server.kill().expect("is killed");
        server
            .restart(Options::new().set("max_connect_errors=7"))
            .expect("starts again");
        assert_eq!(
            server
                .sql("SELECT n, @@max_connect_errors FROM shop.t")
                .expect("answers"),
            "42\t7"
        );
    }
}

#[test]
fn dropping_a_server_leaves_no_process_and_no_directory() {
    for kind in Kind::ALL {
        let server = start(kind, Options::new());
        let (dir, process) = (
            server.dir().to_owned(),
            format!("/proc/{}", server.pid().expect("it runs")),
        );
        assert!(dir.is_dir() && Path::new(&process).is_dir());

        drop(server);

        assert!(!dir.exists(), "{} is still there", dir.display());
        assert!(!Path::new(&process).exists(), "{process} is still there");
    }
}

#[test]
fn two_servers_of_a_kind_run_side_by_side() {
    for kind in Kind::ALL {
        let (one, other) = (start(kind, Options::new()), start(kind, Options::new()));
        one.sql("CREATE DATABASE mine").expect("creates");

        assert_ne!(one.port(), other.port());
        assert_eq!(
            other.sql("SHOW DATABASES LIKE 'mine'").expect("answers"),
            ""
        );
    }
}

#[test]
fn a_refused_statement_is_the_servers_own_words() {
    for kind in Kind::ALL {
        let error = start(kind, Options::new())
            .sql("SELECT nonsense")
            .expect_err("is refused");

        assert!(matches!(error, Error::Sql { .. }));
        assert!(
            error
                .to_string()
                .starts_with("ERROR 1054 (42S22) at line 1: Unknown column 'nonsense' in "),
            "{error}"
        );
    }
}

#[test]
fn a_server_that_does_not_start_says_why_and_keeps_its_directory() {
    for kind in Kind::ALL {
        let error =
            Server::start(kind, Options::new().set("no-such-setting=1")).expect_err("cannot start");

        let Error::NotReady { dir, log_tail, .. } = &error else {
            panic!("{error}")
        };
        assert!(
            log_tail.contains("unknown variable 'no-such-setting=1'"),
            "{log_tail}"
        );
        assert!(
            error
                .to_string()
                .starts_with(&format!("{kind} did not start: it ended, exit status: ")),
            "{error}"
        );
        assert!(dir.join("my.cnf").is_file());
        std::fs::remove_dir_all(dir).expect("removes what was kept");
    }
}

#[test]
fn a_port_that_is_taken_is_an_error_and_not_another_port() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();

    let error = Server::start(Kind::MariaDb, Options::new().port(port)).expect_err("cannot start");

    let Error::NotReady { dir, log_tail, .. } = &error else {
        panic!("{error}")
    };
    assert!(log_tail.contains("Address already in use"), "{log_tail}");
    std::fs::remove_dir_all(dir).expect("removes what was kept");
}

#[test]
fn nothing_but_loopback_is_listened_on() {
    let error =
        Server::start(Kind::MySql, Options::new().also_on([0, 0, 0, 0])).expect_err("is refused");

    assert_eq!(
        error.to_string(),
        "0.0.0.0 is neither a loopback address nor one of the lab's hosts; the lab's servers listen on nothing else"
    );
}

/// Certificate files in a directory of their own.
struct Files {
    dir: tempfile::TempDir,
    paths: CertFiles,
}

impl Files {
    fn new(leaf: &Leaf) -> Self {
        Self::issued_by(
            &Authority::root("Lab root", lab::now()).expect("a root"),
            leaf,
        )
    }

    fn issued_by(authority: &Authority, leaf: &Leaf) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let paths = authority
            .issue(leaf)
            .expect("a certificate")
            .write_to(dir.path())
            .expect("writes");
        Self { dir, paths }
    }
}

/// Starts a server with an account `tester` that may come from anywhere.
#[track_caller]
fn start(kind: Kind, options: Options) -> Server {
    let since = Instant::now();
    let server = Server::start(kind, options).unwrap_or_else(|error| panic!("{error}"));
    println!(
        "{kind} {}: {:.2} s from the call to the first answer",
        server.version(),
        since.elapsed().as_secs_f64()
    );
    server
        .sql("CREATE USER tester@'%' IDENTIFIED BY 'secret'")
        .expect("creates an account");
    server
}

fn connect(server: &Server, host: &str, ca: &Path) -> Output {
    let mut client = server
        .installation()
        .verifying_client(host, server.port(), ca);
    client
        .args([
            "--user=tester",
            "--password=secret",
            "--execute=SHOW STATUS LIKE 'Ssl_version'",
        ])
        .output()
        .expect("the client runs")
}

#[track_caller]
fn assert_encrypted(server: &Server, host: &str, ca: &Path) {
    let answer = connect(server, host, ca);
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        "Ssl_version\tTLSv1.3\n",
        "{}: {}",
        server.kind(),
        error_of(&answer)
    );
}

/// The certificate that MySQL makes for itself has no names, so only its authority can be checked.
#[track_caller]
fn assert_encrypted_without_name(server: &Server, ca: &Path) {
    let mut client = server
        .installation()
        .verifying_client("127.0.0.1", server.port(), ca);
    let answer = client.args([
        "--ssl-mode=VERIFY_CA",
        "--user=tester",
        "--password=secret",
        "--execute=SHOW STATUS LIKE 'Ssl_version'",
    ]);
    let answer = answer.output().expect("the client runs");
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        "Ssl_version\tTLSv1.3\n",
        "{}",
        error_of(&answer)
    );
}

/// Subject and fingerprint of the certificate that the server presents, as the `openssl` program reads them.
fn presented(server: &Server) -> String {
    let address = format!("{}:{}", server.host(), server.port());
    let handshake = Command::new("openssl")
        .args(["s_client", "-starttls", "mysql", "-connect", &address])
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    let mut reader = Command::new("openssl")
        .args(["x509", "-noout", "-subject", "-fingerprint", "-sha256"])
        .args(["-nameopt", "RFC2253"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    let mut pipe = reader.stdin.take().expect("is piped");
    pipe.write_all(&handshake.stdout).expect("reads it");
    drop(pipe);
    let read = reader.wait_with_output().expect("ends");
    assert!(read.status.success(), "no certificate was presented");
    String::from_utf8_lossy(&read.stdout).into_owned()
}

/// What the client complains about, without MySQL's warning that a password on the command line can be seen.
fn error_of(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .filter(|line| !line.contains("[Warning]"))
        .collect::<Vec<_>>()
        .join("\n")
}
