//! The running service: what every request and every worker shares, how it starts, and how it stops.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dbtls::Status;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::{SecretId, SecretKey};

use crate::ambient::{Clock, Entropy, Resolver, UnixTime};
use crate::api::table::Table;
use crate::config::{self, Config};
use crate::http::bodies::Bodies;
use crate::http::side::Purpose;
use crate::http::{self, Edge};
use crate::metrics::Metrics;
use crate::state::audit::{self, Audit};
use crate::state::budget::{Limits, LogBudget};
use crate::state::catalog::{self, Catalog, Common};
use crate::state::ids::{Account, SubjectId};
use crate::state::link::Links;
use crate::state::node::Node;
use crate::state::records::{self, Access, Alive, KeyRecord, V1};
use crate::state::refused::Refused;
use crate::state::repeats::Repeats;
use crate::state::revocations::Revocations;
use crate::state::sessions::Sessions;
use crate::state::signatures::Signatures;
use crate::state::status::{self, Verdict};
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{self, Expect, Write};
use crate::state::upgrade;
use crate::state::vault::{self, Vault};
use crate::targets::Targets;
use crate::web;
use crate::work::agents::Hub;
use crate::work::auditing;
use crate::work::background::Background;
use crate::work::disk;
use crate::work::issuing;
use crate::work::peers::Peers;
use crate::work::prober::{self, Prober};
use crate::work::renewal;
use crate::work::retention;
use crate::work::tasks::{self, Tasks};
use crate::work::witness;

/// How often the time is written down at which this control plane was still watching.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// How often it is looked for refused calls that are old enough to be forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// What every request and every worker shares.
pub struct Service {
    /// The configuration.
    pub config: Config,
    /// The clock.
    pub clock: Clock,
    /// The source of randomness.
    pub entropy: Entropy,
    /// What host names resolve to, for names that are to be proven.
    pub resolver: Resolver,
    /// Everything that reads are answered from.
    pub catalog: Arc<Catalog>,
    /// What opens and seals secrets.
    pub vault: Arc<Vault>,
    /// The audit log.
    pub audit: Arc<Audit>,
    /// What refused callers may make this service log.
    pub log_budget: LogBudget,
    /// The latest calls that were refused because of their signature.
    pub refused: Refused,
    /// Which signature was used for which action.
    pub signatures: Signatures,
    /// The answers of writes that may be sent again.
    pub repeats: Repeats,
    /// When this start was, in Unix seconds; what was signed before is not remembered.
    pub started: UnixTime,
    /// The actions.
    pub table: Table,
    /// What is counted.
    pub metrics: Metrics,
    /// Certificate links.
    pub links: Links,
    /// Revocation lists.
    pub revocations: Revocations,
    /// What servers have to prove, and where they may be.
    pub peers: Arc<Peers>,
    /// The prober.
    pub prober: Prober,
    /// The way to what runs tasks.
    pub tasks: Tasks,
    /// What agents are told to do.
    pub agents: Hub,
    /// Who is signed in to the console.
    pub sessions: Sessions,
    /// What the listeners share.
    pub edge: Edge,
}

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error("the configuration cannot be used: {0}")]
    Config(#[from] config::Error),
    /// The data folder cannot be used.
    #[error("the data folder {path}: {cause}")]
    Data {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Another process uses the data folder.
    #[error(
        "the data folder {0} is in use by another signet. Stop that one, or name another folder with --data"
    )]
    InUse(PathBuf),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A secret cannot be opened.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The catalog cannot be loaded.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// The certificate authority cannot be used.
    #[error("[ca]: {0}")]
    Authority(String),
    /// There are no threads for what goes on in the background.
    #[error("threads for the background: {0}")]
    Threads(std::io::Error),
    /// The token of the metrics cannot be read.
    #[error("[metrics] token_file: {path}: {cause}")]
    MetricsToken {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The listener's certificate cannot be used.
    #[error("[tls]: {0}")]
    Tls(String),
}

/// A key pair for the root of the account.
pub struct RootKey {
    /// The public half.
    pub secret_id: SecretId,
    /// The secret half.
    pub secret_key: SecretKey,
}

/// A service that has started.
pub struct Running {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The address that it listens on for agents.
    pub agents_address: Option<SocketAddr>,
    /// What it shares.
    pub service: Arc<Service>,
    /// The root key that this start made; there is no other chance to see it.
    pub made_root_key: Option<RootKey>,
    /// Which file keeps other processes out of the data folder.
    _lock: std::fs::File,
    stop: CancellationToken,
    workers: Vec<JoinHandle<()>>,
    /// Where most of the workers run; last, so that they have ended before it does.
    _background: Background,
}

