//! Servers whose handshakes fail, so that we do not fail with them again and again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::time::{Duration, Instant};

use crate::{Observation, Reason, Status, Target, Tls};

const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Beyond it nothing new is remembered: a few megabytes.
const MOST: usize = 10_000;

/// What servers showed whose handshakes failed.
///
/// A server with the default `max_connect_errors` of 100 would lock our whole host out within an hour of probes that fail every
/// 30 seconds. With waits that double from a minute to a day, it takes a month; and its counter starts anew when it restarts.
#[derive(Default)]
pub(super) struct Setbacks(Mutex<HashMap<Target, Setback>>);

struct Setback {
    status: Status,
    reason: Option<Reason>,
    tls: Option<Tls>,
    /// The server's count of connections when it failed.
    connection: u32,
    wait: Duration,
    until: Instant,
}

impl Setbacks {
    /// Tells what was seen before, if it is not time to look again. A server that counts its connections anew has restarted, perhaps with
    /// another configuration: it is looked at again.
    pub(super) fn recall(&self, target: &Target, connection: u32, seen: &mut Observation) -> bool {
        let known = self.lock();
        let Some(setback) = known
            .get(target)
            .filter(|known| known.connection <= connection && Instant::now() < known.until)
        else {
            return false;
        };
        seen.status = setback.status;
        seen.reason.clone_from(&setback.reason);
        seen.tls.clone_from(&setback.tls);
        true
    }

    pub(super) fn remember(&self, target: &Target, connection: u32, seen: &Observation) {
        let mut known = self.lock();
        if known.len() >= MOST && !known.contains_key(target) {
            return;
        }
        let wait = known
            .get(target)
            .map_or(FIRST_WAIT, |before| (before.wait * 2).min(LONGEST_WAIT));
        let (status, reason, tls) = (seen.status, seen.reason.clone(), seen.tls.clone());
        known.insert(
            target.clone(),
            Setback {
                status,
                reason,
                tls,
                connection,
                wait,
                until: Instant::now() + wait,
            },
        );
    }

    pub(super) fn forget(&self, target: &Target) {
        self.lock().remove(target);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Target, Setback>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails on every look, one probe every 30 seconds for `days`; answers how often the server counted us.
    async fn looks(days: u64) -> u32 {
        let (setbacks, target) = (Setbacks::default(), "db1".parse().unwrap());
        let mut looks = 0;
        for probe in 0..days * 24 * 60 * 2 {
            let mut seen = Observation::unknown(None);
            if !setbacks.recall(&target, u32::try_from(probe).unwrap(), &mut seen) {
                looks += 1;
                setbacks.remember(&target, u32::try_from(probe).unwrap(), &seen);
            }
            tokio::time::advance(Duration::from_secs(30)).await;
        }
        looks
    }

    #[tokio::test(start_paused = true)]
    async fn a_month_of_failing_handshakes_stays_under_the_default_limit() {
        assert_eq!(looks(1).await, 11);
        let month = looks(30).await;
        // Two connections each time: one of our library's, one by hand.
        assert_eq!((month, month * 2 < 100), (40, true));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_seen_is_told_until_the_wait_is_over_or_the_server_restarts() {
        let (setbacks, target) = (Setbacks::default(), "db1".parse().unwrap());
        let reason = Reason::HandshakeFailed {
            detail: "x".to_owned(),
        };
        setbacks.remember(&target, 7, &Observation::unknown(Some(reason.clone())));

        let mut seen = Observation::unknown(None);
        assert!(setbacks.recall(&target, 8, &mut seen));
        assert_eq!(seen, Observation::unknown(Some(reason)));
        assert!(!setbacks.recall(&target, 6, &mut seen), "restarted");
        assert!(
            !setbacks.recall(&"db2".parse().unwrap(), 8, &mut seen),
            "another server"
        );
        tokio::time::advance(FIRST_WAIT).await;
        assert!(!setbacks.recall(&target, 8, &mut seen), "the wait is over");
    }
}
