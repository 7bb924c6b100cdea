//! Real MySQL and MariaDB servers: what is told about each, and what they count about us.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper that fails is a test that fails"
)]

use std::{net::IpAddr, sync::Arc, time::Duration};

use dbtls::{
    Conditions, Flavor, Limits, Login, LoginOutcome, Observation, Password, ProbeLogin, Prober,
    Report, Status, Target, Trust,
};
use lab::{
    Kind, Options, Server,
    pki::{Authority, Leaf},
};
use tempfile::TempDir;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Only the addresses 127.0.0.1 and ::1 are exempt from a server's count of broken connections.
const COUNTED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 9));

/// A server of ours with a certificate under a new root, and everything that verifies it.
struct Site {
    server: Server,
    root: Authority,
    _files: TempDir,
}

impl Site {
    fn start(
        kind: Kind,
        options: Options,
        issue: impl FnOnce(&Authority) -> lab::pki::Issued,
    ) -> Self {
        let root = Authority::root("Lab Root", lab::now()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let written = issue(&root).write_to(files.path()).unwrap();
        Self {
            server: Server::start(kind, options.tls(written)).unwrap(),
            root,
            _files: files,
        }
    }

    fn plain(kind: Kind, options: Options) -> Self {
        let now = lab::now();
        let leaf = Leaf::for_loopback(now).valid(now - DAY, now + 90 * DAY + HOUR);
        Self::start(kind, options, |root| root.issue(&leaf).unwrap())
    }

    fn trust(&self) -> Trust {
        Trust::from_pem(self.root.root_pem().as_bytes()).unwrap()
    }

    fn target(&self) -> Target {
        tcp(&self.server)
    }

    fn report(&self, seen: &Observation) -> Report {
        Report::of(
            &self.target(),
            seen,
            &self.trust(),
            &[
                "localhost".parse().unwrap(),
                "db1.example.com".parse().unwrap(),
            ],
            lab::now(),
        )
    }
}

fn tcp(server: &Server) -> Target {
    format!("{}:{}", server.host(), server.port())
        .parse()
        .unwrap()
}

fn prober() -> Prober {
    Prober::new(Limits::default())
}

async fn look(target: &Target) -> Observation {
    prober()
        .observe(target, &Login::Nobody, &Trust::none())
        .await
}

fn flavor(kind: Kind) -> Flavor {
    match kind {
        Kind::MySql => Flavor::MySql,
        Kind::MariaDb | Kind::MariaDb11 => Flavor::MariaDb,
    }
}

/// What both vendors choose with our library.
fn cipher(kind: Kind) -> &'static str {
    match kind {
        Kind::MySql => "TLS_AES_128_GCM_SHA256",
        Kind::MariaDb | Kind::MariaDb11 => "TLS_AES_256_GCM_SHA384",
    }
}

/// Makes the probe account and answers its login.
fn probe_account(server: &Server) -> Login {
    server
        .sql("CREATE USER 'probe'@'%' IDENTIFIED BY 'pr0be-Secret!'")
        .unwrap();
    Login::Account {
        user: "probe".to_owned(),
        password: Password::new("pr0be-Secret!".to_owned()),
    }
}

/// A host from which no account may connect gets error 1130 instead of a greeting; this is somebody's account, not ours.
fn somebodys_account(server: &Server) {
    server
        .sql("CREATE USER 'app'@'%' IDENTIFIED BY 'somebody-Elses!'")
        .unwrap();
}

fn aborted_connects(server: &Server) -> u64 {
    let row = server
        .sql("SHOW GLOBAL STATUS LIKE 'Aborted_connects'")
        .unwrap();
    row.rsplit('\t').next().unwrap().parse().unwrap()
}

