//! A made-up fleet in a real store: instances, observations, certificates, written as the service itself writes them.
//!
//! The servers do not exist. Everything else is what a service has in its store that watches such a fleet: each node was seen
//! ON with its own leaf certificate under one CA.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dbtls::{Flavor, Greeting, LoginOutcome, Observation, Status, Target, Tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use server::state::documents::Documents;
use server::state::ids::{Account, InstanceId};
use server::state::records::{
    self, Access, Alive, Architecture, CertificateRecord, Driver, InstanceRecord, KeyRecord, Leaf,
    ObservationRecord, Registration, V1,
};
use server::state::store::sqlite::Sqlite;
use server::state::store::{Expect, Store as _, Write};
use server::state::vault::Vault;
use server::{Entropy, RootKey, service};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

/// Nodes of an instance.
const NODES: u32 = 2;
/// How many instances are written in one transaction.
const BATCH: usize = 5000;
/// The port of the nodes: nobody listens on it, and unlike 3306 no server of this machine's user may either.
const PORT: u16 = 9;
const DAY: i64 = 86_400;

/// What is in the store.
pub struct Seeded {
    /// The IDs of all instances, in no order.
    pub instances: Vec<InstanceId>,
    /// The key to sign with.
    pub key: RootKey,
}

/// Makes a data folder with a key and this many two-node instances, observed at `now`, in unix seconds.
///
/// # Errors
/// When the folder cannot be written.
pub async fn seed(data: &Path, count: usize, now: i64) -> anyhow::Result<Seeded> {
    std::fs::create_dir_all(data).with_context(|| format!("{}", data.display()))?;
    let store = Sqlite::open(&data.join("signet.db"))?;
    let vault = Vault::open(&data.join("master.key"), &store, Entropy::System).await?;
    let key = service::fresh_key(&Entropy::System)?;
    let record = service::key_record(&vault, &key, Account::FIRST, Access::Full, "bench", now)?;
    let alive = Alive { v: V1, time: now };
    let (key_name, authority) = (KeyRecord::key(key.secret_id.as_str()), Authority::new(now)?);
    let mut writes = vec![
        put(key_name, &record),
        put(records::ALIVE, &alive),
        authority.document(),
    ];
    let documents = Documents::of(&vault);
    for write in &mut writes {
        documents.seal(write)?;
    }
    store.commit(writes).await?;

    let mut fleet = Fleet {
        authority,
        now,
        nodes: 0,
    };
    let mut instances = Vec::with_capacity(count);
    while instances.len() < count {
        let mut writes = Vec::new();
        for _ in 0..BATCH.min(count - instances.len()) {
            instances.push(fleet.add_instance(&mut writes)?);
        }
        store
            .commit(writes)
            .await
            .context("an ID was drawn twice, or the store failed")?;
    }
    Ok(Seeded { instances, key })
}

fn put(key: impl Into<String>, document: &impl serde::Serialize) -> Write {
    Write::put(key, records::encode(document), Expect::Absent)
}

struct Fleet {
    authority: Authority,
    now: i64,
    nodes: u32,
}

impl Fleet {
    fn add_instance(&mut self, writes: &mut Vec<Write>) -> anyhow::Result<InstanceId> {
        let id = InstanceId::fresh(&Entropy::System);
        let nodes: Vec<Target> = (0..NODES).map(|_| self.next_address()).collect();
        for node in &nodes {
            self.observe(node, writes)?;
        }
        let record = InstanceRecord {
            v: V1,
            id,
            architecture: Architecture::TwoNode,
            nodes,
            tags: Vec::new(),
            registration: Registration {
                accept_unproven_names: false,
                account: Account::FIRST,
                name: format!("orders-{}", self.nodes / NODES),
                vip: None,
                vport: 0,
                dns: Vec::new(),
                driver: Driver::Observe,
                node_drivers: Vec::new(),
                key_kind: Default::default(),
                created: self.now,
                probe: None,
                ca: None,
                sql: None,
            },
        };
        writes.push(put(InstanceRecord::key(id), &record));
        Ok(id)
    }

