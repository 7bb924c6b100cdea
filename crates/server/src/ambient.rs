//! What comes from outside the program and would make it unrepeatable: time, randomness, and what names resolve to.
//!
//! Both are made once, in `main`, and handed down; tests hand down fixed ones.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};

/// Seconds since 1970-01-01 UTC.
pub type UnixTime = i64;

/// Reads a time as RFC 3339 writes it; `None` when the text is none.
pub fn parse_rfc3339(text: &str) -> Option<UnixTime> {
    let date = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
    date.ok().map(time::OffsetDateTime::unix_timestamp)
}

/// The clock.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that a test sets, in seconds.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `time` until it is set.
    pub fn fixed(time: UnixTime) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(time)))
    }

    /// The time now.
    #[allow(clippy::disallowed_methods)] // this is the one place that asks the machine
    pub fn now(&self) -> UnixTime {
        match self {
            Self::System => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| {
                    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
                }),
            Self::Fixed(time) => time.load(Ordering::Relaxed),
        }
    }
}

/// The source of randomness, fit for keys.
#[derive(Clone, Debug)]
pub enum Entropy {
    /// The operating system's, by way of a generator in each thread.
    System,
    /// A repeatable sequence, for tests.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Entropy {
    /// The same sequence for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Fresh random bytes for names and numbers that need not be secret.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            Self::System => rand::rng().fill_bytes(&mut bytes),
            Self::Seeded(generator) => generator
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill_bytes(&mut bytes),
        }
        bytes
    }

    /// Fresh random bytes for a key, straight from the operating system.
    ///
    /// # Errors
    /// When the operating system has none to give.
    pub fn key<const N: usize>(&self) -> std::io::Result<[u8; N]> {
        let Self::System = self else {
            return Ok(self.bytes());
        };
        let mut bytes = [0; N];
        SysRng
            .try_fill_bytes(&mut bytes)
            .map_err(std::io::Error::other)?;
        Ok(bytes)
    }

    /// A name of `length` characters from `[a-z0-9]`.
    pub fn name(&self, length: usize) -> String {
        self.letters(b"abcdefghijklmnopqrstuvwxyz0123456789", length)
    }

    /// `length` characters drawn evenly from `alphabet`, which has at most 64 characters.
    pub fn letters(&self, alphabet: &[u8], length: usize) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            for byte in self.bytes::<16>() {
                // Six bits a character; what falls outside of the alphabet is drawn again, so that all are equally likely.
                if let (true, Some(letter)) =
                    (text.len() < length, alphabet.get(usize::from(byte & 63)))
                {
                    text.push(char::from(*letter));
                }
            }
        }
        text
    }
}

/// The addresses of a host name; none for one that is not known.
pub type Lookup = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// What host names resolve to.
#[derive(Clone)]
pub enum Resolver {
    /// The machine's resolver.
    System,
    /// What a test says.
    Fixed(Arc<Lookup>),
}

impl Resolver {
    /// The addresses of a host, each once; at least one.
    ///
    /// # Errors
    /// When there is none.
    pub async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut found: Vec<IpAddr> = match self {
            Self::System => {
                let found = tokio::net::lookup_host((host, 0)).await?;
                found.map(|address| address.ip().to_canonical()).collect()
            }
            Self::Fixed(resolve) => resolve(host),
        };
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            return Err(io::Error::other("it has no address"));
        }
        Ok(found)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Fixed(_) => "Fixed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_letters_of_an_id() {
        let entropy = Entropy::seeded(1);
        let names: Vec<_> = (0..200).map(|_| entropy.name(8)).collect();
        for name in &names {
            assert_eq!(name.len(), 8);
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
                "{name}"
            );
        }
        assert_eq!(
            names.iter().collect::<std::collections::HashSet<_>>().len(),
            names.len()
        );
    }

    #[test]
    fn a_fixed_clock_stands_still() {
        let clock = Clock::fixed(1_795_490_000);
        assert_eq!(clock.now(), clock.now());
    }
}
