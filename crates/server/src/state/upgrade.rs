//! What a start has to do once for data of an earlier version: passwords are bound to their servers, the authorities that nodes
//! were seen with are pinned, and documents that grant something get their MAC.
//!
//! The last write wraps the data key in another way, and so says that it was done; see [`Vault::upgrade`]. From then on a password in the old form,
//! or a document without its MAC, is not accepted any more.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ambient::UnixTime;
use crate::state::catalog::Error;
use crate::state::credentials::{self, HasAccounts, Place};
use crate::state::documents::{self, Documents};
use crate::state::pins::PinRecord;
use crate::state::pki::{self, ManagedRecord};
use crate::state::records::{
    self, CertificateRecord, InstanceRecord, ObservationRecord, RoGroupRecord,
};
use crate::state::store::sqlite::Sqlite;
use crate::state::store::{Expect, Revision, Store, Write};
use crate::state::vault::Vault;

/// How many documents are read at a time.
const PAGE: usize = 512;

/// Does what has to be done, or finds that it was done.
///
/// # Errors
/// When the store fails. A document that cannot be read is left as it is.
pub async fn run(store: &Sqlite, vault: &Vault, now: UnixTime) -> Result<(), Error> {
    let Some(done) = vault.upgrade() else {
        return Ok(());
    };
    bind_passwords::<InstanceRecord>(store, vault, records::INSTANCES).await?;
    bind_passwords::<RoGroupRecord>(store, vault, records::GROUPS).await?;
    pin_authorities(store, now).await?;
    let mut writes = seal_grants(store, &Documents::of(vault)).await?;
    writes.push(done.clone());
    store.commit(writes).await?;
    tracing::info!(
        "the data of an earlier version were upgraded; that version cannot read them any more"
    );
    Ok(())
}

/// The documents that grant something, with their MACs. What cannot be read is left, and is set aside by the start.
async fn seal_grants(store: &Sqlite, documents: &Documents) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::new();
    for prefix in documents::granting_prefixes() {
        let mut after = String::new();
        loop {
            let page = store.list(prefix, &after, PAGE).await?;
            let Some(last) = page.entries.last() else {
                break;
            };
            after.clone_from(&last.key);
            for entry in page.entries {
                match documents.upgrade(entry) {
                    Ok(write) => writes.push(write),
                    Err(bad) => tracing::warn!(%bad, "this document gets no MAC"),
                }
            }
        }
    }
    Ok(writes)
}

/// Seals the passwords of all documents again, for the servers that the documents name now.
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

/// True when a password was sealed again. One that does not open in the old form is left: it is in the new one, or was altered.
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
        let (mut writes, mut known) = (Vec::new(), HashMap::new());
        for (_, record, _) in page {
            let chain = chain(store, &record, &mut known).await?;
            if chain.is_empty() || ours.contains(&record.node) {
                continue;
            }
            let pin = PinRecord::first(&record.node, &chain, now);
            tracing::info!(node = %pin.node, sha256 = pin.anchors.join(","), "the authority that this node was seen with is pinned");
            // A start that was interrupted here wrote the same.
            let key = PinRecord::key(&pin.node);
            writes.push(Write::put(key, records::encode(&pin), Expect::Anything));
        }
        if !writes.is_empty() {
            store.commit(writes).await?;
        }
    }
    Ok(())
}

/// The certificates that were seen last, DER; those that cannot be read are left out.
async fn chain(
    store: &Sqlite,
    record: &ObservationRecord,
    known: &mut HashMap<String, Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut chain = Vec::with_capacity(record.chain.len());
    for sha256 in &record.chain {
        if let Some(der) = known.get(sha256) {
            chain.push(der.clone());
            continue;
        }
        let key = CertificateRecord::key(sha256);
        let entry = store.get(&key).await?;
        let der = entry
            .and_then(|entry| records::decode::<CertificateRecord>(&key, &entry.value).ok())
            .and_then(|record| BASE64.decode(record.der).ok());
        if let Some(der) = der {
            known.insert(sha256.clone(), der.clone());
            chain.push(der);
        }
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
