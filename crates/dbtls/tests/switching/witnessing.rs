use dbtls::switch::{self, AfterRestart, Witness, XProtocol};
use lab::{Kind, Options, Server};

use crate::site::{Site, open};

async fn ask(site: &Site) -> Witness {
    switch::witness(&mut site.session().await).await.unwrap()
}

#[tokio::test]
async fn a_server_tells_what_it_loaded_and_what_its_next_start_will() {
    let site = Site::fresh();
    let fresh = ask(&site).await;
    let expected = Witness {
        enabled: true,
        certificate: "server-cert.pem".to_owned(),
        key: "server-key.pem".to_owned(),
        ca: "ca.pem".to_owned(),
        tls_version: "TLSv1.2,TLSv1.3".to_owned(),
        not_after: fresh.not_after.clone(),
        requires_tls: false,
        after_restart: AfterRestart {
            certificate: "server-cert.pem".to_owned(),
            key: "server-key.pem".to_owned(),
            ca: "ca.pem".to_owned(),
            tls_version: "TLSv1.2,TLSv1.3".to_owned(),
            off: false,
            persisted: vec![],
        },
        x_protocol: XProtocol::None,
    };
    assert_eq!(fresh, expected);
    assert!(fresh.not_after.ends_with('Z'), "{}", fresh.not_after);

    let (_, paths) = site.open_ssl("first", &site.issue()).await;
    let mut session = site.session().await;
    switch::require(&mut session, true).await.unwrap();
    let opened = ask(&site).await;
    let expected = Witness {
        certificate: paths.certificate.clone(),
        key: paths.key.clone(),
        ca: paths.ca.clone(),
        not_after: opened.not_after.clone(),
        requires_tls: true,
        after_restart: AfterRestart {
            certificate: paths.certificate,
            key: paths.key,
            ca: paths.ca,
            persisted: ["ssl_cert", "ssl_key", "ssl_ca", "require_secure_transport"]
                .map(str::to_owned)
                .to_vec(),
            ..fresh.after_restart
        },
        ..fresh
    };
    assert_eq!(opened, expected);

    switch::require(&mut session, false).await.unwrap();
    switch::switch_off(&mut session).await.unwrap();
    let closed = ask(&site).await;
    assert_eq!(
        (
            closed.enabled,
            closed.not_after.as_str(),
            closed.after_restart.off
        ),
        (false, "", true)
    );
}

/// Somebody set a variable by SQL and did not persist it: nobody can tell what the configuration says.
#[tokio::test]
async fn what_cannot_be_told_about_the_next_start_is_not_told() {
    let site = Site::fresh();
    site.server
        .sql("SET GLOBAL ssl_cert = 'elsewhere.pem'")
        .unwrap();
    let drifted = ask(&site).await;
    assert_eq!(
        (
            drifted.certificate.as_str(),
            drifted.after_restart.certificate.as_str()
        ),
        ("server-cert.pem", "")
    );
}

#[tokio::test]
async fn the_x_protocols_port_goes_stale_and_says_so() {
    let x = lab_port();
    let options = || {
        Options::new()
            .tls_auto()
            .set("mysqlx=ON")
            .set(format!("mysqlx-port={x}"))
            .set("mysqlx-bind-address=127.0.0.1")
            .set("mysqlx-socket=x.sock")
    };
    let mut site = Site::mysql(options());
    assert_eq!(ask(&site).await.x_protocol, XProtocol::Current);
    site.open_ssl("first", &site.issue()).await;
    assert_eq!(ask(&site).await.x_protocol, XProtocol::Stale);
    site.server.restart(options()).unwrap();
    assert_eq!(ask(&site).await.x_protocol, XProtocol::Current);
}

/// A free port: the kernel hands the same one out again only when it has run through all the others.
fn lab_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn mariadb_tells_what_it_was_configured_with() {
    let root = lab::pki::Authority::root("Lab Root", lab::now()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let leaf = lab::pki::Leaf::for_loopback(lab::now());
    let files = root.issue(&leaf).unwrap().write_to(dir.path()).unwrap();
    let server = Server::start(Kind::MariaDb, Options::new().tls(files.clone())).unwrap();
    server
        .sql("CREATE USER 'signet'@'%' IDENTIFIED BY 'x'")
        .unwrap();
    let account = dbtls::Account::new("signet", dbtls::Password::new("x".to_owned()));
    let target = format!("{}:{}", server.host(), server.port())
        .parse()
        .unwrap();
    let told = switch::witness(&mut open(&target, &account).await)
        .await
        .unwrap();
    let text = |path: &std::path::Path| path.display().to_string();
    let expected = Witness {
        enabled: true,
        certificate: text(&files.cert),
        key: text(&files.key),
        ca: text(&files.ca),
        tls_version: told.tls_version.clone(),
        not_after: told.not_after.clone(),
        requires_tls: false,
        after_restart: AfterRestart {
            certificate: text(&files.cert),
            key: text(&files.key),
            ca: text(&files.ca),
            tls_version: told.tls_version.clone(),
            off: false,
            persisted: vec![],
        },
        x_protocol: XProtocol::None,
    };
    assert_eq!(told, expected);
    assert!(told.tls_version.contains("TLSv1.3"), "{}", told.tls_version);
    assert!(told.not_after.ends_with('Z'), "{}", told.not_after);
}
