//! Connections from one address that say nothing, or next to nothing, while others want to be served.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::edge::{BOUND, Site, alone, exchange, silent};

/// As many as the service takes at a time, and more than the backlog of a listener.
const SILENT: usize = 8192 + 1100;
const SLOW: usize = 2000;

fn is_healthy(address: SocketAddr) -> bool {
    let request = "GET /healthz HTTP/1.1\r\nHost: signet\r\nConnection: close\r\n\r\n";
    exchange(address, request.as_bytes()).ends_with("\r\n\r\nok\n")
}

#[test]
fn silent_connections_of_one_address_keep_nobody_else_out() {
    let _alone = alone();
    let site = Site::new("");
    let (idle, _) = site.memory();
    let held = site.attacker.run(|| silent(site.address, SILENT));
    site.answers_a_friend(20);
    assert!(site.friend.run(|| is_healthy(site.address)));
    let (_, peak) = site.memory();
    assert!(peak < idle + BOUND, "{peak} KiB of memory, idle {idle} KiB");
    drop(held);
}

#[test]
fn the_health_listener_answers_beside_them() {
    let _alone = alone();
    let site = Site::new("[health]\nlisten = '192.0.2.1:7782'\n");
    let held = site.attacker.run(|| silent(site.address, SILENT));
    let health = SocketAddr::from((site.home.address(), 7782));
    assert!(site.friend.run(|| is_healthy(health)));
    let request = b"GET /metrics HTTP/1.1\r\nHost: signet\r\nConnection: close\r\n\r\n";
    let answer = site.friend.run(|| exchange(health, request));
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    drop(held);
}

/// Sends a byte of a head on each of many connections again and again, and opens those anew that were closed.
fn drip(address: SocketAddr, is_over: &AtomicBool) {
    let mut slow: Vec<TcpStream> = Vec::new();
    while !is_over.load(Relaxed) {
        slow.retain_mut(|stream| stream.write_all(b"G").is_ok());
        let missing = SLOW - slow.len();
        slow.extend(silent(address, missing.min(500)));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn slow_connections_keep_nobody_else_out() {
    let _alone = alone();
    let site = Site::new("");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| site.attacker.run(|| drip(site.address, &is_over)));
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| site.answers_a_friend(200)));
        is_over.store(true, Relaxed);
        outcome.unwrap();
    });
}

/// A request over TLS that any listener of agents refuses in a known way.
fn is_listening_to_agents(address: SocketAddr) -> String {
    let url = format!("https://{address}/");
    let curl = Command::new("curl")
        .args(["--silent", "--insecure", "--max-time", "10", &url])
        .env_clear()
        .output()
        .unwrap();
    String::from_utf8_lossy(&curl.stdout).into_owned()
}

#[test]
fn silent_connections_keep_no_agent_out() {
    let _alone = alone();
    let site = Site::new("[agents]\nlisten = '192.0.2.1:7781'\n");
    let agents = SocketAddr::from((site.home.address(), 7781));
    let held = site.attacker.run(|| silent(agents, SILENT));
    for _ in 0..5 {
        let answer = site.friend.run(|| is_listening_to_agents(agents));
        assert_eq!(answer, r#"{"reason":"only POST is supported"}"#);
    }
    drop(held);
}
