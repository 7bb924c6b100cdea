//! What goes wrong half way: the server goes on as it was, and would start as it was.

use std::time::Duration;

use dbtls::switch::{self, Before, Change, Error, Paths};
use lab::pki::Leaf;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::site::{Material, Site, check, fingerprint};

const DAY: i64 = 24 * 3_600;

async fn deliver(site: &Site, name: &str, material: &Material) -> (Before, Paths) {
    let mut session = site.session().await;
    let checked = check(&mut session, Change::Rotate).await.unwrap();
    let directory = checked.directory.unwrap();
    let paths = switch::deliver(&mut session, &directory, name, &material.files()).await;
    (checked.before, paths.unwrap())
}

/// Loads what cannot be loaded; answers what is said about it.
async fn is_refused(site: &mut Site, name: &str, material: &Material) -> String {
    let (served, persisted) = (site.wire().await, site.persisted());
    let (before, paths) = deliver(site, name, material).await;
    let mut session = site.session().await;
    let refused = switch::load(&mut session, &paths, &before).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, Error::NotLoaded { undone: None, .. }),
        "{refused}"
    );
    assert_eq!(site.wire().await, served, "the old certificate goes on");
    assert_eq!(site.before().await, before, "the settings are as they were");
    assert_eq!(site.persisted(), persisted);
    site.server.restart(Site::options()).unwrap();
    assert_eq!(site.wire().await, served, "after a restart");
    refused.to_string()
}

fn refusal(reason: &str) -> String {
    format!(
        "the server could not be asked to reload its certificates: 3888 (HY000): Failed to set up SSL because of the following SSL library error: {reason}; its settings are as they were before"
    )
}

#[tokio::test]
async fn what_the_server_refuses_leaves_no_trace_also_after_a_restart() {
    let mut site = Site::fresh();
    let mut mismatched = site.issue();
    mismatched.key = site.issue().key;
    assert_eq!(
        is_refused(&mut site, "mismatched", &mismatched).await,
        refusal("Unable to get private key")
    );
    let now = lab::now();
    let expired = Leaf::for_loopback(now).valid(now - 30 * DAY, now - DAY);
    let expired = site.issue_for(&expired);
    assert_eq!(
        is_refused(&mut site, "expired", &expired).await,
        refusal("Invalid certificates")
    );
    let mut root_alone = site.issue();
    let root = root_alone.ca.find("-----END CERTIFICATE-----\n").unwrap() + 26;
    root_alone.ca.truncate(root);
    assert_eq!(
        is_refused(&mut site, "root-alone", &root_alone).await,
        refusal("Invalid certificates")
    );
    let mut broken = site.issue();
    broken.chain = "no certificate".to_owned();
    assert_eq!(
        is_refused(&mut site, "broken", &broken).await,
        refusal("Unable to get certificate")
    );
    // And on top of a certificate of ours.
    let good = site.issue();
    site.open_ssl("good", &good).await;
    mismatched.ca = site.issue().ca;
    is_refused(&mut site, "mismatched-again", &mismatched).await;
    assert_eq!(site.wire().await, Some(fingerprint(&good.chain)));
}

#[tokio::test]
async fn a_server_without_tls_stays_without_when_it_refuses_a_certificate() {
    let mut site = Site::fresh();
    switch::switch_off(&mut site.session().await).await.unwrap();
    let mut mismatched = site.issue();
    mismatched.key = site.issue().key;
    is_refused(&mut site, "mismatched", &mismatched).await;
    assert_eq!(site.wire().await, None);
}

/// A connection that asks for TLS and says no more: MySQL waits for it for ever.
async fn stalled_client(site: &Site) -> TcpStream {
    let address = (site.server.host(), site.server.port());
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(stream.read(&mut [0; 512]).await.unwrap() > 60);
    let capabilities: u32 = 0x1 | 0x200 | 0x800 | 0x8000 | 0x8_0000;
    let mut request = vec![32, 0, 0, 1];
    request.extend(capabilities.to_le_bytes());
    request.extend([0, 0, 0, 1, 45]);
    request.extend([0; 23]);
    stream.write_all(&request).await.unwrap();
    stream
}

