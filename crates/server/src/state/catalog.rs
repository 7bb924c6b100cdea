//! The catalog: everything that reads are answered from, in memory, kept fresh by the store's `watch`.
//!
//! Readers take immutable snapshots and never wait. One task applies the changes, in the order of their revisions;
//! [`Catalog::commit`] answers once its own change was applied, so a caller reads what it wrote.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::RandomState;
use arc_swap::ArcSwap;
use dbtls::Trust;
use hashbrown::{HashMap, HashSet, HashTable};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use wire::SecretKey;

use crate::ambient::UnixTime;
use crate::state::ids::{Account, InstanceId, RoGroupId, RoInstanceId};
use crate::state::index::Index;
use crate::state::keys::AccessKey;
use crate::state::node::{Access, Node, Observed, Profile};
use crate::state::records::{
    self, Alive, Architecture, BadDocument, Driver, InstanceRecord, KeyRecord, ObservationRecord,
    Registration, RoGroupRecord, Tag,
};
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{self, Entry, Event, Revision, Store, Write};
use crate::state::vault::{self, Vault};

/// How many documents one read of the store brings.
const PAGE: usize = 1024;
/// How many pages are read before they are needed.
const AHEAD: usize = 4;

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
    /// When it was registered.
    pub created: UnixTime,
    /// Further names that clients use.
    pub dns: Box<[String]>,
    /// Its nodes, the primary first.
    pub nodes: Box<[Arc<Node>]>,
}

impl Common {
    /// Whether a certificate chain was ever seen on one of the nodes, so that there is a bundle to hand out.
    pub fn has_bundle(&self) -> bool {
        self.nodes.iter().any(|node| node.has_chain())
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
}

/// The catalog.
pub struct Catalog {
    store: Sqlite,
    instances: Index<Arc<Instance>>,
    groups: Index<Arc<RoGroup>>,
    /// The groups of an instance, by the instance.
    groups_of: Index<Arc<[Arc<RoGroup>]>>,
    /// The group of a read-only instance, by the read-only instance.
    group_of: Index<Arc<RoGroup>>,
    keys: ArcSwap<HashMap<String, Arc<AccessKey>, RandomState>>,
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
        let mut keys = Vec::new();
        for_each(&store, records::KEYS, |key, record: KeyRecord| {
            keys.push((key.to_owned(), record))
        })
        .await?;
        let keys = keys
            .into_iter()
            .map(|(key, record)| writer.access_key(&key, record))
            .collect::<Result<Vec<_>, _>>()?;

        let catalog = Arc::new(Self {
            instances: Index::of(instances.into_iter().map(|i| (i.id.tail().word(), i))),
            groups_of: Index::of(by_primary(&groups)),
            group_of: Index::of(
                groups
                    .iter()
                    .flat_map(|g| g.members.iter().map(|m| (m.tail().word(), Arc::clone(g)))),
            ),
            groups: Index::of(groups.into_iter().map(|g| (g.id.tail().word(), g))),
            keys: ArcSwap::from_pointee(
                keys.into_iter()
                    .map(|k| (k.secret_id.clone(), Arc::new(k)))
                    .collect(),
            ),
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

    /// The access key with this SecretId.
    pub fn key(&self, secret_id: &str) -> Option<Arc<AccessKey>> {
        self.keys.load().get(secret_id).cloned()
    }

    /// Every access key, in no order.
    pub fn keys(&self) -> Vec<Arc<AccessKey>> {
        self.keys.load().values().cloned().collect()
    }

    /// Writes to the store, and answers once readers see it.
    ///
    /// # Errors
    /// [`store::Error::Conflict`] when a condition does not hold, or when the store fails.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<(), store::Error> {
        let revision = self.store.commit(writes).await?;
        let mut applied = self.applied.subscribe();
        let reached = applied.wait_for(|applied| *applied >= revision).await;
        reached
            .map(|_| ())
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

/// Gives every document under a prefix to `each`, in the order of the keys. While one page is taken in, the pages after it are read
/// and decoded on other threads.
async fn for_each<T: DeserializeOwned + Send + 'static>(
    store: &Sqlite,
    prefix: &'static str,
    mut each: impl FnMut(&str, T),
) -> Result<(), Error> {
    let mut pages = read_ahead(store.clone(), prefix);
    while let Some(page) = pages.recv().await {
        let decoded = page?
            .await
            .map_err(|error| store::Error::Backend(error.to_string()))?;
        for (key, record) in decoded? {
            each(&key, record);
        }
    }
    Ok(())
}

/// A page that is being decoded, or why it could not be read.
type Decoding<T> = Result<JoinHandle<Result<Vec<(String, T)>, BadDocument>>, store::Error>;

fn read_ahead<T: DeserializeOwned + Send + 'static>(
    store: Sqlite,
    prefix: &'static str,
) -> mpsc::Receiver<Decoding<T>> {
    let (sender, pages) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut after = String::new();
        loop {
            let page = store
                .list(prefix, &after, PAGE)
                .await
                .map(|page| page.entries);
            if let Ok(entries) = &page {
                let Some(last) = entries.last() else { return };
                after.clone_from(&last.key);
            }
            let is_broken = page.is_err();
            let decoding = page.map(|entries| tokio::task::spawn_blocking(|| decode_all(entries)));
            if sender.send(decoding).await.is_err() || is_broken {
                return;
            }
        }
    });
    pages
}