/// `count` probes from [`COUNTED`], 16 at a time; answers how the logins ended.
async fn probe_often(
    count: usize,
    target: &Target,
    login: &Login,
    trust: &Trust,
) -> Vec<LoginOutcome> {
    let shared = Arc::new((
        prober().from_address(COUNTED),
        target.clone(),
        login.clone(),
        trust.clone(),
    ));
    let mut outcomes = Vec::new();
    for wave in (0..count).step_by(16) {
        let mut probes = tokio::task::JoinSet::new();
        for _ in wave..count.min(wave + 16) {
            let shared = Arc::clone(&shared);
            probes.spawn(async move {
                let (prober, target, login, trust) = &*shared;
                let seen = prober.observe(target, login, trust).await;
                assert_eq!((seen.status, &seen.reason), (Status::On, &None));
                seen.login
            });
        }
        outcomes.extend(probes.join_all().await);
    }
    outcomes
}

#[tokio::test]
async fn an_ec_certificate() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new());
        let seen = look(&site.target()).await;
        assert_eq!(
            (seen.status, &seen.reason, &seen.login),
            (Status::On, &None, &LoginOutcome::Nobody),
            "{kind}"
        );
        let greeting = seen.greeting.clone().unwrap();
        assert_eq!(
            (greeting.flavor, greeting.server_version.as_str()),
            (flavor(kind), site.server.version())
        );

        let report = site.report(&seen);
        assert_eq!(
            (report.tls_version.as_str(), report.cipher.as_str()),
            ("TLSv1.3", cipher(kind))
        );
        assert!(
            report.signature_checked && report.chain_verifies && !report.expired,
            "{report:?}"
        );
        assert_eq!(
            (report.trusted_by.as_str(), report.days_left),
            ("CN=Lab Root", 90)
        );
        let leaf = &report.chain[0];
        assert_eq!(
            (
                leaf.key_type.as_str(),
                leaf.key_bits,
                leaf.is_ca,
                leaf.auto_generated
            ),
            ("EC", 256, false, false)
        );
        assert_eq!(leaf.sans, ["localhost", "127.0.0.1", "::1"]);
        let names: Vec<_> = report
            .names
            .iter()
            .map(|name| (name.name.as_str(), name.covered))
            .collect();
        assert_eq!(
            names,
            [
                ("127.0.0.1", true),
                ("localhost", true),
                ("db1.example.com", false)
            ]
        );
    }
}

#[tokio::test]
async fn an_rsa_certificate() {
    for kind in Kind::ALL {
        let site = Site::start(kind, Options::new(), |root| {
            root.issue(&Leaf::for_loopback(lab::now()).rsa()).unwrap()
        });
        let report = site.report(&look(&site.target()).await);
        assert_eq!(
            (
                report.status,
                report.chain_verifies,
                report.signature_checked
            ),
            (Status::On, true, true),
            "{kind}"
        );
        assert_eq!(
            (report.chain[0].key_type.as_str(), report.chain[0].key_bits),
            ("RSA", 2048)
        );
    }
}

/// Our library cannot check a P-521 signature, and knows no server that would send one unasked: we ask for it and record.
#[tokio::test]
async fn a_p_521_key_is_on_and_its_signature_not_checked() {
    for kind in Kind::ALL {
        let files = tempfile::tempdir().unwrap();
        let written = self_signed_by_openssl(files.path(), "secp521r1");
        let server = Server::start(kind, Options::new().tls(written)).unwrap();
        let seen = look(&tcp(&server)).await;
        let report = Report::of(&tcp(&server), &seen, &Trust::none(), &[], lab::now());
        assert_eq!(
            (report.status, report.probe_login),
            (Status::On, ProbeLogin::Nobody),
            "{kind}: {}",
            report.reason
        );
        assert_eq!(
            (report.tls_version.as_str(), report.signature_checked),
            ("TLSv1.3", false)
        );
        let leaf = &report.chain[0];
        assert_eq!((leaf.key_type.as_str(), leaf.key_bits), ("EC", 521));
    }
}

fn self_signed_by_openssl(dir: &std::path::Path, curve: &str) -> lab::pki::CertFiles {
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=odd"])
        .args(["-newkey", "ec", "-pkeyopt"])
        .arg(format!("ec_paramgen_curve:{curve}"))
        .args([
            "-out".as_ref(),
            cert.as_os_str(),
            "-keyout".as_ref(),
            key.as_os_str(),
        ])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    lab::pki::CertFiles {
        ca: cert.clone(),
        cert,
        key,
    }
}

