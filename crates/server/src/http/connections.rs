//! The connections of one listener: a limit for all, for each address and each network, and for the time that a caller may be silent.
//!
//! Whoever is accepted may be the thousandth silent socket of an attacker, so room is taken from those who wait: at a limit the oldest
//! connection without a request makes room, those that have never authenticated first. Only if there is none is the new connection closed.
//! Nothing here costs a request more than a few atomic stores; a janitor closes what is overdue.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::framing::Ambiguity;
use crate::config::LimitsConfig;
use crate::metrics::ListenerMetrics;

/// How often overdue connections are looked for: the grain of all times here.
const TICK: Duration = Duration::from_millis(250);
/// When idle connections begin to be closed, in hundredths of all.
const CROWDED: usize = 80;
/// The part of those who wait that makes room at once, so that a flood does not have all of them looked through for each connection.
const BATCH: usize = 16;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// Before its first request.
    Opening,
    /// Between two requests.
    Idle,
    /// In the middle of a head.
    Head,
    /// In the middle of a body.
    Body,
    /// Its request is being answered.
    Busy,
}

/// One connection, as far as the budgets see it.
pub struct Connection {
    number: u64,
    phase: AtomicU8,
    /// The tick in which the phase began.
    since: AtomicU64,
    is_proven: AtomicBool,
    is_whole: AtomicBool,
    ambiguity: AtomicU8,
    task: OnceLock<AbortHandle>,
    all: Arc<Connections>,
    groups: Mutex<Vec<Group>>,
}

/// An address with the length of the prefix that counts.
type Group = (IpAddr, u8);

/// All connections of a listener.
pub struct Connections {
    limits: LimitsConfig,
    most: usize,
    now: AtomicU64,
    inner: Mutex<Inner>,
    metrics: ListenerMetrics,
}

#[derive(Default)]
struct Inner {
    open: HashMap<u64, Arc<Connection>>,
    of: HashMap<Group, usize>,
    next: u64,
    proven: usize,
}

/// A place among the connections, given back when it is dropped.
pub struct Place(Arc<Connection>);

impl Connections {
    /// None yet.
    pub fn new(limits: &LimitsConfig, most: usize, metrics: ListenerMetrics) -> Arc<Self> {
        metrics.limit.set(signed(most));
        Arc::new(Self {
            limits: limits.clone(),
            most,
            now: AtomicU64::new(0),
            inner: Mutex::default(),
            metrics,
        })
    }

    /// A place for a new connection, whose address is not looked at yet: see [`Place::belongs_to`]. `None` when there is no room.
    pub fn admit(self: &Arc<Self>) -> Option<Place> {
        let mut inner = self.lock();
        if inner.open.len() * 100 >= self.most * CROWDED {
            self.make_room(&mut inner, None, Phase::is_waiting);
        }
        let unproven = self.most - self.limits.reserved(self.most);
        let is_full = |inner: &Inner| {
            inner.open.len() >= self.most || inner.open.len() - inner.proven >= unproven
        };
        if is_full(&inner) {
            self.make_room(&mut inner, None, |phase| phase != Phase::Busy);
        }
        if is_full(&inner) {
            self.metrics.refused("all");
            return None;
        }
        Some(Place(self.insert(&mut inner)))
    }

    fn insert(self: &Arc<Self>, inner: &mut Inner) -> Arc<Connection> {
        inner.next += 1;
        let connection = Arc::new(Connection {
            number: inner.next,
            phase: AtomicU8::new(Phase::Opening as u8),
            since: AtomicU64::new(self.now.load(Relaxed)),
            is_proven: AtomicBool::new(false),
            is_whole: AtomicBool::new(false),
            ambiguity: AtomicU8::new(0),
            task: OnceLock::new(),
            all: Arc::clone(self),
            groups: Mutex::default(),
        });
        inner.open.insert(inner.next, Arc::clone(&connection));
        self.metrics.open.set(signed(inner.open.len()));
        connection
    }

