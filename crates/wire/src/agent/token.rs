use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::hex;

/// The right to enrol one agent, once: `sgt1.<id>.<secret>.<SHA-256 of the control plane's root certificate>`.
///
/// The last part lets an agent that knows nothing yet tell its control plane from an impostor. The text as a whole is a
/// secret: it cannot be printed or compared, and is wiped when dropped.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token {
    id: String,
    secret: Zeroizing<String>,
    root: [u8; 32],
}

/// The text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an enrolment token looks like `sgt1.<id>.<secret>.<64 hexadecimal digits>`: copy it whole, as it was printed"
)]
pub struct InvalidToken;

impl Token {
    /// Makes a token of its parts.
    ///
    /// # Errors
    /// `id` and `secret` are 1 to 128 of `[A-Za-z0-9_-]`, so that the dots between the parts are unambiguous.
    pub fn new(id: &str, secret: &str, root: [u8; 32]) -> Result<Self, InvalidToken> {
        if !is_part(id) || !is_part(secret) {
            return Err(InvalidToken);
        }
        Ok(Self {
            id: id.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
            root,
        })
    }

    /// Reads a token; white space around it, as a file or a terminal adds, does not matter.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let mut parts = text.trim().split('.');
        let mut part = || parts.next().ok_or(InvalidToken);
        let (version, id, secret, root) = (part()?, part()?, part()?, part()?);
        if version != "sgt1" || parts.next().is_some() {
            return Err(InvalidToken);
        }
        Self::new(id, secret, hex::decode(root).ok_or(InvalidToken)?)
    }

    /// What the control plane finds it by. It is no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What proves it.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The SHA-256 of the control plane's root certificate.
    pub const fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// The whole token: for the person who carries it to the host.
    pub fn expose(&self) -> Zeroizing<String> {
        let root = hex::lower(&self.root);
        let root = str::from_utf8(&root).expect("hexadecimal digits");
        Zeroizing::new(format!("sgt1.{}.{}.{root}", self.id, *self.secret))
    }
}

fn is_part(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

impl TryFrom<String> for Token {
    type Error = InvalidToken;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&Zeroizing::new(text))
    }
}

impl Clone for Token {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            secret: self.secret.clone(),
            root: self.root,
        }
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        String::clone(&token.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_is_written() {
        let token = Token::new("k3", "s-3_cret", [0xab; 32]).unwrap();
        let text = format!("sgt1.k3.s-3_cret.{}", "ab".repeat(32));
        assert_eq!(*token.expose(), text);
        let read = Token::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(
            (read.id(), read.secret(), read.root()),
            ("k3", "s-3_cret", &[0xab; 32])
        );
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            serde_json::json!(text)
        );
        assert_eq!(
            *serde_json::from_value::<Token>(serde_json::json!(text))
                .unwrap()
                .expose(),
            text
        );
    }

    #[test]
    fn what_is_cut_or_mangled_is_refused() {
        let root = "ab".repeat(32);
        for text in [
            String::new(),
            "sgt1.k3.secret".into(),
            format!("sgt2.k3.secret.{root}"),
            format!("sgt1..secret.{root}"),
            format!("sgt1.k3..{root}"),
            format!("sgt1.k3.se cret.{root}"),
            format!("sgt1.k3.secret.{}", &root[1..]),
            format!("sgt1.k3.secret.{root}.more"),
        ] {
            assert_eq!(Token::parse(&text).err(), Some(InvalidToken), "{text}");
        }
        assert_eq!(
            InvalidToken.to_string(),
            "an enrolment token looks like `sgt1.<id>.<secret>.<64 hexadecimal digits>`: copy it whole, as it was printed"
        );
    }
}
