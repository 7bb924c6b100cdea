//! Where a server is, and what clients call it.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// MySQL's registered port, meant when a target names none.
const DEFAULT_PORT: u16 = 3306;

/// A server to look at: `db1.example.com:3306`, `db1.example.com`, `192.0.2.1:3307`, `[2001:db8::1]:3306`, `2001:db8::1` or
/// `unix:/run/mysqld/mysqld.sock`.
///
/// Host names are kept in lower case, so that one server is one target. `Display` writes the port always.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target(Place);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Tcp { host: Name, port: u16 },
    Unix(PathBuf),
}

/// A text that names no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a target: expected HOST, HOST:PORT, [IPV6]:PORT or unix:/path/to.sock")]
pub struct TargetError(String);

impl Target {
    /// A server that listens on TCP.
    pub fn tcp(host: Name, port: u16) -> Self {
        Self(Place::Tcp { host, port })
    }

    /// A server behind a Unix socket.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self(Place::Unix(path.into()))
    }

    /// What a client would compare the certificate with; `None` for a Unix socket.
    pub fn host(&self) -> Option<&Name> {
        match &self.0 {
            Place::Tcp { host, .. } => Some(host),
            Place::Unix(_) => None,
        }
    }

    /// The TCP port; `None` for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self.0 {
            Place::Tcp { port, .. } => Some(port),
            Place::Unix(_) => None,
        }
    }

    /// The path of the Unix socket; `None` for TCP.
    pub fn socket(&self) -> Option<&Path> {
        match &self.0 {
            Place::Tcp { .. } => None,
            Place::Unix(path) => Some(path),
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        parse(text.trim()).ok_or_else(|| TargetError(shown(text)))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Tcp {
                host: Name(NameKind::Ip(IpAddr::V6(ip))),
                port,
            } => write!(f, "[{ip}]:{port}"),
            Place::Tcp { host, port } => write!(f, "{host}:{port}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = TargetError;

    fn try_from(text: String) -> Result<Self, TargetError> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

/// A host name or an IP address that clients connect to, as a certificate can cover it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(pub(crate) NameKind);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum NameKind {
    Dns(String),
    Ip(IpAddr),
}

/// A text that is neither a host name nor an IP address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host name nor an IP address")]
pub struct NameError(String);

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Ok(ip) = text.parse() {
            return Ok(Self(NameKind::Ip(ip)));
        }
        let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if is_host_name(&host) {
            Ok(Self(NameKind::Dns(host)))
        } else {
            Err(NameError(shown(text)))
        }
    }
}

impl From<IpAddr> for Name {
    fn from(ip: IpAddr) -> Self {
        Self(NameKind::Ip(ip))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            NameKind::Dns(host) => f.write_str(host),
            NameKind::Ip(ip) => ip.fmt(f),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

fn parse(text: &str) -> Option<Target> {
    if let Some(path) = text.strip_prefix("unix:") {
        // sun_path of a socket address holds 108 bytes with its final zero.
        return (path.starts_with('/') && path.len() < 108 && !path.contains(char::is_control))
            .then(|| Target::unix(path));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (ip, port) = rest.split_once(']')?;
        let port = if port.is_empty() {
            DEFAULT_PORT
        } else {
            parse_port(port.strip_prefix(':')?)?
        };
        return Some(Target::tcp(IpAddr::V6(ip.parse().ok()?).into(), port));
    }
    if let Ok(ip) = text.parse::<Ipv6Addr>() {
        return Some(Target::tcp(IpAddr::V6(ip).into(), DEFAULT_PORT));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, parse_port(port)?),
        None => (text, DEFAULT_PORT),
    };
    let host: Name = host.parse().ok()?;
    // `unix:3306` would be read as the path of a socket.
    (host.to_string() != "unix").then(|| Target::tcp(host, port))
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// RFC 1123's letters, digits and hyphens, and the underscore that real DNS zones use. A last label of digits alone is a
/// mistyped IPv4 address, never a name.
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253 && host.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

/// A caller's text in a message: short, on one line.
fn shown(text: &str) -> String {
    text.chars()
        .take(120)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read_and_written_back() {
        for (text, written) in [
            ("db1.example.com:3307", "db1.example.com:3307"),
            ("DB1.example.com.", "db1.example.com:3306"),
            ("192.0.2.1:3307", "192.0.2.1:3307"),
            ("192.0.2.1", "192.0.2.1:3306"),
            ("[::1]:3307", "[::1]:3307"),
            ("[::1]", "[::1]:3306"),
            ("2001:db8::1", "[2001:db8::1]:3306"),
            (" db_1:3306 ", "db_1:3306"),
            (
                "unix:/run/mysqld/mysqld.sock",
                "unix:/run/mysqld/mysqld.sock",
            ),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), written, "{text}");
            assert_eq!(written.parse(), Ok(target), "{written}");
        }
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for text in [
            "",
            ":3306",
            "db1:",
            "db1:0",
            "db1:65536",
            "db1:+1",
            "db1:3306:1",
            "[::1",
            "[::1]3306",
            "[db1]:3306",
            "a b",
            "-db1",
            "1.2.3",
            "1.2.3.4.5:1",
            "unix",
            "UNIX.",
            "unix:3306",
            "unix:relative",
            "unix:",
            "mysql://db1:3306",
            "db1/x",
            "a..b",
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "`{text}` is not a target: expected HOST, HOST:PORT, [IPV6]:PORT or unix:/path/to.sock"
                )
            );
        }
    }

    #[test]
    fn the_path_of_a_socket_holds_no_control_characters() {
        let error = "unix:/run/my\u{1b}sqld.sock".parse::<Target>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`unix:/run/my?sqld.sock` is not a target")
        );
    }

    #[test]
    fn a_refusal_shows_a_long_or_binary_text_shortened() {
        let error = format!("\x1b[31m{}", "a ".repeat(500))
            .parse::<Target>()
            .unwrap_err()
            .to_string();
        assert!(
            error.len() < 250 && error.starts_with("`?[31ma a"),
            "{error}"
        );
    }

    #[test]
    fn json_holds_the_text() {
        let target: Target = serde_json::from_str("\"db1\"").unwrap();
        assert_eq!(serde_json::to_string(&target).unwrap(), "\"db1:3306\"");
        let error = serde_json::from_str::<Target>("\"db1:x\"").unwrap_err();
        assert!(
            error.to_string().starts_with("`db1:x` is not a target"),
            "{error}"
        );
    }

    #[test]
    fn a_name_is_a_host_or_an_address() {
        assert_eq!(
            "DB1.Example.com".parse::<Name>().unwrap().to_string(),
            "db1.example.com"
        );
        assert_eq!("::1".parse::<Name>().unwrap().to_string(), "::1");
        assert_eq!(
            "a/b".parse::<Name>().unwrap_err().to_string(),
            "`a/b` is neither a host name nor an IP address"
        );
    }
}
