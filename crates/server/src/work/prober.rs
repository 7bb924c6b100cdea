//! The prober: looks at every node again and again, and brings what it sees into the catalog.
//!
//! One task decides whose turn it is; the probes run beside it, a bounded number at a time and never two of
//! one node. What changed goes to the store; that nothing changed is only noted in memory.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ahash::RandomState;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dbtls::{CertificateReport, Limits, Login, Observation, Password, Reason, Status};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ambient::Clock;
use crate::config::Config;
use crate::metrics::ProbeMetrics;
use crate::state::catalog::{self, Catalog};
use crate::state::credentials::{Field, Place};
use crate::state::node::{Access, Node};
use crate::state::observed;
use crate::state::pins::PinRecord;
use crate::state::records::{self, CertificateRecord, Leaf, ObservationRecord, V1};
use crate::state::store::{Expect, Write};
use crate::state::vault::Vault;
use crate::work::peers::Peers;

/// The way to the prober.
#[derive(Clone)]
pub struct Prober {
    requests: mpsc::UnboundedSender<Request>,
}

struct Request {
    node: Arc<Node>,
    done: oneshot::Sender<()>,
}

impl Prober {
    /// Probes these nodes now, and answers once the catalog has what was seen. A probe that is already under way began
    /// before the call, so it does not count: the node is probed once more.
    pub async fn probe(&self, nodes: impl IntoIterator<Item = Arc<Node>>) {
        let answers: Vec<_> = nodes
            .into_iter()
            .filter_map(|node| {
                let (done, answer) = oneshot::channel();
                self.requests
                    .send(Request { node, done })
                    .ok()
                    .map(|()| answer)
            })
            .collect();
        for answer in answers {
            // Dropped when the prober stops: there is nothing to wait for then.
            let _ = answer.await;
        }
    }
}

/// Starts the prober. `discovered` brings every node once, when it is registered.
pub fn start(
    config: &Config,
    vault: Arc<Vault>,
    peers: Arc<Peers>,
    metrics: ProbeMetrics,
    discovered: mpsc::UnboundedReceiver<Arc<Node>>,
    stopped: CancellationToken,
) -> (Prober, JoinHandle<()>) {
    let (requests, asked) = mpsc::unbounded_channel();
    let limits = Limits {
        total: config.probe_timeout,
        ..Limits::default()
    };
    let eyes = Arc::new(Eyes {
        prober: dbtls::Prober::new(limits),
        clock: peers.clock.clone(),
        catalog: Arc::clone(&peers.catalog),
        vault,
        peers,
        metrics,
    });
    let schedule = Schedule {
        eyes,
        interval: config.probe_interval,
        concurrency: config.probe_concurrency,
        due: BinaryHeap::new(),
        urgent: Vec::new(),
        under_way: HashMap::default(),
        running: JoinSet::new(),
    };
    let task = tokio::spawn(schedule.run(discovered, asked, stopped));
    (Prober { requests }, task)
}

/// Whose turn it is.
struct Schedule {
    eyes: Arc<Eyes>,
    interval: Duration,
    concurrency: usize,
    due: BinaryHeap<Turn>,
    /// Asked for by a caller; they go first.
    urgent: Vec<Request>,
    /// Probes under way, by node, with the callers that wait for the next one.
    under_way: HashMap<usize, Vec<Request>, RandomState>,
    running: JoinSet<(Arc<Node>, Vec<oneshot::Sender<()>>, bool)>,
}

