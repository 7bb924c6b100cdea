//! The documents in the store, and the keys they stand under.
//!
//! Values are JSON with their format in `v`. A document of a newer format is refused, never guessed at. Keys carry
//! a shard byte, so that a long list can be read in parts side by side.

use std::net::IpAddr;

use ca::key::KeyKind;
use dbtls::{Target, Trust};
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::ambient::UnixTime;
use crate::state::ids::{Account, InstanceId, RoGroupId, RoInstanceId};
use crate::state::vault::Sealed;

/// Where instances stand.
pub const INSTANCES: &str = "i/";
/// Where RO groups stand.
pub const GROUPS: &str = "g/";
/// Where observations stand, by the address of the node.
pub const OBSERVATIONS: &str = "o/";
/// Where certificates stand, by their SHA-256.
pub const CERTIFICATES: &str = "c/";
/// Where access keys stand.
pub const KEYS: &str = "k/";
/// How often a key that may change anything was disabled.
pub const DISABLED_KEYS: &str = "n/disabled-keys";
/// The time at which this control plane was last known to be watching.
pub const ALIVE: &str = "n/alive";

/// A document that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the document `{key}` cannot be read: {cause}. Nothing was changed; use the version of signet that wrote it, or restore a backup"
)]
pub struct BadDocument {
    /// Its key.
    pub key: String,
    /// What is wrong.
    pub cause: String,
}

/// Reads a document.
///
/// # Errors
/// When it is not of this type or of a newer format.
pub fn decode<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, BadDocument> {
    serde_json::from_slice(value).map_err(|e| BadDocument {
        key: key.to_owned(),
        cause: e.to_string(),
    })
}

/// Writes a document.
pub fn encode(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("documents have string keys and no failing serializers")
}

/// `prefix`, a shard byte made from `name`, and `name`.
pub fn sharded(prefix: &str, name: &str) -> String {
    let shard = Sha256::digest(name)[0];
    format!("{prefix}{shard:02x}/{name}")
}

/// The format of the documents that this version writes: the number 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1;

impl Serialize for V1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for V1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(D::Error::custom(format!(
                "it has format {other}, this program knows format 1"
            ))),
        }
    }
}

/// How an instance is built, as far as SSL is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Architecture {
    /// A primary and one standby: two nodes.
    TwoNode,
    /// A primary and two standbys: three nodes.
    ThreeNode,
    /// One node on a cloud disk. The vendor has no SSL for it.
    SingleNode,
    /// The cluster (cloud disk) edition. The vendor has no SSL for it.
    Cluster,
}

impl Architecture {
    /// How many nodes such an instance has, from and to.
    pub fn nodes(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::TwoNode => 2..=2,
            Self::ThreeNode => 3..=3,
            Self::SingleNode => 1..=1,
            Self::Cluster => 2..=6,
        }
    }

    /// Whether the SSL actions know it.
    pub fn has_ssl(self) -> bool {
        matches!(self, Self::TwoNode | Self::ThreeNode)
    }

    /// Its name on the command line and in our own actions.
    pub fn name(self) -> &'static str {
        match self {
            Self::TwoNode => "two-node",
            Self::ThreeNode => "three-node",
            Self::SingleNode => "single-node",
            Self::Cluster => "cluster",
        }
    }
}

/// How a node is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Driver {
    /// Never: it is only watched.
    #[default]
    Observe,
    /// By SQL alone.
    Sql,
    /// By the agent on its host.
    Agent,
}

impl Driver {
    /// Its name, as registrations spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Sql => "sql",
            Self::Agent => "agent",
        }
    }
}

/// A database account, with its password sealed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Login {
    /// The account's name.
    pub user: String,
    /// Its password.
    pub password: Sealed,
}

/// A tag of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// The tag's key.
    pub key: String,
    /// The tag's value.
    pub value: String,
}

/// What was registered of an instance or an RO group, the part that both have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Registration {
    /// Whose it is.
    pub account: Account,
    /// The name that people gave it.
    pub name: String,
    /// The virtual address that clients use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vip: Option<IpAddr>,
    /// The port of the virtual address.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub vport: u16,
    /// Further names that clients use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    /// Whether certificates may cover names that were not proven to lead to one of the nodes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_unproven_names: bool,
    /// How the nodes are changed.
    #[serde(default)]
    pub driver: Driver,
    /// The nodes that are changed in another way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_drivers: Vec<NodeDriver>,
    /// What the keys of its servers' certificates are.
    #[serde(default)]
    pub key_kind: KeyKind,
    /// When it was registered.
    pub created: UnixTime,
    /// The account that probes log in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Login>,
    /// The CA certificates, in PEM, that the servers' certificates are expected to be issued by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The account that the `sql` driver uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<Login>,
}

impl Registration {
    /// The CA certificates. They were checked when they were registered; a bundle that cannot be read now trusts nobody.
    pub fn trust(&self) -> Trust {
        let pem = self.ca.as_deref();
        let trust = pem.and_then(|pem| Trust::from_pem(pem.as_bytes()).ok());
        trust.unwrap_or_default()
    }

    /// How this node is changed.
    pub fn driver_of(&self, node: &Target) -> Driver {
        self.node_drivers
            .iter()
            .find(|other| other.node == *node)
            .map_or(self.driver, |other| other.driver)
    }
}

