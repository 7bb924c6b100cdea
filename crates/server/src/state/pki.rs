//! What is kept of the certificate authority: authorities, the certificates that they issued, which node is expected to serve which,
//! and the agents that carry them.

use dbtls::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ambient::UnixTime;
use crate::state::ids::{Account, AgentId, SubjectId};
use crate::state::records::{self, V1, sharded};
use crate::state::store::{Expect, Write};
use crate::state::vault::Sealed;

/// Where authorities stand.
pub const AUTHORITIES: &str = "a/";
/// Where issued certificates stand, by their SHA-256.
pub const ISSUED: &str = "x/";
/// Where it stands what a node is expected to serve.
pub const MANAGED: &str = "m/";
/// Where agents stand.
pub const AGENTS: &str = "ag/";
/// Where enrolment tokens stand, by their ID.
pub const TOKENS: &str = "at/";

/// What an authority is for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It is in every bundle already, so that clients trust it, but issues nothing yet.
    Next,
    /// It issues.
    Current,
    /// It issued before. It stays in the bundles, for a server that was away for long may still serve one of its certificates.
    Former,
}

/// The document of an authority.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AuthorityRecord {
    /// The document's format.
    pub v: V1,
    /// Its ID: the SHA-256 of its certificate.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// Its private key, sealed.
    pub key: Sealed,
    /// Its certificates in PEM, the issuing one first, the root last.
    pub chain: String,
    /// When it was made or taken over.
    pub created: UnixTime,
}

impl AuthorityRecord {
    /// The document's key; the private key is sealed for it.
    pub fn key_of(id: &str) -> String {
        format!("{AUTHORITIES}{id}")
    }
}

/// What became of a certificate that we issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It was issued for a task that has not ended.
    Issued,
    /// Its node serves it, or its agent uses it.
    Active,
    /// Another took its place, or its task failed: it is on the revocation list.
    Replaced,
    /// It was taken back: its holder is not to be trusted any more.
    Revoked,
}

/// Who a certificate was issued for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// A node of an instance or a group.
    Node {
        /// Its address.
        node: Target,
        /// What it belongs to.
        subject: SubjectId,
    },
    /// An agent, to show who it is.
    Agent(AgentId),
    /// Our own listener.
    Listener,
}

/// The document of an issued certificate. The certificate itself stands with all others, under its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct IssuedRecord {
    /// The document's format.
    pub v: V1,
    /// The SHA-256 of the certificate.
    pub sha256: String,
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// The authority that signed it.
    pub authority: String,
    /// Who holds it.
    pub holder: Holder,
    /// Whose the holder is.
    pub account: Account,
    /// The names that it covers.
    pub names: Vec<String>,
    /// The first moment of its validity.
    pub not_before: UnixTime,
    /// The last moment of its validity.
    pub not_after: UnixTime,
    /// What became of it.
    pub fate: Fate,
    /// When it was replaced or revoked; 0 before that.
    #[serde(default)]
    pub ended: UnixTime,
    /// The names that were proven to lead to the instance when it was issued. The addresses of its nodes need no proof.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proven: Vec<String>,
    /// Whether it carries the mark of its holder's role, as all do that this version issues to agents and the listener.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marked: bool,
}

impl IssuedRecord {
    /// The key of the certificate with this SHA-256.
    pub fn key(sha256: &str) -> String {
        sharded(ISSUED, sha256)
    }

    /// The write that notes what became of it.
    pub fn fated(&self, fate: Fate, now: UnixTime) -> Write {
        let ended = match fate {
            Fate::Issued | Fate::Active => 0,
            Fate::Replaced | Fate::Revoked => now,
        };
        let record = Self {
            fate,
            ended,
            ..self.clone()
        };
        Write::put(
            Self::key(&self.sha256),
            records::encode(&record),
            Expect::Anything,
        )
    }

    /// When it is to be renewed: at two thirds of its life, earlier by up to a twentieth of it, by a share that is different for each
    /// certificate and the same at every start.
    pub fn renew_at(&self) -> UnixTime {
        let life = self.not_after - self.not_before;
        let share = i64::from_str_radix(self.sha256.get(..4).unwrap_or_default(), 16).unwrap_or(0);
        self.not_before + life * 2 / 3 - life / 20 * share / 0xffff
    }
}

/// The document of what a node is expected to do since the last task that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ManagedRecord {
    /// The document's format.
    pub v: V1,
    /// The node.
    pub node: Target,
    /// What it belongs to.
    pub subject: SubjectId,
    /// Whether TLS is expected to be on.
    pub on: bool,
    /// The SHA-256 of the certificate of ours that it has; it stays there while TLS is off.
    pub certificate: String,
    /// Since when.
    pub since: UnixTime,
}

impl ManagedRecord {
    /// The key of the expectation of this node.
    pub fn key(node: &Target) -> String {
        sharded(MANAGED, &node.to_string())
    }
}

/// The document of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AgentRecord {
    /// The document's format.
    pub v: V1,
    /// Its ID.
    pub id: AgentId,
    /// The one node that it may change.
    pub node: Target,
    /// What the node belongs to.
    pub subject: SubjectId,
    /// Whose it is.
    pub account: Account,
    /// The name that its host gave.
    pub hostname: String,
    /// The SHA-256 of the certificates that it may show: the current one, and the one before until the current was first used.
    pub certificates: Vec<String>,
    /// When it enrolled.
    pub enrolled: UnixTime,
    /// When it was revoked; 0 while it was not.
    #[serde(default)]
    pub revoked: UnixTime,
    /// The machine that it runs on, as the agent named it first; `None` for an agent of a version that does not name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
}

impl AgentRecord {
    /// The key of the agent with this ID.
    pub fn key(id: AgentId) -> String {
        format!("{AGENTS}{id}")
    }
}

/// The document of an enrolment token. Its secret is known by its hash only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct TokenRecord {
    /// The document's format.
    pub v: V1,
    /// Its public half.
    pub id: String,
    /// The SHA-256 of its secret half, hexadecimal.
    pub secret_sha256: String,
    /// The node that the agent will change.
    pub node: Target,
    /// What the node belongs to.
    pub subject: SubjectId,
    /// Whose it is.
    pub account: Account,
    /// Until when it can be used.
    pub expires: UnixTime,
    /// Whether the agent that enrols takes the place of one that is enrolled for the node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// The agent that enrolled with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<AgentId>,
}

impl TokenRecord {
    /// The key of the token with this ID.
    pub fn key(id: &str) -> String {
        format!("{TOKENS}{id}")
    }
}

/// The word of a SHA-256 in hexadecimal: what indexes use.
pub fn word(sha256: &str) -> u64 {
    let digits = sha256.get(..16).unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_comes_at_two_thirds_of_the_life_and_not_for_all_at_once() {
        let day = 86_400;
        let mut issued = IssuedRecord {
            v: V1,
            sha256: "0000".repeat(16),
            serial: "01".into(),
            authority: String::new(),
            holder: Holder::Listener,
            account: Account::FIRST,
            names: Vec::new(),
            not_before: 0,
            not_after: 300 * day,
            fate: Fate::Active,
            ended: 0,
            proven: Vec::new(),
            marked: false,
        };
        assert_eq!(issued.renew_at(), 200 * day);
        issued.sha256 = "ffff".repeat(16);
        assert_eq!(issued.renew_at(), 185 * day);
    }
}