/// A node and when it is to be probed; the earliest is the greatest.
struct Turn {
    at: Reverse<Instant>,
    node: Arc<Node>,
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl Eq for Turn {}
impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Turn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl Schedule {
    async fn run(
        mut self,
        mut discovered: mpsc::UnboundedReceiver<Arc<Node>>,
        mut asked: mpsc::UnboundedReceiver<Request>,
        stopped: CancellationToken,
    ) {
        loop {
            self.start_what_is_due();
            let next = self.next_wake();
            tokio::select! {
                Some(node) = discovered.recv() => self.welcome(node),
                Some(request) = asked.recv() => self.ask(request),
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => match ended {
                    Ok((node, callers, is_regular)) => self.finished(node, callers, is_regular),
                    Err(error) => tracing::error!(%error, "a probe ended badly"),
                },
                () = tokio::time::sleep_until(next) => {}
                () = stopped.cancelled() => return,
            }
        }
    }

    /// When there is room again or the next turn comes.
    fn next_wake(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        if self.running.len() >= self.concurrency {
            far
        } else {
            self.due.peek().map_or(far, |turn| turn.at.0)
        }
    }

    /// A node that is known from before the start and was confirmed of late waits for its turn; any other is looked at now.
    fn welcome(&mut self, node: Arc<Node>) {
        let (status, seen) = node.fresh();
        let age = self.eyes.clock.now() - seen;
        let is_recent = status != Status::Unknown
            && age < i64::try_from(self.interval.as_secs()).unwrap_or(i64::MAX);
        let wait = if is_recent {
            self.interval.mul_f64(rand::random())
        } else {
            Duration::ZERO
        };
        self.due.push(Turn {
            at: Reverse(Instant::now() + wait),
            node,
        });
        self.eyes.metrics.nodes.inc();
    }

    fn ask(&mut self, request: Request) {
        match self.under_way.get_mut(&identity(&request.node)) {
            Some(waiting) => waiting.push(request),
            None => self.urgent.push(request),
        }
    }

    fn start_what_is_due(&mut self) {
        let now = Instant::now();
        while self.running.len() < self.concurrency {
            if let Some(request) = self.urgent.pop() {
                self.start(request.node, vec![request.done], false);
            } else if self.due.peek().is_some_and(|turn| turn.at.0 <= now) {
                let Some(turn) = self.due.pop() else { return };
                if turn.node.is_registered() {
                    self.start(turn.node, Vec::new(), true);
                } else {
                    self.eyes.metrics.nodes.dec();
                }
            } else {
                return;
            }
        }
    }

    /// `is_regular` tells a turn from a caller's wish: each node has one turn in the queue, and only that one comes again.
    fn start(&mut self, node: Arc<Node>, mut callers: Vec<oneshot::Sender<()>>, is_regular: bool) {
        match self.under_way.entry(identity(&node)) {
            std::collections::hash_map::Entry::Occupied(mut busy) => {
                // Somebody asked at the same moment. That probe will do for the turn; callers wait for the next.
                busy.get_mut().extend(callers.drain(..).map(|done| Request {
                    node: Arc::clone(&node),
                    done,
                }));
                if is_regular {
                    self.again(node);
                }
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(Vec::new());
                let eyes = Arc::clone(&self.eyes);
                if !is_regular {
                    // A failed handshake is not tried again for a while; a caller who asks wants to know what is so now.
                    eyes.prober.forget(&node.target);
                }
                self.running.spawn(async move {
                    eyes.look(&node).await;
                    (node, callers, is_regular)
                });
            }
        }
    }

    fn finished(&mut self, node: Arc<Node>, callers: Vec<oneshot::Sender<()>>, is_regular: bool) {
        for done in callers {
            // A caller that has gone away need not be told.
            let _ = done.send(());
        }
        let waiting = self.under_way.remove(&identity(&node)).unwrap_or_default();
        if !waiting.is_empty() {
            let (nodes, callers): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .map(|request| (request.node, request.done))
                .unzip();
            if let Some(node) = nodes.into_iter().next() {
                self.start(node, callers, false);
            }
        }
        if is_regular {
            self.again(node);
        }
    }

    /// The next turn, an interval away give or take a tenth, so that nodes do not fall into step.
    fn again(&mut self, node: Arc<Node>) {
        let wait = self.interval.mul_f64(0.9 + 0.1 * rand::random::<f64>());
        self.due.push(Turn {
            at: Reverse(Instant::now() + wait),
            node,
        });
    }
}

/// A node is the same as long as it is registered; its place in memory tells it from others.
fn identity(node: &Arc<Node>) -> usize {
    Arc::as_ptr(node).addr()
}

/// What looks at a node and writes down what it sees.
struct Eyes {
    prober: dbtls::Prober,
    clock: Clock,
    catalog: Arc<Catalog>,
    vault: Arc<Vault>,
    peers: Arc<Peers>,
    metrics: ProbeMetrics,
}

impl Eyes {
    async fn look(&self, node: &Node) {
        let access = node.access();
        let login = access
            .as_ref()
            .map_or(Login::Nobody, |access| self.login(node, access));
        let conditions = self.peers.for_probe(node);
        let seen = self.prober.observe(&node.target, &login, conditions).await;
        self.count(&seen);
        if let Some(Reason::NotMySql { saw }) = &seen.reason {
            // For the log alone: callers are not to read with our eyes what listens in the network.
            tracing::info!(node = %node.target, saw, "what listens there is not a MySQL server");
        }
        if seen.status == Status::Unknown {
            let reason = seen
                .reason
                .as_ref()
                .map_or_else(|| "no reason was found".to_owned(), ToString::to_string);
            node.fail(reason, self.clock.now());
            return;
        }
        match self.record(node, seen).await {
            Ok(()) => node.confirm(self.clock.now()),
            Err(error) => {
                tracing::error!(node = %node.target, %error, "an observation could not be written; it is not answered either")
            }
        }
    }

