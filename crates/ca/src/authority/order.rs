use std::time::Duration;

use super::{Error, SubjectName};

/// How long a certificate of a database server lasts unless somebody decides otherwise: a year and a month, which no
/// client finds too long.
pub const SERVER_LIFETIME: Duration = Duration::from_secs(397 * 24 * 60 * 60);

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
