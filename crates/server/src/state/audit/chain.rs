//! The chain of the audit log: each line carries its number and a MAC over the line before it and its own text.
//!
//! The key of the MAC is derived from the data key, so whoever can write the file but not open the secrets cannot make a line that fits. The
//! version before used a plain SHA-256 over the same bytes (`hash`); its lines are read as what they are.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::state::vault::Vault;

/// The length of a MAC or a hash in hexadecimal digits.
pub(super) const DIGITS: usize = 64;

/// A MAC or a hash, hexadecimal.
pub(super) type Mark = [u8; DIGITS];

/// The end of a chain: how many lines it has, and the MAC of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// How many lines, from the first one ever written.
    pub count: u64,
    pub(super) mark: Mark,
}

impl Link {
    /// The end of a log without lines.
    pub const START: Self = Self {
        count: 0,
        mark: [b'0'; DIGITS],
    };
}

/// `128 9f86…`: the form in which a checkpoint is kept elsewhere.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.count, String::from_utf8_lossy(&self.mark))
    }
}

impl FromStr for Link {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.trim().split_once(' ').and_then(|(count, mark)| {
            let mark: Mark = mark.as_bytes().try_into().ok()?;
            let is_hex = mark.iter().all(u8::is_ascii_hexdigit);
            Some(Self {
                count: count.parse().ok()?,
                mark: is_hex.then_some(mark)?,
            })
        });
        parsed.ok_or("a checkpoint is a number and 64 hexadecimal digits, as `signet audit checkpoint` prints them")
    }
}

/// The key of the chain, as an HMAC that has taken it in.
#[derive(Clone)]
pub struct ChainKey(Hmac<Sha256>);

impl ChainKey {
    /// The key of the logs of this data.
    pub fn of(vault: &Vault) -> Self {
        Self(
            Hmac::new_from_slice(vault.derive("audit chain").as_slice())
                .expect("HMAC takes a key of any length"),
        )
    }

    /// The MAC of a text that follows after `last`.
    pub(super) fn mark(&self, last: &Mark, text: &[u8]) -> Mark {
        let mac = self.0.clone().chain_update(last).chain_update(text);
        digits(&mac.finalize().into_bytes())
    }
}

fn digits(bytes: &[u8]) -> Mark {
    let mut digits = [0; DIGITS];
    hex::encode_to_slice(bytes, &mut digits).expect("32 bytes are 64 digits");
    digits
}

/// A line of the log, taken apart.
pub(super) struct Chained<'a> {
    /// Its text up to the mark, without the closing brace.
    text: &'a str,
    mark: Mark,
    /// Its number; `None` in a line of the version before.
    pub(super) number: Option<u64>,
}

impl<'a> Chained<'a> {
    /// Takes a line apart; `None` when it has neither a MAC nor a hash.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let cut = |name: &str| {
            let (text, rest) = line.rsplit_once(name)?;
            let mark = rest.strip_suffix("\"}")?.as_bytes().try_into().ok()?;
            Some((text, mark))
        };
        if let Some((text, mark)) = cut(",\"mac\":\"") {
            let number = Some(text.rsplit_once(",\"n\":")?.1.parse().ok()?);
            return Some(Self { text, mark, number });
        }
        let (text, mark) = cut(",\"hash\":\"")?;
        Some(Self {
            text,
            mark,
            number: None,
        })
    }

    /// The end of the chain after this line, if it follows from `before`.
    pub(super) fn follows(&self, before: &Link, key: Option<&ChainKey>) -> Option<Link> {
        let text = format!("{}}}", self.text);
        let count = before.count + 1;
        let expected = match (self.number, key) {
            (Some(number), Some(key)) if number == count => key.mark(&before.mark, text.as_bytes()),
            (Some(_), _) => return None,
            (None, _) => {
                let hash = Sha256::new().chain_update(before.mark).chain_update(text);
                digits(&hash.finalize())
            }
        };
        (expected == self.mark).then_some(Link {
            count,
            mark: self.mark,
        })
    }

    /// The end of the chain after this line, unchecked: a line without a number is the last one of `count`.
    pub(super) fn end(
        &self,
        count: impl FnOnce() -> std::io::Result<u64>,
    ) -> std::io::Result<Link> {
        Ok(Link {
            count: self.number.map_or_else(count, Ok)?,
            mark: self.mark,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_as_it_was_printed() {
        let link = Link {
            count: 7,
            mark: [b'a'; DIGITS],
        };
        assert_eq!(link.to_string().parse(), Ok(link));
        for text in ["", "7", "x aa", &format!("7 {}", "g".repeat(DIGITS))] {
            assert_eq!(
                text.parse::<Link>(),
                Err(
                    "a checkpoint is a number and 64 hexadecimal digits, as `signet audit checkpoint` prints them"
                ),
                "{text}"
            );
        }
    }
}
