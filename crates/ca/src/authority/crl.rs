use der::asn1::Uint;
use x509_cert::certificate::Version;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlNumber, CrlReason};
use x509_cert::serial_number::SerialNumber;

use super::certificate::{extension, time};
use super::{Authority, Error, Serial};

/// A certificate that must not be trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number.
    pub serial: Serial,
    /// Since when, in unix seconds.
    pub at: i64,
    /// Why.
    pub reason: Reason,
}

/// Why a certificate must not be trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Another one took its place.
    Superseded,
    /// Somebody else may have its key.
    KeyCompromise,
    /// What it stood for is no more.
    CessationOfOperation,
}

impl Authority {
    /// Whether it may sign lists. An operator's certificate may lack `cRLSign`.
    pub fn may_sign_crls(&self) -> bool {
        self.chain.may_sign_crls
    }

    /// Lists what is revoked: a CRL of version 2, in DER. `number` must grow from one list to the next; after `next_update` (unix
    /// seconds) verifiers take the list for outdated.
    ///
    /// # Errors
    /// [`Error::MayNotSignCrls`] for an operator's certificate whose keyUsage lacks `cRLSign`; [`Error::Time`];
    /// [`Error::Sign`].
    pub fn crl(
        &self,
        revoked: &[Revoked],
        number: u64,
        now: i64,
        next_update: i64,
    ) -> Result<Vec<u8>, Error> {
        if !self.may_sign_crls() {
            return Err(Error::MayNotSignCrls);
        }
        let entries = revoked.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let list = TbsCertList {
            version: Version::V2,
            signature: self.signer.algorithm(),
            issuer: self.chain.subject.clone(),
            this_update: time(now)?,
            next_update: Some(time(next_update)?),
            // An empty list must be absent (RFC 5280, section 5.1.2.6).
            revoked_certificates: Some(entries).filter(|entries| !entries.is_empty()),
            crl_extensions: Some(vec![
                extension(&AuthorityKeyIdentifier {
                    key_identifier: Some(self.chain.key_identifier.clone()),
                    ..AuthorityKeyIdentifier::default()
                })?,
                extension(&CrlNumber(Uint::try_from(number)?))?,
            ]),
        };
        Ok(self.signer.sign(&list)?)
    }
}

fn entry(revoked: &Revoked) -> Result<RevokedCert, Error> {
    let reason = match revoked.reason {
        Reason::Superseded => CrlReason::Superseded,
        Reason::KeyCompromise => CrlReason::KeyCompromise,
        Reason::CessationOfOperation => CrlReason::CessationOfOperation,
    };
    Ok(RevokedCert {
        serial_number: SerialNumber::new(revoked.serial.as_bytes())?,
        revocation_date: time(revoked.at)?,
        crl_entry_extensions: Some(vec![extension(&reason)?]),
    })
}
