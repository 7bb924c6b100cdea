//! Budgets in bytes per minute, in all and per source address: what unknown callers may make this service write.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::ambient::UnixTime;

/// How many sources have a budget of their own in one minute; all further ones share one.
const MOST_SOURCES: usize = 4096;

/// What may be written in one minute, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub all: usize,
    /// For one source address; an IPv6 source is a /64.
    pub source: usize,
}

/// What was not written in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// The minute, as the Unix time of its start.
    pub minute: UnixTime,
    /// How many lines.
    pub lines: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

/// A budget and what is used of it.
pub struct Budget {
    limits: Limits,
    minute: UnixTime,
    used: usize,
    sources: HashMap<IpAddr, usize>,
    lines: u64,
    bytes: u64,
}

impl Budget {
    /// An unused budget.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            minute: 0,
            used: 0,
            sources: HashMap::new(),
            lines: 0,
            bytes: 0,
        }
    }

    /// Takes so many bytes for a source, or counts them as suppressed. Call [`turn`](Self::turn) first.
    pub fn admit(&mut self, source: IpAddr, bytes: usize) -> bool {
        let mut source = network(source);
        if self.sources.len() >= MOST_SOURCES && !self.sources.contains_key(&source) {
            source = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        }
        let used = self.sources.entry(source).or_default();
        let fits = *used + bytes <= self.limits.source && self.used + bytes <= self.limits.all;
        if fits {
            *used += bytes;
            self.used += bytes;
        } else {
            self.lines += 1;
            self.bytes += bytes as u64;
        }
        fits
    }

    /// Begins the minute of `now`, and answers what the minute before had to suppress.
    pub fn turn(&mut self, now: UnixTime) -> Option<Suppressed> {
        let minute = now - now.rem_euclid(60);
        if minute == self.minute {
            return None;
        }
        let suppressed = Suppressed {
            minute: self.minute,
            lines: self.lines,
            bytes: self.bytes,
        };
        self.sources.clear();
        (self.minute, self.used, self.lines, self.bytes) = (minute, 0, 0, 0);
        (suppressed.lines > 0).then_some(suppressed)
    }

    /// How many bytes of this minute are used.
    pub fn used(&self) -> usize {
        self.used
    }
}

/// The budget of the log for lines that refused callers cause.
pub struct LogBudget(Mutex<Budget>);

impl LogBudget {
    /// What a line has besides its texts, in bytes: time, level, addresses, names of fields.
    const FRAME: usize = 256;

    /// An unused budget.
    pub fn new(limits: Limits) -> Self {
        Self(Mutex::new(Budget::new(limits)))
    }

    /// Whether a line with so many bytes of text may be logged. The first one of a minute says what the minute before suppressed.
    pub fn admit(&self, source: IpAddr, texts: usize, now: UnixTime) -> bool {
        let mut budget = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(suppressed) = budget.turn(now) {
            tracing::warn!(
                lines = suppressed.lines,
                bytes = suppressed.bytes,
                "lines about refused requests were not logged in the minute before: see log.refused_bytes_per_minute"
            );
        }
        budget.admit(source, texts + Self::FRAME)
    }
}

/// The network that an address counts for: itself, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        all: 250,
        source: 100,
    };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_source_does_not_use_up_the_budget_of_another() {
        let mut budget = Budget::new(LIMITS);
        assert_eq!(budget.turn(60), None);
        assert!(budget.admit(address("192.0.2.1"), 100));
        assert!(!budget.admit(address("192.0.2.1"), 1));
        assert!(budget.admit(address("192.0.2.2"), 100));
        assert!(!budget.admit(address("192.0.2.3"), 51), "in all");
        assert_eq!(budget.used(), 200);
        let suppressed = Suppressed {
            minute: 60,
            lines: 2,
            bytes: 52,
        };
        assert_eq!(budget.turn(119), None);
        assert_eq!(budget.turn(120), Some(suppressed));
        assert!(budget.admit(address("192.0.2.1"), 100));
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_budget() {
        let mut budget = Budget::new(LIMITS);
        assert!(budget.admit(address("2001:db8::1"), 100));
        assert!(!budget.admit(address("2001:db8::2"), 1));
        assert!(budget.admit(address("2001:db8:0:1::1"), 100));
        assert!(budget.admit(address("192.0.2.1"), 40));
        assert!(!budget.admit(address("::ffff:192.0.2.1"), 61));
    }

    #[test]
    fn a_hundred_thousand_sources_take_bounded_memory() {
        let mut budget = Budget::new(Limits {
            all: usize::MAX,
            source: 100,
        });
        for number in 0..100_000u32 {
            budget.admit(std::net::Ipv4Addr::from_bits(number).into(), 100);
        }
        assert_eq!(budget.sources.len(), MOST_SOURCES + 1);
    }
}
