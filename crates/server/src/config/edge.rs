//! Options of the HTTP edge: hosts, proxies, budgets for callers, health and metrics.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Config, Error, bad};

/// Whose word the listener takes: hosts and proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Host names, without a port, that the console and downloads are served under, beside loopback, the address of `listen` and the
    /// host of `public_url`. Any other `Host` gets status 421, which stops DNS rebinding. The API is signed and takes every host.
    pub allowed_hosts: Vec<String>,
    /// Addresses or networks (CIDR) of load balancers. Their `X-Forwarded-For` names the caller; that of anybody else is ignored.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Connections from `trusted_proxies` begin with a PROXY protocol header, version 1 or 2, which names the caller.
    pub proxy_protocol: bool,
}

/// Budgets for callers. Each listener (API and agents) has connections of its own; the bytes are shared.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Connections of one address at a time, at least 1. At the limit the address's oldest idle connection makes room; if there is
    /// none, the new connection is closed.
    pub connections_per_address: usize,
    /// Connections of one IPv4 /24 at a time, at least 1.
    pub connections_per_ipv4_24: usize,
    /// Connections of one IPv6 /64 at a time, at least 1.
    pub connections_per_ipv6_64: usize,
    /// Connections of one IPv6 /48 at a time, at least 1.
    pub connections_per_ipv6_48: usize,
    /// How many of `max_connections` only connections that have authenticated can use. 0 to `max_connections` - 1;
    /// without it a sixteenth.
    pub reserved_connections: Option<usize>,
    /// How long the head of a request may take, and before the first one the TLS handshake: 1s to 10m.
    #[serde(with = "humantime_serde")]
    pub head_timeout: Duration,
    /// How long a connection may be idle between two requests: 1s to 1h. Go's client fails when a server is faster than its own 30 s.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// How long a body may take: 1s to 10m.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Bytes of unfinished requests that are held at a time, of all callers together: at least 1 MiB.
    pub body_bytes: usize,
    /// Bytes of unfinished requests that are held at a time for one address: at least 64 KiB, at most `body_bytes`.
    pub body_bytes_per_address: usize,
}

/// Health checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthConfig {
    /// A plain HTTP listener for `/healthz` and `/readyz` alone, which answers while every other connection is taken. They stay
    /// on the main listener as well.
    pub listen: Option<SocketAddr>,
}

/// `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// A plain HTTP listener for `/metrics` alone. The main listener then has no metrics.
    pub listen: Option<SocketAddr>,
    /// A file with a token, one line. `/metrics` then needs `Authorization: Bearer TOKEN`. Without it and without a listener of their
    /// own, metrics are served on loopback only.
    pub token_file: Option<PathBuf>,
}

/// Networks, of which an address alone is the smallest.
fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let network = |text: &String| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let parsed = text.parse().or_else(|_| address());
        parsed.map_err(|_| {
            D::Error::custom(format!(
                "`{text}` is no address and no network, as in 10.0.0.0/8"
            ))
        })
    };
    texts.iter().map(network).collect()
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections_per_address: 1024,
            connections_per_ipv4_24: 2048,
            connections_per_ipv6_64: 1024,
            connections_per_ipv6_48: 2048,
            reserved_connections: None,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(90),
            body_timeout: Duration::from_secs(60),
            body_bytes: 64 << 20,
            body_bytes_per_address: 16 << 20,
        }
    }
}

impl HttpConfig {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.proxy_protocol && self.trusted_proxies.is_empty() {
            return bad(
                "http",
                "`proxy_protocol` needs `trusted_proxies`, the addresses of the load balancers that send the header",
            );
        }
        for host in &self.allowed_hosts {
            let is_host = crate::http::hosts::without_port(host) == Some(host.as_str());
            if !is_host {
                return bad(
                    "http",
                    format!("`allowed_hosts`: `{host}` is not a host name without a port"),
                );
            }
        }
        Ok(())
    }
}

impl LimitsConfig {
    /// Connections that only authenticated callers can use, of `all`.
    pub fn reserved(&self, all: usize) -> usize {
        self.reserved_connections.unwrap_or(all / 16)
    }

    pub(super) fn check(&self, max_connections: usize) -> Result<(), Error> {
        for (name, number) in [
            ("connections_per_address", self.connections_per_address),
            ("connections_per_ipv4_24", self.connections_per_ipv4_24),
            ("connections_per_ipv6_64", self.connections_per_ipv6_64),
            ("connections_per_ipv6_48", self.connections_per_ipv6_48),
        ] {
            if number == 0 {
                return bad("limits", format!("`{name}` must be at least 1"));
            }
        }
        if self.reserved(max_connections) >= max_connections {
            return bad(
                "limits",
                "`reserved_connections` must be less than `max_connections`, or nobody can connect",
            );
        }
        let second = Duration::from_secs(1);
        for (name, value, most) in [
            ("head_timeout", self.head_timeout, 600),
            ("idle_timeout", self.idle_timeout, 3600),
            ("body_timeout", self.body_timeout, 600),
        ] {
            if !(second..=second * most).contains(&value) {
                return bad("limits", format!("`{name}` must be 1s to {most}s"));
            }
        }
        if self.body_bytes < 1 << 20 {
            return bad("limits", "`body_bytes` must be at least 1048576");
        }
        if !(64 << 10..=self.body_bytes).contains(&self.body_bytes_per_address) {
            return bad(
                "limits",
                "`body_bytes_per_address` must be 65536 to `body_bytes`",
            );
        }
        Ok(())
    }
}

impl Config {
    pub(super) fn check_side_listeners(&self) -> Result<(), Error> {
        let mut taken = vec![self.listen];
        for (key, listen) in [
            ("agents", self.agents.listen),
            ("health", self.health.listen),
            ("metrics", self.metrics.listen),
        ] {
            let Some(listen) = listen else { continue };
            if listen.port() != 0 && taken.iter().any(|other| collide(*other, listen)) {
                return bad(
                    key,
                    format!("`listen`: another listener has {listen} already"),
                );
            }
            taken.push(listen);
        }
        Ok(())
    }
}

/// Whether both cannot be listened on.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = |ip: IpAddr| ip.is_unspecified();
    one.port() == other.port() && (one.ip() == other.ip() || is_any(one.ip()) || is_any(other.ip()))
}
