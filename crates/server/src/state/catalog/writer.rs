//! The one that changes the catalog: it takes in what the store tells.

use std::sync::Arc;

use ahash::RandomState;
use ca::authority::{Authority as Issuer, certificates_from_pem};
use ca::key::PrivateKey;
use dbtls::{Target, Trust};
use hashbrown::{HashMap, HashSet, HashTable};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use wire::SecretKey;

use super::{Catalog, Common, Error, Instance, RoGroup};
use crate::ambient::UnixTime;
use crate::state::authorities::Authority;
use crate::state::credentials::Destination;
use crate::state::ids::{InstanceId, RoGroupId, TaskId};
use crate::state::keys::AccessKey;
use crate::state::node::{Access, Node, Observed, Profile};
use crate::state::pins::{self, PinRecord};
use crate::state::pki::{self, AgentRecord, AuthorityRecord, IssuedRecord, ManagedRecord};
use crate::state::records::{
    self, InstanceRecord, KeyRecord, ObservationRecord, Registration, RoGroupRecord,
};
use crate::state::store::{self, Event};
use crate::state::task::{self, TaskRecord};
use crate::state::vault::{self, Vault};

/// What was registered for probing, if anything was.
fn access(
    owner: &str,
    destination: Destination,
    trust: &Arc<Trust>,
    of: &Registration,
) -> Option<Access> {
    if of.probe.is_none() && of.ca.is_none() {
        return None;
    }
    Some(Access {
        owner: owner.to_owned(),
        destination,
        login: of.probe.clone(),
        trust: Arc::clone(trust),
    })
}

/// The one that changes the catalog: it alone knows which nodes there are.
pub(super) struct Writer {
    vault: Arc<Vault>,
    discovered: mpsc::UnboundedSender<Arc<Node>>,
    nodes: HashTable<Arc<Node>>,
    hasher: RandomState,
    profiles: HashSet<Arc<Profile>, RandomState>,
    /// What nodes are expected to serve; kept for those that are registered again later, too.
    managed: HashMap<Target, Arc<ManagedRecord>, RandomState>,
    /// Which authorities are accepted for nodes; kept for later as well.
    pins: HashMap<Target, Arc<PinRecord>, RandomState>,
}

impl Writer {
    pub(super) fn new(vault: Arc<Vault>, discovered: mpsc::UnboundedSender<Arc<Node>>) -> Self {
        Self {
            vault,
            discovered,
            nodes: HashTable::new(),
            hasher: RandomState::new(),
            profiles: HashSet::default(),
            managed: HashMap::default(),
            pins: HashMap::default(),
        }
    }

    /// Applies events until the store or the catalog is gone.
    pub(super) async fn follow(
        mut self,
        catalog: std::sync::Weak<Catalog>,
        mut commits: store::Watch,
    ) {
        while let Some(events) = commits.recv().await {
            let Some(catalog) = catalog.upgrade() else {
                return;
            };
            for event in &events {
                if let Err(error) = self.apply(&catalog, event) {
                    // The document was written by ourselves a moment ago, or by another node of a newer version.
                    tracing::error!(key = event.key, %error, "a change could not be applied; reads go on with what was known");
                }
            }
            if let Some(last) = events.last() {
                catalog.applied.send_replace(last.revision);
            }
        }
    }

