//! The catalog: everything that reads are answered from, in memory, kept fresh by the store's `watch`.
//!
//! Readers take immutable snapshots and never wait. One task applies the changes, in the order of their revisions;
//! [`Catalog::commit`] answers once its own change was applied, so a caller reads what it wrote.

mod reading;
mod writer;

use std::net::IpAddr;
use std::sync::Arc;

use ahash::RandomState;
use arc_swap::ArcSwap;
use ca::key::KeyKind;
use dbtls::{Name, Target, Trust};
use hashbrown::HashMap;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};

use crate::ambient::UnixTime;
use crate::state::audit::changes;
use crate::state::authorities::Pki;
use crate::state::ids::{Account, InstanceId, RoGroupId, RoInstanceId};
use crate::state::index::Index;
use crate::state::keys::AccessKey;
use crate::state::node::{Access, Node};
use crate::state::pins::{self, PinRecord};
use crate::state::pki::{self, AgentRecord, AuthorityRecord, ManagedRecord};
use crate::state::records::{
    self, Alive, Architecture, BadDocument, Driver, InstanceRecord, KeyRecord, ObservationRecord,
    RoGroupRecord, Tag,
};
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{self, Revision, Store, Write};
use crate::state::subject::Subject;
use crate::state::task;
use crate::state::tasks::Tasks;
use crate::state::vault::{self, Vault};
use reading::{all, for_each};
use writer::Writer;

/// What instances and RO groups have in common.
pub struct Common {
    /// Whose it is.
    pub account: Account,
    /// Its name.
    pub name: Box<str>,
    /// The virtual address that clients use.
    pub vip: Option<IpAddr>,
    /// The port of the virtual address; 0 when there is none.
    pub vport: u16,
    /// How the nodes are changed.
    pub driver: Driver,
    /// The same, each in its place: some may be changed in another way.
    pub drivers: Box<[Driver]>,
    /// What the keys of its servers' certificates are.
    pub key_kind: KeyKind,
    /// When it was registered.
    pub created: UnixTime,
    /// Further names that clients use.
    pub dns: Box<[String]>,
    /// The CA certificates that were registered for its servers.
    pub trust: Arc<Trust>,
    /// Whether certificates may cover names that were not proven.
    pub accept_unproven_names: bool,
    /// Its nodes, the primary first.
    pub nodes: Box<[Arc<Node>]>,
}

impl Common {
    /// Whether a certificate chain was ever seen on one of the nodes, so that there is a bundle to hand out.
    pub fn has_bundle(&self) -> bool {
        self.nodes.iter().any(|node| node.has_chain())
    }

    /// The names under which clients reach the whole; each node's own comes on top.
    pub fn names(&self) -> Vec<Name> {
        let vip = self.vip.map(|ip| ip.to_string());
        vip.iter()
            .chain(self.dns.iter())
            .filter_map(|name| name.parse().ok())
            .collect()
    }

    /// Whether any of its nodes can be changed or has a certificate of ours, so that our own authority is part of its bundle.
    pub fn is_managed(&self) -> bool {
        let serves_ours = |node: &Arc<Node>| node.managed().is_some();
        self.drivers.iter().any(|driver| *driver != Driver::Observe)
            || self.nodes.iter().any(serves_ours)
    }

    /// Whether CA certificates were registered, so that nothing else that its servers show is believed.
    pub fn has_ca(&self) -> bool {
        self.trust.certificates().next().is_some()
    }

    /// Its node with this address.
    pub fn node(&self, target: &Target) -> Option<&Arc<Node>> {
        self.nodes.iter().find(|node| node.target == *target)
    }

    /// How its node with this address is changed.
    pub fn driver_of(&self, target: &Target) -> Option<Driver> {
        let mut work = self.work();
        work.find(|(node, _)| node.target == *target)
            .map(|(_, driver)| driver)
    }

    /// Its nodes, and how each is changed.
    pub fn work(&self) -> impl Iterator<Item = (&Arc<Node>, Driver)> {
        self.nodes.iter().zip(self.drivers.iter().copied())
    }
}

/// An instance.
pub struct Instance {
    /// Its ID.
    pub id: InstanceId,
    /// How it is built.
    pub architecture: Architecture,
    /// Its tags.
    pub tags: Box<[Tag]>,
    /// What groups have as well.
    pub common: Common,
}

/// A read-only group.
pub struct RoGroup {
    /// Its ID.
    pub id: RoGroupId,
    /// The instance that it replicates from.
    pub primary: InstanceId,
    /// The IDs of its read-only instances, in the order of `common.nodes`.
    pub members: Box<[RoInstanceId]>,
    /// What instances have as well.
    pub common: Common,
}

