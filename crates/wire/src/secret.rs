use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

/// The public half of a key pair: what a request names. The vendor's look like `AKID` and 32 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretId(String);

/// The text cannot be a SecretId.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SecretId is 1 to 128 visible ASCII characters without `/` and `,`")]
pub struct InvalidSecretId;

impl SecretId {
    /// Checks and wraps a SecretId.
    ///
    /// # Errors
    /// `/` and `,` separate the parts of an `Authorization` header, so an id that holds one could never be used.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidSecretId> {
        let text = text.into();
        let fits = (1..=128).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'/' && b != b',');
        if fits {
            Ok(Self(text))
        } else {
            Err(InvalidSecretId)
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretId {
    type Err = InvalidSecretId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<String> for SecretId {
    type Error = InvalidSecretId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The private half of a key pair. It cannot be printed, compared or copied, and is wiped when dropped.
///
/// ```compile_fail,E0277
/// let key = wire::SecretKey::new("EXAMPLEKEY");
/// println!("{key:?}");
/// ```
pub struct SecretKey(Zeroizing<String>);

impl SecretKey {
    /// Takes over a key. The caller's own copies are the caller's to wipe.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The key itself: the one place where it can be read.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_id_is_visible_ascii_without_separators() {
        assert_eq!(
            SecretId::new("AKIDEXAMPLE").map(|id| id.to_string()),
            Ok("AKIDEXAMPLE".to_owned())
        );
        // The vendor's current document signs with an id of asterisks.
        assert!(SecretId::new(format!("AKID{}", "*".repeat(32))).is_ok());
        for text in ["", "a/b", "a,b", "a b", "a\n", "ключ", &"a".repeat(129)] {
            assert_eq!(SecretId::new(text), Err(InvalidSecretId), "{text:?}");
        }
    }

    #[test]
    fn a_secret_key_is_read_by_expose_alone() {
        assert_eq!(SecretKey::new("EXAMPLEKEY").expose(), "EXAMPLEKEY");
    }
}