    fn apply(&mut self, catalog: &Catalog, event: &Event) -> Result<(), Error> {
        let Event { key, value, .. } = event;
        let value = value.as_deref();
        let name = key.rsplit('/').next().unwrap_or_default();
        let (kind, _) = key.split_at(key.find('/').map_or(key.len(), |slash| slash + 1));
        match kind {
            records::INSTANCES => self.apply_instance(catalog, key, name, value)?,
            records::GROUPS => self.apply_group(catalog, key, name, value)?,
            records::OBSERVATIONS => {
                if let Some(record) = document::<ObservationRecord>(key, value)? {
                    self.observe(&record, record.since);
                }
            }
            records::KEYS => {
                let record = document(key, value)?;
                let next = record
                    .map(|record| self.access_key(key, record))
                    .transpose()?;
                catalog.set_key(name, next);
            }
            task::TASKS => {
                if let Ok(id) = name.parse::<TaskId>() {
                    catalog.tasks.set(id, document::<TaskRecord>(key, value)?);
                }
            }
            pki::MANAGED => {
                if let Some(record) = document::<ManagedRecord>(key, value)? {
                    self.expect(record);
                }
            }
            pins::PINS => {
                if let Some(record) = document::<PinRecord>(key, value)? {
                    self.pin(record);
                }
            }
            pki::AUTHORITIES => match document::<AuthorityRecord>(key, value)? {
                Some(record) => catalog.pki.set_authority(self.authority(record)?),
                None => catalog.pki.remove_authority(name),
            },
            pki::ISSUED => {
                if let Some(record) = document::<IssuedRecord>(key, value)? {
                    catalog.pki.set_issued(record);
                }
            }
            pki::AGENTS => {
                if let Some(record) = document::<AgentRecord>(key, value)? {
                    catalog.pki.set_agent(record);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn apply_instance(
        &mut self,
        catalog: &Catalog,
        key: &str,
        name: &str,
        value: Option<&[u8]>,
    ) -> Result<(), Error> {
        let Ok(id) = name.parse::<InstanceId>() else {
            return Ok(());
        };
        let next = document(key, value)?.map(|record| Arc::new(self.instance(key, record)));
        let before = catalog.instance(id);
        catalog.set_instance(id, next);
        self.release(before.as_ref().map(|instance| &instance.common));
        Ok(())
    }

    fn apply_group(
        &mut self,
        catalog: &Catalog,
        key: &str,
        name: &str,
        value: Option<&[u8]>,
    ) -> Result<(), Error> {
        let Ok(id) = name.parse::<RoGroupId>() else {
            return Ok(());
        };
        let next = document(key, value)?.map(|record| Arc::new(self.group(key, record)));
        let before = catalog.group(id);
        catalog.set_group(id, next.as_ref());
        self.release(before.as_ref().map(|group| &group.common));
        Ok(())
    }

    pub(super) fn instance(&mut self, key: &str, record: InstanceRecord) -> Instance {
        let InstanceRecord {
            id,
            architecture,
            nodes,
            tags,
            registration,
            ..
        } = record;
        Instance {
            id,
            architecture,
            tags: tags.into(),
            common: self.common(key, nodes, registration),
        }
    }

    pub(super) fn group(&mut self, key: &str, record: RoGroupRecord) -> RoGroup {
        let RoGroupRecord {
            id,
            primary,
            members,
            registration,
            ..
        } = record;
        let (members, nodes): (Vec<_>, Vec<_>) = members
            .into_iter()
            .map(|member| (member.id, member.node))
            .unzip();
        RoGroup {
            id,
            primary,
            members: members.into(),
            common: self.common(key, nodes, registration),
        }
    }

    fn common(&mut self, key: &str, nodes: Vec<Target>, of: Registration) -> Common {
        let drivers = nodes.iter().map(|node| of.driver_of(node)).collect();
        let destination = Destination::of(&nodes, of.ca.as_deref());
        let trust = Arc::new(of.trust());
        let nodes = nodes
            .into_iter()
            .map(|target| self.take(target, access(key, destination, &trust, &of), key))
            .collect();
        Common {
            account: of.account,
            name: of.name.into(),
            vip: of.vip,
            vport: of.vport,
            driver: of.driver,
            drivers,
            key_kind: of.key_kind,
            created: of.created,
            dns: of.dns.into(),
            trust,
            accept_unproven_names: of.accept_unproven_names,
            nodes,
        }
    }

    /// The node with this address, made if it is new; owned once more.
    fn take(&mut self, target: Target, access: Option<Access>, owner: &str) -> Arc<Node> {
        let hash = self.hasher.hash_one(&target);
        let known = self.nodes.find(hash, |node| node.target == target).cloned();
        let node = known.unwrap_or_else(|| {
            let node = Arc::new(Node::new(target));
            node.set_managed(self.managed.get(&node.target).cloned());
            node.set_pin(self.pins.get(&node.target).cloned());
            self.nodes.insert_unique(hash, Arc::clone(&node), |node| {
                self.hasher.hash_one(&node.target)
            });
            node
        });
        if access.is_some() || node.access().is_some_and(|before| before.owner == owner) {
            node.set_access(access);
        }
        if node.own() {
            // Without a prober, in a test or at shutdown, nobody listens.
            let _ = self.discovered.send(Arc::clone(&node));
        }
        node
    }

    /// Gives back the nodes of what was replaced or deregistered.
    fn release(&mut self, before: Option<&Common>) {
        for node in before.iter().flat_map(|common| common.nodes.iter()) {
            if node.disown()
                && let Ok(entry) = self
                    .nodes
                    .find_entry(self.hasher.hash_one(&node.target), |other| {
                        other.target == node.target
                    })
            {
                entry.remove();
            }
        }
    }

    /// What a node is expected to serve from now on.
    pub(super) fn expect(&mut self, record: ManagedRecord) {
        let record = Arc::new(record);
        if let Some(node) = self.node(&record.node) {
            node.set_managed(Some(Arc::clone(&record)));
        }
        self.managed.insert(record.node.clone(), record);
    }

    /// Which authorities are accepted for a node from now on.
    pub(super) fn pin(&mut self, record: PinRecord) {
        let record = Arc::new(record);
        if let Some(node) = self.node(&record.node) {
            node.set_pin(Some(Arc::clone(&record)));
        }
        self.pins.insert(record.node.clone(), record);
    }

    fn node(&self, target: &Target) -> Option<&Arc<Node>> {
        self.nodes
            .find(self.hasher.hash_one(target), |node| node.target == *target)
    }

    pub(super) fn observe(&mut self, record: &ObservationRecord, confirmed: UnixTime) {
        let Some(node) = self.node(&record.node).cloned() else {
            return;
        };
        let greeting = record.seen.greeting.as_ref();
        let tls = record.seen.tls.as_ref();
        let profile = Profile {
            flavor: greeting
                .map(|g| g.flavor.as_str().to_owned())
                .unwrap_or_default(),
            server_version: greeting
                .map(|g| g.server_version.clone())
                .unwrap_or_default(),
            tls_version: tls.map(|t| t.version.clone()).unwrap_or_default(),
            cipher: tls.map(|t| t.cipher.clone()).unwrap_or_default(),
            issuer: record.leaf.issuer.clone(),
        };
        let observed = Observed {
            profile: self.shared(profile),
            status: record.seen.status,
            since: record.since,
            not_after: record.leaf.not_after,
            leaf: record.chain.first().map(|sha256| pki::word(sha256)),
            digest: record.digest,
        };
        node.set_observed(observed, confirmed);
    }

    fn shared(&mut self, profile: Profile) -> Arc<Profile> {
        if let Some(known) = self.profiles.get(&profile) {
            return Arc::clone(known);
        }
        let profile = Arc::new(profile);
        self.profiles.insert(Arc::clone(&profile));
        profile
    }

    pub(super) fn access_key(&self, key: &str, record: KeyRecord) -> Result<AccessKey, Error> {
        let secret = self.vault.open_sealed(key, &record.secret_key)?;
        let text =
            String::from_utf8(secret.to_vec()).map_err(|_| vault::Error::Sealed(key.to_owned()))?;
        Ok(AccessKey::new(record, SecretKey::new(text)))
    }

    pub(super) fn authority(&self, record: AuthorityRecord) -> Result<Authority, Error> {
        let sealed_for = AuthorityRecord::key_of(&record.id);
        let key = self.vault.open_sealed(&sealed_for, &record.key)?;
        let unusable = |cause: String| Error::Authority {
            id: record.id.clone(),
            cause,
        };
        let key = std::str::from_utf8(&key)
            .map_err(|error| unusable(error.to_string()))
            .and_then(|pem| {
                PrivateKey::from_pem(pem).map_err(|error| unusable(error.to_string()))
            })?;
        // It was valid then. Whether it is now is judged when it is to issue, not when it is read.
        let issuer = certificates_from_pem(&record.chain)
            .and_then(|chain| Issuer::open(key, chain, record.created))
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Authority {
            id: record.id,
            role: record.role,
            created: record.created,
            issuer,
        })
    }
}

/// The document that was written; `None` when it was deleted.
fn document<T: DeserializeOwned>(key: &str, value: Option<&[u8]>) -> Result<Option<T>, Error> {
    Ok(value.map(|value| records::decode(key, value)).transpose()?)
}