#[tokio::test]
async fn an_expired_certificate_is_on_and_expired() {
    for kind in Kind::ALL {
        let now = lab::now();
        let expired = Leaf::for_loopback(now).valid(now - 30 * DAY, now - 3 * DAY + HOUR);
        let site = Site::start(kind, Options::new(), |root| root.issue(&expired).unwrap());
        let login = probe_account(&site.server);
        let seen = prober()
            .observe(&site.target(), &login, &site.trust())
            .await;
        assert_eq!(
            (seen.status, &seen.login),
            (Status::On, &LoginOutcome::Accepted),
            "{kind}: dates do not keep the probe account out for who comes to replace the certificate"
        );
        let today = Conditions {
            at: Some(now),
            ..Conditions::from(&site.trust())
        };
        let kept_out = prober().observe(&site.target(), &login, today).await;
        assert_eq!(kept_out.login, LoginOutcome::Withheld, "{kind}");
        let report = site.report(&seen);
        assert_eq!(
            (report.expired, report.days_left, report.chain_verifies),
            (true, -3, false)
        );
        assert_eq!(
            report.chain_problem,
            "a certificate of the chain has expired"
        );
    }
}

#[tokio::test]
async fn a_chain_with_an_intermediate() {
    for kind in Kind::ALL {
        let site = Site::start(kind, Options::new(), |root| {
            root.intermediate("Lab Issuing")
                .unwrap()
                .issue(&Leaf::for_loopback(lab::now()))
                .unwrap()
        });
        let seen = look(&site.target()).await;
        let report = site.report(&seen);
        let subjects: Vec<_> = report
            .chain
            .iter()
            .map(|certificate| certificate.subject.as_str())
            .collect();
        assert_eq!(subjects[..2], ["CN=localhost", "CN=Lab Issuing"], "{kind}");
        assert_eq!(
            (report.chain_verifies, report.trusted_by.as_str()),
            (true, "CN=Lab Root")
        );
        let picked = dbtls::anchors(&seen.tls.unwrap().chain);
        assert_eq!(
            (picked.certificates.len(), picked.complete),
            (subjects.len() - 1, subjects.len() == 3)
        );
    }
}

#[tokio::test]
async fn the_certificate_that_mysql_makes_for_itself() {
    let server = Server::start(Kind::MySql, Options::new().tls_auto()).unwrap();
    let seen = look(&tcp(&server)).await;
    let trust = Trust::from_pem(&std::fs::read(server.ca().unwrap()).unwrap()).unwrap();
    let report = Report::of(&tcp(&server), &seen, &trust, &[], lab::now());
    let auto: Vec<_> = report
        .chain
        .iter()
        .map(|certificate| {
            (
                certificate.auto_generated,
                certificate.is_ca,
                certificate.self_signed,
            )
        })
        .collect();
    assert_eq!(auto, [(true, false, false), (true, true, true)]);
    assert_eq!(
        (report.status, report.self_contained, report.chain_verifies),
        (Status::On, true, true),
        "{}",
        report.chain_problem
    );
    assert_eq!(
        (report.names[0].covered, report.names[0].common_name_only),
        (false, false)
    );
}

#[tokio::test]
async fn without_tls() {
    for kind in Kind::ALL {
        let server = Server::start(kind, Options::new()).unwrap();
        let login = probe_account(&server);
        let seen = prober()
            .observe(&tcp(&server), &login, &Trust::none())
            .await;
        let expected = Observation {
            status: Status::Off,
            reason: None,
            greeting: seen.greeting.clone(),
            tls: None,
            login: LoginOutcome::Nobody,
            took: seen.took,
        };
        assert_eq!(seen, expected, "{kind}");
        assert_eq!(seen.greeting.unwrap().flavor, flavor(kind));

        let local = prober()
            .observe(&Target::unix(server.socket()), &login, &Trust::none())
            .await;
        assert_eq!(
            (local.status, local.login),
            (Status::Off, LoginOutcome::Accepted),
            "{kind}: a Unix socket is private"
        );
    }
}

