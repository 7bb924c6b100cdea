//! What Signet may connect to: `[targets]` of the configuration, and what is never a database.
//!
//! Asked when a node is registered and again before every connection, with the address that the name resolves to then.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use dbtls::{Gate, Target};

use crate::config::TargetsConfig;

/// A rule: hosts, and which of their ports.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    hosts: Hosts,
    /// The first and the last port.
    ports: (u16, u16),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// An address and how many of its bits count.
    Network(IpAddr, u32),
    /// This name and all names below it.
    Domain(String),
}

/// A rule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no rule: expected an address (192.0.2.7), a network (192.0.2.0/24, 2001:db8::/32), a domain (db.example.com, with all below it) or *, and then ports if not all are meant (:3306, :3300-3399; after an IPv6 network in brackets)"
)]
pub struct RuleError(String);

/// What may be connected to.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    allow: Vec<Rule>,
    deny: Vec<Rule>,
    sockets: Vec<PathBuf>,
    /// Where this service listens itself.
    own: Vec<SocketAddr>,
}

impl Targets {
    /// As configured; `own` is where the service listens.
    ///
    /// # Errors
    /// The first rule that cannot be read.
    pub fn of(config: &TargetsConfig, own: Vec<SocketAddr>) -> Result<Self, RuleError> {
        let rules = |texts: &[String]| -> Result<Vec<Rule>, RuleError> {
            texts.iter().map(|text| text.parse()).collect()
        };
        Ok(Self {
            allow: rules(&config.allow)?,
            deny: rules(&config.deny)?,
            sockets: config.sockets.clone(),
            own,
        })
    }

    /// What decides about connections to one server.
    pub fn gate(self: &Arc<Self>, target: &Target) -> Arc<dyn Gate> {
        Arc::new(GateOf {
            targets: Arc::clone(self),
            host: target.host().map(ToString::to_string).unwrap_or_default(),
        })
    }

    /// Whether a server may be connected to at this address under this name.
    fn address(&self, host: &str, address: SocketAddr) -> Result<(), String> {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        if self.is_own(address) {
            return Err("Signet itself listens there".to_owned());
        }
        if self.deny.iter().any(|rule| rule.matches(host, address)) {
            return Err("`deny` in [targets] names it".to_owned());
        }
        let named =
            |rule: &Rule| matches!(rule.hosts, Hosts::Network(..)) && rule.matches(host, address);
        if let Some(what) = never_a_database(address.ip()).filter(|_| !self.allow.iter().any(named))
        {
            return Err(format!(
                "it is {what}; if a database is there all the same, name the address in `allow` of [targets]"
            ));
        }
        if self.allow.is_empty() || self.allow.iter().any(|rule| rule.matches(host, address)) {
            Ok(())
        } else {
            Err("`allow` in [targets] does not name it".to_owned())
        }
    }

    fn is_own(&self, address: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            own.port() == address.port()
                && (own.ip().to_canonical() == address.ip()
                    || own.ip().is_unspecified() && is_of_this_host(address.ip()))
        })
    }

    /// The socket's path without symbolic links, if it is below a listed directory.
    fn socket(&self, path: &Path) -> Result<PathBuf, String> {
        let real = path.canonicalize().map_err(|error| error.to_string())?;
        let below = |directory: &PathBuf| {
            directory
                .canonicalize()
                .is_ok_and(|directory| real.starts_with(directory))
        };
        if self.sockets.iter().any(below) {
            Ok(real)
        } else {
            Err(self.no_such_directory())
        }
    }

    /// The same at a registration, where the server may not run yet.
    fn future_socket(&self, path: &Path) -> Result<(), String> {
        if path.exists() {
            return self.socket(path).map(drop);
        }
        let climbs = path.components().any(|part| part == Component::ParentDir);
        if !climbs && self.sockets.iter().any(|below| path.starts_with(below)) {
            Ok(())
        } else {
            Err(self.no_such_directory())
        }
    }

    fn no_such_directory(&self) -> String {
        let listed: Vec<_> = self.sockets.iter().map(|path| path.display()).collect();
        let listed: Vec<_> = listed.iter().map(ToString::to_string).collect();
        format!(
            "it is not below a directory of `sockets` in [targets] ({}); add its directory there",
            listed.join(", ")
        )
    }

    /// Checks a server that is to be registered, as far as can be told now: a name may resolve to something else later.
    ///
    /// # Errors
    /// Why it may not be connected to, and what to do.
    pub async fn check(&self, target: &Target) -> Result<(), String> {
        let refused = |why: String| format!("`{target}` may not be connected to: {why}");
        let (Some(host), Some(port)) = (target.host(), target.port()) else {
            let path = target.socket().unwrap_or(Path::new(""));
            return self.future_socket(path).map_err(refused);
        };
        let host = host.to_string();
        for address in resolve(&host, port).await {
            self.address(&host, address).map_err(refused)?;
        }
        Ok(())
    }
}

