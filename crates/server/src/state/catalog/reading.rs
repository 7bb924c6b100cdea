//! Reading all documents under a prefix, with the next pages decoded ahead.

use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Error;
use crate::state::records::{self, BadDocument};
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{self, Entry, Store};

/// How many documents one read of the store brings.
const PAGE: usize = 1024;
/// How many pages are read before they are needed.
const AHEAD: usize = 4;

/// Gives every document under a prefix to `each`, in the order of the keys. While one page is taken in, the pages after it are read
/// and decoded on other threads.
pub(super) async fn for_each<T: DeserializeOwned + Send + 'static>(
    store: &Sqlite,
    prefix: &'static str,
    mut each: impl FnMut(&str, T),
) -> Result<(), Error> {
    let mut pages = read_ahead(store.clone(), prefix);
    while let Some(page) = pages.recv().await {
        let decoded = page?
            .await
            .map_err(|error| store::Error::Backend(error.to_string()))?;
        for (key, record) in decoded? {
            each(&key, record);
        }
    }
    Ok(())
}

/// Every document under a prefix, in the order of the keys.
pub(super) async fn all<T: DeserializeOwned + Send + 'static>(
    store: &Sqlite,
    prefix: &'static str,
) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for_each(store, prefix, |_, record| all.push(record)).await?;
    Ok(all)
}

/// A page that is being decoded, or why it could not be read.
type Decoding<T> = Result<JoinHandle<Result<Vec<(String, T)>, BadDocument>>, store::Error>;

fn read_ahead<T: DeserializeOwned + Send + 'static>(
    store: Sqlite,
    prefix: &'static str,
) -> mpsc::Receiver<Decoding<T>> {
    let (sender, pages) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut after = String::new();
        loop {
            let page = store
                .list(prefix, &after, PAGE)
                .await
                .map(|page| page.entries);
            if let Ok(entries) = &page {
                let Some(last) = entries.last() else { return };
                after.clone_from(&last.key);
            }
            let is_broken = page.is_err();
            let decoding = page.map(|entries| tokio::task::spawn_blocking(|| decode_all(entries)));
            if sender.send(decoding).await.is_err() || is_broken {
                return;
            }
        }
    });
    pages
}

fn decode_all<T: DeserializeOwned>(entries: Vec<Entry>) -> Result<Vec<(String, T)>, BadDocument> {
    let decode =
        |Entry { key, value, .. }| records::decode(&key, &value).map(|record| (key, record));
    entries.into_iter().map(decode).collect()
}
