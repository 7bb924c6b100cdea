//! Sessions of the console: in memory alone, so that a restart signs everybody out.
//!
//! A session stands for an access key; what it may do is what the key may do at that moment. Its token is known to the
//! browser only: here is its hash.

use std::collections::VecDeque;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ambient::{Entropy, UnixTime};

/// However busy a session is, it ends after this.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// How many sessions one key has at most; the one that was idle longest makes room, so that nobody signs others out.
const SESSIONS: usize = 20;
/// How many calls a session remembers.
const HISTORY: usize = 50;
/// How many failed sign-ins are remembered; the one that failed longest ago makes room.
const FAILURES: usize = 10_000;
/// How many sign-ins in a row may fail before the next one has to wait.
const FREE_FAILURES: u32 = 5;
/// The longest wait, in seconds.
const LONGEST_WAIT: UnixTime = 300;

/// A call that was made in the explorer, without what it was called with that is secret.
#[derive(Clone, Debug)]
pub struct Call {
    /// When.
    pub time: UnixTime,
    /// The service and the action, as in `cdb/DescribeSSLStatus`.
    pub action: String,
    /// The query string that fills the form in again.
    pub query: String,
    /// Its RequestId.
    pub request_id: String,
    /// The error code; empty when it succeeded.
    pub code: String,
    /// How long it took.
    pub took: Duration,
}

/// A session.
pub struct Session {
    /// The key that signed in.
    pub secret_id: String,
    /// What every form of the session has to bring.
    csrf: String,
    began: UnixTime,
    inner: Mutex<Inner>,
}

struct Inner {
    seen: UnixTime,
    calls: VecDeque<Call>,
}

impl Session {
    /// What every form has to bring.
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Whether a form brought the right thing, in constant time.
    pub fn admits(&self, csrf: &str) -> bool {
        bool::from(self.csrf.as_bytes().ct_eq(csrf.as_bytes()))
    }

    /// The calls that it made, the newest first.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.inner).calls.iter().cloned().collect()
    }

    /// Remembers a call.
    pub fn remember(&self, call: Call) {
        let mut inner = lock(&self.inner);
        inner.calls.truncate(HISTORY - 1);
        inner.calls.push_front(call);
    }

    fn is_over(&self, now: UnixTime, idle: UnixTime) -> bool {
        now - self.began > seconds(LONGEST) || now - lock(&self.inner).seen > idle
    }
}

/// All of them, and who failed to sign in.
pub struct Sessions {
    /// How long a session may be idle, in seconds.
    idle: UnixTime,
    by_token: Mutex<HashMap<[u8; 32], Arc<Session>>>,
    /// By address and SecretId: behind a proxy everybody has one address, and nobody must keep the others out.
    failures: Mutex<HashMap<(IpAddr, [u8; 32]), Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: UnixTime,
}

impl Sessions {
    /// None yet. A session ends after `idle` without a request.
    pub fn new(idle: Duration) -> Self {
        Self {
            idle: seconds(idle),
            by_token: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Begins a session for a key whose secret was shown, and forgets that the address ever failed with it. Answers its token.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn begin(
        &self,
        secret_id: &str,
        from: IpAddr,
        now: UnixTime,
        entropy: &Entropy,
    ) -> std::io::Result<String> {
        let token = hex::encode(entropy.key::<32>()?);
        let session = Session {
            secret_id: secret_id.to_owned(),
            csrf: hex::encode(entropy.key::<32>()?),
            began: now,
            inner: Mutex::new(Inner {
                seen: now,
                calls: VecDeque::new(),
            }),
        };
        let mut sessions = lock(&self.by_token);
        sessions.retain(|_, session| !session.is_over(now, self.idle));
        let own = |session: &Session| session.secret_id == secret_id;
        if sessions.values().filter(|session| own(session)).count() >= SESSIONS {
            remove_oldest(&mut sessions, |session| {
                own(session).then(|| lock(&session.inner).seen)
            });
        }
        sessions.insert(hash(&token), Arc::new(session));
        lock(&self.failures).remove(&(network(from), hash(secret_id)));
        Ok(token)
    }

    /// The session of a token, which counts as seen now; `None` when it is over or never was.
    pub fn find(&self, token: &str, now: UnixTime) -> Option<Arc<Session>> {
        let mut sessions = lock(&self.by_token);
        let hash = hash(token);
        let session = Arc::clone(sessions.get(&hash)?);
        if session.is_over(now, self.idle) {
            sessions.remove(&hash);
            return None;
        }
        lock(&session.inner).seen = now;
        Some(session)
    }

    /// Ends the session of a token.
    pub fn end(&self, token: &str) {
        lock(&self.by_token).remove(&hash(token));
    }

    /// How many seconds an address has to wait before it may try to sign in with this key; 0 most of the time.
    pub fn wait(&self, from: IpAddr, secret_id: &str, now: UnixTime) -> UnixTime {
        let key = (network(from), hash(secret_id));
        let failures = lock(&self.failures).get(&key).copied();
        failures.map_or(0, |failures| (failures.until() - now).max(0))
    }

    /// Counts a sign-in that failed.
    pub fn fail(&self, from: IpAddr, secret_id: &str, now: UnixTime) {
        let mut failures = lock(&self.failures);
        let key = (network(from), hash(secret_id));
        if failures.len() >= FAILURES && !failures.contains_key(&key) {
            remove_oldest(&mut failures, |failures| Some(failures.last));
        }
        let of = failures.entry(key).or_insert(Failures {
            count: 0,
            last: now,
        });
        of.count = of.count.saturating_add(1);
        of.last = now;
    }
}

impl Failures {
    /// From when on the next try is allowed: each failure beyond the free ones doubles the wait.
    fn until(self) -> UnixTime {
        match self.count.checked_sub(FREE_FAILURES) {
            None => 0,
            Some(beyond) => self.last + (1 << beyond.min(16)).min(LONGEST_WAIT),
        }
    }
}

/// Removes the oldest entry of those that have an age here.
fn remove_oldest<K: Hash + Eq + Clone, V>(
    map: &mut HashMap<K, V>,
    age: impl Fn(&V) -> Option<UnixTime>,
) {
    let ages = map
        .iter()
        .filter_map(|(key, value)| Some((age(value)?, key)));
    let oldest = ages.min_by_key(|(age, _)| *age);
    if let Some(key) = oldest.map(|(_, key)| key.clone()) {
        map.remove(&key);
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & !u128::from(u64::MAX)).into()),
    }
}

