//! The caller behind a load balancer: PROXY protocol 1 and 2 (haproxy's `proxy-protocol.txt`) and `X-Forwarded-For`, from trusted addresses alone.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::header::HeaderMap;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::config::HttpConfig;

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, in bytes.
const LONGEST_LINE: usize = 107;
/// The longest header of version 2 that is read, in bytes.
const LONGEST: usize = 4096;

impl HttpConfig {
    /// Whether the word of this peer is taken.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    /// The caller of one request: what trusted proxies say, read from the nearest, up to the first that is none of them.
    pub fn caller(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        if self.trusted_proxies.is_empty() || !self.trusts(peer.ip()) {
            return peer;
        }
        let named = headers.get_all("x-forwarded-for").into_iter();
        let named: Vec<_> = named
            .flat_map(|value| value.to_str().unwrap_or("?").split(','))
            .collect();
        let mut caller = peer;
        for text in named.into_iter().rev() {
            let Some(address) = address(text.trim()) else {
                break; // what stands before it was not written by a proxy that can be trusted
            };
            caller = address;
            if !self.trusts(address.ip()) {
                break;
            }
        }
        caller
    }
}

/// `address`, `address:port`, `[v6]:port`.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let without_port = bare.parse().map(|ip: IpAddr| SocketAddr::new(ip, 0));
    text.parse().or(without_port).ok()
}

/// Reads the PROXY header that a connection begins with. `None`: the proxy speaks for itself, as in a health check.
///
/// # Errors
/// When there is no such header.
pub async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        return version_2(stream).await;
    }
    if !start.starts_with(b"PROXY ") {
        return Err(malformed());
    }
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(malformed());
        }
        line.push(stream.read_u8().await?);
    }
    version_1(&line)
}

/// `PROXY TCP4 <from> <to> <from port> <to port>`.
fn version_1(line: &[u8]) -> io::Result<Option<SocketAddr>> {
    let line = std::str::from_utf8(line).map_err(|_| malformed())?;
    let mut words = line.trim_end().split(' ').skip(1);
    match words.next() {
        Some("UNKNOWN") => Ok(None),
        Some("TCP4" | "TCP6") => {
            let words: Vec<_> = words.collect();
            let [from, _, port, _] = words[..] else {
                return Err(malformed());
            };
            let ip = from.parse().map_err(|_| malformed())?;
            let port = port.parse().map_err(|_| malformed())?;
            Ok(Some(SocketAddr::new(ip, port)))
        }
        _ => Err(malformed()),
    }
}

async fn version_2(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let command = stream.read_u8().await?;
    let family = stream.read_u8().await?;
    let length = usize::from(stream.read_u16().await?);
    if length > LONGEST {
        return Err(malformed());
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match (command, family >> 4) {
        (0x20, _) | (0x21, 0) => Ok(None),
        (0x21, 1) => of_version_2::<4>(&rest, |ip| Ipv4Addr::from(ip).into()).map(Some),
        (0x21, 2) => of_version_2::<16>(&rest, |ip| Ipv6Addr::from(ip).into()).map(Some),
        _ => Err(malformed()),
    }
}

/// Two addresses and two ports; what follows are extensions.
fn of_version_2<const N: usize>(
    bytes: &[u8],
    ip: impl Fn([u8; N]) -> IpAddr,
) -> io::Result<SocketAddr> {
    let from = bytes.first_chunk().ok_or_else(malformed)?;
    let port = bytes.get(2 * N..2 * N + 2).ok_or_else(malformed)?;
    Ok(SocketAddr::new(
        ip(*from),
        u16::from_be_bytes([port[0], port[1]]),
    ))
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the connection of a trusted proxy does not begin with a PROXY protocol header",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn header(mut bytes: &[u8]) -> Option<Option<SocketAddr>> {
        read_header(&mut bytes).await.ok()
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family, 0, u8::try_from(rest.len()).unwrap()]);
        bytes.extend(rest);
        bytes
    }

    #[tokio::test]
    async fn both_versions_name_the_caller() {
        let caller: SocketAddr = "198.51.100.7:4711".parse().unwrap();
        let first = b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\nGET /";
        assert_eq!(header(first).await, Some(Some(caller)));
        let rest = [198, 51, 100, 7, 192, 0, 2, 1, 0x12, 0x67, 1, 0xbb];
        assert_eq!(header(&v2(0x21, 0x11, &rest)).await, Some(Some(caller)));
        assert_eq!(header(&v2(0x20, 0, &[])).await, Some(None));
        assert_eq!(header(b"PROXY UNKNOWN\r\n").await, Some(None));
    }

    #[tokio::test]
    async fn what_is_no_such_header_is_refused() {
        let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
        for bytes in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PROXY TCP4 198.51.100.7\r\n",
            b"PROXY TCP4 example.com 192.0.2.1 1 2\r\n",
            long.as_bytes(),
            &v2(0x21, 0x11, &[1, 2, 3]),
            &v2(0x41, 0x11, &[0; 12]),
            b"PROXY",
        ] {
            assert_eq!(header(bytes).await, None, "{bytes:?}");
        }
    }

    #[test]
    fn only_trusted_proxies_name_a_caller() {
        let config = HttpConfig {
            trusted_proxies: vec!["192.0.2.0/28".parse().unwrap()],
            ..HttpConfig::default()
        };
        let caller = |peer: &str, named: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in named {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let peer = SocketAddr::new(peer.parse().unwrap(), 9);
            config.caller(peer, &headers).ip().to_string()
        };
        assert_eq!(caller("198.51.100.1", &["203.0.113.5"]), "198.51.100.1");
        assert_eq!(caller("192.0.2.1", &["203.0.113.5"]), "203.0.113.5");
        assert_eq!(
            caller("192.0.2.1", &["10.0.0.1, 203.0.113.5"]),
            "203.0.113.5"
        );
        assert_eq!(
            caller("192.0.2.1", &["203.0.113.5", "192.0.2.2"]),
            "203.0.113.5"
        );
        assert_eq!(caller("192.0.2.1", &["203.0.113.5, lies"]), "192.0.2.1");
        assert_eq!(caller("192.0.2.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(caller("192.0.2.1", &[]), "192.0.2.1");
    }
}