/// What decides about connections to one server.
struct GateOf {
    targets: Arc<Targets>,
    host: String,
}

impl Gate for GateOf {
    fn address(&self, address: SocketAddr) -> Result<(), String> {
        self.targets.address(&self.host, address)
    }

    fn socket(&self, path: &Path) -> Result<PathBuf, String> {
        self.targets.socket(path)
    }
}

/// The addresses of a name; none when it does not resolve soon.
async fn resolve(host: &str, port: u16) -> Vec<SocketAddr> {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port))).await;
    match found {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// What an address is for, if it is never for a database: clouds keep credentials of the machine behind such ones.
fn never_a_database(ip: IpAddr) -> Option<&'static str> {
    /// Metadata services outside of link-local: Alibaba Cloud's, AWS's over IPv6.
    const METADATA: [&str; 2] = ["100.100.100.200", "fd00:ec2::254"];
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    if is_link_local {
        Some("a link-local address, where clouds have their metadata service")
    } else if METADATA.contains(&ip.to_string().as_str()) {
        Some("the metadata service of a cloud")
    } else if ip.is_unspecified() {
        Some("the unspecified address")
    } else if ip.is_multicast() || is_broadcast {
        Some("a multicast or broadcast address")
    } else {
        None
    }
}

/// Only an address of this host can be bound.
fn is_of_this_host(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

impl Rule {
    fn matches(&self, host: &str, address: SocketAddr) -> bool {
        let is_host = match &self.hosts {
            Hosts::All => true,
            Hosts::Network(network, bits) => contains(*network, *bits, address.ip()),
            Hosts::Domain(domain) => {
                let rest = host.strip_suffix(domain.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        };
        is_host && (self.ports.0..=self.ports.1).contains(&address.port())
    }
}

fn contains(network: IpAddr, bits: u32, ip: IpAddr) -> bool {
    let (differing, width) = match (network, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits() ^ b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits(), 128),
        _ => return false,
    };
    // A shift by all bits is none that the processor knows.
    differing.checked_shr(width - bits).unwrap_or(0) == 0
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let bad = || RuleError(text.chars().take(80).flat_map(char::escape_debug).collect());
        let (hosts, ports) = split(text.trim());
        let ports = match ports {
            Some(ports) => port_range(ports).ok_or_else(bad)?,
            None => (0, u16::MAX),
        };
        let hosts = hosts_of(hosts).ok_or_else(bad)?;
        Ok(Self { hosts, ports })
    }
}

/// The hosts and the ports of a rule. An IPv6 network without brackets has no ports.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((network, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (network, rest.strip_prefix(':'));
    }
    match text.split_once(':') {
        Some((hosts, ports)) if !ports.contains(':') => (hosts, Some(ports)),
        _ => (text, None),
    }
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = (first.parse().ok()?, last.parse().ok()?);
    (range.0 <= range.1).then_some(range)
}

