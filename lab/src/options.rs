//! How a server is to be started.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::pki::CertFiles;
use crate::{Error, network};

/// A server's TLS at its start.
#[derive(Debug, Clone, Default)]
pub enum Tls {
    /// Switched off in the configuration.
    #[default]
    Off,
    /// On, with these files.
    On(CertFiles),
    /// Nothing configured: MySQL serves a certificate that it made itself and keeps. MariaDB 11.4 and newer serves
    /// one that is in memory only, another one after each restart and each `FLUSH SSL`; MariaDB 10 has none.
    Auto,
}

/// How a server is to be started: by default without TLS, on a free port of 127.0.0.1.
///
/// ```no_run
/// # let authority = lab::pki::Authority::root("Lab root", lab::now())?;
/// # let issued = authority.issue(&lab::pki::Leaf::for_loopback(lab::now()))?;
/// # let files = issued.write_to("certificate".as_ref())?;
/// let options = lab::Options::new().tls(files).ipv6().set("max_connect_errors=3");
/// # Ok::<(), lab::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) tls: Tls,
    pub(crate) extra: Vec<String>,
    pub(crate) port: Option<u16>,
    pub(crate) addresses: Vec<IpAddr>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: Tls::Off,
            extra: Vec::new(),
            port: None,
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// TLS on, with these files.
    #[must_use]
    pub fn tls(self, files: CertFiles) -> Self {
        Self {
            tls: Tls::On(files),
            ..self
        }
    }

    /// TLS as the server has it when nothing is configured: see [`Tls::Auto`].
    #[must_use]
    pub fn tls_auto(self) -> Self {
        Self {
            tls: Tls::Auto,
            ..self
        }
    }

    /// TLS off, which is the default.
    #[must_use]
    pub fn tls_off(self) -> Self {
        Self {
            tls: Tls::Off,
            ..self
        }
    }

    /// One more line for the `[mysqld]` section, after the lab's own: it wins over them.
    #[must_use]
    pub fn set(mut self, line: impl Into<String>) -> Self {
        self.extra.push(line.into());
        self
    }

    /// A port of the caller's choice. Otherwise a start takes a free one, and a restart the one it had.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self {
            port: Some(port),
            ..self
        }
    }

    /// Listen on `::1` too.
    #[must_use]
    pub fn ipv6(self) -> Self {
        self.also_on(Ipv6Addr::LOCALHOST)
    }

    /// Listen on one more address: a loopback one, or that of a [`Host`](crate::Host). MySQL needs 8.0.13 and MariaDB 10.11 for more than one.
    #[must_use]
    pub fn also_on(mut self, address: impl Into<IpAddr>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Refuses every address that is neither loopback nor one of the lab's own hosts.
    pub(crate) fn check_addresses(&self) -> Result<(), Error> {
        let is_ours = |address: &IpAddr| match address {
            IpAddr::V4(v4) => v4.is_loopback() || v4.octets()[..3] == network::PREFIX,
            IpAddr::V6(v6) => v6.is_loopback(),
        };
        match self.addresses.iter().find(|address| !is_ours(address)) {
            Some(&address) => Err(Error::NotLoopback(address)),
            None => Ok(()),
        }
    }
}
