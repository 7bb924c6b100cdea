//! Access keys in memory, with the signing keys that were derived from them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use wire::{SecretKey, tc3};

use crate::ambient::UnixTime;
use crate::state::ids::Account;
use crate::state::rates::Rates;
use crate::state::records::Access;

/// How many derived keys of one access key are kept: two days around midnight, and a few service names, since some
/// SDKs take theirs from the endpoint's host.
const DERIVED: usize = 6;

/// One access key.
pub struct AccessKey {
    /// The public half.
    pub secret_id: String,
    /// Whose it is.
    pub account: Account,
    /// What it may do.
    pub access: Access,
    /// Whether it is accepted.
    pub enabled: bool,
    /// What it is for.
    pub note: String,
    /// When it was made.
    pub created: UnixTime,
    /// How often it calls each action.
    pub rates: Rates,
    secret_key: SecretKey,
    derived: ArcSwap<Vec<Derived>>,
}

#[derive(Clone)]
struct Derived {
    date: Box<str>,
    service: Box<str>,
    key: Arc<tc3::SigningKey>,
}

impl AccessKey {
    /// A key with its opened secret.
    pub fn new(record: crate::state::records::KeyRecord, secret_key: SecretKey) -> Self {
        Self {
            secret_id: record.secret_id,
            account: record.account,
            access: record.access,
            enabled: record.enabled,
            note: record.note,
            created: record.created,
            rates: Rates::default(),
            secret_key,
            derived: ArcSwap::default(),
        }
    }

    /// The secret half.
    pub fn secret_key(&self) -> &SecretKey {
        &self.secret_key
    }

    /// Whether the signature is this key's. The derived key is remembered once it has verified something, so that
    /// nobody without the secret can push others' keys out.
    pub fn verifies(&self, proof: &tc3::Proof<'_>) -> bool {
        let known = self.derived.load();
        if let Some(derived) = known
            .iter()
            .find(|d| *d.date == *proof.date && *d.service == *proof.service)
        {
            return proof.verify(&derived.key);
        }
        let key = tc3::SigningKey::derive(&self.secret_key, proof.date, proof.service);
        let verified = proof.verify(&key);
        if verified {
            let fresh = Derived {
                date: proof.date.into(),
                service: proof.service.into(),
                key: Arc::new(key),
            };
            let next = std::iter::once(fresh)
                .chain(known.iter().take(DERIVED - 1).cloned())
                .collect();
            self.derived.store(Arc::new(next));
        }
        verified
    }
}