    fn login(&self, node: &Node, access: &Access) -> Login {
        let Some(account) = &access.login else {
            return Login::Nobody;
        };
        let place = Place {
            document: &access.owner,
            field: Field::Probe,
            destination: access.destination,
        };
        match place.open(&self.vault, &account.password) {
            Ok(password) => {
                let password = Password::new(String::from_utf8_lossy(&password).into_owned());
                Login::Account {
                    user: account.user.clone(),
                    password,
                }
            }
            Err(error) => {
                tracing::error!(node = %node.target, %error, "the probe account cannot be used");
                Login::Nobody
            }
        }
    }

    fn count(&self, seen: &Observation) {
        self.metrics.seconds.observe(seen.took.as_secs_f64());
        match seen.status {
            Status::On => &self.metrics.on,
            Status::Off => &self.metrics.off,
            Status::Unknown => &self.metrics.unknown,
        }
        .inc();
    }

    /// Writes the observation down if it differs from the last one.
    async fn record(
        &self,
        node: &Node,
        mut seen: Observation,
    ) -> Result<(), crate::state::catalog::Error> {
        seen.took = Duration::ZERO;
        let served = seen
            .tls
            .as_mut()
            .map(|tls| std::mem::take(&mut tls.chain))
            .unwrap_or_default();
        let key = ObservationRecord::key(&node.target);
        let known = node.observed();
        let mut record = ObservationRecord {
            v: V1,
            node: node.target.clone(),
            since: self.clock.now(),
            seen,
            chain: Vec::new(),
            leaf: Leaf::default(),
            digest: 0,
        };
        if served.is_empty() {
            // The chain that was served last stays known while TLS is off: clients can be given the CA before it is on again.
            if let Some((last, _)) = self.catalog.document::<ObservationRecord>(&key).await? {
                (record.chain, record.leaf) = (last.chain, last.leaf);
            }
        } else {
            record.chain = served
                .iter()
                .map(|der| hex::encode(Sha256::digest(der)))
                .collect();
            record.leaf = leaf(&served[0]);
        }
        record.digest = digest(&record);
        let is_known = known.is_some_and(|known| known.digest == record.digest);
        let pin = self.pin(node, &served, is_known).await?;
        if is_known && pin.is_none() {
            return Ok(());
        }
        let mut writes = vec![Write::put(key, records::encode(&record), Expect::Anything)];
        for (der, sha256) in served.iter().zip(&record.chain) {
            let document = CertificateRecord {
                v: V1,
                der: BASE64.encode(der),
            };
            writes.push(Write::put(
                CertificateRecord::key(sha256),
                records::encode(&document),
                Expect::Anything,
            ));
        }
        writes.extend(pin);
        self.catalog.commit(writes).await?;
        Ok(())
    }

    /// What is to be written about the node's authorities, now that it served this chain.
    async fn pin(
        &self,
        node: &Node,
        served: &[Vec<u8>],
        is_known: bool,
    ) -> Result<Option<Write>, catalog::Error> {
        let is_judged = node.pin().is_some() || node.managed().is_some();
        if served.is_empty() || is_known && is_judged || !self.is_taken_at_its_word(node, served) {
            return Ok(None);
        }
        let (now, key) = (self.clock.now(), PinRecord::key(&node.target));
        let (next, expect) = match self.catalog.document::<PinRecord>(&key).await? {
            None => (
                Some(PinRecord::first(&node.target, served, now)),
                Expect::Absent,
            ),
            Some((pin, revision)) => {
                let pinned = observed::pinned(&self.catalog, &pin).await?;
                (pin.after(served, pinned, now), Expect::At(revision))
            }
        };
        Ok(next.map(|pin| Write::put(key, records::encode(&pin), expect)))
    }

    /// Whether what a node serves is all that is known of its authorities. It is not where CA certificates were registered or our own
    /// authority vouches for it.
    fn is_taken_at_its_word(&self, node: &Node, served: &[Vec<u8>]) -> bool {
        let has_ca = |access: &Access| access.trust.certificates().next().is_some();
        let is_ours = self.catalog.pki.trust().ever_vouched_for(served);
        !is_ours && !node.access().is_some_and(|access| has_ca(&access))
    }
}

fn leaf(der: &[u8]) -> Leaf {
    let CertificateReport {
        issuer, not_after, ..
    } = CertificateReport::of(der);
    Leaf {
        issuer,
        not_after: crate::ambient::parse_rfc3339(&not_after),
    }
}

/// A short digest of what a record says, without since when.
fn digest(record: &ObservationRecord) -> u64 {
    let text = records::encode(&(&record.seen, &record.chain));
    let hash = Sha256::digest(text);
    u64::from_be_bytes(hash[..8].try_into().expect("eight bytes of thirty-two"))
}