    /// Counts a connection for its address and networks. False when one of them has too many.
    fn assign(&self, connection: &Connection, address: IpAddr) -> bool {
        let mut inner = self.lock();
        for (group, limit) in self.groups_of(address) {
            let has_too_many =
                |inner: &Inner| inner.of.get(&group).is_some_and(|count| *count >= limit);
            if has_too_many(&inner) {
                self.make_room(&mut inner, Some(group), Phase::is_waiting);
            }
            if has_too_many(&inner) {
                let is_address = matches!(group.1, 32 | 128) && group.0 == address;
                self.metrics
                    .refused(if is_address { "address" } else { "network" });
                return false;
            }
            *inner.of.entry(group).or_default() += 1;
            lock(&connection.groups).push(group);
        }
        true
    }

    /// What an address is counted in, and the limits.
    fn groups_of(&self, address: IpAddr) -> Vec<(Group, usize)> {
        let limits = &self.limits;
        match address {
            IpAddr::V4(v4) => {
                let network = Ipv4Addr::from_bits(v4.to_bits() & (!0 << 8)).into();
                vec![
                    ((address, 32), limits.connections_per_address),
                    ((network, 24), limits.connections_per_ipv4_24),
                ]
            }
            IpAddr::V6(v6) => {
                let network =
                    |length: u8| Ipv6Addr::from_bits(v6.to_bits() & (!0 << (128 - length))).into();
                vec![
                    ((address, 128), limits.connections_per_address),
                    ((network(64), 64), limits.connections_per_ipv6_64),
                    ((network(48), 48), limits.connections_per_ipv6_48),
                ]
            }
        }
    }

    /// Closes the oldest of those that may be closed: a part of those that never authenticated, or else one that did.
    fn make_room(
        &self,
        inner: &mut Inner,
        group: Option<Group>,
        may_close: impl Fn(Phase) -> bool,
    ) {
        let is_in = |connection: &Connection| {
            group.is_none_or(|group| lock(&connection.groups).contains(&group))
        };
        let mut waiting: Vec<_> = inner
            .open
            .values()
            .filter(|connection| may_close(connection.phase()) && is_in(connection))
            .map(|connection| {
                (
                    connection.is_proven(),
                    connection.age_key(),
                    Arc::clone(connection),
                )
            })
            .collect();
        waiting.sort_unstable_by_key(|(is_proven, age, _)| (*is_proven, *age));
        let unproven = waiting.iter().filter(|(is_proven, ..)| !is_proven).count();
        let count = unproven.div_ceil(BATCH).max(1);
        for (_, _, connection) in waiting.into_iter().take(count) {
            self.close(inner, &connection, "crowded");
        }
    }

    fn close(&self, inner: &mut Inner, connection: &Connection, why: &str) {
        if self.remove(inner, connection) {
            self.metrics.closed(why);
            if let Some(task) = connection.task.get() {
                task.abort();
            }
        }
    }

    /// Gives the place back. False when that was done before.
    fn remove(&self, inner: &mut Inner, connection: &Connection) -> bool {
        if inner.open.remove(&connection.number).is_none() {
            return false;
        }
        for group in lock(&connection.groups).drain(..) {
            if let Some(count) = inner.of.get_mut(&group) {
                *count -= 1;
                if *count == 0 {
                    inner.of.remove(&group);
                }
            }
        }
        inner.proven -= usize::from(connection.is_proven());
        self.metrics.open.set(signed(inner.open.len()));
        self.metrics.proven.set(signed(inner.proven));
        true
    }

