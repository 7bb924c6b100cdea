//! Secrets at rest.
//!
//! A master key, in a file of its own beside the data (mode 0600), wraps a random data key that is kept in the
//! store; the data key seals every secret. So the data file alone tells nothing, and a new master key needs one
//! document written again. XChaCha20-Poly1305: its nonces are long enough to be drawn at random. What a
//! secret belongs to is authenticated with it, so a sealed text cannot be moved to another record.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::ambient::Entropy;
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{Expect, Store, Write};

const DATA_KEY: &str = "v/data-key";
const NONCE: usize = 24;

/// A sealed secret, as it stands in a document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// Why a secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The master key's file cannot be used.
    #[error("the master key {path}: {why}")]
    MasterKey {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// There are sealed secrets, but not the key that opens them.
    #[error(
        "the master key does not fit the data: secrets were sealed with another one. Put the right master.key back, or set SIGNET_MASTER_KEY_FILE"
    )]
    WrongKey,
    /// A secret was altered, or belongs to another record.
    #[error("the sealed secret of `{0}` cannot be opened: it was altered or moved")]
    Sealed(String),
    /// The operating system gave no randomness.
    #[error("no randomness: {0}")]
    Entropy(#[from] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::state::store::Error),
}

/// Seals and opens secrets.
pub struct Vault {
    data_key: Zeroizing<[u8; 32]>,
    entropy: Entropy,
}

impl Vault {
    /// Reads the master key, or makes it on first start, and unwraps the data key.
    ///
    /// # Errors
    /// When the file is unreadable, readable by others, no key, or does not fit the store.
    pub async fn open(master: &Path, store: &impl Store, entropy: Entropy) -> Result<Self, Error> {
        let wrapped = store.get(DATA_KEY).await?;
        let master = match read_master(master)? {
            Some(key) => key,
            None if wrapped.is_some() => {
                return Err(bad(
                    master,
                    "the file is missing, and the data has secrets that only it opens. Put it back, or set SIGNET_MASTER_KEY_FILE",
                ));
            }
            None => make_master(master, &entropy)?,
        };
        let data_key = match wrapped {
            Some(entry) => unwrap_data_key(&master, &entry.value)?,
            None => {
                let fresh = Zeroizing::new(entropy.key::<32>()?);
                let text = seal(&master, &entropy, DATA_KEY, fresh.as_slice())?;
                store
                    .commit(vec![Write::put(
                        DATA_KEY,
                        text.0.into_bytes(),
                        Expect::Absent,
                    )])
                    .await?;
                fresh
            }
        };
        Ok(Self { data_key, entropy })
    }

    /// Unwraps the data key of a store that another process may have open.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when there is no data key yet.
    pub fn peek(master: &Path, file: &Path, entropy: Entropy) -> Result<Self, Error> {
        let key = read_master(master)?.ok_or_else(|| bad(master, "the file is missing"))?;
        let wrapped = Sqlite::peek(file, DATA_KEY)?.ok_or(Error::WrongKey)?;
        Ok(Self {
            data_key: unwrap_data_key(&key, &wrapped)?,
            entropy,
        })
    }

    /// Seals a secret that belongs to `owner`, a text like `k/AKID…`.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, owner: &str, secret: &[u8]) -> Result<Sealed, Error> {
        seal(&self.data_key, &self.entropy, owner, secret)
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// When it was altered, moved, or sealed with another key.
    pub fn open_sealed(&self, owner: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Error> {
        open(&self.data_key, owner, sealed).ok_or_else(|| Error::Sealed(owner.to_owned()))
    }

    /// A key for one purpose, made from the data key; it is the same at every start.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.data_key.as_slice())
            .expect("HMAC takes a key of any length");
        mac.update(b"signet/derive/1/");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

fn seal(key: &[u8; 32], entropy: &Entropy, owner: &str, secret: &[u8]) -> Result<Sealed, Error> {
    let nonce = entropy.key::<NONCE>()?;
    let cipher = XChaCha20Poly1305::new(key.into());
    let sealed = cipher
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: secret,
                aad: owner.as_bytes(),
            },
        )
        .map_err(|_| Error::Sealed(owner.to_owned()))?;
    Ok(Sealed(BASE64.encode([nonce.as_slice(), &sealed].concat())))
}

