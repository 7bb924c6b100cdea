//! Which certificate authorities a caller trusts, and whether a chain leads to one of them.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;

use crate::certificate::{may_sign, name, parse};

/// The CA certificates that chains are verified against: what a client has in its CA bundle.
#[derive(Clone, Default)]
pub struct Trust {
    certificates: Vec<CertificateDer<'static>>,
    /// One for each certificate, in the same order.
    anchors: Vec<TrustAnchor<'static>>,
}

/// A text or bytes that hold no CA certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The PEM text is broken.
    #[error("the CA bundle is not PEM: {0}")]
    Pem(String),
    /// There is no certificate in it.
    #[error("the CA bundle holds no certificate")]
    Empty,
    /// One of them cannot be read. Counted from 1.
    #[error("certificate {number} of the CA bundle cannot be read: {detail}")]
    Certificate {
        /// Which one.
        number: usize,
        /// Why.
        detail: String,
    },
}

impl Trust {
    /// Trusts nobody: no chain verifies, not even one that brings its own root.
    pub fn none() -> Self {
        Self::default()
    }

    /// Trusts whom either trusts.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.certificates.extend_from_slice(&other.certificates);
        both.anchors.extend_from_slice(&other.anchors);
        both
    }

    /// Trusts every certificate of a PEM bundle.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let ders: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|e| TrustError::Pem(e.to_string()))?;
        if ders.is_empty() {
            Err(TrustError::Empty)
        } else {
            Self::from_ders(ders.iter().map(|der| der.to_vec()))
        }
    }

    /// Trusts these certificates. No certificate at all is [`Trust::none`].
    pub fn from_ders(ders: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, TrustError> {
        let mut trust = Self::none();
        for (index, der) in ders.into_iter().enumerate() {
            let der = CertificateDer::from(der);
            let anchor = anchor_from_trusted_cert(&der)
                .map_err(|e| TrustError::Certificate {
                    number: index + 1,
                    detail: e.to_string(),
                })?
                .to_owned();
            trust.anchors.push(anchor);
            trust.certificates.push(der);
        }
        Ok(trust)
    }

    /// The certificates, DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(|der| &**der)
    }

    /// Verifies a chain (DER, leaf first) as a client would with this trust as its CA bundle, host names aside. Answers the subject
    /// of the trusted certificate that it leads to, or why it does not verify.
    pub(crate) fn verify(&self, chain: &[Vec<u8>], now: i64) -> Result<String, String> {
        let Some((leaf, rest)) = chain.split_first() else {
            return Err("no certificate".to_owned());
        };
        if self.anchors.is_empty() {
            return Err("no CA to verify against".to_owned());
        }
        match self.verify_by_webpki(leaf, rest, now) {
            Ok(by) => Ok(by),
            // What MySQL's own clients accept and webpki does not. No chain is built for them: such certificates come from
            // how-tos and from servers themselves, directly below their CA.
            Err(webpki::Error::UnsupportedCertVersion | webpki::Error::CaUsedAsEndEntity) => {
                self.verify_directly(leaf, now)
            }
            Err(error) => Err(in_words(&error)),
        }
    }

    /// Whether the chain leads, or ever led, to a trusted CA: what decides if a server may see a password. Today's date is left to
    /// the report; whoever holds the key of an expired certificate is still who the CA says. A chain whose parts were ever valid
    /// together was so when the youngest of the parts began.
    pub(crate) fn vouches_for(&self, chain: &[Vec<u8>]) -> bool {
        // Longer ones are nobody's honest chain, and each certificate costs a verification.
        let starts = chain.iter().take(8).filter_map(|der| parse(der));
        starts
            .map(|cert| cert.validity.not_before.timestamp())
            .any(|moment| self.verify(chain, moment).is_ok())
    }

    /// Whether a chain (DER, leaf first) leads, or ever led, to a trusted CA; or begins with a trusted certificate.
    pub fn ever_vouched_for(&self, chain: &[Vec<u8>]) -> bool {
        let leaf = chain.first().map(Vec::as_slice);
        self.certificates().any(|der| Some(der) == leaf) || self.vouches_for(chain)
    }

    fn verify_by_webpki(
        &self,
        leaf: &[u8],
        rest: &[Vec<u8>],
        now: i64,
    ) -> Result<String, webpki::Error> {
        let leaf = CertificateDer::from(leaf);
        let rest: Vec<_> = rest
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or(0)));
        let leaf = EndEntityCert::try_from(&leaf)?;
        let path = leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &self.anchors,
            &rest,
            now,
            KeyUsage::server_auth(),
            None,
            None,
        )?;
        let index = self
            .anchors
            .iter()
            .position(|anchor| anchor == path.anchor());
        Ok(index.map(|index| self.subject(index)).unwrap_or_default())
    }

    fn verify_directly(&self, leaf: &[u8], now: i64) -> Result<String, String> {
        let cert = parse(leaf).ok_or("the certificate cannot be read")?;
        if now < cert.validity.not_before.timestamp() {
            return Err(NOT_YET.to_owned());
        }
        if now > cert.validity.not_after.timestamp() {
            return Err(EXPIRED.to_owned());
        }
        let index = self
            .certificates
            .iter()
            .position(|ca| ca.as_ref() == leaf || parse(ca).is_some_and(|ca| signed(&cert, &ca)));
        index
            .map(|index| self.subject(index))
            .ok_or_else(|| UNKNOWN_ISSUER.to_owned())
    }

    fn subject(&self, index: usize) -> String {
        parse(&self.certificates[index])
            .map(|cert| name(cert.subject()))
            .unwrap_or_default()
    }
}

/// Whether `ca` is an authority whose key signed `cert`.
fn signed(cert: &X509Certificate<'_>, ca: &X509Certificate<'_>) -> bool {
    cert.issuer() == ca.subject()
        && may_sign(ca)
        && cert.verify_signature(Some(ca.public_key())).is_ok()
}

const UNKNOWN_ISSUER: &str = "no trusted CA signed it";
const EXPIRED: &str = "a certificate of the chain has expired";
const NOT_YET: &str = "a certificate of the chain is not valid yet";

fn in_words(error: &webpki::Error) -> String {
    match error {
        webpki::Error::UnknownIssuer => UNKNOWN_ISSUER.to_owned(),
        webpki::Error::CertExpired { .. } => EXPIRED.to_owned(),
        webpki::Error::CertNotValidYet { .. } => NOT_YET.to_owned(),
        webpki::Error::RequiredEkuNotFoundContext(_) => {
            "the certificate is not for servers (extended key usage)".to_owned()
        }
        other => format!("the chain is not acceptable ({other})"),
    }
}
