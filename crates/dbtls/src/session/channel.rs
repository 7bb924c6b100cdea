//! Who could read along.

use std::fmt;

use crate::{Conditions, Name, Tls, auth::Reveal};

/// What a session runs over, and so who could read along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A Unix socket.
    UnixSocket,
    /// TCP within this host, with or without TLS, where that counts as private: the certificate is not looked at.
    Loopback,
    /// TLS with a server that proved to hold the key of a certificate below a trusted CA. If that certificate names hosts, the host that
    /// was connected to is among them. See [`Conditions`].
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

    pub(super) const fn of_plaintext(conditions: &Conditions, loopback: bool) -> Self {
        if loopback && conditions.loopback_is_private {
            Self::Loopback
        } else {
            Self::Plain
        }
    }

    pub(super) fn of_tls(
        tls: &Tls,
        host: Option<&Name>,
        conditions: &Conditions,
        loopback: bool,
    ) -> Self {
        if loopback && conditions.loopback_is_private {
            return Self::Loopback;
        }
        match conditions.verify(tls, host) {
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