    /// Closes what is overdue, until it is stopped.
    pub async fn watch(self: Arc<Self>, stopped: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let began = tokio::time::Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stopped.cancelled() => return,
            }
            let now = began.elapsed().as_millis() / TICK.as_millis();
            self.now
                .store(u64::try_from(now).unwrap_or(u64::MAX), Relaxed);
            self.close_overdue();
        }
    }

    fn close_overdue(&self) {
        let now = self.now.load(Relaxed);
        let mut inner = self.lock();
        let overdue: Vec<_> = inner
            .open
            .values()
            .filter(|connection| self.is_overdue(connection, now))
            .map(Arc::clone)
            .collect();
        for connection in overdue {
            self.close(&mut inner, &connection, "timeout");
        }
    }

    fn is_overdue(&self, connection: &Connection, now: u64) -> bool {
        let patience = match connection.phase() {
            Phase::Opening | Phase::Head => self.limits.head_timeout,
            Phase::Idle => self.limits.idle_timeout,
            Phase::Body | Phase::Busy => return false,
        };
        let ticks = u64::try_from(patience.as_millis().div_ceil(TICK.as_millis()));
        let waited = now.saturating_sub(connection.since.load(Relaxed));
        ticks.is_ok_and(|ticks| waited > ticks)
    }

    /// Closes idle connections when the process has no file descriptors left.
    pub fn relieve(&self) {
        self.make_room(&mut self.lock(), None, Phase::is_waiting);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Connection {
    /// An authenticated request was answered on it: it counts towards the reserve, and is the last to be closed.
    pub fn prove(&self) {
        if self.is_proven() {
            return;
        }
        let mut inner = self.all.lock();
        if inner.open.contains_key(&self.number) && !self.is_proven.swap(true, Relaxed) {
            inner.proven += 1;
            self.all.metrics.proven.set(signed(inner.proven));
        }
    }

    /// What ends the connection when it must make room. It may have had to before this was known.
    pub fn is_served_by(&self, task: AbortHandle) {
        let inner = self.all.lock();
        if inner.open.contains_key(&self.number) {
            let _ = self.task.set(task); // it is set once
        } else {
            task.abort();
        }
    }

    /// The handshake is over; the first request has the whole time again.
    pub fn is_open(&self) {
        self.enter(Phase::Opening);
    }

    /// A part of a head has arrived.
    pub fn has_begun_head(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// Its request is being answered.
    pub fn is_busy(&self) {
        self.enter(Phase::Busy);
    }

    /// A body is awaited.
    pub fn awaits_body(&self) {
        self.enter(Phase::Body);
    }

    /// Its request was answered.
    pub fn is_idle(&self) {
        self.enter(Phase::Idle);
    }

    /// Whether the request under way has arrived whole, body and all.
    pub fn has_whole_request(&self) -> bool {
        self.is_whole.load(Relaxed)
    }

    /// Keeps whether the latest bytes ended with a request.
    pub(super) fn set_whole(&self, is_whole: bool) {
        self.is_whole.store(is_whole, Relaxed);
    }

    /// Why a request on it can be read in two ways.
    pub fn ambiguity(&self) -> Option<Ambiguity> {
        Ambiguity::numbered(self.ambiguity.load(Relaxed))
    }

    /// Keeps that a request can be read in two ways.
    pub(super) fn mark(&self, ambiguity: Ambiguity) {
        self.ambiguity.store(ambiguity as u8, Relaxed);
    }

    fn is_proven(&self) -> bool {
        self.is_proven.load(Relaxed)
    }

    fn age_key(&self) -> (u64, u64) {
        (self.since.load(Relaxed), self.number)
    }

    fn enter(&self, phase: Phase) {
        self.since.store(self.all.now.load(Relaxed), Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }

    fn phase(&self) -> Phase {
        const ALL: [Phase; 5] = [
            Phase::Opening,
            Phase::Idle,
            Phase::Head,
            Phase::Body,
            Phase::Busy,
        ];
        ALL[usize::from(self.phase.load(Relaxed)).min(ALL.len() - 1)]
    }
}

impl Phase {
    /// Whether there is no request under way that was read.
    fn is_waiting(self) -> bool {
        matches!(self, Self::Opening | Self::Idle | Self::Head)
    }
}

impl Place {
    /// The connection.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.0
    }

    /// Counts it for the caller's address. False when that has too many connections: close it.
    pub fn belongs_to(&self, caller: SocketAddr) -> bool {
        self.0.all.assign(&self.0, caller.ip().to_canonical())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let all = Arc::clone(&self.0.all);
        let mut inner = all.lock();
        all.remove(&mut inner, &self.0);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn connections(most: usize, change: impl FnOnce(&mut LimitsConfig)) -> Arc<Connections> {
        let mut limits = LimitsConfig::default();
        change(&mut limits);
        Connections::new(&limits, most, Metrics::new().edge().listener("api"))
    }

    fn open(all: &Arc<Connections>, address: &str) -> Option<Place> {
        let place = all.admit()?;
        let address: IpAddr = address.parse().unwrap();
        place
            .belongs_to(SocketAddr::new(address, 1))
            .then_some(place)
    }

    fn is_still_open(place: &Place) -> bool {
        place.0.all.lock().open.contains_key(&place.0.number)
    }

    #[test]
    fn the_oldest_silent_connection_of_an_address_makes_room() {
        let all = connections(100, |limits| limits.connections_per_address = 2);
        let first = open(&all, "192.0.2.1").unwrap();
        let second = open(&all, "192.0.2.1").unwrap();
        let other = open(&all, "192.0.2.2").unwrap();
        let third = open(&all, "192.0.2.1").unwrap();
        assert!(!is_still_open(&first));
        assert!(is_still_open(&second) && is_still_open(&third) && is_still_open(&other));
    }

    #[test]
    fn an_address_whose_connections_are_all_busy_gets_no_more() {
        let all = connections(100, |limits| limits.connections_per_address = 1);
        let first = open(&all, "192.0.2.1").unwrap();
        first.connection().is_busy();
        assert!(open(&all, "192.0.2.1").is_none());
        assert!(open(&all, "::ffff:192.0.2.1").is_none());
        assert!(is_still_open(&first));
        drop(first);
        assert!(open(&all, "192.0.2.1").is_some());
        assert!(all.lock().of.is_empty());
    }

    #[test]
    fn networks_have_limits_of_their_own() {
        let all = connections(100, |limits| {
            limits.connections_per_ipv4_24 = 1;
            limits.connections_per_ipv6_48 = 1;
        });
        for (first, same, other) in [
            ("192.0.2.1", "192.0.2.200", "192.0.3.1"),
            ("2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:2::1"),
        ] {
            let first = open(&all, first).unwrap();
            first.connection().is_busy();
            assert!(open(&all, same).is_none(), "{same}");
            assert!(open(&all, other).is_some(), "{other}");
        }
    }

    #[test]
    fn those_that_authenticated_keep_a_reserve_and_are_closed_last() {
        let all = connections(10, |limits| limits.reserved_connections = Some(3));
        let proven: Vec<_> = (1..=3)
            .map(|last| open(&all, &format!("192.0.2.{last}")).unwrap())
            .collect();
        for place in &proven {
            place.connection().prove();
            place.connection().is_idle();
        }
        let busy: Vec<_> = (1..=7)
            .map(|last| {
                let place = open(&all, &format!("198.51.100.{last}"));
                if let Some(place) = &place {
                    place.connection().is_busy();
                }
                place
            })
            .collect();
        assert!(busy.iter().all(Option::is_some));
        // The eighth finds no room that is not reserved, and may close none that is busy.
        assert!(open(&all, "198.51.100.8").is_none());
    }

    #[test]
    fn silence_is_overdue_after_the_time_for_a_head_and_idleness_later() {
        let all = connections(10, |_| {});
        let silent = open(&all, "192.0.2.1").unwrap();
        let idle = open(&all, "192.0.2.1").unwrap();
        idle.connection().is_idle();
        let busy = open(&all, "192.0.2.1").unwrap();
        busy.connection().is_busy();
        let open_after = |seconds: u64| {
            all.now.store(seconds * 4 + 1, Relaxed);
            all.close_overdue();
            [&silent, &idle, &busy].map(is_still_open)
        };
        assert_eq!(open_after(9), [true; 3]);
        assert_eq!(open_after(11), [false, true, true]);
        assert_eq!(open_after(91), [false, false, true]);
    }
}
