//! What another user of the host, or of the network, gets from the process by the way: root, core dumps, files, metrics.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;

use crate::edge::{DEADLINE, Site, exchange};
use crate::support::Place;

#[test]
fn it_does_not_run_as_root_unless_it_is_told_to() {
    let place = Place::new();
    let none = [("SIGNET_ALLOW_ROOT", "")];
    let mut served = place.start_serving_on(Ipv4Addr::LOCALHOST.into(), &none);
    if let Ok(line) = served.lines.recv_timeout(DEADLINE) {
        panic!("it started: {line}");
    }
    assert!(!served.child.wait().unwrap().success());
    assert_eq!(
        fs::read_to_string(place.path("serve.log")).unwrap(),
        "error: signet serve does not run as root: start it as a user of its own (packaging/signet.service), or set SIGNET_ALLOW_ROOT=1 or \
         `allow_root = true` if there is none, as in a container\n"
    );
    assert!(!place.path("data").exists());
}

#[test]
fn there_is_no_core_dump_and_no_file_that_others_can_read() {
    let place = Place::new();
    let served = place.serve();
    let limits = fs::read_to_string(format!("/proc/{}/limits", served.child.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let values: Vec<_> = core.unwrap().split_whitespace().skip(4).collect();
    assert_eq!(values, ["0", "0", "bytes"]);
    for entry in fs::read_dir(place.path("data")).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", entry.path().display());
    }
}

fn metrics(site: &Site, path: &str, headers: &str) -> String {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 192.0.2.1\r\nConnection: close\r\n{headers}\r\n");
    site.friend
        .run(|| exchange(site.address, request.as_bytes()))
}

#[test]
fn metrics_are_not_served_to_the_network() {
    let site = Site::new("");
    let answer = metrics(&site, "/metrics", "");
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nMetrics are served on loopback only. Set [metrics] token_file, or give them a listener of their own with [metrics] listen.\n"), "{answer}");
}

#[test]
fn metrics_are_served_with_their_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "a-token-of-the-metrics\n").unwrap();
    let site = Site::new(&format!("[metrics]\ntoken_file = '{}'\n", file.display()));
    for (headers, expected) in [
        ("", "HTTP/1.1 401"),
        ("Authorization: Bearer another-token\r\n", "HTTP/1.1 401"),
        (
            "Authorization: Bearer a-token-of-the-metrics\r\n",
            "HTTP/1.1 200",
        ),
    ] {
        let answer = metrics(&site, "/metrics", headers);
        assert!(answer.starts_with(expected), "{headers}{answer}");
    }
    let answer = metrics(
        &site,
        "/metrics",
        "Authorization: Bearer a-token-of-the-metrics\r\n",
    );
    for line in [
        "signet_connections{listener=\"api\",state=\"limit\"} 8192",
        "signet_connections{listener=\"api\",state=\"open\"} 1",
        "signet_unfinished_request_bytes 0",
        "signet_unfinished_request_bytes_limit 67108864",
    ] {
        assert!(
            answer.lines().any(|known| known == line),
            "{line}\n{answer}"
        );
    }
}