fn open(key: &[u8; 32], owner: &str, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = BASE64.decode(&sealed.0).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
    let nonce: [u8; NONCE] = nonce.try_into().ok()?;
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher
        .decrypt(
            &XNonce::from(nonce),
            Payload {
                msg: sealed,
                aad: owner.as_bytes(),
            },
        )
        .ok()
        .map(Zeroizing::new)
}

fn unwrap_data_key(master: &[u8; 32], wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let text = std::str::from_utf8(wrapped).map_err(|_| Error::WrongKey)?;
    let opened = open(master, DATA_KEY, &Sealed(text.to_owned())).ok_or(Error::WrongKey)?;
    Ok(Zeroizing::new(
        opened.as_slice().try_into().map_err(|_| Error::WrongKey)?,
    ))
}

fn bad(path: &Path, why: impl Into<String>) -> Error {
    Error::MasterKey {
        path: path.display().to_string(),
        why: why.into(),
    }
}

fn read_master(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(bad(path, error.to_string())),
    };
    // systemd gives a credential to the service's user by an access list, whose mask shows as the group's mode.
    let others = if path.starts_with("/run/credentials") {
        0o037
    } else {
        0o077
    };
    if metadata.mode() & others != 0 {
        return Err(bad(
            path,
            format!(
                "others may read it (mode {:o}); make it 600",
                metadata.mode() & 0o777
            ),
        ));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|e| bad(path, e.to_string()))?);
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut_slice())
        .map_err(|_| bad(path, "it holds no key: 64 hexadecimal digits were expected"))?;
    Ok(Some(key))
}

/// Writes a fresh key under another name first, so that a crash leaves no half of a key behind.
fn make_master(path: &Path, entropy: &Entropy) -> Result<Zeroizing<[u8; 32]>, Error> {
    let key = Zeroizing::new(entropy.key::<32>()?);
    let text = Zeroizing::new(hex::encode(key.as_slice()));
    let draft = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().map_err(|e| bad(path, e.to_string()))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::store::sqlite::Sqlite;

    async fn vault(folder: &Path) -> Result<Vault, Error> {
        let store = Sqlite::open(&folder.join("signet.db")).unwrap();
        Vault::open(&folder.join("master.key"), &store, Entropy::System).await
    }

    #[tokio::test]
    async fn what_is_sealed_opens_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let first = vault(folder.path()).await.unwrap();
        let sealed = first.seal("k/AKIDONE", b"the secret").unwrap();
        assert!(!serde_json::to_string(&sealed).unwrap().contains("secret"));
        let link = first.derive("link");
        drop(first);

        let second = vault(folder.path()).await.unwrap();
        assert_eq!(
            second.open_sealed("k/AKIDONE", &sealed).unwrap().as_slice(),
            b"the secret"
        );
        assert_eq!(second.derive("link"), link);
        assert_ne!(second.derive("other"), link);
    }

    #[tokio::test]
    async fn a_secret_moved_to_another_record_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path()).await.unwrap();
        let sealed = vault.seal("k/AKIDONE", b"the secret").unwrap();
        let error = vault.open_sealed("k/AKIDTWO", &sealed).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the sealed secret of `k/AKIDTWO` cannot be opened: it was altered or moved"
        );
    }

    #[tokio::test]
    async fn the_master_key_is_readable_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        drop(vault(folder.path()).await.unwrap());
        let path = folder.path().join("master.key");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);

        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let error = vault(folder.path()).await.err().unwrap().to_string();
        assert_eq!(
            error,
            format!(
                "the master key {}: others may read it (mode 640); make it 600",
                path.display()
            )
        );
    }

    #[tokio::test]
    async fn a_lost_or_wrong_master_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        drop(vault(folder.path()).await.unwrap());
        let path = folder.path().join("master.key");
        fs::remove_file(&path).unwrap();
        let error = vault(folder.path()).await.err().unwrap().to_string();
        assert!(error.ends_with("the file is missing, and the data has secrets that only it opens. Put it back, or set SIGNET_MASTER_KEY_FILE"), "{error}");

        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .unwrap()
            .write_all("00".repeat(32).as_bytes())
            .unwrap();
        let error = vault(folder.path()).await.err().unwrap();
        assert!(matches!(error, Error::WrongKey), "{error}");
    }
}