#[tokio::test]
async fn through_a_unix_socket() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new());
        let login = probe_account(&site.server);
        let seen = prober()
            .observe(&Target::unix(site.server.socket()), &login, &Trust::none())
            .await;
        assert_eq!(
            (seen.status, &seen.login),
            (Status::On, &LoginOutcome::Accepted),
            "{kind}"
        );
        assert_eq!(site.report(&seen).chain[0].subject, "CN=localhost");
    }
}

#[tokio::test]
async fn by_ipv6() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new().ipv6());
        let seen = look(&format!("[::1]:{}", site.server.port()).parse().unwrap()).await;
        assert_eq!(
            (seen.status, seen.login),
            (Status::On, LoginOutcome::Nobody),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn tls_1_2_alone() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new().set("tls_version=TLSv1.2"));
        let report = site.report(&look(&site.target()).await);
        assert_eq!(
            (report.tls_version.as_str(), report.signature_checked),
            ("TLSv1.2", true),
            "{kind}"
        );
        assert!(
            report.cipher.starts_with("TLS_ECDHE_ECDSA_WITH_"),
            "{}",
            report.cipher
        );
    }
}

/// TLS 1.2 with an RSA key exchange: our library does not speak it, the hand-made hello reads it from a real server.
#[tokio::test]
async fn tls_without_forward_secrecy_is_on_and_obsolete() {
    let options = Options::new()
        .set("tls_version=TLSv1.2")
        .set("ssl_cipher=AES256-GCM-SHA384");
    let site = Site::start(Kind::MariaDb, options, |root| {
        root.issue(&Leaf::for_loopback(lab::now()).rsa()).unwrap()
    });
    let report = site.report(&look(&site.target()).await);
    assert_eq!(
        (report.status, report.probe_login),
        (Status::On, ProbeLogin::NotTried)
    );
    assert_eq!(
        (report.tls_version.as_str(), report.cipher.as_str()),
        ("TLSv1.2", "TLS_RSA_WITH_AES_256_GCM_SHA384")
    );
    assert_eq!(
        (report.chain[0].subject.as_str(), report.chain_verifies),
        ("CN=localhost", true)
    );
    assert!(
        report
            .reason
            .starts_with("TLS is on, but obsolete (TLSv1.2, TLS_RSA_WITH_AES_256_GCM_SHA384): "),
        "{}",
        report.reason
    );
}

#[tokio::test]
async fn switched_off_by_hand() {
    let site = Site::plain(Kind::MySql, Options::new());
    assert_eq!(look(&site.target()).await.status, Status::On);
    site.server.switch_tls_off().unwrap();
    assert_eq!(look(&site.target()).await.status, Status::Off);
    site.server.switch_tls_on().unwrap();
    assert_eq!(look(&site.target()).await.status, Status::On);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_probes_with_an_account_are_never_counted() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new().set("max_connect_errors=3"));
        let login = probe_account(&site.server);
        let before = aborted_connects(&site.server);
        let outcomes = probe_often(1_000, &site.target(), &login, &site.trust()).await;
        assert_eq!(outcomes, vec![LoginOutcome::Accepted; 1_000], "{kind}");
        assert_eq!(aborted_connects(&site.server) - before, 0, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_probes_without_an_account_are_never_refused() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new().set("max_connect_errors=3"));
        somebodys_account(&site.server);
        let outcomes = probe_often(1_000, &site.target(), &Login::Nobody, &Trust::none()).await;
        assert_eq!(outcomes, vec![LoginOutcome::Nobody; 1_000], "{kind}");
    }
}

