//! What a `Host` header may be. Its text is signed as it came, in v1 with nothing but `/?` between it and the parameters, so
//! nothing may stand in it that could be read as something else.

use std::net::Ipv6Addr;

/// The longest name that DNS has, with brackets or a port.
const LONGEST: usize = 253 + 6;

/// True for a host name or an address with an optional port, and for `http://` or `https://` and such a host: what tccli and
/// the Python SDK send for an endpoint that names its scheme.
pub(crate) fn is_valid(text: &str) -> bool {
    let authority = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .unwrap_or(text);
    let (host, port) = split_port(authority);
    authority.len() <= LONGEST && is_host(host) && port.is_none_or(is_port)
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    let from = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[from..].split_once(':') {
        Some((rest, port)) => (&authority[..from + rest.len()], Some(port)),
        None => (authority, None),
    }
}

fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text.bytes().all(fits)
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_a_host() {
        let hosts = [
            "cdb.tencentcloudapi.com",
            "127.0.0.1:7780",
            "localhost",
            "my_host:1",
            "[::1]",
            "[2001:db8::1]:7780",
            "http://127.0.0.1:18080",
            "https://signet.example.com",
        ];
        for host in hosts {
            assert!(is_valid(host), "{host}");
        }
    }

    #[test]
    fn nothing_else_is() {
        let long = "a".repeat(260);
        let others = [
            "",
            ":80",
            "a:",
            "a:b",
            "a:123456",
            "a:+1",
            "a:1:2",
            "a/",
            "a/?Access=ReadOnly",
            "a?b",
            "a#b",
            "u@a",
            "a b",
            "a,b",
            " a",
            "a\t",
            "é",
            "[::1",
            "::1",
            "[a]",
            "[::1]x",
            "[::1%eth0]",
            "http://",
            "http://a/",
            "HTTP://a",
            "ftp://a",
            "http://http://a",
            &long,
        ];
        for host in others {
            assert!(!is_valid(host), "{host}");
        }
    }
}
