//! The certificate authority in memory: who issues, what was issued, and the agents that carry it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use ca::authority::Authority as Issuer;
use dbtls::{Target, Trust};

use crate::ambient::UnixTime;
use crate::state::ids::AgentId;
use crate::state::index::Index;
use crate::state::pki::{self, AgentRecord, Holder, IssuedRecord, Role};

/// An authority with its key.
pub struct Authority {
    /// The SHA-256 of its certificate.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// When it was made or taken over.
    pub created: UnixTime,
    /// What issues.
    pub issuer: Issuer,
}

/// All authorities at one moment.
#[derive(Default)]
struct Authorities {
    all: BTreeMap<String, Arc<Authority>>,
    /// Their roots: what is issued by any of them is ours.
    trust: Arc<Trust>,
}

/// The certificate authority, and what it issued. The catalog's writer alone changes it.
pub struct Pki {
    authorities: ArcSwap<Authorities>,
    issued: Index<Arc<IssuedRecord>>,
    /// How often it was noted since the start that a certificate was replaced or revoked.
    ended: AtomicU64,
    agents: ArcSwap<BTreeMap<AgentId, Arc<AgentRecord>>>,
}

impl Pki {
    /// With the certificates that were issued so far; authorities and agents come one by one.
    pub(super) fn of(issued: Vec<IssuedRecord>) -> Self {
        let word = |record: &IssuedRecord| pki::word(&record.sha256);
        let issued = issued.into_iter();
        Self {
            authorities: ArcSwap::default(),
            issued: Index::of(issued.map(|record| (word(&record), Arc::new(record)))),
            ended: AtomicU64::new(0),
            agents: ArcSwap::default(),
        }
    }

    /// The authority that issues; `None` before the first start is over.
    pub fn current(&self) -> Option<Arc<Authority>> {
        self.authorities()
            .into_iter()
            .find(|a| a.role == Role::Current)
    }

    /// The authority with this ID.
    pub fn authority(&self, id: &str) -> Option<Arc<Authority>> {
        self.authorities.load().all.get(id).cloned()
    }

    /// Every authority, the one that issues first.
    pub fn authorities(&self) -> Vec<Arc<Authority>> {
        let mut all: Vec<_> = self.authorities.load().all.values().cloned().collect();
        all.sort_by_key(|authority| (authority.role != Role::Current, authority.created));
        all
    }

    /// The roots of all authorities: what leads to one of them is ours.
    pub fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.authorities.load().trust)
    }

    /// The record of a certificate of ours, by its SHA-256 in hexadecimal.
    pub fn issued(&self, sha256: &str) -> Option<Arc<IssuedRecord>> {
        self.issued_by_word(pki::word(sha256))
            .filter(|issued| issued.sha256 == sha256)
    }

    /// The record of a certificate of ours, by the word of its SHA-256.
    pub fn issued_by_word(&self, word: u64) -> Option<Arc<IssuedRecord>> {
        self.issued.get(word)
    }

    /// Every certificate of ours that was issued for this node.
    pub fn issued_for(&self, node: &Target) -> Vec<Arc<IssuedRecord>> {
        let mut issued = self.issued.values();
        issued
            .retain(|issued| matches!(&issued.holder, Holder::Node { node: of, .. } if of == node));
        issued
    }

    /// Every certificate of ours, the newest first.
    pub fn all_issued(&self) -> Vec<Arc<IssuedRecord>> {
        let mut all = self.issued.values();
        all.sort_unstable_by(|a, b| (b.not_before, &b.sha256).cmp(&(a.not_before, &a.sha256)));
        all
    }

    /// Every certificate that one authority issued, in no order.
    pub fn issued_by(&self, authority: &str) -> Vec<Arc<IssuedRecord>> {
        let mut issued = self.issued.values();
        issued.retain(|issued| issued.authority == authority);
        issued
    }

    /// A number that grows whenever a certificate was replaced or revoked.
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// The agent with this ID.
    pub fn agent(&self, id: AgentId) -> Option<Arc<AgentRecord>> {
        self.agents.load().get(&id).cloned()
    }

    /// Every agent, in the order of the IDs.
    pub fn agents(&self) -> Vec<Arc<AgentRecord>> {
        self.agents.load().values().cloned().collect()
    }

    pub(super) fn set_authority(&self, authority: Authority) {
        let mut all = self.authorities.load().all.clone();
        all.insert(authority.id.clone(), Arc::new(authority));
        self.set_authorities(all);
    }

    pub(super) fn remove_authority(&self, id: &str) {
        let mut all = self.authorities.load().all.clone();
        all.remove(id);
        self.set_authorities(all);
    }

    fn set_authorities(&self, all: BTreeMap<String, Arc<Authority>>) {
        let roots = all
            .values()
            .flat_map(|authority| authority.issuer.anchors().to_vec());
        let trust = Trust::from_ders(roots).unwrap_or_default();
        self.authorities.store(Arc::new(Authorities {
            all,
            trust: Arc::new(trust),
        }));
    }

    pub(super) fn set_issued(&self, record: IssuedRecord) {
        let has_ended = record.ended > 0;
        self.issued
            .set(pki::word(&record.sha256), Some(Arc::new(record)));
        if has_ended {
            // After the record is there: who sees the number finds it.
            self.ended.fetch_add(1, Ordering::Release);
        }
    }

    pub(super) fn set_agent(&self, record: AgentRecord) {
        let mut agents = BTreeMap::clone(&self.agents.load());
        agents.insert(record.id, Arc::new(record));
        self.agents.store(Arc::new(agents));
    }
}