impl Service {
    /// Starts: listens, opens the data, loads the catalog, answers, and probes. `root` is made a key of the account if it is given.
    ///
    /// # Errors
    /// When anything of that cannot be done; nothing is left behind then but a data folder that was missing.
    pub async fn start(
        config: Config,
        clock: Clock,
        entropy: Entropy,
        root: Option<RootKey>,
    ) -> Result<Running, StartError> {
        Self::start_resolving(config, clock, entropy, Resolver::System, root).await
    }

    /// Starts as [`start`](Self::start) does, with another resolver for the names that are to be proven.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_resolving(
        config: Config,
        clock: Clock,
        entropy: Entropy,
        resolver: Resolver,
        root: Option<RootKey>,
    ) -> Result<Running, StartError> {
        config.check()?;
        let tls = http::tls::Reloading::new(config.tls.as_ref())?;
        let metrics_token = read_metrics_token(&config)?;
        let agents_tls = http::agents_tls::Configs::new(config.agents.names()?);
        // First, so that a start which finds an address taken has touched no data.
        let listener = bind(config.listen).await?;
        let address = address_of(&listener, config.listen)?;
        let agents = bind_if_given(config.agents.listen).await?;
        let health = bind_if_given(config.health.listen).await?;
        let metrics_alone = bind_if_given(config.metrics.listen).await?;
        let opened = open(&config, &clock, &entropy, root).await?;
        let agents_address = agents.as_ref().and_then(|agents| agents.local_addr().ok());
        let own = [Some(address), agents_address]
            .into_iter()
            .flatten()
            .collect();
        let targets = Targets::of(&config.targets, own).map_err(config::Error::targets)?;
        let peers = Arc::new(Peers {
            catalog: Arc::clone(&opened.catalog),
            clock: clock.clone(),
            targets: Arc::new(targets),
            allow_unverified: config.sql.allow_unverified,
        });
        let metrics = Metrics::new();
        let edge_metrics = metrics.edge();
        let edge = Edge {
            bound: address,
            bodies: Bodies::new(&config.limits, edge_metrics.clone()),
            metrics: edge_metrics,
            metrics_token,
        };
        let stop = CancellationToken::new();
        let background = Background::start(config.workers).map_err(StartError::Threads)?;
        let (prober, probing) = {
            let _inside = background.enter();
            let (peers, vault) = (Arc::clone(&peers), Arc::clone(&opened.vault));
            let (metrics, nodes) = (metrics.prober(), opened.nodes);
            prober::start(&config, vault, peers, metrics, nodes, stop.clone())
        };
        let (tasks, wanted) = Tasks::channel();
        let service = Arc::new(Self {
            edge,
            signatures: Signatures::new(&entropy),
            repeats: Repeats::default(),
            started: clock.now(),
            table: Table::new(&config.rates, &metrics),
            sessions: Sessions::new(config.console.idle_timeout),
            links: Links::new(config.link_base(address), &opened.vault),
            revocations: Revocations::default(),
            log_budget: LogBudget::new(Limits {
                all: config.log.refused_bytes_per_minute,
                source: config.log.refused_bytes_per_source,
            }),
            config,
            clock,
            entropy,
            resolver,
            catalog: opened.catalog,
            vault: opened.vault,
            audit: opened.audit,
            refused: Refused::default(),
            metrics,
            peers,
            prober,
            tasks,
            agents: Hub::default(),
        });
        let mut workers = service.start_workers(&background, wanted, &stop);
        workers.push(probing);
        if let Some(tls) = &tls {
            workers.push(tokio::spawn(Arc::clone(tls).watch(stop.clone())));
        }
        let serving = http::serve(Arc::clone(&service), listener, tls, stop.clone());
        workers.push(tokio::spawn(serving));
        for (listener, purpose) in [(health, Purpose::Health), (metrics_alone, Purpose::Metrics)] {
            workers.extend(listener.map(|listener| {
                let service = Arc::clone(&service);
                tokio::spawn(http::side::serve(service, listener, purpose, stop.clone()))
            }));
        }
        workers.extend(agents.map(|listener| {
            let service = Arc::clone(&service);
            let tls = agents_tls.into();
            tokio::spawn(http::agents::serve(service, listener, tls, stop.clone()))
        }));
        Ok(Running {
            address,
            agents_address,
            service,
            made_root_key: opened.made_root_key,
            _lock: opened.lock,
            stop,
            workers,
            _background: background,
        })
    }

    /// What goes on by itself, on the threads for that.
    fn start_workers(
        self: &Arc<Self>,
        background: &Background,
        wanted: tasks::Wanted,
        stop: &CancellationToken,
    ) -> Vec<JoinHandle<()>> {
        let _inside = background.enter();
        vec![
            tasks::serve(Arc::clone(self), wanted, stop.clone()),
            tokio::spawn(witness::run(Arc::clone(self), stop.clone())),
            tokio::spawn(renewal::run(Arc::clone(self), stop.clone())),
            tokio::spawn(retention::run(Arc::clone(self), stop.clone())),
            tokio::spawn(heartbeat(Arc::clone(self), stop.clone())),
            tokio::spawn(auditing::run(Arc::clone(self), stop.clone())),
            tokio::spawn(disk::run(Arc::clone(self), stop.clone())),
            tokio::spawn(forget_refused(Arc::clone(self), stop.clone())),
        ]
    }
}

