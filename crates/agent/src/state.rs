use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::agent::OrderId;
use zeroize::Zeroizing;

use crate::files::{self, Access, FileError};

/// The state folder: the identity, the order under way, the key that waits for its certificate, and how the server was
/// before it was changed.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    /// Held as long as the agent may change something.
    _lock: Option<File>,
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error(
        "another signet-agent is at work with {0}: stop it first (`systemctl stop signet-agent`)"
    )]
    InUse(String),
    #[error(
        "{path} is damaged ({cause}): remove it; the order that it was about will be given again"
    )]
    Damaged { path: String, cause: String },
    #[error(transparent)]
    File(#[from] FileError),
}

impl State {
    /// Takes the folder for this process alone; makes it if it is missing.
    pub(crate) fn open(folder: &Path) -> Result<Self, StateError> {
        files::folder(
            folder,
            Access {
                mode: 0o700,
                owner: None,
            },
        )?;
        let path = folder.join("lock");
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(FileError::at("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {
                files::remove_unfinished(folder)?;
                Ok(Self {
                    folder: folder.to_owned(),
                    _lock: Some(lock),
                })
            }
            Err(TryLockError::WouldBlock) => Err(StateError::InUse(folder.display().to_string())),
            Err(TryLockError::Error(e)) => Err(FileError::at("lock", &path)(e).into()),
        }
    }

    /// Looks at the folder while an agent may be at work with it.
    pub(crate) fn look(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            _lock: None,
        }
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who the agent is.
    pub(crate) fn identity(&self) -> PathBuf {
        self.folder.join("identity.json")
    }

    /// The order under way, or the last one.
    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.join("order.json")
    }

    /// The server's next key, until its certificate comes.
    pub(crate) fn pending_key(&self) -> PathBuf {
        self.folder.join("pending-key.pem")
    }

    /// How the server was when an order found it.
    pub(crate) fn snapshot(&self, id: &OrderId) -> PathBuf {
        self.snapshots().join(format!("{}.json", id.as_str()))
    }

    /// The folder of the snapshots.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.folder.join("snapshots")
    }

    /// Writes a file of this folder, for the agent alone.
    pub(crate) fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<(), FileError> {
        let text = Zeroizing::new(
            serde_json::to_vec_pretty(value).expect("the agent's own structs are JSON"),
        );
        files::replace(path, &text, Access::PRIVATE)
    }

    /// Reads one back; `None` when it is not there.
    pub(crate) fn read_json<T: DeserializeOwned>(
        &self,
        path: &Path,
    ) -> Result<Option<T>, StateError> {
        let Some(text) = files::read(path)? else {
            return Ok(None);
        };
        let damaged = |e: serde_json::Error| StateError::Damaged {
            path: path.display().to_string(),
            cause: e.to_string(),
        };
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_agents_do_not_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = State::open(folder.path()).unwrap();
        assert_eq!(
            State::open(folder.path()).unwrap_err().to_string(),
            format!(
                "another signet-agent is at work with {}: stop it first (`systemctl stop signet-agent`)",
                folder.path().display()
            )
        );
        drop(first);
        assert!(State::open(folder.path()).is_ok());
    }
}
