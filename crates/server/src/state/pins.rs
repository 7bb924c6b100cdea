//! Which authorities a node was seen with, and which of them are accepted.
//!
//! Where no CA certificates were registered, the first chain that a node serves is taken for its own: its CA certificates are pinned, and go into
//! the bundle of the instance. Another chain later is drift until somebody accepts it.

use dbtls::{Target, Trust};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ambient::UnixTime;
use crate::state::records::{V1, sharded};

/// Key prefix of the pinned authorities, by the address of the node.
pub const PINS: &str = "p/";

/// Why authorities are pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The node served them when it was first seen, or when this version first started.
    FirstSeen,
    /// Somebody accepted them.
    Accepted,
}

/// The document of what is pinned for a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PinRecord {
    /// The document's format.
    pub v: V1,
    /// The node.
    pub node: Target,
    /// Why they are pinned.
    pub origin: Origin,
    /// The SHA-256 of the accepted certificates: the CA certificates of the chain; the server certificate where it has none.
    pub anchors: Vec<String>,
    /// The chain led to them when they were pinned, so it has to from then on.
    pub verifies: bool,
    /// Since when they are accepted.
    pub since: UnixTime,
    /// What the node serves instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<Foreign>,
}

/// Authorities that are not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Foreign {
    /// The SHA-256 of the certificates.
    pub anchors: Vec<String>,
    /// The chain leads to them.
    pub verifies: bool,
    /// Since when they were seen.
    pub since: UnixTime,
}

impl PinRecord {
    /// The key of the document of this node.
    pub fn key(node: &Target) -> String {
        sharded(PINS, &node.to_string())
    }

    /// Pins what a chain (DER, leaf first) leads to.
    pub fn first(node: &Target, chain: &[Vec<u8>], now: UnixTime) -> Self {
        let Foreign {
            anchors, verifies, ..
        } = foreign(chain, now);
        Self {
            v: V1,
            node: node.clone(),
            origin: Origin::FirstSeen,
            anchors,
            verifies,
            since: now,
            foreign: None,
        }
    }

    /// The document after this chain was seen; `None` when it stays as it is. `pinned` are the accepted certificates, DER.
    pub fn after(&self, chain: &[Vec<u8>], pinned: Vec<Vec<u8>>, now: UnixTime) -> Option<Self> {
        let seen = foreign(chain, now);
        let accepted = if self.verifies {
            Trust::from_ders(pinned).is_ok_and(|trust| trust.ever_vouched_for(chain))
        } else {
            seen.anchors.iter().all(|seen| self.anchors.contains(seen))
        };
        let foreign = (!accepted).then(|| match &self.foreign {
            Some(before) if before.anchors == seen.anchors => before.clone(),
            _ => seen,
        });
        (foreign != self.foreign).then(|| Self {
            foreign,
            ..self.clone()
        })
    }

    /// The document after what the node serves was accepted; `None` when there is nothing to accept.
    pub fn accepted(&self, now: UnixTime) -> Option<Self> {
        let foreign = self.foreign.clone()?;
        Some(Self {
            origin: Origin::Accepted,
            anchors: foreign.anchors,
            verifies: foreign.verifies,
            since: now,
            foreign: None,
            ..self.clone()
        })
    }
}

/// What a chain leads to. A chain without a CA certificate leads to its server certificate.
fn foreign(chain: &[Vec<u8>], now: UnixTime) -> Foreign {
    let mut anchors = dbtls::anchors(chain).certificates;
    if anchors.is_empty() {
        anchors.extend(chain.first().cloned());
    }
    let names = anchors.iter().map(|der| hex::encode(Sha256::digest(der)));
    Foreign {
        anchors: names.collect(),
        verifies: Trust::from_ders(anchors).is_ok_and(|trust| trust.ever_vouched_for(chain)),
        since: now,
    }
}
