//! The revocation list of an authority: the certificates of its that were replaced or revoked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ca::authority::{Error, Reason, Revoked};

use crate::ambient::UnixTime;
use crate::state::authorities::{Authority, Pki};
use crate::state::pki::{Fate, IssuedRecord};

/// When a list is signed anew though nothing was added to it, in seconds.
const RENEWED_AFTER: UnixTime = 86_400;
/// How long a list stands, in seconds: long enough for whoever fetches it every few days.
const LIFETIME: UnixTime = 7 * 86_400;

/// The lists that were signed last, by their authority's ID. Anybody may ask for one, so most answers must cost nothing.
#[derive(Default)]
pub struct Revocations(Mutex<BTreeMap<String, List>>);

struct List {
    der: Bytes,
    /// How many certificates had ended, so that it shows when there are more.
    ended: u64,
    signed: UnixTime,
    number: u64,
}

impl Revocations {
    /// The authority's list, in DER.
    ///
    /// # Errors
    /// [`Error::MayNotSignCrls`] for an operator's authority without that right.
    pub fn list(&self, pki: &Pki, of: &Authority, now: UnixTime) -> Result<Bytes, Error> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = lists.get(&of.id);
        // Before the certificates are looked at: one more that ends meanwhile is found by the next call.
        let ended = pki.ended();
        if let Some(last) = last.filter(|last| last.is_fresh(ended, now)) {
            return Ok(last.der.clone());
        }
        if !of.issuer.may_sign_crls() {
            return Err(Error::MayNotSignCrls);
        }
        let number = number(last, now);
        let revoked = revoked(pki, of, now);
        let der = Bytes::from(of.issuer.crl(&revoked, number, now, now + LIFETIME)?);
        let list = List {
            der: der.clone(),
            ended,
            signed: now,
            number,
        };
        lists.insert(of.id.clone(), list);
        Ok(der)
    }
}

impl List {
    fn is_fresh(&self, ended: u64, now: UnixTime) -> bool {
        self.ended == ended && (self.signed..self.signed + RENEWED_AFTER).contains(&now)
    }
}

/// It has to grow with every list, also from one start to the next, so it is the time.
fn number(last: Option<&List>, now: UnixTime) -> u64 {
    let now = u64::try_from(now).unwrap_or_default();
    last.map_or(now, |last| now.max(last.number + 1))
}

fn revoked(pki: &Pki, of: &Authority, now: UnixTime) -> Vec<Revoked> {
    let mut issued = pki.issued_by(&of.id);
    issued.retain(|issued| is_listed(issued, now));
    issued.iter().filter_map(|issued| entry(issued)).collect()
}

/// An entry stays until it was on a list that was signed after its certificate had expired (RFC 5280, section 3.3).
fn is_listed(issued: &IssuedRecord, now: UnixTime) -> bool {
    issued.not_after + LIFETIME > now
}

fn entry(issued: &IssuedRecord) -> Option<Revoked> {
    let reason = match issued.fate {
        Fate::Issued | Fate::Active => return None,
        Fate::Replaced => Reason::Superseded,
        Fate::Revoked => Reason::CessationOfOperation,
    };
    Some(Revoked {
        serial: issued.serial.parse().ok()?,
        at: issued.ended,
        reason,
    })
}