fn decode_all<T: DeserializeOwned>(entries: Vec<Entry>) -> Result<Vec<(String, T)>, BadDocument> {
    let decode =
        |Entry { key, value, .. }| records::decode(&key, &value).map(|record| (key, record));
    entries.into_iter().map(decode).collect()
}

/// What was registered for probing, if anything was.
fn access(owner: &str, of: &Registration) -> Option<Access> {
    if of.probe.is_none() && of.ca.is_none() {
        return None;
    }
    // Checked when it was registered; a bundle that cannot be read now trusts nobody.
    let trust = of
        .ca
        .as_deref()
        .and_then(|pem| Trust::from_pem(pem.as_bytes()).ok())
        .unwrap_or_default();
    Some(Access {
        owner: owner.to_owned(),
        login: of.probe.clone(),
        trust,
    })
}

/// The one that changes the catalog: it alone knows which nodes there are.
struct Writer {
    vault: Arc<Vault>,
    discovered: mpsc::UnboundedSender<Arc<Node>>,
    nodes: HashTable<Arc<Node>>,
    hasher: RandomState,
    profiles: HashSet<Arc<Profile>, RandomState>,
}

impl Writer {
    fn new(vault: Arc<Vault>, discovered: mpsc::UnboundedSender<Arc<Node>>) -> Self {
        Self {
            vault,
            discovered,
            nodes: HashTable::new(),
            hasher: RandomState::new(),
            profiles: HashSet::default(),
        }
    }

    /// Applies events until the store or the catalog is gone.
    async fn follow(mut self, catalog: std::sync::Weak<Catalog>, mut events: store::Watch) {
        while let Some(event) = events.recv().await {
            let Some(catalog) = catalog.upgrade() else {
                return;
            };
            if let Err(error) = self.apply(&catalog, &event) {
                // The document was written by ourselves a moment ago, or by another node of a newer version.
                tracing::error!(key = event.key, %error, "a change could not be applied; reads go on with what was known");
            }
            catalog.applied.send_if_modified(|applied| {
                std::mem::replace(applied, event.revision) != event.revision
            });
        }
    }

    fn apply(&mut self, catalog: &Catalog, event: &Event) -> Result<(), Error> {
        let Event { key, value, .. } = event;
        let value = value.as_deref();
        let name = key.rsplit('/').next().unwrap_or_default();
        if key.starts_with(records::INSTANCES) {
            let Ok(id) = name.parse::<InstanceId>() else {
                return Ok(());
            };
            let next = value
                .map(|v| records::decode(key, v))
                .transpose()?
                .map(|record| Arc::new(self.instance(key, record)));
            let before = catalog.instance(id);
            catalog.set_instance(id, next);
            self.release(before.as_ref().map(|instance| &instance.common));
        } else if key.starts_with(records::GROUPS) {
            let Ok(id) = name.parse::<RoGroupId>() else {
                return Ok(());
            };
            let next = value
                .map(|v| records::decode(key, v))
                .transpose()?
                .map(|record| Arc::new(self.group(key, record)));
            let before = catalog.group(id);
            catalog.set_group(id, next.as_ref());
            self.release(before.as_ref().map(|group| &group.common));
        } else if key.starts_with(records::OBSERVATIONS) {
            if let Some(record) = value
                .map(|v| records::decode::<ObservationRecord>(key, v))
                .transpose()?
            {
                self.observe(&record, record.since);
            }
        } else if key.starts_with(records::KEYS) {
            let next = value
                .map(|v| records::decode(key, v))
                .transpose()?
                .map(|record| self.access_key(key, record))
                .transpose()?;
            catalog.set_key(name, next);
        }
        Ok(())
    }

    fn instance(&mut self, key: &str, record: InstanceRecord) -> Instance {
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

    fn group(&mut self, key: &str, record: RoGroupRecord) -> RoGroup {
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

    fn common(&mut self, key: &str, nodes: Vec<dbtls::Target>, of: Registration) -> Common {
        let nodes = nodes
            .into_iter()
            .map(|target| self.take(key, target, &of))
            .collect();
        Common {
            account: of.account,
            name: of.name.into(),
            vip: of.vip,
            vport: of.vport,
            driver: of.driver,
            created: of.created,
            dns: of.dns.into(),
            nodes,
        }
    }

    /// The node with this address, made if it is new; owned once more.
    fn take(&mut self, owner: &str, target: dbtls::Target, of: &Registration) -> Arc<Node> {
        let hash = self.hasher.hash_one(&target);
        let known = self.nodes.find(hash, |node| node.target == target).cloned();
        let node = known.unwrap_or_else(|| {
            let node = Arc::new(Node::new(target));
            self.nodes.insert_unique(hash, Arc::clone(&node), |node| {
                self.hasher.hash_one(&node.target)
            });
            node
        });
        let access = access(owner, of);
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

    fn observe(&mut self, record: &ObservationRecord, confirmed: UnixTime) {
        let hash = self.hasher.hash_one(&record.node);
        let Some(node) = self
            .nodes
            .find(hash, |node| node.target == record.node)
            .cloned()
        else {
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
            has_chain: !record.chain.is_empty(),
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

    fn access_key(&self, key: &str, record: KeyRecord) -> Result<AccessKey, Error> {
        let secret = self.vault.open_sealed(key, &record.secret_key)?;
        let text =
            String::from_utf8(secret.to_vec()).map_err(|_| vault::Error::Sealed(key.to_owned()))?;
        Ok(AccessKey::new(record, SecretKey::new(text)))
    }
}
