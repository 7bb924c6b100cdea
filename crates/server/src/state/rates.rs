//! The rate limit: calls per second, key and action, counted as the vendor's message says it ("in a second"). Each key has the
//! documented limit to itself, so that no key uses up that of another.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ambient::UnixTime;

/// Counts the calls of one key to each action.
#[derive(Default)]
pub struct Rates(OnceLock<Box<[AtomicU64]>>);

impl Rates {
    /// Counts a call at `now` to the action at the place `action` of a table of so many `actions`.
    ///
    /// # Errors
    /// How many calls this second has had, this one included, when that is more than `limit`.
    pub fn admit(
        &self,
        actions: usize,
        action: usize,
        limit: u32,
        now: UnixTime,
    ) -> Result<(), u64> {
        let counters = self
            .0
            .get_or_init(|| (0..actions).map(|_| AtomicU64::new(0)).collect());
        let count = count(&counters[action], now);
        if count > u64::from(limit) {
            Err(count)
        } else {
            Ok(())
        }
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
        let rates = Rates::default();
        for _ in 0..20 {
            assert_eq!(rates.admit(2, 0, 20, NOW), Ok(()));
        }
        assert_eq!(rates.admit(2, 0, 20, NOW), Err(21));
        assert_eq!(rates.admit(2, 0, 20, NOW), Err(22));
        assert_eq!(rates.admit(2, 1, 20, NOW), Ok(()), "another action");
        assert_eq!(rates.admit(2, 0, 20, NOW + 1), Ok(()), "the next second");
    }

    #[test]
    fn none_is_lost_between_threads() {
        let rates = Rates::default();
        let admitted = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..1000)
                            .filter(|_| rates.admit(2, 0, 1500, NOW).is_ok())
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