/// The data of a service that starts.
struct Opened {
    lock: std::fs::File,
    vault: Arc<Vault>,
    audit: Arc<Audit>,
    catalog: Arc<Catalog>,
    /// Every node, as it becomes known.
    nodes: mpsc::UnboundedReceiver<Arc<Node>>,
    made_root_key: Option<RootKey>,
}

/// Opens the data, and makes what a first start has to make: a key to call with, and an authority.
async fn open(
    config: &Config,
    clock: &Clock,
    entropy: &Entropy,
    root: Option<RootKey>,
) -> Result<Opened, StartError> {
    let lock = lock_folder(config)?;
    let store = Sqlite::open(&config.data.join("signet.db"))?;
    let vault = Arc::new(Vault::open(&config.master_key_path(), &store, entropy.clone()).await?);
    let audit = auditing::open(config, &vault, &store, clock.now()).await?;
    let (discovered, nodes) = mpsc::unbounded_channel();
    let now = clock.now();
    upgrade::run(&store, &vault, now).await?;
    let catalog = Catalog::load(store, Arc::clone(&vault), discovered).await?;
    let made_root_key = ensure_root_key(&catalog, &vault, entropy, now, root).await?;
    issuing::ensure_authority(config, &catalog, &vault, entropy, now).await?;
    Ok(Opened {
        lock,
        vault,
        audit: Arc::new(audit),
        catalog,
        nodes,
        made_root_key,
    })
}

impl Service {
    /// How long an observation stands when its node cannot be reached any more, in seconds.
    pub fn stale_after(&self) -> UnixTime {
        i64::try_from(self.config.stale_after.as_secs()).unwrap_or(i64::MAX)
    }

    /// The SecretId that a caller named, for a log: whole if it is a key's, which is longer than other names may be.
    pub fn shown_key(&self, named: &str) -> String {
        match self.catalog.key(named) {
            Some(key) => key.secret_id.clone(),
            None => audit::short(named),
        }
    }

    /// What `Status` is. While a task changes it, it is what it was before.
    pub fn verdict<'a>(&self, id: SubjectId, of: &'a Common, now: UnixTime) -> Verdict<'a> {
        match self.catalog.tasks.status_before(id) {
            Some(Status::On) => Verdict::On,
            Some(Status::Off) => Verdict::Off,
            Some(Status::Unknown) | None => status::verdict(&of.nodes, now, self.stale_after()),
        }
    }
}

impl Running {
    /// Stops: no new connections, requests under way are finished, what is buffered is written.
    pub async fn stop(self) {
        self.stop.cancel();
        for worker in self.workers {
            if let Err(error) = worker.await {
                tracing::error!(%error, "a worker ended badly");
            }
        }
        auditing::checkpoint(&self.service, None).await;
    }
}

impl Config {
    /// The file of the master key.
    pub fn master_key_path(&self) -> PathBuf {
        if self.master_key_file.as_os_str().is_empty() {
            self.data.join("master.key")
        } else {
            self.master_key_file.clone()
        }
    }
}

