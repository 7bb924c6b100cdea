//! Reading all documents under a prefix, with the next pages decoded ahead. A document that cannot be read is set aside: it stays in the store as
//! it is, and everything else is read.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Error;
use crate::state::documents::Documents;
use crate::state::records::BadDocument;
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{self, Entry, Store};

/// How many documents one read of the store brings.
const PAGE: usize = 1024;
/// How many pages are read before they are needed.
const AHEAD: usize = 4;

/// Reads documents at a start.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) store: Sqlite,
    pub(super) documents: Documents,
    pub(super) set_aside: SetAside,
}

/// What could not be read.
pub(super) type SetAside = Arc<Mutex<Vec<BadDocument>>>;

impl Reader {
    /// Gives every document under a prefix to `each`, in the order of the keys. While one page is taken in, the pages after it are read
    /// and decoded on other threads.
    pub(super) async fn for_each<T: DeserializeOwned + Send + 'static>(
        &self,
        prefix: &'static str,
        mut each: impl FnMut(&str, T),
    ) -> Result<(), Error> {
        let mut pages = self.clone().read_ahead(prefix);
        while let Some(page) = pages.recv().await {
            let decoded = page?
                .await
                .map_err(|error| store::Error::Backend(error.to_string()))?;
            for (key, record) in decoded {
                each(&key, record);
            }
        }
        Ok(())
    }

    /// Every document under a prefix, in the order of the keys.
    pub(super) async fn all<T: DeserializeOwned + Send + 'static>(
        &self,
        prefix: &'static str,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        self.for_each(prefix, |_, record| all.push(record)).await?;
        Ok(all)
    }

    /// What was read, or nothing of what is set aside.
    pub(super) fn judge<T>(&self, key: &str, read: Result<T, impl fmt::Display>) -> Option<T> {
        read.map_err(|error| self.put_aside(bad(key, error))).ok()
    }

    fn put_aside(&self, bad: BadDocument) {
        tracing::error!(
            key = bad.key,
            cause = bad.cause,
            "a document is set aside, and everything else is served: `signet doctor store` shows it"
        );
        let mut all = self
            .set_aside
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.push(bad);
    }

    fn read_ahead<T: DeserializeOwned + Send + 'static>(
        self,
        prefix: &'static str,
    ) -> mpsc::Receiver<Decoding<T>> {
        let (sender, pages) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let mut after = String::new();
            loop {
                let page = self.store.list(prefix, &after, PAGE).await;
                let page = page.map(|page| page.entries);
                if let Ok(entries) = &page {
                    let Some(last) = entries.last() else { return };
                    after.clone_from(&last.key);
                }
                let is_broken = page.is_err();
                let reader = self.clone();
                let decoding = page
                    .map(|entries| tokio::task::spawn_blocking(move || reader.decode_all(entries)));
                if sender.send(decoding).await.is_err() || is_broken {
                    return;
                }
            }
        });
        pages
    }

    fn decode_all<T: DeserializeOwned>(&self, entries: Vec<Entry>) -> Vec<(String, T)> {
        let decode = |Entry { key, value, .. }| match self.documents.read(&key, &value) {
            Ok(record) => Some((key, record)),
            Err(bad) => {
                self.put_aside(bad);
                None
            }
        };
        entries.into_iter().filter_map(decode).collect()
    }
}

fn bad(key: &str, cause: impl fmt::Display) -> BadDocument {
    BadDocument {
        key: key.to_owned(),
        cause: cause.to_string(),
    }
}

/// A page that is being decoded, or why it could not be read.
type Decoding<T> = Result<JoinHandle<Vec<(String, T)>>, store::Error>;