    /// Every node has its own address, from 127.128.0.1 on.
    fn next_address(&mut self) -> Target {
        self.nodes += 1;
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(127, 128, 0, 0).to_bits() + self.nodes);
        Target::tcp(std::net::IpAddr::from(address).into(), PORT)
    }

    fn observe(&self, node: &Target, writes: &mut Vec<Write>) -> anyhow::Result<()> {
        let (leaf, not_after) = self.authority.issue(node, self.now)?;
        let chain = vec![digest(&leaf), digest(&self.authority.certificate)];
        let record = ObservationRecord {
            v: V1,
            node: node.clone(),
            since: self.now,
            seen: seen(),
            digest: u64::from_be_bytes(
                Sha256::digest(&leaf)[..8]
                    .try_into()
                    .expect("eight bytes of thirty-two"),
            ),
            chain,
            leaf: Leaf {
                issuer: format!("CN={AUTHORITY}"),
                not_after: Some(not_after),
            },
        };
        writes.push(put(ObservationRecord::key(node), &record));
        writes.push(document(&leaf));
        Ok(())
    }
}

/// What a probe of a MySQL 9 sees, as it is written down.
fn seen() -> Observation {
    Observation {
        status: Status::On,
        reason: None,
        greeting: Some(Greeting {
            flavor: Flavor::MySql,
            server_version: "9.7.4".into(),
        }),
        tls: Some(Tls {
            version: "TLSv1.3".into(),
            cipher: "TLS_AES_256_GCM_SHA384".into(),
            chain: Vec::new(),
            signature_checked: true,
        }),
        login: LoginOutcome::Nobody,
        took: std::time::Duration::ZERO,
    }
}

const AUTHORITY: &str = "Benchmark fleet CA";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Vec<u8>,
}

impl Authority {
    fn new(now: i64) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, AUTHORITY);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (date(now - DAY)?, date(now + 3650 * DAY)?);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.der().to_vec();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
        })
    }

    /// A leaf for one node, in DER, and when it expires.
    fn issue(&self, node: &Target, now: i64) -> anyhow::Result<(Vec<u8>, i64)> {
        let host = node.host().context("a TCP address has a host")?.to_string();
        let mut params = CertificateParams::new(vec![host])?;
        let not_after = now + 397 * DAY;
        (params.not_before, params.not_after) = (date(now - DAY)?, date(not_after)?);
        let leaf = params.signed_by(&KeyPair::generate()?, &self.issuer)?;
        Ok((leaf.der().to_vec(), not_after))
    }

    fn document(&self) -> Write {
        document(&self.certificate)
    }
}

fn document(der: &[u8]) -> Write {
    put(
        CertificateRecord::key(&digest(der)),
        &CertificateRecord {
            v: V1,
            der: BASE64.encode(der),
        },
    )
}

fn digest(der: &[u8]) -> String {
    hex::encode(Sha256::digest(der))
}

fn date(unix_seconds: i64) -> anyhow::Result<OffsetDateTime> {
    Ok(OffsetDateTime::from_unix_timestamp(unix_seconds)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_store_holds_what_the_service_expects() {
        let folder = tempfile::tempdir().unwrap();
        let seeded = seed(folder.path(), 3, lab::now()).await.unwrap();
        let (nodes, mut discovered) = tokio::sync::mpsc::unbounded_channel();
        let store = Sqlite::open(&folder.path().join("signet.db")).unwrap();
        let vault = Vault::open(&folder.path().join("master.key"), &store, Entropy::System)
            .await
            .unwrap();
        let catalog = server::state::catalog::Catalog::load(store, vault.into(), nodes)
            .await
            .unwrap();

        let key = catalog.key(seeded.key.secret_id.as_str()).unwrap();
        assert_eq!(key.secret_key().expose(), seeded.key.secret_key.expose());
        for id in &seeded.instances {
            let instance = catalog.instance(*id).unwrap();
            assert!(instance.common.has_bundle());
            for node in &instance.common.nodes {
                let (record, chain) = server::state::observed::observation(&catalog, node)
                    .await
                    .unwrap()
                    .unwrap();
                assert_eq!((node.fresh().0, chain.len()), (Status::On, 2));
                assert_eq!(record.leaf.not_after, node.observed().unwrap().not_after);
            }
        }
        assert_eq!(discovered.len(), 6, "every node is a node of its own");
        discovered.close();
    }
}
