//! The hosts that pages and downloads are served under. A page of another site that has its name lead to us (DNS rebinding) sends its own.

use std::net::{IpAddr, SocketAddr};

use crate::config::Config;

/// Whether what is no API may be served under this `Host`.
pub fn is_allowed(config: &Config, bound: SocketAddr, host: &str) -> bool {
    let Some(name) = without_port(host) else {
        return false;
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        // The origin of such a page is the address itself, so an address leads nobody astray where we listen on all of them.
        if address.is_loopback() || bound.ip().is_unspecified() || bound.ip() == address {
            return true;
        }
    }
    let own = own_host(&config.public_url);
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    is_localhost(name)
        || own.is_some_and(is)
        || config.http.allowed_hosts.iter().any(|known| is(known))
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") // RFC 6761
}

/// The host of a URL, without its port.
fn own_host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    without_port(rest.split('/').next()?)
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`; `None` for anything else.
pub fn without_port(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            (&host[..end], &host[end..])
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port =
        |port: &str| port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit());
    let has_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let is_address = |name: &str| {
        let inner = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
    };
    (has_port && (is_name(name) || is_address(name))).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HttpConfig;

    #[test]
    fn only_our_own_hosts_are_allowed() {
        let config = Config {
            public_url: "https://signet.example.com:8443/".into(),
            http: HttpConfig {
                allowed_hosts: vec!["db.example.net".into()],
                ..HttpConfig::default()
            },
            ..Config::default()
        };
        let bound = SocketAddr::from(([192, 0, 2, 1], 7780));
        for host in [
            "localhost:7780",
            "127.0.0.1",
            "[::1]:7780",
            "cdb.localhost",
            "192.0.2.1:7780",
            "SIGNET.example.com",
            "db.example.net:1",
        ] {
            assert!(is_allowed(&config, bound, host), "{host}");
        }
        for host in [
            "",
            "evil.example.com",
            "signet.example.com.evil.example",
            "192.0.2.2",
            "localhost@evil.example",
            "localhost/evil.example",
            "localhost:x",
            "[::1",
            "http://localhost",
        ] {
            assert!(!is_allowed(&config, bound, host), "{host}");
        }
        let anywhere = SocketAddr::from(([0, 0, 0, 0], 7780));
        assert!(is_allowed(&config, anywhere, "198.51.100.7"));
        assert!(!is_allowed(&config, anywhere, "evil.example.com"));
    }
}
