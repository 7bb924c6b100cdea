use lab::{
    Kind, Options, Server,
    pki::{Authority, Leaf},
};
use tempfile::TempDir;

use super::*;
use crate::Flavor;

const PASSWORD: &str = "adm1n-Secret'\\";

/// A real server with an administrator, and what verifies it.
struct Site {
    server: Server,
    root: Authority,
    _files: TempDir,
}

impl Site {
    fn start(kind: Kind, options: impl FnOnce(Options) -> Options, names: &[&str]) -> Self {
        let root = Authority::root("Lab Root", lab::now()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let leaf = Leaf::new(names.iter().copied(), lab::now());
        let written = root.issue(&leaf).unwrap().write_to(files.path()).unwrap();
        let options = options(Options::new().tls(written));
        let server = Server::start(kind, options).unwrap();
        server
            .sql(r"CREATE USER 'admin'@'%' IDENTIFIED BY 'adm1n-Secret''\\'")
            .unwrap();
        Self {
            server,
            root,
            _files: files,
        }
    }

    fn target(&self) -> Target {
        format!("{}:{}", self.server.host(), self.server.port())
            .parse()
            .unwrap()
    }

    fn socket(&self) -> Target {
        Target::unix(self.server.socket())
    }

    fn trust(&self) -> Trust {
        Trust::from_pem(self.root.root_pem().as_bytes()).unwrap()
    }

    async fn open(&self, target: &Target) -> Result<Session, SessionError> {
        Session::open(target, &admin(PASSWORD), &self.trust(), Limits::default()).await
    }

    /// As from another host: the connection is loopback and not taken for it.
    async fn open_from_afar(&self, trust: &Trust) -> Result<Session, SessionError> {
        let entrance = Entrance {
            target: self.target(),
            at: None,
            account: admin(PASSWORD),
            trust: trust.clone(),
            limits: Limits::default(),
        };
        let address = (self.server.host(), self.server.port());
        let stream = TcpStream::connect(address).await.unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        entrance.over_tcp(stream, false, end).await
    }
}

fn admin(password: &str) -> Account {
    Account {
        user: "admin".to_owned(),
        password: Password::new(password.to_owned()),
    }
}

/// A `Session` has no `Debug`, as it holds a password; so there is no `unwrap_err`.
fn error_of(opened: Result<Session, SessionError>) -> String {
    match opened {
        Ok(_) => panic!("the session opened"),
        Err(error) => error.to_string(),
    }
}

async fn one(session: &mut Session, sql: &str) -> Option<String> {
    let rows = session.query(sql).await.unwrap();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    row[0].clone()
}

fn off(options: Options) -> Options {
    options.tls_off()
}

fn as_it_is(options: Options) -> Options {
    options
}

#[tokio::test]
async fn a_session_asks_and_changes_over_each_channel() {
    for kind in Kind::ALL {
        let site = Site::start(kind, as_it_is, &["localhost", "127.0.0.1"]);
        for (target, channel) in [
            (site.target(), Channel::Loopback),
            (site.socket(), Channel::UnixSocket),
        ] {
            let mut session = site.open(&target).await.unwrap();
            assert_eq!(session.channel(), &channel, "{kind}");
            assert_eq!(session.greeting().server_version, site.server.version());
            assert_eq!(session.user(), "admin");
            session.run("SET @kept = 'it''s'").await.unwrap();
            assert_eq!(
                session
                    .query("SELECT @kept, NULL UNION SELECT 2, ''")
                    .await
                    .unwrap(),
                [
                    [Some("it's".to_owned()), None],
                    [Some("2".to_owned()), Some(String::new())]
                ]
            );
            session.close().await;
        }
        let aborted = "SHOW GLOBAL STATUS LIKE 'Aborted_clients'";
        assert_eq!(site.server.sql(aborted).unwrap(), "Aborted_clients\t0");
    }
}

#[tokio::test]
async fn literals_mean_what_they_hold() {
    for kind in Kind::ALL {
        let site = Site::start(kind, as_it_is, &["localhost"]);
        let mut session = site.open(&site.socket()).await.unwrap();
        for text in ["", "/etc/my'sql", r"C:\new\'", "ü\n--", "';DROP TABLE x;'"] {
            let told = one(&mut session, &format!("SELECT {}", quoted(text))).await;
            assert_eq!(told.as_deref(), Some(text), "{kind}");
        }
    }
}

#[tokio::test]
async fn a_refused_statement_leaves_the_session_usable() {
    let site = Site::start(Kind::MySql, as_it_is, &["localhost"]);
    let mut session = site.open(&site.socket()).await.unwrap();
    let refused = session.run("ALTER INSTANCE RELOAD TLS").await.unwrap_err();
    assert_eq!(refused.code(), Some(1227));
    assert_eq!(
        refused.to_string(),
        "1227 (42000): Access denied; you need (at least one of) the CONNECTION_ADMIN privilege(s) for this operation"
    );
    let syntax = session.run("SELECT 1; SELECT 2").await.unwrap_err();
    assert_eq!(syntax.code(), Some(1064), "one statement at a time");
    assert_eq!(
        one(&mut session, "SELECT 'still here'").await.as_deref(),
        Some("still here")
    );
}

#[tokio::test]
async fn a_statement_has_a_deadline_and_then_the_session_is_over() {
    let site = Site::start(Kind::MySql, as_it_is, &["localhost"]);
    let mut session = site.open(&site.socket()).await.unwrap();
    let limit = Duration::from_millis(200);
    let late = session.query_within("SELECT SLEEP(600)", limit).await;
    assert_eq!(late, Err(SqlError::Timeout { limit }));
    assert_eq!(
        late.unwrap_err().to_string(),
        "no answer within 0.2 s: check the server's load, and what `SHOW PROCESSLIST` says"
    );
    assert_eq!(
        session.run("SELECT 1").await.unwrap_err().to_string(),
        "the connection broke: an earlier statement was not answered in full"
    );
    let mut another = session.another().await.unwrap();
    assert_eq!(
        one(&mut another, "SELECT 1").await.as_deref(),
        Some("1"),
        "another one works"
    );
}

#[tokio::test]
async fn a_session_whose_server_dies_says_so() {
    let mut site = Site::start(Kind::MySql, as_it_is, &["localhost"]);
    let mut session = site.open(&site.socket()).await.unwrap();
    site.server.kill().unwrap();
    let error = session.run("SELECT 1").await.unwrap_err().to_string();
    assert!(error.starts_with("the connection broke: "), "{error}");
    let error = error_of(session.another().await);
    assert!(
        error.contains("cannot be reached") || error.contains("refuses connections"),
        "{error}"
    );
}

/// MySQL wants the password itself, once per start; without TLS it shows a key to encrypt it with.
#[tokio::test]
async fn over_plaintext_loopback_the_password_goes_encrypted() {
    for kind in Kind::ALL {
        let site = Site::start(kind, off, &["localhost"]);
        for _ in 0..2 {
            let session = site.open(&site.target()).await.unwrap();
            assert_eq!(session.channel(), &Channel::Loopback, "{kind}");
            assert!(session.channel().is_private());
        }
    }
}

#[tokio::test]
async fn the_certificate_that_mysql_made_for_itself_counts_by_its_ca() {
    let site = Site::start(Kind::MySql, Options::tls_auto, &["localhost"]);
    let ca = std::fs::read(site.server.ca().unwrap()).unwrap();
    let session = site
        .open_from_afar(&Trust::from_pem(&ca).unwrap())
        .await
        .unwrap();
    assert_eq!(session.channel(), &Channel::VerifiedTls);
}

#[tokio::test]
async fn from_afar_no_password_goes_to_a_server_that_does_not_prove_itself() {
    let site = Site::start(Kind::MySql, as_it_is, &["db1.example.com", "192.0.2.1"]);
    let foreign = Authority::root("Lab Root", lab::now()).unwrap();
    let foreign = Trust::from_pem(foreign.root_pem().as_bytes()).unwrap();
    for (trust, problem) in [
        (
            &Trust::none(),
            "no CA certificate was given to verify it with",
        ),
        (
            &foreign,
            "its chain does not lead to a given CA certificate",
        ),
        (
            &site.trust(),
            "its certificate names db1.example.com, 192.0.2.1, not 127.0.0.1",
        ),
    ] {
        assert_eq!(
            error_of(site.open_from_afar(trust).await),
            format!(
                "the password of `admin` is not sent: the server asks for it in full, and the connection is TLS with an unknown server ({problem}); give the CA certificates that the server's chain leads to (`CaCertificates`, for instance the server's own `ca.pem`), or reach it over loopback or its Unix socket"
            )
        );
    }
    // Once the server knows a hash of it, nobody needs to send it. Such a session may do what is no secret.
    site.open(&site.socket()).await.unwrap();
    let session = site.open_from_afar(&Trust::none()).await.unwrap();
    assert!(!session.channel().is_private());
    site.server.switch_tls_off().unwrap();
    let session = site.open_from_afar(&Trust::none()).await.unwrap();
    assert_eq!(session.channel(), &Channel::Plain);
}

/// A session that is not private may switch TLS on again with files that are there; what it may not is carry a key.
#[tokio::test]
async fn from_afar_no_key_crosses_what_others_can_read() {
    use crate::switch::{self, Change, Delivery, Files, Terms};
    let site = Site::start(Kind::MySql, Options::tls_auto, &["localhost"]);
    site.server
        .sql("GRANT ALL ON *.* TO 'admin'@'%'; ALTER USER 'admin'@'%' REQUIRE NONE")
        .unwrap();
    let mut near = site.open(&site.socket()).await.unwrap();
    let before = switch::before(&mut near).await.unwrap();
    switch::switch_off(&mut near).await.unwrap();

    let mut session = site.open_from_afar(&Trust::none()).await.unwrap();
    let told = "the key is not sent: the connection is plaintext over a network; give the CA certificates that the server's chain leads to (`CaCertificates`, for instance the server's own `ca.pem`), or reach it over loopback or its Unix socket";
    let files = Files {
        certificate_chain_pem: "certificate",
        key_pem: "key",
        ca_pem: "ca",
    };
    let directory = site.server.dir().join("files");
    let refused = switch::deliver(&mut session, directory.to_str().unwrap(), "x", &files).await;
    assert_eq!(refused.unwrap_err().to_string(), told);
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    let refused = switch::check(&mut session, Change::Open, &Terms::default()).await;
    assert_eq!(refused.unwrap_err().to_string(), told);

    let terms = Terms {
        delivery: Delivery::Elsewhere,
        ..Terms::default()
    };
    let checked = switch::check(&mut session, Change::Open, &terms)
        .await
        .unwrap();
    let paths = checked.before.paths().unwrap();
    switch::load(&mut session, &paths, &checked.before)
        .await
        .unwrap();
    assert_eq!(
        switch::before(&mut near).await.unwrap().enabled,
        before.enabled
    );
    let checked = switch::check(&mut session, Change::Close, &terms)
        .await
        .unwrap();
    assert_eq!(
        checked.notes,
        [
            "If the server restarts while TLS is off, `caching_sha2_password` wants this account's password in full, which is not sent over a network without TLS: somebody has to log in as it once before, with `mysql --get-server-public-key`."
        ]
    );
}

#[tokio::test]
async fn from_afar_without_tls_the_password_is_not_sent() {
    let site = Site::start(Kind::MySql, off, &["localhost"]);
    let error = error_of(site.open_from_afar(&site.trust()).await);
    assert!(
        error.starts_with("the password of `admin` is not sent: the server asks for it in full, and the connection is plaintext over a network; give"),
        "{error}"
    );
}

#[tokio::test]
async fn an_expired_certificate_does_not_lock_out_who_comes_to_replace_it() {
    let root = Authority::root("Lab Root", lab::now()).unwrap();
    let files = tempfile::tempdir().unwrap();
    let now = lab::now();
    let leaf = Leaf::for_loopback(now).valid(now - 2 * 86_400, now - 86_400);
    let written = root.issue(&leaf).unwrap().write_to(files.path()).unwrap();
    let mut site = Site::start(Kind::MySql, as_it_is, &["localhost"]);
    site.server.restart(Options::new().tls(written)).unwrap();
    site.root = root;
    let session = site.open_from_afar(&site.trust()).await.unwrap();
    assert_eq!(session.channel(), &Channel::VerifiedTls);
}

#[tokio::test]
async fn a_wrong_password_names_the_user_and_what_to_check() {
    for kind in Kind::ALL {
        let site = Site::start(kind, as_it_is, &["localhost", "127.0.0.1"]);
        for target in [site.target(), site.socket()] {
            let opened =
                Session::open(&target, &admin("wrong"), &site.trust(), Limits::default()).await;
            let told = error_of(opened);
            assert!(
                told.starts_with(
                    "the server refuses the login of `admin` (1045 Access denied for user 'admin'@'"
                ),
                "{told}"
            );
            assert!(
                told.ends_with("check the user name and the password, from which hosts the account may log in (`SELECT user, host FROM mysql.user`), and whether it requires TLS or a client certificate"),
                "{told}"
            );
        }
    }
}

#[tokio::test]
async fn a_locked_account_is_told_as_that() {
    let site = Site::start(Kind::MySql, as_it_is, &["localhost", "127.0.0.1"]);
    site.server
        .sql("ALTER USER 'admin'@'%' ACCOUNT LOCK")
        .unwrap();
    let told = error_of(site.open(&site.target()).await);
    assert!(
        told.contains("(3118 ") && told.ends_with("ACCOUNT UNLOCK`"),
        "{told}"
    );
}

/// The agent's way in: no password, the kernel says who it is.
#[tokio::test]
async fn an_account_of_the_unix_socket_needs_no_password() {
    for (kind, plugin) in [(Kind::MySql, "auth_socket"), (Kind::MariaDb, "unix_socket")] {
        let site = Site::start(kind, as_it_is, &["localhost"]);
        let library = if kind == Kind::MySql {
            "auth_socket.so"
        } else {
            "auth_socket"
        };
        let _ = site
            .server
            .sql(&format!("INSTALL PLUGIN {plugin} SONAME '{library}'"));
        let me = os_user();
        site.server
            .sql(&format!("DROP USER IF EXISTS '{me}'@'localhost'; CREATE USER '{me}'@'localhost' IDENTIFIED WITH {plugin}"))
            .unwrap();
        let account = Account {
            user: me.clone(),
            password: Password::new(String::new()),
        };
        let opened =
            Session::open(&site.socket(), &account, &Trust::none(), Limits::default()).await;
        let mut session = opened.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(
            one(&mut session, "SELECT CURRENT_USER()").await,
            Some(format!("{me}@localhost"))
        );
    }
}

fn os_user() -> String {
    let told = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn an_account_that_we_cannot_log_in_as_names_its_plugin() {
    let site = Site::start(Kind::MySql, as_it_is, &["localhost", "127.0.0.1"]);
    site.server
        .sql("ALTER USER 'admin'@'%' IDENTIFIED WITH sha256_password BY 'x'")
        .unwrap();
    let told = error_of(site.open(&site.target()).await);
    assert!(
        told.contains("the account uses `sha256_password`; give it `caching_sha2_password`"),
        "{told}"
    );
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_told_with_its_meaning() {
    let site = Site::start(Kind::MySql, |o| o.set("max_connections=1"), &["localhost"]);
    let held = first_session(&site).await;
    assert_eq!(
        error_of(site.open(&site.socket()).await),
        "the server refuses the login of `admin` (1040 Too many connections): the server's or the account's limit of connections is reached: raise it, or try again"
    );
    assert_eq!(held.greeting().flavor, Flavor::MySql);
}

/// The connection that made the account is still counted for a moment after its client has ended.
async fn first_session(site: &Site) -> Session {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        match site.open(&site.socket()).await {
            Ok(session) => return session,
            Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
