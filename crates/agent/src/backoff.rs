use std::time::Duration;

/// The shortest delay, and the longest.
const RANGE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How long to wait before the next try: twice as long each time, with jitter, so that the agents of a fleet do not all
/// come back in the same moment when their control plane does.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed once more: the delay, which `random` places between half and the whole of what it could be.
    pub(crate) fn next(&mut self, random: u32) -> Duration {
        let whole = RANGE
            .0
            .saturating_mul(2 << self.failures.min(10))
            .min(RANGE.1);
        self.failures = self.failures.saturating_add(1);
        whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_from_half_a_second_to_half_a_minute() {
        let delays = |random| {
            let mut backoff = Backoff::default();
            std::array::from_fn(|_| backoff.next(random).as_millis())
        };
        assert_eq!(
            delays(0),
            [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]
        );
        assert_eq!(
            delays(u32::MAX),
            [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
        );
    }

    #[test]
    fn after_a_success_it_begins_anew() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            backoff.next(7);
        }
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::from_millis(500));
    }
}