fn hosts_of(text: &str) -> Option<Hosts> {
    if matches!(text, "" | "*") {
        return Some(Hosts::All);
    }
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    if let Ok(ip) = address.parse::<IpAddr>() {
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        return (bits <= width).then_some(Hosts::Network(ip, bits));
    }
    let domain = text.trim_start_matches("*.").trim_start_matches('.');
    let is_domain = domain
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (is_domain && !domain.is_empty()).then(|| Hosts::Domain(domain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(allow: &[&str], deny: &[&str]) -> Targets {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let config = TargetsConfig {
            allow: texts(allow),
            deny: texts(deny),
            ..TargetsConfig::default()
        };
        let own = vec!["0.0.0.0:7780".parse().unwrap()];
        Targets::of(&config, own).unwrap()
    }

    /// What is said against this address under this name; empty when nothing is.
    fn said(of: &Targets, host: &str, address: &str) -> String {
        let said = of.address(host, address.parse().unwrap());
        said.err().unwrap_or_default()
    }

    #[test]
    fn without_rules_all_but_special_addresses_and_our_own_are_let_pass() {
        let targets = targets(&[], &[]);
        for good in ["127.0.0.1:3306", "10.0.0.1:22", "[2001:db8::1]:3306"] {
            assert_eq!(said(&targets, "db", good), "", "{good}");
        }
        for (bad, why) in [
            ("169.254.169.254:80", "it is a link-local address"),
            ("[fe80::1]:3306", "it is a link-local address"),
            ("[::ffff:169.254.169.254]:80", "it is a link-local address"),
            ("100.100.100.200:80", "it is the metadata service"),
            ("[fd00:ec2::254]:80", "it is the metadata service"),
            ("0.0.0.0:3306", "it is the unspecified address"),
            ("[::]:3306", "it is the unspecified address"),
            ("224.0.0.1:3306", "it is a multicast"),
            ("255.255.255.255:1", "it is a multicast or broadcast"),
            ("127.0.0.1:7780", "Signet itself listens there"),
            ("127.1.2.3:7780", "Signet itself listens there"),
            ("[::ffff:127.0.0.1]:7780", "Signet itself listens there"),
        ] {
            let said = said(&targets, "db", bad);
            assert!(said.starts_with(why), "{bad}: {said}");
        }
    }

    #[test]
    fn rules_are_by_network_domain_and_port_and_deny_goes_first() {
        let targets = targets(
            &["10.0.0.0/8:3300-3399", "db.example.com", "169.254.7.7:3306"],
            &["10.9.0.0/16", "secret.db.example.com"],
        );
        for (host, address, why) in [
            ("10.1.2.3", "10.1.2.3:3306", ""),
            (
                "10.1.2.3",
                "10.1.2.3:22",
                "`allow` in [targets] does not name it",
            ),
            (
                "11.1.2.3",
                "11.1.2.3:3306",
                "`allow` in [targets] does not name it",
            ),
            ("10.9.0.1", "10.9.0.1:3306", "`deny` in [targets] names it"),
            ("db.example.com", "192.0.2.1:3306", ""),
            ("a.db.example.com", "192.0.2.1:3306", ""),
            (
                "adb.example.com",
                "192.0.2.1:3306",
                "`allow` in [targets] does not name it",
            ),
            (
                "x.secret.db.example.com",
                "192.0.2.1:1",
                "`deny` in [targets] names it",
            ),
            (
                "a.db.example.com",
                "10.9.1.1:3306",
                "`deny` in [targets] names it",
            ),
            ("169.254.7.7", "169.254.7.7:3306", ""),
            (
                "a.db.example.com",
                "169.254.169.254:80",
                "it is a link-local address, where clouds have their metadata service; if a database is there all the same, name the address in `allow` of [targets]",
            ),
        ] {
            assert_eq!(said(&targets, host, address), why, "{host} {address}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_named() {
        for bad in [
            "10.0.0.0/33",
            "a b",
            "10.0.0.1:x",
            "10.0.0.1:9-1",
            "::1/129",
        ] {
            let error = bad.parse::<Rule>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{bad}` is no rule: ")),
                "{error}"
            );
        }
        let all: Rule = "*:3306".parse().unwrap();
        assert_eq!((all.hosts, all.ports), (Hosts::All, (3306, 3306)));
        let network: Rule = "[2001:db8::/32]:3306".parse().unwrap();
        assert!(network.matches("", "[2001:db8:1::1]:3306".parse().unwrap()));
        assert!(!network.matches("", "[2001:db9::1]:3306".parse().unwrap()));
    }

    #[test]
    fn no_symbolic_link_leads_out_of_the_directories_for_sockets() {
        let folder = tempfile::tempdir().unwrap();
        let (listed, other) = (folder.path().join("listed"), folder.path().join("other"));
        for directory in [&listed, &other] {
            std::fs::create_dir(directory).unwrap();
            std::fs::write(directory.join("sock"), "").unwrap();
        }
        std::os::unix::fs::symlink(other.join("sock"), listed.join("link")).unwrap();
        let targets = Targets {
            sockets: vec![listed.clone()],
            ..Targets::default()
        };
        let sock = listed.join("sock");
        assert_eq!(targets.socket(&sock), Ok(sock.canonicalize().unwrap()));
        assert_eq!(targets.future_socket(&listed.join("later")), Ok(()));
        for bad in [
            listed.join("link"),
            listed.join("../other/sock"),
            other.join("sock"),
            listed.join("../other/later"),
        ] {
            let why = format!(
                "it is not below a directory of `sockets` in [targets] ({}); add its directory there",
                listed.display()
            );
            assert_eq!(targets.future_socket(&bad), Err(why), "{}", bad.display());
        }
    }
}
