//! Why a server's state is not known, in words that say what to do.

use serde::{Deserialize, Serialize};

/// What kept a probe from a plain answer. `Display` tells an operator what happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Reason {
    /// The host name has no address.
    #[error(
        "the host name does not resolve ({detail}): check its spelling and the DNS of this host"
    )]
    NotResolved {
        /// The resolver's words.
        detail: String,
    },
    /// The configuration does not let us connect to it.
    #[error("{address} may not be connected to: {why}")]
    Forbidden {
        /// Which address.
        address: String,
        /// Why, and what to do.
        why: String,
    },
    /// Nobody listens.
    #[error(
        "{address} refuses connections: check that the server runs, its port and its `bind_address`"
    )]
    Refused {
        /// Which address.
        address: String,
    },
    /// The network or the file system says no.
    #[error(
        "{address} cannot be reached ({detail}): check the network and firewalls between, or the socket's path and permissions"
    )]
    Unreachable {
        /// Which address.
        address: String,
        /// The system's words.
        detail: String,
    },
    /// A step took too long.
    #[error("timed out while {step}: check the network, firewalls and the server's load")]
    TimedOut {
        /// Which step.
        step: Step,
    },
    /// The server hung up.
    #[error("the server closed the connection while {step}: its error log may say why")]
    Closed {
        /// During which step.
        step: Step,
    },
    /// The port took the connection and kept silent.
    #[error(
        "the port accepts connections but sends no greeting; a MySQL server speaks first: check the port, or whether the server hangs in a reverse DNS lookup"
    )]
    Silent,
    /// The port belongs to something else.
    #[error("this is not a MySQL server; check the port")]
    NotMySql {
        /// Its first bytes, made printable. They are for a log or the local operator: no caller of a service should be able to read with
        /// our eyes, so they are not part of the text.
        saw: String,
    },
    /// The port is MySQL's, for another protocol.
    #[error("this is a MySQL X protocol port; name the classic port, usually 3306")]
    XProtocol,
    /// Error 1040 instead of a greeting.
    #[error(
        "the server has no free connection (1040 {text}): raise its `max_connections`, or try again"
    )]
    TooManyConnections {
        /// The server's text.
        text: String,
    },
    /// Error 1129 instead of a greeting.
    #[error(
        "the server has blocked this host (1129 {text}): run `TRUNCATE TABLE performance_schema.host_cache` (MySQL) or `FLUSH HOSTS` (MariaDB) on it"
    )]
    Blocked {
        /// The server's text.
        text: String,
    },
    /// Error 1130 instead of a greeting.
    #[error(
        "the server has no account that may connect from this host (1130 {text}): create the probe account for this host"
    )]
    NotAllowed {
        /// The server's text.
        text: String,
    },
    /// Another error instead of a greeting.
    #[error("the server refused the connection with error {code}: {text}")]
    RefusedByServer {
        /// The server's error number.
        code: u16,
        /// The server's text.
        text: String,
    },
    /// TLS works, but only as our library and current clients do not speak it.
    #[error(
        "TLS is on, but obsolete ({version}, {cipher}): current clients refuse it; allow TLSv1.2 and TLSv1.3 in the server's `tls_version` and `ssl_cipher`"
    )]
    Obsolete {
        /// The version that the server chose.
        version: String,
        /// The cipher suite that the server chose.
        cipher: String,
    },
    /// The greeting offers TLS, but no handshake succeeds.
    #[error(
        "the server offers TLS but the handshake fails ({detail}): check its certificate, key and `tls_version`; its error log may say more"
    )]
    HandshakeFailed {
        /// Our library's words.
        detail: String,
    },
    /// The server breaks MySQL's protocol after the greeting.
    #[error("the server broke the MySQL protocol while {step} ({detail})")]
    Malformed {
        /// During which step.
        step: Step,
        /// What was wrong.
        detail: String,
    },
}

/// The steps of a probe, each with a time limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Resolving the name and connecting.
    Connect,
    /// Waiting for the greeting.
    Greeting,
    /// TLS.
    Handshake,
    /// Logging in.
    Login,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Greeting => "reading the greeting",
            Self::Handshake => "shaking hands for TLS",
            Self::Login => "logging in",
        })
    }
}
