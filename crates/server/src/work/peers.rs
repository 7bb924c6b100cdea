//! What a database server has to prove before Signet logs in, and where it may be.
//!
//! Where CA certificates are registered or a certificate of ours is expected, only a server that is verified gets an answer that is made from a
//! password. The witness, the `sql` driver and probes all ask here.

use std::sync::Arc;

use dbtls::{Conditions, Objection, Trust};
use sha2::{Digest, Sha256};

use crate::ambient::Clock;
use crate::state::catalog::Catalog;
use crate::state::node::Node;
use crate::state::pki::{Fate, Holder};
use crate::state::task::Kind;
use crate::targets::Targets;

/// Judges servers.
pub struct Peers {
    /// What is registered, and what is issued.
    pub catalog: Arc<Catalog>,
    /// The clock.
    pub clock: Clock,
    /// What may be connected to.
    pub targets: Arc<Targets>,
    /// `[sql] allow_unverified`
    pub allow_unverified: bool,
}

impl Peers {
    /// For a probe with the node's probe account. A server that is not verified may answer with its own challenge where nothing is known to
    /// verify it with; see [`dbtls::Login::Account`].
    pub fn for_probe(&self, node: &Node) -> Conditions {
        let access = node.access();
        let trust = access.map(|access| Arc::clone(&access.trust));
        self.conditions(node, &trust.unwrap_or_default(), true)
    }

    /// For a session of the `sql` driver with a server for which these CA certificates were registered.
    pub fn for_session(&self, node: &Node, registered: &Trust) -> Conditions {
        self.conditions(node, registered, self.allow_unverified)
    }

    fn conditions(&self, node: &Node, registered: &Trust, allow_unverified: bool) -> Conditions {
        let has_ca = registered.certificates().next().is_some();
        let has_ours = node.managed().is_some_and(|managed| managed.on);
        let task = self.catalog.tasks.running_on(&node.target);
        let renews = matches!(task, Some(Kind::Open | Kind::Rotate));
        Conditions {
            trust: self.catalog.with_ours(registered),
            // A task may find another certificate than ours there, and comes to replace it.
            loopback_is_private: !has_ca && (!has_ours || task.is_some()),
            allow_unverified: allow_unverified && !has_ca && !has_ours,
            at: (!renews).then(|| self.clock.now()),
            objection: Some(self.objection(renews)),
            gate: Some(self.targets.gate(&node.target)),
        }
    }

    /// What speaks against a certificate of ours. One that was replaced still counts for the task that replaces it once more.
    fn objection(&self, renews: bool) -> Arc<Objection> {
        let catalog = Arc::clone(&self.catalog);
        Arc::new(move |leaf| {
            let issued = catalog.pki.issued(&hex::encode(Sha256::digest(leaf)))?;
            let problem = match (&issued.holder, issued.fate) {
                (Holder::Agent(_) | Holder::Listener, _) => "was not issued for a database",
                (_, Fate::Revoked) => "was revoked",
                (_, Fate::Replaced) if !renews => "was replaced by another one",
                (_, Fate::Issued | Fate::Active | Fate::Replaced) => return None,
            };
            Some(format!("its certificate {problem}"))
        })
    }
}
