//! `caching_sha2_password` without TLS: the server shows an RSA key, and the password goes to it encrypted.
//!
//! Whoever stands between could show a key of its own. So this is for connections on which nobody can.

use rsa::{Oaep, RsaPublicKey, pkcs8::DecodePublicKey, rand_core::OsRng};
use zeroize::Zeroizing;

use crate::{Reason, Step};

/// Asks for the key.
pub(super) const REQUEST: &[u8] = &[2];

/// The password with its final zero, xored with the challenge and encrypted by OAEP with SHA-1: as MySQL's own clients do it.
pub(super) fn encrypt(password: &[u8], challenge: &[u8], pem: &[u8]) -> Result<Vec<u8>, Reason> {
    let key = std::str::from_utf8(pem).map_err(|e| broken("its RSA key is not PEM", &e))?;
    let key = RsaPublicKey::from_public_key_pem(key.trim_end_matches('\0'))
        .map_err(|e| broken("its RSA key cannot be read", &e))?;
    let ended = password.iter().chain(&[0]);
    let masked: Zeroizing<Vec<u8>> = Zeroizing::new(
        ended
            .zip(challenge.iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
            .collect(),
    );
    key.encrypt(&mut OsRng, Oaep::new::<sha1::Sha1>(), &masked)
        .map_err(|e| broken("the password does not fit its RSA key", &e))
}

fn broken(what: &str, error: &dyn std::error::Error) -> Reason {
    Reason::Malformed {
        step: Step::Login,
        detail: format!("{what}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use rsa::{
        RsaPrivateKey,
        pkcs8::{EncodePublicKey, LineEnding},
    };

    use super::*;

    const CHALLENGE: &[u8] = b"abcdefghijklmnopqrst";

    #[test]
    fn the_holder_of_the_key_reads_the_password_and_nobody_else_can() {
        let key = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
        let pem = key.to_public_key().to_public_key_pem(LineEnding::LF);
        let password = b"longer than the challenge of twenty bytes";
        let sealed = encrypt(password, CHALLENGE, pem.unwrap().as_bytes()).unwrap();
        let masked = key.decrypt(Oaep::new::<sha1::Sha1>(), &sealed).unwrap();
        let read: Vec<u8> = masked
            .iter()
            .zip(CHALLENGE.iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        assert_eq!(read, [&password[..], &[0]].concat());
    }

    #[test]
    fn what_is_no_key_is_told_as_that() {
        for (pem, told) in [
            (&b"\xff"[..], "its RSA key is not PEM"),
            (b"hello", "its RSA key cannot be read"),
            (b"", "its RSA key cannot be read"),
        ] {
            let reason = encrypt(b"secret", CHALLENGE, pem).unwrap_err().to_string();
            assert!(reason.contains(told), "{reason}");
            assert!(!reason.contains("secret"), "{reason}");
        }
    }
}
