use std::time::Duration;

use super::{Error, SubjectName};
use crate::role;

/// How long a certificate lasts unless the operator decides otherwise: 90 days. It is renewed at two thirds of that, so nobody has to
/// remember it, and a key that leaked is of no use for longer.
pub const SERVER_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What a certificate is for. It decides everything that a certificate says beside names and dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// A MySQL or MariaDB server.
    DatabaseServer,
    /// The agent on a database host, when it calls.
    AgentClient,
    /// The listener that agents call.
    AgentListener,
}

/// A certificate to be issued: what it will say, apart from the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it is for.
    pub profile: Profile,
    /// The subject: 1 to 64 characters. Clients verify a server by its `names` and take this for a label; whom an agent's
    /// certificate stands for is in here.
    pub common_name: String,
    /// The names that clients may verify a server by; at least one, except for [`Profile::AgentClient`].
    pub names: Vec<SubjectName>,
    /// How long it lasts; less where the authority itself ends sooner.
    pub lifetime: Duration,
}

impl Profile {
    pub(super) const fn is_server(self) -> bool {
        match self {
            Self::DatabaseServer | Self::AgentListener => true,
            Self::AgentClient => false,
        }
    }

    /// The URI that marks a certificate of this role; a database's has none.
    pub(super) const fn mark(self) -> Option<&'static str> {
        match self {
            Self::DatabaseServer => None,
            Self::AgentClient => Some(role::AGENT),
            Self::AgentListener => Some(role::CONTROL_PLANE),
        }
    }

    /// The usage as verifiers ask for it.
    pub(super) fn usage(self) -> webpki::KeyUsage {
        if self.is_server() {
            webpki::KeyUsage::server_auth()
        } else {
            webpki::KeyUsage::client_auth()
        }
    }
}

impl Order {
    /// Refuses what no client would accept.
    pub(super) fn validate(&self) -> Result<(), Error> {
        if self.profile.is_server() && self.names.is_empty() {
            return Err(Error::NoNames);
        }
        if self.lifetime < Duration::from_secs(1) {
            return Err(Error::Lifetime);
        }
        Ok(())
    }
}
