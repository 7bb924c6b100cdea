//! Every kind of stored document in one table: what reads it, and whether it grants something.
//!
//! A document that grants something carries a MAC (`mac`, its last member) over its key and its text, by a key that is derived from the data key:
//! one that was edited in the store is not read. What is written is read back before it is committed, so that a start can always read it.

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::Sha256;

use crate::state::audit::{self, CheckpointRecord};
use crate::state::pins::{self, PinRecord};
use crate::state::pki::{
    self, AgentRecord, AuthorityRecord, IssuedRecord, ManagedRecord, TokenRecord,
};
use crate::state::records::{
    self, Alive, BadDocument, CertificateRecord, DisabledKeys, InstanceRecord, KeyRecord,
    ObservationRecord, RoGroupRecord,
};
use crate::state::store::{Entry, Expect, Write};
use crate::state::task::{self, Lock, TaskRecord};
use crate::state::vault::Vault;

/// What a MAC adds before the closing brace of a document.
const FIELD: &str = ",\"mac\":\"";
/// The length of a MAC in hexadecimal digits.
const DIGITS: usize = 64;

/// One kind of document.
struct Kind {
    /// What its keys start with.
    prefix: &'static str,
    /// Whether it needs a MAC.
    grants: bool,
    /// Reads a document, and writes what was read.
    rewrite: fn(&str, &[u8]) -> Result<Vec<u8>, BadDocument>,
}

/// All kinds of JSON documents.
static KINDS: &[Kind] = &[
    plain::<InstanceRecord>(records::INSTANCES),
    plain::<RoGroupRecord>(records::GROUPS),
    plain::<ObservationRecord>(records::OBSERVATIONS),
    plain::<CertificateRecord>(records::CERTIFICATES),
    plain::<Alive>(records::ALIVE),
    plain::<CheckpointRecord>(audit::CHECKPOINT),
    plain::<DisabledKeys>(records::DISABLED_KEYS),
    plain::<TaskRecord>(task::TASKS),
    plain::<Lock>(task::LOCKS),
    granting::<KeyRecord>(records::KEYS),
    granting::<AuthorityRecord>(pki::AUTHORITIES),
    granting::<IssuedRecord>(pki::ISSUED),
    granting::<ManagedRecord>(pki::MANAGED),
    granting::<AgentRecord>(pki::AGENTS),
    granting::<TokenRecord>(pki::TOKENS),
    granting::<PinRecord>(pins::PINS),
];

const fn plain<T: DeserializeOwned + Serialize>(prefix: &'static str) -> Kind {
    Kind {
        prefix,
        grants: false,
        rewrite: rewrite::<T>,
    }
}

const fn granting<T: DeserializeOwned + Serialize>(prefix: &'static str) -> Kind {
    Kind {
        grants: true,
        ..plain::<T>(prefix)
    }
}

fn rewrite<T: DeserializeOwned + Serialize>(
    key: &str,
    value: &[u8],
) -> Result<Vec<u8>, BadDocument> {
    Ok(records::encode(&records::decode::<T>(key, value)?))
}

/// Checks that a document reads back as it was written.
fn read_back(kind: &Kind, key: &str, value: &[u8]) -> Result<(), BadDocument> {
    let again = (kind.rewrite)(key, value)?;
    let json = |bytes: &[u8]| records::decode::<Value>(key, bytes);
    if json(&again)? == json(value)? {
        Ok(())
    } else {
        Err(bad(key, "it does not read back as it was written"))
    }
}

fn kind_of(key: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| key.starts_with(kind.prefix))
}

fn bad(key: &str, cause: impl std::fmt::Display) -> BadDocument {
    BadDocument {
        key: key.to_owned(),
        cause: cause.to_string(),
    }
}

/// The prefixes of the documents that need a MAC.
pub fn granting_prefixes() -> impl Iterator<Item = &'static str> {
    let granting = KINDS.iter().filter(|kind| kind.grants);
    granting.map(|kind| kind.prefix)
}

/// Reads and writes documents.
#[derive(Clone)]
pub struct Documents(Hmac<Sha256>);

impl Documents {
    /// With the key of these data.
    pub fn of(vault: &Vault) -> Self {
        let key = vault.derive("documents that grant something");
        Self(Hmac::new_from_slice(key.as_slice()).expect("HMAC takes a key of any length"))
    }

    /// Reads a document.
    ///
    /// # Errors
    /// When it is not of this type, of a newer format, or needs a MAC and has none that fits.
    pub fn read<T: DeserializeOwned>(&self, key: &str, value: &[u8]) -> Result<T, BadDocument> {
        self.check_mac(key, value)?;
        records::decode(key, value)
    }

    /// Judges a document as a start would.
    ///
    /// # Errors
    /// As [`Documents::read`].
    pub fn check(&self, key: &str, value: &[u8]) -> Result<(), BadDocument> {
        self.check_mac(key, value)?;
        match kind_of(key) {
            Some(kind) => (kind.rewrite)(key, value).map(drop),
            None => Ok(()),
        }
    }

