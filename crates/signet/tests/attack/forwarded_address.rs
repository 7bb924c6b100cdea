//! Callers who say that they call from elsewhere: the audit log names the address that they have.

use crate::edge::{Site, exchange};

/// A call that is refused, and so audited, with more headers.
fn call(action: &str, headers: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: signet\r\nContent-Type: application/json\r\nX-TC-Action: {action}\r\nX-TC-Version: 2017-03-20\r\n\
         X-TC-Timestamp: 1\r\nAuthorization: SKIP\r\n{headers}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    )
}

fn named(site: &Site, action: &str) -> String {
    let line = site.audited(|line| line["action"] == action);
    let from: std::net::SocketAddr = line["from"].as_str().unwrap().parse().unwrap();
    from.ip().to_string()
}

const LIE: &str =
    "X-Forwarded-For: 198.51.100.7\r\nForwarded: for=198.51.100.7\r\nX-Real-IP: 198.51.100.7\r\n";

#[test]
fn nobody_is_believed_by_default() {
    let site = Site::new("");
    site.attacker
        .run(|| exchange(site.address, call("DescribeTasks", LIE).as_bytes()));
    assert_eq!(named(&site, "DescribeTasks"), "192.0.2.9");
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let site = Site::new("[http]\ntrusted_proxies = ['192.0.2.77']\n");
    site.attacker
        .run(|| exchange(site.address, call("DescribeTasks", LIE).as_bytes()));
    assert_eq!(named(&site, "DescribeTasks"), "192.0.2.9");
    let behind = "X-Forwarded-For: 10.9.9.9, 203.0.113.5\r\n";
    site.friend
        .run(|| exchange(site.address, call("OpenSSL", behind).as_bytes()));
    assert_eq!(named(&site, "OpenSSL"), "203.0.113.5");
}

#[test]
fn a_proxy_header_is_taken_from_a_trusted_proxy_alone() {
    let site = Site::new("[http]\ntrusted_proxies = ['192.0.2.77']\nproxy_protocol = true\n");
    let header = "PROXY TCP4 203.0.113.5 192.0.2.1 4711 80\r\n";
    let request = |action: &str| format!("{header}{}", call(action, ""));
    let (lie, truth) = (request("DescribeTasks"), request("OpenSSL"));
    let answer = site.attacker.run(|| exchange(site.address, lie.as_bytes()));
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    site.friend.run(|| exchange(site.address, truth.as_bytes()));
    assert_eq!(named(&site, "OpenSSL"), "203.0.113.5");
    let without = call("CloseSSL", "");
    let answer = site
        .friend
        .run(|| exchange(site.address, without.as_bytes()));
    assert_eq!(answer, "", "a proxy that does not say for whom");
}
