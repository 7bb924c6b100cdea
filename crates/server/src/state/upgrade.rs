//! What a start has to do once for data of an earlier version: passwords are bound to their servers, and the authorities that nodes
//! were seen with are pinned.
//!
//! A marker says that it was done. From then on a password in the old form is not accepted any more: somebody who edits the store could have one
//! brought to a server of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

use crate::ambient::UnixTime;
use crate::state::catalog::Error;
use crate::state::credentials::{self, HasAccounts, Place};
use crate::state::pins::PinRecord;
use crate::state::pki::{self, ManagedRecord};
use crate::state::records::{
    self, CertificateRecord, InstanceRecord, ObservationRecord, RoGroupRecord, V1,
};
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{Expect, Revision, Store, Write};
use crate::state::vault::Vault;

/// The key of the marker.
const DONE: &str = "v/bound";
/// How many documents are read at a time.
const PAGE: usize = 512;

/// The document that says that it was done.
#[derive(Deserialize, Serialize)]
struct Done {
    v: V1,
    time: UnixTime,
}

/// Does what has to be done, or finds that it was done.
///
/// # Errors
/// When the store fails. A document that cannot be read is left as it is.
pub async fn run(store: &Sqlite, vault: &Vault, now: UnixTime) -> Result<(), Error> {
    if store.get(DONE).await?.is_some() {
        return Ok(());
    }
    bind_passwords::<InstanceRecord>(store, vault, records::INSTANCES).await?;
    bind_passwords::<RoGroupRecord>(store, vault, records::GROUPS).await?;
    pin_authorities(store, now).await?;
    let done = records::encode(&Done { v: V1, time: now });
    let marker = Write::put(DONE, done, Expect::Anything);
    store.commit(vec![marker]).await?;
    Ok(())
}

/// Seals the passwords of all documents anew, for the servers that the documents name now.
async fn bind_passwords<T>(store: &Sqlite, vault: &Vault, prefix: &str) -> Result<(), Error>
where
    T: HasAccounts + Serialize + DeserializeOwned,
{
    let mut pages = Pages::of(store, prefix);
    while let Some(page) = pages.next::<T>().await? {
        let mut writes = Vec::new();
        for (key, mut record, revision) in page {
            if rebind(vault, &mut record)? {
                let document = records::encode(&record);
                writes.push(Write::put(key, document, Expect::At(revision)));
            }
        }
        if !writes.is_empty() {
            store.commit(writes).await?;
        }
    }
    Ok(())
}

/// True when a password was sealed anew. One that does not open in the old form is left: it is in the new one, or was altered.
fn rebind(vault: &Vault, record: &mut impl HasAccounts) -> Result<bool, Error> {
    let (document, destination) = (record.document(), record.destination());
    let mut changed = false;
    for (field, login) in credentials::accounts(record.registration()) {
        let place = Place {
            document: &document,
            field,
            destination,
        };
        if let Ok(password) = vault.open_sealed(&document, &login.password) {
            login.password = place.seal(vault, &password)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Pins what every node was seen with last, unless its certificate is ours.
async fn pin_authorities(store: &Sqlite, now: UnixTime) -> Result<(), Error> {
    let mut ours = HashSet::new();
    let mut pages = Pages::of(store, pki::MANAGED);
    while let Some(page) = pages.next::<ManagedRecord>().await? {
        ours.extend(page.into_iter().map(|(_, record, _)| record.node));
    }
    let mut pages = Pages::of(store, records::OBSERVATIONS);
    while let Some(page) = pages.next::<ObservationRecord>().await? {
        let mut writes = Vec::new();
        for (_, record, _) in page {
            let chain = chain(store, &record).await?;
            if chain.is_empty() || ours.contains(&record.node) {
                continue;
            }
            let pin = PinRecord::first(&record.node, &chain, now);
            tracing::info!(node = %pin.node, sha256 = pin.anchors.join(","), "the authority that this node was seen with is pinned");
            let key = PinRecord::key(&pin.node);
            if store.get(&key).await?.is_none() {
                writes.push(Write::put(key, records::encode(&pin), Expect::Absent));
            }
        }
        if !writes.is_empty() {
            store.commit(writes).await?;
        }
    }
    Ok(())
}

/// The certificates that were seen last, DER; those that cannot be read are left out.
async fn chain(store: &Sqlite, record: &ObservationRecord) -> Result<Vec<Vec<u8>>, Error> {
    let mut chain = Vec::with_capacity(record.chain.len());
    for sha256 in &record.chain {
        let key = CertificateRecord::key(sha256);
        let entry = store.get(&key).await?;
        let der = entry
            .and_then(|entry| records::decode::<CertificateRecord>(&key, &entry.value).ok())
            .and_then(|record| BASE64.decode(record.der).ok());
        chain.extend(der);
    }
    Ok(chain)
}

/// The documents under a prefix, page by page.
struct Pages<'a> {
    store: &'a Sqlite,
    prefix: &'a str,
    after: String,
}

impl<'a> Pages<'a> {
    const fn of(store: &'a Sqlite, prefix: &'a str) -> Self {
        Self {
            store,
            prefix,
            after: String::new(),
        }
    }

    /// The next documents that can be read; `None` at the end. The start itself judges the others.
    async fn next<T: DeserializeOwned>(
        &mut self,
    ) -> Result<Option<Vec<(String, T, Revision)>>, Error> {
        let page = self.store.list(self.prefix, &self.after, PAGE).await?;
        let Some(last) = page.entries.last() else {
            return Ok(None);
        };
        self.after.clone_from(&last.key);
        let read = page.entries.into_iter().filter_map(|entry| {
            let record = records::decode(&entry.key, &entry.value).ok()?;
            Some((entry.key, record, entry.revision))
        });
        Ok(Some(read.collect()))
    }
}
