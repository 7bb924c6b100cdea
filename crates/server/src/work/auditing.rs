//! Keeps the audit log: what is buffered goes to the file a few times a second, and where it ends into the store once a second.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ambient::UnixTime;
use crate::config::Config;
use crate::service::{Service, StartError};
use crate::state::audit::chain::{ChainKey, Link};
use crate::state::audit::{self, Audit};
use crate::state::catalog;
use crate::state::records;
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{Expect, Store as _, Write};
use crate::state::vault::Vault;

/// How often buffered lines are written out.
const FLUSH: Duration = Duration::from_millis(250);
/// After how many flushes a checkpoint follows.
const FLUSHES: u32 = 4;

/// Opens the audit log, and compares its end with the checkpoint in the store.
///
/// # Errors
/// When the log or the store cannot be read.
pub async fn open(
    config: &Config,
    vault: &Vault,
    store: &Sqlite,
    now: UnixTime,
) -> Result<Audit, StartError> {
    let stored = store.get(audit::CHECKPOINT).await?;
    let checkpoint = stored.map(|entry| records::decode(audit::CHECKPOINT, &entry.value));
    let checkpoint = checkpoint.transpose().map_err(catalog::Error::from)?;
    let key = ChainKey::of(vault);
    Audit::open(&config.data, &config.audit, key, checkpoint.as_ref(), now).map_err(|cause| {
        StartError::Data {
            path: config.data.join(audit::CURRENT),
            cause,
        }
    })
}

/// Runs until it is stopped. The last checkpoint is for whoever stops the service, when everything else has ended.
pub async fn run(service: Arc<Service>, stopped: CancellationToken) {
    let mut last = None;
    loop {
        for _ in 0..FLUSHES {
            let stop = tokio::time::timeout(FLUSH, stopped.cancelled()).await;
            let (audit, now) = (Arc::clone(&service.audit), service.clock.now());
            let flushed = tokio::task::spawn_blocking(move || audit.flush(now));
            if flushed.await.is_err() || stop.is_ok() {
                return;
            }
        }
        last = checkpoint(&service, last).await;
    }
}

/// Writes into the store where the log ends, unless that is where it ended the `last` time. Answers with what the store has then.
pub async fn checkpoint(service: &Service, last: Option<Link>) -> Option<Link> {
    let audit = Arc::clone(&service.audit);
    let brought = tokio::task::spawn_blocking(move || audit.checkpoint()).await;
    let (end, document) = match brought {
        Ok(Ok(checkpoint)) => checkpoint,
        Ok(Err(error)) => {
            tracing::error!(%error, "the audit log could not be written");
            return last;
        }
        Err(_) => return last,
    };
    if last == Some(end) {
        return last;
    }
    let value = records::encode(&document);
    let write = Write::put(audit::CHECKPOINT, value, Expect::Anything);
    match service.catalog.commit(vec![write]).await {
        Ok(_) => Some(end),
        Err(error) => {
            tracing::error!(%error, "the checkpoint of the audit log could not be stored");
            last
        }
    }
}
