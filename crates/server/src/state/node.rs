//! A node as the catalog knows it: what it last showed, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use dbtls::switch::Witness;
use dbtls::{Status, Target, Trust};

use crate::ambient::UnixTime;
use crate::state::credentials::Destination;
use crate::state::pins::PinRecord;
use crate::state::pki::ManagedRecord;
use crate::state::records::Login;

/// What many nodes have in common, kept once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Profile {
    /// "MySQL" or "MariaDB".
    pub flavor: String,
    /// The server's version.
    pub server_version: String,
    /// The negotiated protocol, like "TLSv1.3".
    pub tls_version: String,
    /// The negotiated cipher suite.
    pub cipher: String,
    /// Who issued the leaf certificate.
    pub issuer: String,
}

/// The last definite observation, in the short form that lists and `Status` need. The store has the long one.
#[derive(Debug, PartialEq, Eq)]
pub struct Observed {
    /// What it shares with others.
    pub profile: Arc<Profile>,
    /// ON or OFF, or UNKNOWN for what was never definite.
    pub status: Status,
    /// Since when it looks like this.
    pub since: UnixTime,
    /// When the leaf certificate expires.
    pub not_after: Option<UnixTime>,
    /// The word of the leaf that was served last, as the index of issued certificates has it; `None` when no chain was ever seen.
    pub leaf: Option<u64>,
    /// A short digest of all that was seen; the same digest means that nothing changed.
    pub digest: u64,
}

/// Why the last probe brought no verdict.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason, for people.
    pub reason: String,
    /// When it began.
    pub since: UnixTime,
}

/// What was registered for probing a node, beside its address.
pub struct Access {
    /// The document that it was registered with; the password is sealed for it.
    pub owner: String,
    /// The servers that the password is sealed for.
    pub destination: Destination,
    /// The account to log in with.
    pub login: Option<Login>,
    /// The CA certificates that its servers are expected to be issued by.
    pub trust: Arc<Trust>,
}

/// What the server said about itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// What it said that it loaded, and will load at its next start.
    pub said: Witness,
    /// When.
    pub at: UnixTime,
}

/// One real mysqld or mariadbd endpoint.
pub struct Node {
    /// Its address.
    pub target: Target,
    /// The status in the lowest two bits, and above them the time at which it was last confirmed.
    fresh: AtomicU64,
    observed: ArcSwapOption<Observed>,
    failure: ArcSwapOption<Failure>,
    access: ArcSwapOption<Access>,
    managed: ArcSwapOption<ManagedRecord>,
    pin: ArcSwapOption<PinRecord>,
    witness: ArcSwapOption<Witnessed>,
    owners: AtomicU32,
}

impl Node {
    /// A node that was never observed.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            fresh: AtomicU64::new(pack(Status::Unknown, 0)),
            observed: ArcSwapOption::empty(),
            failure: ArcSwapOption::empty(),
            access: ArcSwapOption::empty(),
            managed: ArcSwapOption::empty(),
            pin: ArcSwapOption::empty(),
            witness: ArcSwapOption::empty(),
            owners: AtomicU32::new(0),
        }
    }

    /// What it showed last, and when that was confirmed last.
    pub fn fresh(&self) -> (Status, UnixTime) {
        unpack(self.fresh.load(Ordering::Acquire))
    }

    /// The last definite observation.
    pub fn observed(&self) -> Option<Arc<Observed>> {
        self.observed.load_full()
    }

    /// Why the last probe brought no verdict; `None` when it did, or when there was none yet.
    pub fn failure(&self) -> Option<Arc<Failure>> {
        self.failure.load_full()
    }

    /// Whether it ever served a certificate chain, so that there is a bundle to hand out.
    pub fn has_chain(&self) -> bool {
        self.observed
            .load()
            .as_ref()
            .is_some_and(|observed| observed.leaf.is_some())
    }

    /// What was registered for probing it; `None` when nothing was.
    pub fn access(&self) -> Option<Arc<Access>> {
        self.access.load_full()
    }

    /// What it is expected to serve since the last task that succeeded; `None` when none ever did.
    pub fn managed(&self) -> Option<Arc<ManagedRecord>> {
        self.managed.load_full()
    }

    /// Which authorities are accepted for it; `None` when none were pinned.
    pub fn pin(&self) -> Option<Arc<PinRecord>> {
        self.pin.load_full()
    }

    /// What the server said last about itself; `None` when it was not asked since the start.
    pub fn witness(&self) -> Option<Arc<Witnessed>> {
        self.witness.load_full()
    }

    /// Keeps what the server said about itself.
    pub fn set_witness(&self, witness: Witnessed) {
        self.witness.store(Some(Arc::new(witness)));
    }

    /// Whether any instance or group still has it.
    pub fn is_registered(&self) -> bool {
        self.owners.load(Ordering::Acquire) > 0
    }

    pub(super) fn set_access(&self, access: Option<Access>) {
        self.access.store(access.map(Arc::new));
    }

    pub(super) fn set_managed(&self, managed: Option<Arc<ManagedRecord>>) {
        self.managed.store(managed);
    }

    pub(super) fn set_pin(&self, pin: Option<Arc<PinRecord>>) {
        self.pin.store(pin);
    }

    /// Counts one more owner; true for the first.
    pub(super) fn own(&self) -> bool {
        self.owners.fetch_add(1, Ordering::AcqRel) == 0
    }

    /// Counts one owner less; true for the last.
    pub(super) fn disown(&self) -> bool {
        self.owners.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn set_observed(&self, observed: Observed, confirmed: UnixTime) {
        let status = observed.status;
        self.observed.store(Some(Arc::new(observed)));
        self.fresh.store(pack(status, confirmed), Ordering::Release);
    }

    /// A probe saw just what the last one saw.
    pub(crate) fn confirm(&self, now: UnixTime) {
        let (status, _) = self.fresh();
        self.failure.store(None);
        self.fresh.store(pack(status, now), Ordering::Release);
    }

    /// A probe brought no verdict: what was seen before stands until it is too old.
    pub(crate) fn fail(&self, reason: String, now: UnixTime) {
        let since = self
            .failure
            .load()
            .as_ref()
            .map_or(now, |failure| failure.since);
        self.failure
            .store(Some(Arc::new(Failure { reason, since })));
    }
}

fn pack(status: Status, time: UnixTime) -> u64 {
    let bits = match status {
        Status::Unknown => 0,
        Status::Off => 1,
        Status::On => 2,
    };
    u64::try_from(time).unwrap_or(0) << 2 | bits
}

fn unpack(word: u64) -> (Status, UnixTime) {
    let status = match word & 3 {
        1 => Status::Off,
        2 => Status::On,
        _ => Status::Unknown,
    };
    (status, (word >> 2).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_time_share_a_word() {
        for status in [Status::Unknown, Status::Off, Status::On] {
            assert_eq!(unpack(pack(status, 1_795_490_000)), (status, 1_795_490_000));
        }
    }

    #[test]
    fn a_failure_keeps_the_time_at_which_it_began() {
        let node = Node::new("127.0.0.1:3306".parse().unwrap());
        node.fail("refused".into(), 10);
        node.fail("timed out".into(), 20);
        assert_eq!(
            *node.failure().unwrap(),
            Failure {
                reason: "timed out".into(),
                since: 10
            }
        );
        node.confirm(30);
        assert_eq!(node.failure(), None);
    }
}
