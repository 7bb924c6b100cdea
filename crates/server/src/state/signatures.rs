//! The memory of signatures: which signature was used for which action.
//!
//! The SDKs sign parameters and time, and not the action: whoever records a read can send it again as a write. So each verified
//! signature is remembered, with its action, for as long as its timestamp is accepted. It is a filter of fixed size over keyed
//! hashes: signatures whose timestamps fall into the same ten minutes share one table, and two such tables cover the ten minutes
//! in which a signature can be valid. A read costs one look into a table, without a lock or an allocation.
//!
//! Keys that may write and keys that only read have tables of their own, so that a read-only key cannot fill those that the
//! writes of others depend on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ahash::RandomState;
use arc_swap::ArcSwap;

use crate::ambient::{Entropy, UnixTime};
use crate::state::records::Access;

/// The signatures of how many seconds share a table: twice the accepted skew of a timestamp.
const SPAN: UnixTime = 2 * wire::envelope::MAX_SKEW as UnixTime;
/// The slots of a table for keys that may write, 8 bytes each.
const SLOTS_OF_WRITERS: usize = 1 << 20;
/// The slots of a table for read-only keys.
const SLOTS_OF_READERS: usize = 1 << 18;
/// How many slots a signature may be in; when all are taken by others, the table is full.
const PROBES: usize = 64;
/// For how many seconds two reads may share a signature: SDKs sign seconds, so the same parameters for two actions make one.
const SAME_MOMENT: UnixTime = 2;

/// How many uses are remembered with their connections.
const CONNECTIONS: usize = 1 << 16;

/// What is known about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is new.
    New,
    /// It was used for this action before.
    Again,
    /// It was used for another action before.
    ForAnother(Before),
    /// It was not found, but the table has been full, or is not kept any more.
    Unknown,
}

/// When a signature was used for another action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Not longer ago than two calls in the same second may be, and on the same connection: by the same client.
    SameConnection,
    /// Not longer ago, on another connection.
    JustNow,
    /// Earlier.
    Earlier,
}

/// The use of a signature.
#[derive(Clone, Copy)]
pub struct Use<'a> {
    /// The signature's bytes.
    pub mac: &'a [u8; 32],
    /// What its key may do.
    pub access: Access,
    /// The action's place in the table of actions.
    pub action: u8,
    /// The signature's timestamp.
    pub signed: UnixTime,
    /// The time of the use.
    pub now: UnixTime,
    /// The caller's address and port, which tell connections apart.
    pub from: SocketAddr,
}

/// The memory, empty at each start.
pub struct Signatures {
    hasher: RandomState,
    writers: Tables,
    readers: Tables,
    /// Hashes of signatures of keys that may write, with the connections on which they were new.
    connections: Box<[AtomicU64]>,
}

impl Signatures {
    /// An empty memory. The tables are allocated with the first signature.
    pub fn new(entropy: &Entropy) -> Self {
        Self::of_size(entropy, SLOTS_OF_WRITERS, SLOTS_OF_READERS)
    }