/// A node that is changed in another way than the others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NodeDriver {
    /// The node, as it is registered.
    #[schemars(with = "String", example = &"db2.example.com:3306")]
    pub node: Target,
    /// How it is changed.
    pub driver: Driver,
}

// serde calls this with a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// The document of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct InstanceRecord {
    /// The document's format.
    pub v: V1,
    /// Its ID.
    pub id: InstanceId,
    /// How it is built.
    pub architecture: Architecture,
    /// Its nodes, the primary first.
    pub nodes: Vec<Target>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// What RO groups have as well.
    pub registration: Registration,
}

impl InstanceRecord {
    /// The key of the instance with this ID.
    pub fn key(id: InstanceId) -> String {
        sharded(INSTANCES, &id.to_string())
    }
}

/// One read-only instance of a group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Member {
    /// Its ID.
    pub id: RoInstanceId,
    /// Its one node.
    pub node: Target,
}

/// The document of an RO group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct RoGroupRecord {
    /// The document's format.
    pub v: V1,
    /// Its ID.
    pub id: RoGroupId,
    /// The instance that it replicates from.
    pub primary: InstanceId,
    /// Its read-only instances.
    pub members: Vec<Member>,
    /// What instances have as well.
    pub registration: Registration,
}

impl RoGroupRecord {
    /// The key of the group with this ID.
    pub fn key(id: RoGroupId) -> String {
        sharded(GROUPS, &id.to_string())
    }
}

/// The last definite observation of a node: written when something in it changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ObservationRecord {
    /// The document's format.
    pub v: V1,
    /// The node.
    pub node: Target,
    /// Since when it looks like this.
    pub since: UnixTime,
    /// What was seen, without the certificates and how long it took.
    pub seen: dbtls::Observation,
    /// The SHA-256 of the certificates that the node served when it last did TLS, the leaf first.
    #[serde(default)]
    pub chain: Vec<String>,
    /// Who issued the leaf, and when it expires.
    #[serde(default)]
    pub leaf: Leaf,
    /// A short digest of the above; the same digest means that nothing changed.
    pub digest: u64,
}

/// What lists show of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Leaf {
    /// The issuer's name.
    pub issuer: String,
    /// When it expires; `None` when there is no certificate or its date cannot be read.
    pub not_after: Option<UnixTime>,
}

impl ObservationRecord {
    /// The key of the observation of this node.
    pub fn key(node: &Target) -> String {
        sharded(OBSERVATIONS, &node.to_string())
    }
}

/// The document of a certificate. It is never changed: its key is its content's hash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CertificateRecord {
    /// The document's format.
    pub v: V1,
    /// DER in base64.
    pub der: String,
}

impl CertificateRecord {
    /// The key of the certificate with this SHA-256.
    pub fn key(sha256: &str) -> String {
        format!("{CERTIFICATES}{sha256}")
    }
}

/// What a key may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum Access {
    /// Every action.
    Full,
    /// Actions that only read.
    #[default]
    ReadOnly,
}

/// The document of an access key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeyRecord {
    /// The document's format.
    pub v: V1,
    /// The public half.
    pub secret_id: String,
    /// The secret half, sealed.
    pub secret_key: Sealed,
    /// Whose it is.
    pub account: Account,
    /// What it may do.
    pub access: Access,
    /// Whether it is accepted.
    pub enabled: bool,
    /// What it is for, in its owner's words.
    #[serde(default)]
    pub note: String,
    /// When it was made.
    pub created: UnixTime,
}

impl KeyRecord {
    /// The document's key; the secret is sealed for it.
    pub fn key(secret_id: &str) -> String {
        format!("{KEYS}{secret_id}")
    }
}

/// How often a key that may change anything was disabled. Each time, this document is changed on the condition that it is as it
/// was read, so that two such keys cannot disable each other at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct DisabledKeys {
    /// The document's format.
    pub v: V1,
    /// How often.
    pub count: u64,
}

/// The document that says when this control plane was last watching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Alive {
    /// The document's format.
    pub v: V1,
    /// When.
    pub time: UnixTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_a_newer_format_is_refused() {
        let error = decode::<Alive>("n/alive", br#"{"v":2,"time":1}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the document `n/alive` cannot be read: it has format 2, this program knows format 1 at line 1 column 6. \
             Nothing was changed; use the version of signet that wrote it, or restore a backup"
        );
    }

    #[test]
    fn a_document_reads_as_it_was_written() {
        let record = InstanceRecord {
            v: V1,
            id: "cdb-c1nl9rpv".parse().unwrap(),
            architecture: Architecture::TwoNode,
            nodes: vec![
                "127.0.0.1:3306".parse().unwrap(),
                "[::1]:3307".parse().unwrap(),
            ],
            tags: vec![Tag {
                key: "env".into(),
                value: "prod".into(),
            }],
            registration: Registration {
                account: Account::FIRST,
                name: "orders".into(),
                vip: Some("192.0.2.1".parse().unwrap()),
                vport: 3306,
                dns: vec!["db.example.com".into()],
                accept_unproven_names: true,
                driver: Driver::Sql,
                node_drivers: vec![NodeDriver {
                    node: "[::1]:3307".parse().unwrap(),
                    driver: Driver::Agent,
                }],
                key_kind: KeyKind::default(),
                created: 5,
                probe: None,
                ca: None,
                sql: None,
            },
        };
        assert_eq!(
            decode::<InstanceRecord>("i", &encode(&record)).unwrap(),
            record
        );
    }
}
