use dbtls::switch::{self, Change, Error, Setting};
use lab::{Kind, Options, Server};

use crate::site::{Site, check, fingerprint, open};

#[tokio::test]
async fn on_off_on_again_and_each_across_a_restart() {
    let mut site = Site::fresh();
    let auto = site.wire().await;
    let material = site.issue();
    let ours = Some(fingerprint(&material.chain));
    let (before, paths) = site.open_ssl("first", &material).await;
    assert!(before.enabled);
    assert_ne!(auto, ours);
    assert_eq!(site.wire().await, ours);
    site.a_client_verifies(&material);
    site.server.restart(Site::options()).unwrap();
    assert_eq!(site.wire().await, ours, "after a restart");

    let mut session = site.session().await;
    let checked = check(&mut session, Change::Close).await.unwrap();
    assert_eq!(checked.before.paths(), Some(paths.clone()));
    assert_eq!((checked.directory, checked.notes), (None, vec![]));
    switch::switch_off(&mut session).await.unwrap();
    assert_eq!(site.wire().await, None);
    site.server.restart(Site::options()).unwrap();
    assert_eq!(site.wire().await, None, "after a restart");

    // The files are still there, so that no key needs to cross.
    let mut session = site.session().await;
    let checked = check(&mut session, Change::Open).await.unwrap();
    assert!(!checked.before.enabled);
    let known = checked.before.paths().unwrap();
    assert_eq!(known, paths);
    switch::load(&mut session, &known, &checked.before)
        .await
        .unwrap();
    assert_eq!(site.wire().await, ours);
    site.server.restart(Site::options()).unwrap();
    assert_eq!(site.wire().await, ours, "after a restart");
    site.a_client_verifies(&material);
}

/// On a runtime with threads, and spawned: as a service does it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_can_be_a_task_of_its_own() {
    let site = Site::fresh();
    let done = tokio::spawn(async move {
        let material = site.issue();
        let (before, _) = site.open_ssl("first", &material).await;
        let mut session = site.session().await;
        switch::switch_off(&mut session).await.unwrap();
        switch::restore(&mut session, &before).await.unwrap();
        (site.before().await, before)
    });
    let (after, before) = done.await.unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_server_that_was_configured_without_tls_is_switched_on() {
    let mut site = Site::mysql(Options::new());
    assert_eq!(site.wire().await, None);
    let material = site.issue();
    let (before, _) = site.open_ssl("first", &material).await;
    assert!(!before.enabled);
    assert_eq!(before.tls_version.value.as_deref(), Some(""));
    site.a_client_verifies(&material);
    assert_eq!(
        site.persisted().lines().last(),
        Some("tls_version=TLSv1.2,TLSv1.3")
    );
    site.server.restart(Options::new()).unwrap();
    site.a_client_verifies(&material);

    switch::restore(&mut site.session().await, &before)
        .await
        .unwrap();
    assert_eq!(site.wire().await, None);
    assert_eq!(site.before().await, before);
    assert_eq!(site.persisted(), "");
}

#[tokio::test]
async fn every_step_can_be_repeated() {
    let site = Site::fresh();
    let material = site.issue();
    let untouched = site.before().await;
    let (before, paths) = site.open_ssl("first", &material).await;
    let opened = site.before().await;
    let (_, again) = site.open_ssl("first", &material).await;
    assert_eq!((again, site.before().await), (paths, opened));

    let mut session = site.session().await;
    for _ in 0..2 {
        switch::switch_off(&mut session).await.unwrap();
        assert_eq!(site.wire().await, None);
    }
    for _ in 0..2 {
        switch::restore(&mut session, &before).await.unwrap();
        assert_eq!(site.before().await, untouched);
    }
    assert_eq!(site.persisted(), "");
}

#[tokio::test]
async fn a_restored_server_serves_what_it_did_also_after_a_restart() {
    let mut site = Site::fresh();
    let auto = site.wire().await;
    let (before, _) = site.open_ssl("first", &site.issue()).await;
    assert_ne!(site.wire().await, auto);
    switch::restore(&mut site.session().await, &before)
        .await
        .unwrap();
    assert_eq!(site.wire().await, auto);
    site.server.restart(Site::options()).unwrap();
    assert_eq!(site.wire().await, auto, "after a restart");
}

/// What somebody persisted before us is persisted again, and not what the server happens to run with.
#[tokio::test]
async fn what_was_persisted_before_is_persisted_again() {
    let site = Site::fresh();
    site.server
        .sql("SET PERSIST tls_version = 'TLSv1.2'; SET GLOBAL tls_version = 'TLSv1.3'; ALTER INSTANCE RELOAD TLS")
        .unwrap();
    let (before, _) = site.open_ssl("first", &site.issue()).await;
    assert_eq!(
        before.tls_version,
        Setting {
            value: Some("TLSv1.3".to_owned()),
            persisted: Some("TLSv1.2".to_owned())
        }
    );
    let mut session = site.session().await;
    switch::switch_off(&mut session).await.unwrap();
    switch::restore(&mut session, &before).await.unwrap();
    assert_eq!(site.before().await, before);
    assert_eq!(site.persisted(), "tls_version=TLSv1.2");
}