    fn of_size(entropy: &Entropy, writers: usize, readers: usize) -> Self {
        let seed = || u64::from_le_bytes(entropy.bytes());
        Self {
            hasher: RandomState::with_seeds(seed(), seed(), seed(), seed()),
            writers: Tables::of_size(writers),
            readers: Tables::of_size(readers),
            connections: (0..CONNECTIONS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Remembers that a signature was used for an action, and answers what was known about it before.
    pub fn remember(&self, of: Use<'_>) -> Known {
        let known = self
            .tables(of.access)
            .remember(self.hasher.hash_one(of.mac), of);
        match known {
            Known::New if of.access == Access::Full => {
                let (place, hash) = self.connection(of);
                place.store(hash, Ordering::Relaxed);
            }
            Known::ForAnother(Before::JustNow) if of.access == Access::Full => {
                let (place, hash) = self.connection(of);
                if place.load(Ordering::Relaxed) == hash {
                    return Known::ForAnother(Before::SameConnection);
                }
            }
            _ => {}
        }
        known
    }

    /// Where it is kept on which connection a signature was new, and what is then there. A later use may take the place.
    fn connection(&self, of: Use<'_>) -> (&AtomicU64, u64) {
        let hash = self.hasher.hash_one((of.mac, of.from));
        (&self.connections[hash as usize % CONNECTIONS], hash)
    }

    /// How many signatures are remembered for keys of this kind. Looks at every slot.
    pub fn count(&self, access: Access) -> usize {
        self.tables(access).count()
    }

    /// How many signatures there is room for, in both tables of keys of this kind.
    pub fn capacity(&self, access: Access) -> usize {
        2 * self.tables(access).slots
    }

    fn tables(&self, access: Access) -> &Tables {
        match access {
            Access::Full => &self.writers,
            Access::ReadOnly => &self.readers,
        }
    }
}

/// The tables of two spans of time that follow each other, one of even and one of odd number.
struct Tables {
    slots: usize,
    of_spans: [ArcSwap<Table>; 2],
    renewing: Mutex<()>,
}

impl Tables {
    fn of_size(slots: usize) -> Self {
        Self {
            slots,
            of_spans: [0, 1].map(|_| ArcSwap::from_pointee(Table::empty())),
            renewing: Mutex::default(),
        }
    }

    fn remember(&self, hash: u64, of: Use<'_>) -> Known {
        let span = of.signed.div_euclid(SPAN);
        let place = &self.of_spans[usize::from(span % 2 != 0)];
        let table = place.load();
        if table.span < span {
            drop(table);
            return self.renewed(place, span).remember(hash, of);
        }
        if table.span > span {
            return Known::Unknown; // the clock went back by minutes
        }
        table.remember(hash, of)
    }

    /// The table of a span that begins. The one before the last goes, whose timestamps are accepted no more.
    fn renewed(&self, place: &ArcSwap<Table>, span: UnixTime) -> Arc<Table> {
        let _one_at_a_time = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        if place.load().span < span {
            place.store(Arc::new(Table::of_span(span, self.slots)));
        }
        place.load_full()
    }

    fn count(&self) -> usize {
        let used = |table: &Table| {
            table
                .slots
                .iter()
                .filter(|slot| slot.load(Ordering::Relaxed) != 0)
                .count()
        };
        self.of_spans.iter().map(|table| used(&table.load())).sum()
    }
}

/// The signatures of one span. A slot is 0 or has 40 bits of a hash, 16 of the time of its first use, and 8 of the action.
struct Table {
    span: UnixTime,
    slots: Box<[AtomicU64]>,
    was_full: AtomicBool,
}

impl Table {
    fn empty() -> Self {
        Self::of_span(UnixTime::MIN, 0)
    }

    fn of_span(span: UnixTime, slots: usize) -> Self {
        Self {
            span,
            slots: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            was_full: AtomicBool::new(false),
        }
    }

    fn remember(&self, hash: u64, of: Use<'_>) -> Known {
        let tag = hash >> 24 | 1; // never 0, which is an empty slot
        let entry = tag << 24 | (of.now.cast_unsigned() & 0xffff) << 8 | u64::from(of.action);
        let first = (hash & 0xffff_ffff) as usize;
        for slot in (first..first + PROBES)
            .filter_map(|at| self.slots.get(at & self.slots.len().wrapping_sub(1)))
        {
            let mut found = slot.load(Ordering::Relaxed);
            if found == 0 {
                match slot.compare_exchange(0, entry, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => return self.new_one(),
                    Err(other) => found = other,
                }
            }
            if found >> 24 == tag {
                return known(found, of);
            }
        }
        self.was_full.store(true, Ordering::Relaxed);
        Known::Unknown
    }

    /// What was not found is new, unless something could not be remembered.
    fn new_one(&self) -> Known {
        if self.was_full.load(Ordering::Relaxed) {
            Known::Unknown
        } else {
            Known::New
        }
    }
}

/// What a slot with the signature's hash says.
fn known(slot: u64, of: Use<'_>) -> Known {
    if slot & 0xff == u64::from(of.action) {
        return Known::Again;
    }
    let since = (of.now.cast_unsigned() & 0xffff).wrapping_sub(slot >> 8 & 0xffff) & 0xffff;
    Known::ForAnother(if since <= SAME_MOMENT.cast_unsigned() {
        Before::JustNow
    } else {
        Before::Earlier
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = 1_795_490_400; // where a span begins

    fn mac(number: usize) -> [u8; 32] {
        let mut mac = [0; 32];
        mac[..8].copy_from_slice(&number.to_le_bytes());
        mac
    }

    fn small() -> Signatures {
        Signatures::of_size(&Entropy::seeded(1), 1 << 10, 1 << 10)
    }

    fn of(mac: &[u8; 32]) -> Use<'_> {
        Use {
            mac,
            access: Access::Full,
            action: 1,
            signed: NOW,
            now: NOW,
            from: "127.0.0.1:1".parse().unwrap(),
        }
    }

    #[test]
    fn a_signature_is_known_with_its_action() {
        let memory = Signatures::new(&Entropy::seeded(1));
        let mac = mac(1);
        let first = of(&mac);
        let another = Use { action: 2, ..first };
        let elsewhere = "127.0.0.1:2".parse().unwrap();
        assert_eq!(memory.remember(first), Known::New);
        assert_eq!(memory.remember(first), Known::Again);
        for (now, from, before) in [
            (NOW + 2, first.from, Before::SameConnection),
            (NOW + 2, elsewhere, Before::JustNow),
            (NOW + 3, first.from, Before::Earlier),
            (NOW + 3, elsewhere, Before::Earlier),
        ] {
            let used = memory.remember(Use {
                now,
                from,
                ..another
            });
            assert_eq!(used, Known::ForAnother(before));
        }
        let later = Use {
            now: NOW + 300,
            ..first
        };
        assert_eq!(memory.remember(later), Known::Again);
        assert_eq!(memory.count(Access::Full), 1);
        assert_eq!(memory.count(Access::ReadOnly), 0);
    }

    #[test]
    fn it_is_remembered_for_as_long_as_its_timestamp_is_accepted() {
        for signed in NOW - 700..NOW + 700 {
            let memory = small();
            let remember = |number, signed, now| {
                let mac = mac(number);
                memory.remember(Use {
                    signed,
                    now,
                    ..of(&mac)
                })
            };
            assert_eq!(remember(1, signed, signed - 300), Known::New);
            for (number, now) in (2..).zip(signed - 300..=signed + 300) {
                // The newest timestamp that is accepted, which begins a new span first.
                assert_eq!(remember(number, now + 300, now), Known::New);
            }
            let known = remember(1, signed, signed + 300);
            assert_eq!(known, Known::Again, "{}", signed - NOW);
        }
    }

    #[test]
    fn what_cannot_be_judged_is_unknown() {
        let memory = small();
        let remember = |number, signed| {
            let mac = mac(number);
            memory.remember(Use { signed, ..of(&mac) })
        };
        let full = (0..2_000).find(|number| remember(*number, NOW) == Known::Unknown);
        assert!(full.is_some_and(|number| number > 700), "{full:?}");
        assert_eq!(
            remember(5_000, NOW),
            Known::Unknown,
            "after that, nothing is new for sure"
        );
        assert_eq!(
            remember(0, NOW),
            Known::Again,
            "what was remembered still is"
        );
        assert_eq!(
            remember(5_001, NOW + 600),
            Known::New,
            "the next span has room"
        );
        assert_eq!(remember(5_002, NOW + 1_200), Known::New);
        assert_eq!(
            remember(5_003, NOW),
            Known::Unknown,
            "a span that is kept no more"
        );
        let mac = mac(5_000);
        let access = Access::ReadOnly;
        assert_eq!(memory.remember(Use { access, ..of(&mac) }), Known::New);
    }

    #[test]
    fn of_threads_that_use_one_signature_at_once_one_is_first() {
        for number in 0..200 {
            let (memory, mac) = (small(), mac(number));
            let known = std::thread::scope(|scope| {
                let threads = [1, 2, 1, 2].map(|action| {
                    let (memory, of) = (&memory, Use { action, ..of(&mac) });
                    scope.spawn(move || memory.remember(of))
                });
                threads.map(|thread| thread.join().unwrap())
            });
            let first = known.into_iter().filter(|known| *known == Known::New);
            assert_eq!(first.count(), 1);
        }
    }
}