    /// Reads a write back, and gives it the MAC that it needs.
    ///
    /// # Errors
    /// When it could not be read at the next start; it must not be committed then.
    pub fn seal(&self, write: &mut Write) -> Result<(), BadDocument> {
        let (Some(kind), Some(value)) = (kind_of(&write.key), &mut write.value) else {
            return Ok(());
        };
        read_back(kind, &write.key, value)?;
        if kind.grants {
            let mac = self.mac(&write.key, value);
            value.pop(); // the closing brace
            value.extend_from_slice(format!("{FIELD}{mac}\"}}").as_bytes());
        }
        Ok(())
    }

    /// The write that gives a document of an earlier version its MAC, in the form that this version writes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn upgrade(&self, entry: Entry) -> Result<Write, BadDocument> {
        let value = match kind_of(&entry.key) {
            Some(kind) => (kind.rewrite)(&entry.key, &entry.value)?,
            None => entry.value,
        };
        let mut write = Write::put(entry.key, value, Expect::At(entry.revision));
        self.seal(&mut write)?;
        Ok(write)
    }

    fn check_mac(&self, key: &str, value: &[u8]) -> Result<(), BadDocument> {
        if !kind_of(key).is_some_and(|kind| kind.grants) {
            return Ok(());
        }
        let text = text_of(value).ok_or_else(|| bad(key, "it has no MAC: it was edited"))?;
        let mac = &value[text.len() - 1 + FIELD.len()..][..DIGITS];
        let fits =
            hex::decode(mac).is_ok_and(|mac| self.state(key, &text).verify_slice(&mac).is_ok());
        if fits {
            Ok(())
        } else {
            Err(bad(key, "its MAC does not fit: it was edited or moved"))
        }
    }

    fn mac(&self, key: &str, text: &[u8]) -> String {
        hex::encode(self.state(key, text).finalize().into_bytes())
    }

    fn state(&self, key: &str, text: &[u8]) -> Hmac<Sha256> {
        let mac = self.0.clone().chain_update(key);
        mac.chain_update([0]).chain_update(text)
    }
}

/// A document as it was before its MAC; `None` without one.
fn text_of(value: &[u8]) -> Option<Vec<u8>> {
    let at = value.len().checked_sub(FIELD.len() + DIGITS + 2)?;
    let (text, mac) = value.split_at(at);
    let is_mac = mac.starts_with(FIELD.as_bytes()) && mac.ends_with(b"\"}");
    is_mac.then(|| [text, b"}"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Entropy;
    use crate::state::ids::Account;
    use crate::state::records::{Access, V1};
    use crate::state::store::sqlite::Sqlite;

    async fn documents() -> (tempfile::TempDir, Vault, Documents) {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("signet.db")).unwrap();
        let master = folder.path().join("master.key");
        let vault = Vault::open(&master, &store, Entropy::seeded(1))
            .await
            .unwrap();
        let documents = Documents::of(&vault);
        (folder, vault, documents)
    }

    fn access_key(vault: &Vault) -> Write {
        let key = KeyRecord::key("AKIDONE");
        let record = KeyRecord {
            v: V1,
            secret_id: "AKIDONE".into(),
            secret_key: vault.seal(&key, b"secret").unwrap(),
            account: Account::FIRST,
            access: Access::ReadOnly,
            enabled: true,
            note: String::new(),
            created: 5,
        };
        Write::put(key, records::encode(&record), Expect::Anything)
    }

    #[tokio::test]
    async fn an_edited_moved_or_bare_document_that_grants_something_is_not_read() {
        let (_folder, vault, documents) = documents().await;
        let mut write = access_key(&vault);
        let bare = write.value.clone().unwrap();
        documents.seal(&mut write).unwrap();
        let sealed = write.value.unwrap();
        assert!(documents.read::<KeyRecord>(&write.key, &sealed).is_ok());
        assert!(documents.check(&write.key, &sealed).is_ok());
        let refused = |key: &str, value: &[u8]| documents.check(key, value).unwrap_err().cause;
        let full = String::from_utf8(sealed.clone())
            .unwrap()
            .replace("ReadOnly", "Full");
        assert_eq!(
            refused(&write.key, full.as_bytes()),
            "its MAC does not fit: it was edited or moved"
        );
        assert_eq!(
            refused("k/AKIDTWO", &sealed),
            "its MAC does not fit: it was edited or moved"
        );
        assert_eq!(refused(&write.key, &bare), "it has no MAC: it was edited");
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(documents.check(&write.key, &flipped).is_err(), "byte {at}");
        }
    }

    #[tokio::test]
    async fn what_would_not_read_back_is_not_written() {
        let (_folder, _vault, documents) = documents().await;
        for (value, cause) in [
            (
                &br#"{"v":1,"time":"now"}"#[..],
                "invalid type: string \"now\", expected i64 at line 1 column 19",
            ),
            (
                br#"{"v":1,"time":5,"more":6}"#,
                "it does not read back as it was written",
            ),
        ] {
            let mut write = Write::put(records::ALIVE, value.to_vec(), Expect::Anything);
            assert_eq!(documents.seal(&mut write).unwrap_err().cause, cause);
        }
    }
}