/// Why the catalog could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A document cannot be read.
    #[error(transparent)]
    Document(#[from] BadDocument),
    /// A secret cannot be opened.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// An authority cannot be used.
    #[error("the certificate authority `{id}` cannot be used: {cause}")]
    Authority {
        /// Its ID.
        id: String,
        /// Why.
        cause: String,
    },
}

/// The access keys by their SecretIds.
type Keys = HashMap<String, Arc<AccessKey>, RandomState>;

/// The catalog.
pub struct Catalog {
    store: Sqlite,
    instances: Index<Arc<Instance>>,
    groups: Index<Arc<RoGroup>>,
    /// The groups of an instance, by the instance.
    groups_of: Index<Arc<[Arc<RoGroup>]>>,
    /// The group of a read-only instance, by the read-only instance.
    group_of: Index<Arc<RoGroup>>,
    keys: ArcSwap<Keys>,
    /// The tasks.
    pub tasks: Tasks,
    /// The certificate authority, and what it issued.
    pub pki: Pki,
    applied: watch::Sender<Revision>,
}

impl Catalog {
    /// Reads everything from the store and goes on following it until the store closes. Nodes that are new, also
    /// later, are sent to `discovered`.
    ///
    /// # Errors
    /// When the store fails or a document cannot be read. Nothing is served from half a catalog.
    pub async fn load(
        store: Sqlite,
        vault: Arc<Vault>,
        discovered: mpsc::UnboundedSender<Arc<Node>>,
    ) -> Result<Arc<Self>, Error> {
        let since = store.list("", "", 0).await?.revision;
        let mut writer = Writer::new(vault, discovered);
        let seen = match store.get(records::ALIVE).await? {
            Some(entry) => records::decode::<Alive>(records::ALIVE, &entry.value)?.time,
            None => 0,
        };

        for_each(&store, pki::MANAGED, |_, record: ManagedRecord| {
            writer.expect(record);
        })
        .await?;
        for_each(&store, pins::PINS, |_, record: PinRecord| {
            writer.pin(record);
        })
        .await?;
        let mut instances = Vec::new();
        for_each(&store, records::INSTANCES, |key, record: InstanceRecord| {
            instances.push(Arc::new(writer.instance(key, record)));
        })
        .await?;
        let mut groups = Vec::new();
        for_each(&store, records::GROUPS, |key, record: RoGroupRecord| {
            groups.push(Arc::new(writer.group(key, record)))
        })
        .await?;
        for_each(
            &store,
            records::OBSERVATIONS,
            |_, record: ObservationRecord| writer.observe(&record, seen),
        )
        .await?;
        let catalog = Arc::new(Self {
            tasks: Tasks::of_records(all(&store, task::TASKS).await?),
            pki: load_pki(&store, &writer).await?,
            instances: Index::of(instances.into_iter().map(|i| (i.id.tail().word(), i))),
            groups_of: Index::of(by_primary(&groups)),
            group_of: Index::of(
                groups
                    .iter()
                    .flat_map(|g| g.members.iter().map(|m| (m.tail().word(), Arc::clone(g)))),
            ),
            groups: Index::of(groups.into_iter().map(|g| (g.id.tail().word(), g))),
            keys: ArcSwap::from_pointee(load_keys(&store, &writer).await?),
            applied: watch::Sender::new(since),
            store,
        });
        let events = catalog.store.watch("", since).await?;
        tokio::spawn(writer.follow(Arc::downgrade(&catalog), events));
        Ok(catalog)
    }

    /// The instance with this ID, whoever's it is.
    pub fn instance(&self, id: InstanceId) -> Option<Arc<Instance>> {
        self.instances.get(id.tail().word())
    }

    /// Lends the instance with this ID to `read`, for the hot path.
    pub fn with_instance<R>(&self, id: InstanceId, read: impl FnOnce(&Instance) -> R) -> Option<R> {
        self.instances
            .with(id.tail().word(), |instance| read(instance))
    }

    /// The RO group with this ID, whoever's it is.
    pub fn group(&self, id: RoGroupId) -> Option<Arc<RoGroup>> {
        self.groups.get(id.tail().word())
    }

    /// The RO groups of an instance.
    pub fn groups_of(&self, primary: InstanceId) -> Arc<[Arc<RoGroup>]> {
        self.groups_of
            .get(primary.tail().word())
            .unwrap_or_else(|| Arc::from([]))
    }

    /// The group that a read-only instance belongs to.
    pub fn group_of(&self, member: RoInstanceId) -> Option<Arc<RoGroup>> {
        self.group_of.get(member.tail().word())
    }

    /// Every instance, in no order.
    pub fn instances(&self) -> Vec<Arc<Instance>> {
        self.instances.values()
    }

    /// Every RO group, in no order.
    pub fn groups(&self) -> Vec<Arc<RoGroup>> {
        self.groups.values()
    }

    /// Every instance and RO group, in no order.
    pub fn subjects(&self) -> Vec<Subject> {
        let instances = self.instances().into_iter().map(Subject::Instance);
        let groups = self.groups().into_iter().map(Subject::Group);
        instances.chain(groups).collect()
    }