/// Whether the server hung up.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut [0; 16])).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn clients_that_stall_in_the_handshake_do_not_hold_a_change_up() {
    let site = Site::fresh();
    let mut stalled = [stalled_client(&site).await, stalled_client(&site).await];
    let bystander = site.session().await;
    let material = site.issue();
    site.open_ssl("first", &material).await;
    assert_eq!(site.wire().await, Some(fingerprint(&material.chain)));
    for client in &mut stalled {
        assert!(is_closed(client).await, "it was ended");
    }
    bystander.close().await;
    let aborted = "SHOW GLOBAL STATUS LIKE 'Aborted_clients'";
    assert_eq!(
        site.server.sql(aborted).unwrap(),
        "Aborted_clients\t0",
        "nobody else was"
    );
}

/// SIGKILL between any two steps, and the step is done again.
#[tokio::test]
async fn a_server_that_is_killed_between_the_steps_ends_where_it_would_have() {
    let mut site = Site::fresh();
    let material = site.issue();
    let ours = Some(fingerprint(&material.chain));
    let auto = site.wire().await;
    let (before, paths) = deliver(&site, "first", &material).await;
    site.kill();
    assert_eq!(deliver(&site, "first", &material).await.1, paths);
    assert_eq!(site.wire().await, auto);

    switch::load(&mut site.session().await, &paths, &before)
        .await
        .unwrap();
    site.kill();
    assert_eq!(site.wire().await, ours, "what was loaded is remembered");
    switch::load(&mut site.session().await, &paths, &before)
        .await
        .unwrap();
    assert_eq!(site.wire().await, ours);

    switch::switch_off(&mut site.session().await).await.unwrap();
    site.kill();
    assert_eq!(site.wire().await, None);
    switch::switch_off(&mut site.session().await).await.unwrap();
    assert_eq!(site.wire().await, None);

    switch::restore(&mut site.session().await, &before)
        .await
        .unwrap();
    site.kill();
    switch::restore(&mut site.session().await, &before)
        .await
        .unwrap();
    assert_eq!((site.wire().await, site.before().await), (auto, before));
}

/// SIGKILL in the middle of a step, wherever it hits: the next start serves the old certificate or the new one, and the step can be
/// done again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_in_the_middle_of_loading_always_starts_with_tls() {
    let mut site = Site::fresh();
    let mut served = site.wire().await;
    for round in ["one", "two", "three"] {
        let material = site.issue();
        let (before, paths) = deliver(&site, round, &material).await;
        let mut session = site.session().await;
        let loading = tokio::spawn({
            let (paths, before) = (paths.clone(), before.clone());
            async move { switch::load(&mut session, &paths, &before).await }
        });
        tokio::task::yield_now().await;
        site.kill();
        let _ = loading.await.unwrap();
        let started = site.wire().await;
        let ours = Some(fingerprint(&material.chain));
        assert!(started == served || started == ours, "{round}");
        switch::load(&mut site.session().await, &paths, &before)
            .await
            .unwrap();
        site.kill();
        assert_eq!(site.wire().await, ours, "{round}");
        served = ours;
    }
}

/// The server dies while it loads and stays away: what became of its settings is said, too.
#[tokio::test]
async fn what_could_not_be_put_back_is_said() {
    let mut site = Site::fresh();
    let (before, paths) = deliver(&site, "first", &site.issue()).await;
    let mut session = site.session().await;
    site.server.kill().unwrap();
    let error = switch::load(&mut session, &paths, &before).await;
    let told = error.unwrap_err().to_string();
    assert!(
        told.starts_with(
            "the server could not be asked to choose its TLS versions: the connection broke: "
        ),
        "{told}"
    );
    assert!(
        told.contains("; and its settings could not be put back (")
            && told.contains("refuses connections"),
        "{told}"
    );
}
