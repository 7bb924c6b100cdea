//! The rate limit: calls per second, account and action, counted as the vendor's message says it ("in a second").

use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ambient::UnixTime;
use crate::state::ids::Account;

/// Counts the calls of each account to each action.
pub struct Limiter {
    actions: usize,
    accounts: ArcSwap<HashMap<Account, Arc<[AtomicU64]>>>,
    growing: Mutex<()>,
}

impl Limiter {
    /// A limiter for this many actions.
    pub fn new(actions: usize) -> Self {
        Self {
            actions,
            accounts: ArcSwap::default(),
            growing: Mutex::new(()),
        }
    }

    /// Counts a call at `now`.
    ///
    /// # Errors
    /// How many calls this second has had, this one included, when that is more than `limit`.
    pub fn admit(
        &self,
        account: Account,
        action: usize,
        limit: u32,
        now: UnixTime,
    ) -> Result<(), u64> {
        let accounts = self.accounts.load();
        let count = match accounts.get(&account) {
            Some(counters) => count(&counters[action], now),
            None => count(&self.counters_of(account)[action], now),
        };
        if count > u64::from(limit) {
            Err(count)
        } else {
            Ok(())
        }
    }

    fn counters_of(&self, account: Account) -> Arc<[AtomicU64]> {
        let _one_at_a_time = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut accounts = HashMap::clone(&self.accounts.load());
        let counters = accounts
            .entry(account)
            .or_insert_with(|| (0..self.actions).map(|_| AtomicU64::new(0)).collect())
            .clone();
        self.accounts.store(Arc::new(accounts));
        counters
    }
}

/// The counter holds the second in its upper half and the count in its lower half.
fn count(counter: &AtomicU64, now: UnixTime) -> u64 {
    const LOW: u64 = u32::MAX as u64;
    let second = now.cast_unsigned() & LOW;
    let next = |word: u64| {
        if word >> 32 == second {
            (word & LOW).saturating_add(1).min(LOW)
        } else {
            1
        }
    };
    let before = counter.update(Ordering::Relaxed, Ordering::Relaxed, |word| {
        second << 32 | next(word)
    });
    next(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = 1_795_490_000;

    #[test]
    fn the_21st_call_in_a_second_is_one_too_many() {
        let limiter = Limiter::new(2);
        for _ in 0..20 {
            assert_eq!(limiter.admit(Account(1), 0, 20, NOW), Ok(()));
        }
        assert_eq!(limiter.admit(Account(1), 0, 20, NOW), Err(21));
        assert_eq!(limiter.admit(Account(1), 0, 20, NOW), Err(22));
        assert_eq!(
            limiter.admit(Account(1), 1, 20, NOW),
            Ok(()),
            "another action"
        );
        assert_eq!(
            limiter.admit(Account(2), 0, 20, NOW),
            Ok(()),
            "another account"
        );
        assert_eq!(
            limiter.admit(Account(1), 0, 20, NOW + 1),
            Ok(()),
            "the next second"
        );
    }

    #[test]
    fn none_is_lost_between_threads() {
        let limiter = Limiter::new(1);
        let admitted = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..1000)
                            .filter(|_| limiter.admit(Account(1), 0, 1500, NOW).is_ok())
                            .count()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum::<usize>()
        });
        assert_eq!(admitted, 1500);
    }
}
