//! A page of another site whose name was made to lead to the service: the browser sends that name as the host.

use crate::edge::exchange;
use crate::support::Place;

fn status(address: std::net::SocketAddr, path: &str, host: &str) -> String {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    );
    let answer = exchange(address, request.as_bytes());
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

const PATHS: [&str; 5] = [
    "/",
    "/console/sign-in",
    "/metrics",
    "/certificates/cdb-c1nl9rpv/ca.pem",
    "/certificates/authority.crl",
];

#[test]
fn pages_metrics_and_downloads_are_not_served_under_foreign_names() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let port = address.port();
    for path in PATHS {
        for host in [
            format!("attacker.example:{port}"),
            "attacker.example".to_owned(),
            "127.0.0.1.attacker.example".to_owned(),
            "localhost@attacker.example".to_owned(),
            "192.0.2.66".to_owned(),
            format!("http://127.0.0.1:{port}"),
        ] {
            assert_eq!(status(address, path, &host), "421", "{path} {host}");
        }
        for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
            assert_ne!(status(address, path, &host), "421", "{path} {host}");
        }
    }
}

#[test]
fn names_of_ones_own_are_allowed() {
    let place = Place::configured("[http]\nallowed_hosts = ['signet.internal']\n");
    let served = place.serve();
    for (host, expected) in [("signet.internal:7780", "200"), ("other.internal", "421")] {
        let status = status(served.address(), "/console/sign-in", host);
        assert_eq!(status, expected, "{host}");
    }
}