fn seconds(time: Duration) -> UnixTime {
    UnixTime::try_from(time.as_secs()).unwrap_or(UnixTime::MAX)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = 1_795_490_000;
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn sessions() -> (Sessions, Entropy) {
        (Sessions::new(Duration::from_secs(1800)), Entropy::seeded(1))
    }

    #[test]
    fn a_session_ends_when_it_is_idle() {
        let (sessions, entropy) = sessions();
        let token = sessions.begin("AKIDONE", HERE, NOW, &entropy).unwrap();
        assert!(sessions.find(&token, NOW + 1800).is_some());
        assert!(sessions.find(&token, NOW + 3600).is_some());
        assert!(sessions.find(&token, NOW + 5401).is_none());
        assert!(
            sessions.find(&token, NOW).is_none(),
            "what is over stays so"
        );
    }

    #[test]
    fn a_session_ends_however_busy_it_is() {
        let (sessions, entropy) = sessions();
        let token = sessions.begin("AKIDONE", HERE, NOW, &entropy).unwrap();
        for minute in 0..=12 * 60 {
            assert!(sessions.find(&token, NOW + minute * 60).is_some());
        }
        assert!(sessions.find(&token, NOW + seconds(LONGEST) + 1).is_none());
    }

    #[test]
    fn a_session_that_is_ended_is_over() {
        let (sessions, entropy) = sessions();
        let token = sessions.begin("AKIDONE", HERE, NOW, &entropy).unwrap();
        sessions.end(&token);
        assert!(sessions.find(&token, NOW).is_none());
    }

    #[test]
    fn of_one_key_the_one_that_was_idle_longest_makes_room() {
        let (sessions, entropy) = sessions();
        let other = sessions
            .begin("AKIDOTHER", HERE, NOW - 1, &entropy)
            .unwrap();
        let begin = |n: i64| sessions.begin("AKIDONE", HERE, NOW + n, &entropy).unwrap();
        let first = begin(0);
        let second = begin(1);
        for n in 2..=20 {
            begin(n);
        }
        let is_there = |token: &str| sessions.find(token, NOW + 21).is_some();
        assert_eq!(
            [&first, &second, &other].map(|token| is_there(token)),
            [false, true, true]
        );
    }

    #[test]
    fn each_failure_beyond_the_free_ones_doubles_the_wait() {
        let (sessions, entropy) = sessions();
        let mut waits = Vec::new();
        for _ in 0..8 {
            sessions.fail(HERE, "AKIDONE", NOW);
            waits.push(sessions.wait(HERE, "AKIDONE", NOW));
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8]);
        let elsewhere = "127.0.0.2".parse().unwrap();
        assert_eq!(sessions.wait(elsewhere, "AKIDONE", NOW), 0);
        assert_eq!(sessions.wait(HERE, "AKIDOTHER", NOW), 0);
        sessions.begin("AKIDONE", HERE, NOW, &entropy).unwrap();
        assert_eq!(sessions.wait(HERE, "AKIDONE", NOW), 0);
    }

    #[test]
    fn the_wait_has_an_end() {
        let (sessions, _) = sessions();
        for _ in 0..100 {
            sessions.fail(HERE, "AKIDONE", NOW);
        }
        assert_eq!(sessions.wait(HERE, "AKIDONE", NOW), LONGEST_WAIT);
        assert_eq!(sessions.wait(HERE, "AKIDONE", NOW + LONGEST_WAIT), 0);
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let (sessions, _) = sessions();
        for n in 0..6 {
            let from = format!("2001:db8::{n}").parse().unwrap();
            sessions.fail(from, "AKIDONE", NOW);
        }
        let wait = |from: &str| sessions.wait(from.parse().unwrap(), "AKIDONE", NOW);
        assert_eq!((wait("2001:db8::ffff"), wait("2001:db8:0:1::1")), (2, 0));
    }

    #[test]
    fn only_the_newest_calls_are_remembered() {
        let (sessions, entropy) = sessions();
        let token = sessions.begin("AKIDONE", HERE, NOW, &entropy).unwrap();
        let session = sessions.find(&token, NOW).unwrap();
        for n in 0..60 {
            session.remember(Call {
                time: NOW,
                action: "cdb/DescribeSSLStatus".into(),
                query: String::new(),
                request_id: n.to_string(),
                code: String::new(),
                took: Duration::ZERO,
            });
        }
        let calls = session.calls();
        assert_eq!((calls.len(), &*calls[0].request_id), (50, "59"));
    }
}
