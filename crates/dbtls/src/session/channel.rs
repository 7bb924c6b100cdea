//! Who could read along.

use std::fmt;

use crate::{
    Name, Tls, Trust,
    auth::Reveal,
    certificate::{CertificateReport, has_names, parse},
    report::covers,
};

/// What a session runs over, and so who could read along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A Unix socket.
    UnixSocket,
    /// TCP within this host, with or without TLS; with whose certificate is not looked at.
    Loopback,
    /// TLS with a server that proved to hold the key of a certificate below a trusted CA. If that certificate names hosts, the host that
    /// was connected to is among them. Those that servers make for themselves name none; for them the CA is enough, for it signed nothing
    /// else. Dates are left aside: an expired certificate is what one connects for to replace it.
    VerifiedTls,
    /// TLS with anybody.
    UnverifiedTls {
        /// What speaks against the server.
        problem: String,
    },
    /// Plaintext over a network.
    Plain,
}

impl Channel {
    /// Nobody but the server's host can read along: a password or a key may cross it.
    pub const fn is_private(&self) -> bool {
        matches!(self, Self::UnixSocket | Self::Loopback | Self::VerifiedTls)
    }

    /// It does not leave this host.
    pub(crate) const fn is_local(&self) -> bool {
        matches!(self, Self::UnixSocket | Self::Loopback)
    }

    pub(super) fn of_tls(tls: &Tls, host: Option<&Name>, trust: &Trust, loopback: bool) -> Self {
        if loopback {
            return Self::Loopback;
        }
        match verify(tls, host, trust) {
            Ok(()) => Self::VerifiedTls,
            Err(problem) => Self::UnverifiedTls { problem },
        }
    }

    /// How the server may get the password. Outside of TLS a MySQL server takes it on TCP in no other form than encrypted.
    pub(super) fn reveal(&self, encrypted: bool) -> Reveal {
        match self {
            Self::Loopback if !encrypted => Reveal::ByKey,
            private if private.is_private() => Reveal::Clear,
            _ => Reveal::Nothing,
        }
    }
}

/// Completes "The server asks for it, and …".
impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnixSocket => f.write_str("the connection is a Unix socket"),
            Self::Loopback => f.write_str("the connection stays on this host"),
            Self::VerifiedTls => f.write_str("the connection is TLS with the right server"),
            Self::UnverifiedTls { problem } => {
                write!(
                    f,
                    "the connection is TLS with an unknown server ({problem})"
                )
            }
            Self::Plain => f.write_str("the connection is plaintext over a network"),
        }
    }
}

fn verify(tls: &Tls, host: Option<&Name>, trust: &Trust) -> Result<(), String> {
    let leaf = tls.chain.first().ok_or("it showed no certificate")?;
    if trust.certificates().next().is_none() {
        return Err("no CA certificate was given to verify it with".to_owned());
    }
    if !tls.signature_checked {
        return Err("it did not prove that it holds its certificate's key".to_owned());
    }
    if !trust.vouches_for(&tls.chain) {
        return Err("its chain does not lead to a given CA certificate".to_owned());
    }
    let named = parse(leaf).is_some_and(|cert| has_names(&cert));
    match host {
        Some(host) if named && !covers(leaf, host) => Err(format!(
            "its certificate names {}, not {host}",
            CertificateReport::of(leaf).sans.join(", ")
        )),
        _ => Ok(()),
    }
}