/// MySQL's default plugin wants the clear password after each restart. It gets it only from whom the server's chain convinces.
#[tokio::test]
async fn the_password_is_withheld_from_a_chain_that_does_not_verify() {
    let site = Site::plain(Kind::MySql, Options::new().set("max_connect_errors=3"));
    let login = probe_account(&site.server);
    let outcomes = probe_often(20, &site.target(), &login, &Trust::none()).await;
    assert_eq!(outcomes, vec![LoginOutcome::Withheld; 20]);
    let foreign = Authority::root("Lab Root", lab::now()).unwrap();
    let foreign = Trust::from_pem(foreign.root_pem().as_bytes()).unwrap();
    assert_eq!(
        probe_often(1, &site.target(), &login, &foreign).await,
        [LoginOutcome::Withheld]
    );
    assert_eq!(
        probe_often(1, &site.target(), &login, &site.trust()).await,
        [LoginOutcome::Accepted]
    );
    // From here on the server knows a hash of it, and nobody needs to send it.
    assert_eq!(
        probe_often(20, &site.target(), &login, &Trust::none()).await,
        vec![LoginOutcome::Accepted; 20]
    );
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_blocks() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new().set("max_connect_errors=3"));
        probe_account(&site.server);
        let wrong = Login::Account {
            user: "probe".to_owned(),
            password: Password::new("wrong".to_owned()),
        };
        for outcome in probe_often(20, &site.target(), &wrong, &site.trust()).await {
            let LoginOutcome::Denied { code, text } = outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(code, 1045, "{kind}");
            assert!(
                text.starts_with("Access denied for user 'probe'@"),
                "{text}"
            );
        }
    }
}

/// The counter-example: what the politeness is for. Connections that end after the greeting lock the whole host out.
#[tokio::test]
async fn a_blocked_host_is_unknown_never_off() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new().set("max_connect_errors=3"));
        somebodys_account(&site.server);
        // A connection counts once the server has noticed its end, so three may not be enough.
        let mut tries = 0;
        while !hangs_up_or_is_refused(site.server.port()).await {
            tries += 1;
            assert!(tries < 1000, "{kind} never blocks");
        }
        let seen = prober()
            .from_address(COUNTED)
            .observe(&site.target(), &Login::Nobody, &Trust::none())
            .await;
        assert_eq!(
            (seen.status, &seen.greeting),
            (Status::Unknown, &None),
            "{kind}"
        );
        let reason = seen.reason.unwrap();
        assert!(
            matches!(&reason, dbtls::Reason::Blocked { text } if text.contains("is blocked because of many connection errors")),
            "{reason}"
        );
    }
}

/// Reads the greeting from [`COUNTED`] and hangs up; whether it was a refusal instead of a greeting.
async fn hangs_up_or_is_refused(port: u16) -> bool {
    use tokio::io::AsyncReadExt;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((COUNTED, 0).into()).unwrap();
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    let mut greeting = [0; 256];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut greeting)).await;
    assert!(read.unwrap().unwrap() > 4);
    greeting[4] == 0xff
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_unknown_never_off() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new().set("max_connections=10"));
        let mut held = Vec::new();
        let seen = loop {
            let seen = look(&site.target()).await;
            if seen.status == Status::Unknown {
                break seen;
            }
            assert!(
                held.len() < 20,
                "{kind}: the server takes more connections than it may"
            );
            held.push(
                tokio::net::TcpStream::connect((site.server.host(), site.server.port()))
                    .await
                    .unwrap(),
            );
        };
        let text = "Too many connections".to_owned();
        assert_eq!(
            seen.reason,
            Some(dbtls::Reason::TooManyConnections { text }),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_host_without_any_account_is_unknown_never_off() {
    for kind in Kind::ALL {
        let site = Site::plain(kind, Options::new());
        let seen = prober()
            .from_address(COUNTED)
            .observe(&site.target(), &Login::Nobody, &Trust::none())
            .await;
        let text = format!("Host '127.0.0.9' is not allowed to connect to this {kind} server");
        assert_eq!(seen.reason, Some(dbtls::Reason::NotAllowed { text }));
        assert_eq!((seen.status, seen.greeting), (Status::Unknown, None));
    }
}