/// Makes the folder, and keeps other processes out of it for as long as the file is open.
fn lock_folder(config: &Config) -> Result<std::fs::File, StartError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let failed = |cause| StartError::Data {
        path: config.data.clone(),
        cause,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data)
        .map_err(failed)?;
    let path = config.data.join("lock");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::InUse(config.data.clone())),
        Err(std::fs::TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

fn address_of(listener: &TcpListener, wanted: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|cause| StartError::Listen {
        address: wanted,
        cause,
    })
}

fn read_metrics_token(config: &Config) -> Result<Option<web::Token>, StartError> {
    let Some(path) = config.metrics.token_file.clone() else {
        return Ok(None);
    };
    let token = web::Token::read(&path);
    token
        .map(Some)
        .map_err(|cause| StartError::MetricsToken { path, cause })
}

async fn bind_if_given(address: Option<SocketAddr>) -> Result<Option<TcpListener>, StartError> {
    match address {
        Some(address) => bind(address).await.map(Some),
        None => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|cause| StartError::Listen { address, cause })
}

/// Sees to it that somebody can call: the given key, or on first start a fresh one.
async fn ensure_root_key(
    catalog: &Catalog,
    vault: &Vault,
    entropy: &Entropy,
    now: UnixTime,
    given: Option<RootKey>,
) -> Result<Option<RootKey>, StartError> {
    // Keys that were edited in the store are no reason to give a new one away.
    let is_first_start = catalog.keys().is_empty() && !catalog.lacks(records::KEYS);
    let (root, is_made) = match given {
        Some(root) => (root, false),
        None if is_first_start => (fresh_key(entropy)?, true),
        None => return Ok(None),
    };
    let known = catalog.key(root.secret_id.as_str());
    if known.as_ref().is_some_and(|known| !known.enabled) {
        tracing::warn!(
            "the given root key was disabled, and stays so. Give another one, or none: the account has further keys"
        );
        return Ok(None);
    }
    let is_known =
        known.is_some_and(|known| known.secret_key().expose() == root.secret_key.expose());
    if !is_known {
        let document = key_record(vault, &root, Account::FIRST, Access::Full, "root", now)?;
        catalog
            .commit(vec![Write::put(
                KeyRecord::key(root.secret_id.as_str()),
                records::encode(&document),
                Expect::Anything,
            )])
            .await?;
    }
    Ok(is_made.then_some(root))
}

/// A fresh key pair in the vendor's form: `AKID` and 32 letters and digits, and 32 more.
///
/// # Errors
/// When the operating system has no randomness.
pub fn fresh_key(entropy: &Entropy) -> Result<RootKey, vault::Error> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let secret_id =
        SecretId::new(format!("AKID{}", entropy.letters(LETTERS, 32))).expect("letters and digits");
    Ok(RootKey {
        secret_id,
        secret_key: SecretKey::new(entropy.letters(LETTERS, 32)),
    })
}

/// The document of a key, its secret sealed.
///
/// # Errors
/// When the secret cannot be sealed.
pub fn key_record(
    vault: &Vault,
    key: &RootKey,
    account: Account,
    access: Access,
    note: &str,
    now: UnixTime,
) -> Result<KeyRecord, vault::Error> {
    let secret_id = key.secret_id.as_str().to_owned();
    let secret_key = vault.seal(
        &KeyRecord::key(&secret_id),
        key.secret_key.expose().as_bytes(),
    )?;
    Ok(KeyRecord {
        v: V1,
        secret_id,
        secret_key,
        account,
        access,
        enabled: true,
        note: note.to_owned(),
        created: now,
    })
}

/// Writes down now and then that we were watching, so that a restart knows how old the observations are.
async fn heartbeat(service: Arc<Service>, stopped: CancellationToken) {
    loop {
        let beat = records::encode(&Alive {
            v: V1,
            time: service.clock.now(),
        });
        if let Err(error) = service
            .catalog
            .commit(vec![Write::put(records::ALIVE, beat, Expect::Anything)])
            .await
        {
            tracing::error!(%error, "the heartbeat could not be written");
        }
        if stopped.is_cancelled() {
            return;
        }
        // Ends at the stop, too, for one last beat.
        let _ = tokio::time::timeout(HEARTBEAT, stopped.cancelled()).await;
    }
}

/// Forgets refused calls also when nobody makes any more.
async fn forget_refused(service: Arc<Service>, stopped: CancellationToken) {
    while tokio::time::timeout(FORGET, stopped.cancelled())
        .await
        .is_err()
    {
        service.refused.forget_old(service.clock.now());
    }
}