    /// The access key with this SecretId.
    pub fn key(&self, secret_id: &str) -> Option<Arc<AccessKey>> {
        self.keys.load().get(secret_id).cloned()
    }

    /// Every access key, in no order.
    pub fn keys(&self) -> Vec<Arc<AccessKey>> {
        self.keys.load().values().cloned().collect()
    }

    /// Whom a node's certificate may lead to: our own authority, and what was registered for the node.
    pub fn trust_for(&self, access: Option<&Access>) -> Arc<Trust> {
        match access {
            Some(access) => self.with_ours(&access.trust),
            None => self.pki.trust(),
        }
    }

    /// These CA certificates and our own authority.
    pub fn with_ours(&self, trust: &Trust) -> Arc<Trust> {
        let ours = self.pki.trust();
        match trust.certificates().next() {
            Some(_) => Arc::new(trust.and(&ours)),
            None => ours,
        }
    }

    /// Writes to the store, and answers once readers see it, with the revision of what was written.
    ///
    /// # Errors
    /// [`store::Error::Conflict`] when a condition does not hold, or when the store fails.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<Revision, store::Error> {
        let changes = changes::of_commit(&self.store, &writes).await?;
        let revision = self.store.commit(writes).await?;
        changes::record(changes);
        let mut applied = self.applied.subscribe();
        let reached = applied.wait_for(|applied| *applied >= revision).await;
        reached
            .map(|_| revision)
            .map_err(|_| store::Error::Backend("the catalog stopped following the store".into()))
    }

    /// Reads one document. Not for the hot path: this asks the store.
    ///
    /// # Errors
    /// When the store fails or the document cannot be read.
    pub async fn document<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<(T, Revision)>, Error> {
        let Some(entry) = self.store.get(key).await? else {
            return Ok(None);
        };
        Ok(Some((records::decode(key, &entry.value)?, entry.revision)))
    }

    fn set_instance(&self, id: InstanceId, instance: Option<Arc<Instance>>) {
        self.instances.set(id.tail().word(), instance);
    }

    /// Replaces a group, and with it the ways that lead to it.
    fn set_group(&self, id: RoGroupId, next: Option<&Arc<RoGroup>>) {
        if let Some(before) = self.group(id) {
            for member in &before.members {
                self.group_of.set(member.tail().word(), None);
            }
            self.change_groups_of(before.primary, |groups| {
                groups.retain(|group| group.id != id)
            });
        }
        if let Some(group) = next {
            for member in &group.members {
                self.group_of
                    .set(member.tail().word(), Some(Arc::clone(group)));
            }
            self.change_groups_of(group.primary, |groups| groups.push(Arc::clone(group)));
        }
        self.groups.set(id.tail().word(), next.cloned());
    }

    fn change_groups_of(&self, primary: InstanceId, change: impl FnOnce(&mut Vec<Arc<RoGroup>>)) {
        let mut groups = self.groups_of(primary).to_vec();
        change(&mut groups);
        self.groups_of.set(
            primary.tail().word(),
            (!groups.is_empty()).then(|| groups.into()),
        );
    }

    fn set_key(&self, secret_id: &str, key: Option<AccessKey>) {
        let mut keys = HashMap::clone(&self.keys.load());
        match key {
            Some(key) => keys.insert(secret_id.to_owned(), Arc::new(key)),
            None => keys.remove(secret_id),
        };
        self.keys.store(Arc::new(keys));
    }
}

async fn load_keys(store: &Sqlite, writer: &Writer) -> Result<Keys, Error> {
    let mut keys = Keys::default();
    for record in all::<KeyRecord>(store, records::KEYS).await? {
        let key = writer.access_key(&KeyRecord::key(&record.secret_id), record)?;
        keys.insert(key.secret_id.clone(), Arc::new(key));
    }
    Ok(keys)
}

async fn load_pki(store: &Sqlite, writer: &Writer) -> Result<Pki, Error> {
    let pki = Pki::of(all(store, pki::ISSUED).await?);
    for record in all::<AuthorityRecord>(store, pki::AUTHORITIES).await? {
        pki.set_authority(writer.authority(record)?);
    }
    for record in all::<AgentRecord>(store, pki::AGENTS).await? {
        pki.set_agent(record);
    }
    Ok(pki)
}

fn by_primary(groups: &[Arc<RoGroup>]) -> impl Iterator<Item = (u64, Arc<[Arc<RoGroup>]>)> {
    let mut of: HashMap<u64, Vec<Arc<RoGroup>>> = HashMap::new();
    for group in groups {
        of.entry(group.primary.tail().word())
            .or_default()
            .push(Arc::clone(group));
    }
    of.into_iter()
        .map(|(primary, groups)| (primary, groups.into()))
}
