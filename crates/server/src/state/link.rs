//! The certificate link: signed, expiring, and stable for a day.
//!
//! The signature covers what the link is for and when it expires, not the file's name: whoever may fetch the archive may
//! fetch each file in it. The expiry is the end of the next day (UTC), so a link changes once a day, which
//! keeps Terraform's plan quiet, and is good for one to two days.

use ca::bundle::Format;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::ambient::UnixTime;
use crate::state::vault::Vault;

const DAY: UnixTime = 86_400;
/// Half of the MAC, in hexadecimal: 128 bits.
const DIGITS: usize = 32;

/// Makes and checks links.
pub struct Links {
    base: String,
    mac: Hmac<Sha256>,
}

/// Why a link is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Something in it was changed, or it was never ours.
    #[error("The signature of this link is not valid. Ask DescribeSSLStatus for a new one.")]
    Signature,
    /// It was good once.
    #[error("This link has expired. Ask DescribeSSLStatus for a new one.")]
    Expired,
}

impl Links {
    /// Links that start with `base`, like `https://signet.example.com`, signed with a key of the vault's.
    pub fn new(base: String, vault: &Vault) -> Self {
        Self::with_key(base, &vault.derive("certificate link"))
    }

    /// The same with a key that is at hand.
    pub fn with_key(base: String, key: &[u8; 32]) -> Self {
        Self {
            base,
            mac: <Hmac<Sha256> as KeyInit>::new_from_slice(key)
                .expect("HMAC takes a key of any length"),
        }
    }

    /// The link to the archive of an instance or a group.
    pub fn url(&self, id: &str, now: UnixTime) -> String {
        let expires = (now.div_euclid(DAY) + 2) * DAY;
        let mut url = String::with_capacity(self.base.len() + 160);
        let file = Format::Zip.file_name();
        for part in [&self.base, "/certificates/", id, "/", file, "?expires="] {
            url.push_str(part);
        }
        let mut digits = [0; DIGITS];
        hex::encode_to_slice(&self.sign(id, expires)[..DIGITS / 2], &mut digits)
            .expect("half of 32 bytes");
        url.push_str(&expires.to_string());
        url.push_str("&signature=");
        url.push_str(std::str::from_utf8(&digits).expect("hexadecimal digits are ASCII"));
        url
    }

    /// Checks a link's signature, then its age.
    ///
    /// # Errors
    /// Which of the two is wrong.
    pub fn check(
        &self,
        id: &str,
        expires: &str,
        signature: &str,
        now: UnixTime,
    ) -> Result<(), Refused> {
        let expires: UnixTime = expires.parse().map_err(|_| Refused::Signature)?;
        let mut claimed = [0; DIGITS / 2];
        hex::decode_to_slice(signature, &mut claimed).map_err(|_| Refused::Signature)?;
        let right =
            subtle::ConstantTimeEq::ct_eq(&claimed[..], &self.sign(id, expires)[..DIGITS / 2]);
        if !bool::from(right) {
            return Err(Refused::Signature);
        }
        if now >= expires {
            Err(Refused::Expired)
        } else {
            Ok(())
        }
    }

    fn sign(&self, id: &str, expires: UnixTime) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(id.as_bytes());
        mac.update(b"\n");
        mac.update(&expires.to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}