#[tokio::test]
async fn tls_is_required_and_let_go_again() {
    let mut site = Site::fresh();
    let mut session = site.session().await;
    check(&mut session, Change::Require(true)).await.unwrap();
    switch::require(&mut session, true).await.unwrap();
    assert_eq!(site.persisted(), "require_secure_transport=ON");
    site.server.restart(Site::options()).unwrap();
    let mut session = site.session().await;
    let required = site.before().await.require_secure_transport.value;
    assert_eq!(required.as_deref(), Some("ON"), "after a restart");

    // Off and required at once would keep everybody out.
    let told = "`require_secure_transport` is ON: without TLS nobody could log in over TCP any more; switch it OFF first (`SET PERSIST require_secure_transport = OFF`)";
    let refused = check(&mut session, Change::Close).await.unwrap_err();
    assert_eq!(refused.to_string(), told);
    let refused = switch::switch_off(&mut session).await.unwrap_err();
    assert_eq!(refused, Error::TlsIsRequired);
    assert!(site.wire().await.is_some());

    switch::require(&mut session, false).await.unwrap();
    switch::switch_off(&mut session).await.unwrap();
    let told = "TLS is off: if it was required now, nobody could log in over TCP any more; switch it on first";
    let refused = check(&mut session, Change::Require(true)).await;
    assert_eq!(refused.unwrap_err().to_string(), told);
    let refused = switch::require(&mut session, true).await.unwrap_err();
    assert_eq!(refused, Error::TlsIsOff);
}

#[tokio::test]
async fn a_read_only_replica_is_switched_like_any_other() {
    let site = Site::fresh();
    site.server.sql("SET GLOBAL super_read_only = ON").unwrap();
    let material = site.issue();
    site.open_ssl("first", &material).await;
    site.a_client_verifies(&material);
    let mut session = site.session().await;
    switch::switch_off(&mut session).await.unwrap();
    assert_eq!(site.wire().await, None);
}

#[tokio::test]
async fn mariadb_reloads_and_requires_and_leaves_the_rest_to_the_agent() {
    let root = lab::pki::Authority::root("Lab Root", lab::now()).unwrap();
    let files = tempfile::tempdir().unwrap();
    let issue = || {
        let leaf = lab::pki::Leaf::for_loopback(lab::now());
        root.issue(&leaf).unwrap().write_to(files.path()).unwrap()
    };
    let server = Server::start(Kind::MariaDb, Options::new().tls(issue())).unwrap();
    server
        .sql("CREATE USER 'signet'@'%' IDENTIFIED BY 'x'; GRANT RELOAD, SUPER ON *.* TO 'signet'@'%'")
        .unwrap();
    let account = dbtls::Account::new("signet", dbtls::Password::new("x".to_owned()));
    let target = format!("{}:{}", server.host(), server.port())
        .parse()
        .unwrap();
    let mut session = open(&target, &account).await;

    let told = "MariaDB switches TLS by its configuration alone, not by SQL: install `signet-agent` on its host and use the driver `agent`";
    for change in [Change::Open, Change::Close, Change::Rotate] {
        let refused = check(&mut session, change).await.unwrap_err();
        assert_eq!(refused.to_string(), told);
    }
    assert_eq!(
        switch::switch_off(&mut session).await,
        Err(Error::NeedsAgent)
    );
    assert_eq!(switch::before(&mut session).await, Err(Error::NeedsAgent));

    let cert = std::fs::read_to_string(issue().cert).unwrap();
    switch::reload(&mut session).await.unwrap();
    let seen = dbtls::Prober::new(dbtls::Limits::default())
        .observe(&target, &dbtls::Login::Nobody, &dbtls::Trust::none())
        .await;
    let served = dbtls::CertificateReport::of(&seen.tls.unwrap().chain[0]).sha256;
    assert_eq!(served, fingerprint(&cert));

    for (on, told) in [(true, "1"), (false, "0")] {
        switch::require(&mut session, on).await.unwrap();
        let asked = server.sql("SELECT @@GLOBAL.require_secure_transport");
        assert_eq!(asked.unwrap(), told);
    }
}

#[tokio::test]
async fn a_mariadb_without_tls_does_not_begin_to_require_it() {
    let server = Server::start(Kind::MariaDb, Options::new()).unwrap();
    server
        .sql("CREATE USER 'signet'@'%' IDENTIFIED BY 'x'; GRANT SUPER ON *.* TO 'signet'@'%'")
        .unwrap();
    let account = dbtls::Account::new("signet", dbtls::Password::new("x".to_owned()));
    let mut session = open(&dbtls::Target::unix(server.socket()), &account).await;
    assert_eq!(
        switch::require(&mut session, true).await,
        Err(Error::TlsIsOff)
    );
}
