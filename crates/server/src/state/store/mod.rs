//! The store: versioned documents under text keys, in etcd's own model.
//!
//! Four methods and no more: [`get`](Store::get), [`commit`](Store::commit), [`list`](Store::list) and
//! [`watch`](Store::watch). Every write gets a revision, one counter for the whole store. What `commit`
//! has answered is durable. A backend is one file; [`contract`] is the suite that all of them pass.

#[cfg(test)]
pub(crate) mod contract;
pub mod sqlite;

use std::future::Future;

use tokio::sync::mpsc;

/// A point in the history of the store. The empty store is at 0.
pub type Revision = u64;

/// One stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, like `i/5f/cdb-c1nl9rpv`.
    pub key: String,
    /// The document's bytes.
    pub value: Vec<u8>,
    /// The revision that wrote it.
    pub revision: Revision,
}

/// One change, as a watcher sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The key that changed.
    pub key: String,
    /// The new document; `None` when it was deleted.
    pub value: Option<Vec<u8>>,
    /// The revision of the change.
    pub revision: Revision,
}

/// What a write demands of the key before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: write over whatever is there.
    Anything,
    /// The key must not exist.
    Absent,
    /// The key must still be at this revision.
    At(Revision),
}

/// One write of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The key to write.
    pub key: String,
    /// The condition that must hold.
    pub expect: Expect,
    /// The new document; `None` deletes.
    pub value: Option<Vec<u8>>,
}

impl Write {
    /// Writes a document under a condition.
    pub fn put(key: impl Into<String>, value: Vec<u8>, expect: Expect) -> Self {
        Self {
            key: key.into(),
            expect,
            value: Some(value),
        }
    }

    /// Deletes a document under a condition.
    pub fn delete(key: impl Into<String>, expect: Expect) -> Self {
        Self {
            key: key.into(),
            expect,
            value: None,
        }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the order of their keys.
    pub entries: Vec<Entry>,
    /// The revision that the page shows.
    pub revision: Revision,
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A condition of the commit did not hold; nothing was written.
    #[error("`{key}` was changed by someone else")]
    Conflict {
        /// The key whose condition failed.
        key: String,
    },
    /// The file belongs to another program.
    #[error(
        "{path} is not a Signet data file: {found}; nothing was changed. Name another folder with --data, or move the file away"
    )]
    Foreign {
        /// The file.
        path: String,
        /// What it looks like.
        found: String,
    },
    /// The file was written by a newer version.
    #[error(
        "{path} has format {found}, this program knows formats up to {known}; nothing was changed. Use the newer version of signet"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: u32,
        /// The newest format this program knows.
        known: u32,
    },
    /// The file cannot be read as what it claims to be.
    #[error("{path} is damaged: {cause}; it was left as it is. Restore the folder from a backup")]
    Corrupt {
        /// The file.
        path: String,
        /// What SQLite says.
        cause: String,
    },
    /// Another process has the file open.
    #[error("{path} is in use by another process")]
    InUse {
        /// The file.
        path: String,
    },
    /// The backend failed.
    #[error("the store failed: {0}")]
    Backend(String),
}

/// A stream of changes, in the order of their revisions; what one commit changed comes together. It ends when the store is closed.
pub type Watch = mpsc::UnboundedReceiver<Vec<Event>>;

/// Where Signet keeps its state.
pub trait Store: Send + Sync + 'static {
    /// Reads one document.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Entry>, Error>> + Send;

    /// Does all the writes or none, and answers once they are durable.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a condition does not hold.
    fn commit(&self, writes: Vec<Write>) -> impl Future<Output = Result<Revision, Error>> + Send;

    /// Lists the documents whose key starts with `prefix` and sorts after `after`, at most `limit`.
    fn list(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Page, Error>> + Send;

    /// Follows the keys that start with `prefix`: first what changed after `since`, then everything new.
    /// Of a key that changed several times before the call only the newest state is told.
    fn watch(
        &self,
        prefix: &str,
        since: Revision,
    ) -> impl Future<Output = Result<Watch, Error>> + Send;
}
