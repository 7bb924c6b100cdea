//! request + order → certificate
//!
//! [`Authority::issue`] is the one way to a certificate, and its steps have one order: the request is verified (its type
//! says so), the certificate is built from the profile, checked, tightened, signed.

use std::time::Duration;

use der::pem::{LineEnding, encode_string};
use pki_types::CertificateDer;
use pki_types::pem::PemObject as _;
use ring::digest::{SHA256, digest};
use x509_cert::certificate::Version;
use x509_cert::name::Name;
use x509_cert::time::Validity;

use crate::key::{KeyKind, PrivateKey};
use crate::name;
use crate::request::{CertificateRequest, InvalidCommonName};
use crate::role;
use crate::signer::Signer;

mod certificate;
mod chain;
mod crl;
mod issued;
mod order;
mod permitted;
mod serial;
mod subject_name;

pub use crate::key::SignFailure;
pub use crl::{Reason, Revoked};
pub use issued::Issued;
pub use order::{Order, Profile, SERVER_LIFETIME};
pub use permitted::{InvalidPermitted, Permitted};
pub use serial::{InvalidSerial, Serial};
pub use subject_name::{DnsName, InvalidName, SubjectName};

use certificate::{TbsCertificate, leaf_extensions, root_extensions, time};
use chain::Chain;

/// How long before its issue a certificate begins to be valid, in seconds: clocks of servers and clients that are this much
/// late accept it all the same.
pub const CLOCK_SKEW: i64 = 5 * 60;

/// How long a root lasts that is made here: 20 years, in seconds.
const ROOT_LIFETIME: i64 = 7305 * 24 * 60 * 60;

/// How long the statement about another root lasts.
const VOUCHER_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A key that may issue certificates, and the certificates that say so.
pub struct Authority {
    key: PrivateKey,
    signer: Signer,
    chain: Chain,
    id: String,
}

/// Why there is no authority, or no certificate of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// There is no certificate.
    #[error("the chain is empty; it needs the issuing certificate first and its root last")]
    EmptyChain,
    /// One of the certificates cannot be read.
    #[error("certificate {position} of the chain is not X.509: {reason}")]
    Certificate {
        /// Its place in the chain, counted from 1.
        position: usize,
        /// What the parser stumbled over.
        reason: String,
    },
    /// The key belongs to another certificate.
    #[error(
        "the private key does not belong to {0}; the chain must begin with the certificate of that key"
    )]
    KeyMismatch(String),
    /// One of the certificates belongs to a server or a person.
    #[error("{0} is no CA certificate: its basicConstraints do not say CA:TRUE")]
    NotCa(String),
    /// One of the certificates has a keyUsage without keyCertSign.
    #[error("{0} may not sign certificates: its keyUsage lacks keyCertSign")]
    MayNotSign(String),
    /// One of the certificates allows fewer authorities below it than there are.
    #[error("{0} does not allow so many authorities below it: see its pathLenConstraint")]
    PathTooLong(String),
    /// Two neighbours do not belong together.
    #[error(
        "the chain is out of order: {lower} was issued by `{issuer}`, but is followed by {found}; the order is the issuing certificate, then whoever issued it, and so on up to the root"
    )]
    OutOfOrder {
        /// The lower one of the two.
        lower: String,
        /// Who issued it.
        issuer: String,
        /// What stands there.
        found: String,
    },
    /// The chain does not end with a root.
    #[error(
        "the chain has no root: it ends with {last}, which was issued by `{issuer}`; add the certificates above it, up to the one that issued itself"
    )]
    NoRoot {
        /// The last one.
        last: String,
        /// Who issued it.
        issuer: String,
    },
    /// One of the certificates begins later.
    #[error("{which} is not valid before {since}")]
    NotYetValid {
        /// The certificate.
        which: String,
        /// RFC 3339.
        since: String,
    },
    /// One of the certificates has ended.
    #[error("{which} expired at {since}")]
    Expired {
        /// The certificate.
        which: String,
        /// RFC 3339.
        since: String,
    },
    /// Clients that trust the root would refuse what is issued: a signature in the chain is wrong, or the chain is limited to
    /// other names or uses.
    #[error("clients would refuse a certificate of this authority: {0}")]
    Refused(String),
    /// The authority may issue certificates but not revoke them.
    #[error(
        "this authority may not sign revocation lists: the keyUsage of its certificate lacks cRLSign"
    )]
    MayNotSignCrls,
    /// The subject cannot be one.
    #[error(transparent)]
    CommonName(#[from] InvalidCommonName),
    /// A server's certificate needs something to be verified by.
    #[error("a certificate for a server needs at least one name: a host name or an address")]
    NoNames,
    /// The certificate would have ended before anybody had it.
    #[error("a certificate must last for a second at least")]
    Lifetime,
    /// Certificates know the years 1970 to 9999.
    #[error("{unix_seconds} (unix seconds) is not a time that certificates can hold")]
    Time {
        /// The time.
        unix_seconds: i64,
    },
    /// There is no key for a new root.
    #[error(transparent)]
    Key(#[from] crate::key::Error),
    /// The signature was not made.
    #[error(transparent)]
    Sign(#[from] SignFailure),
}

impl From<der::Error> for Error {
    fn from(error: der::Error) -> Self {
        Self::Sign(error.into())
    }
}

impl Authority {
    /// Makes a root that may issue for every name: a P-256 key and a certificate for 20 years, with no authority below it.
    ///
    /// # Errors
    /// [`Error::CommonName`], [`Error::Time`], [`Error::Key`], [`Error::Sign`]
    pub fn new_root(common_name: &str, serial: Serial, now: i64) -> Result<Self, Error> {
        Self::new_limited_root(common_name, &[], serial, now)
    }

    /// Makes a root as [`new_root`](Self::new_root) does, which clients accept for the names in `permitted` alone (name constraints);
    /// for every name when it is empty.
    ///
    /// # Errors
    /// As [`new_root`](Self::new_root).
    pub fn new_limited_root(
        common_name: &str,
        permitted: &[Permitted],
        serial: Serial,
        now: i64,
    ) -> Result<Self, Error> {
        let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
        let subject = name::from_common_name(common_name)?;
        let signer = key.signer();
        let root = signer.sign(&TbsCertificate {
            version: Version::V3,
            serial_number: der::asn1::UintRef::new(serial.as_bytes())?,
            signature: signer.algorithm(),
            issuer: subject.clone(),
            validity: Validity::new(time(now - CLOCK_SKEW)?, time(now + ROOT_LIFETIME)?),
            subject,
            subject_public_key_info: key.public().clone(),
            extensions: root_extensions(key.public(), permitted)?,
        })?;
        Self::open(key, vec![root], now)
    }

    /// Opens an authority that is there already: one that was made here, or an operator's own intermediate. `chain` is in
    /// DER, the certificate of `key` first, its root last.
    ///
    /// # Errors
    /// Whatever would make clients refuse its certificates; see [`Error`].
    pub fn open(key: PrivateKey, chain: Vec<Vec<u8>>, now: i64) -> Result<Self, Error> {
        let chain = Chain::open(chain, &key, now)?;
        let authority = Self {
            signer: key.signer(),
            id: hex_sha256(&chain.der[0]),
            key,
            chain,
        };
        authority.try_out(now)?;
        Ok(authority)
    }

    /// Issues a certificate.
    ///
    /// # Errors
    /// [`Error::NoNames`], [`Error::Lifetime`] and [`Error::CommonName`] for an order that makes no certificate;
    /// [`Error::Expired`] when the authority has ended; [`Error::Refused`] when it is limited to other names or uses.
    pub fn issue(
        &self,
        request: &CertificateRequest,
        order: &Order,
        serial: Serial,
        now: i64,
    ) -> Result<Issued, Error> {
        order.validate()?;
        let (not_before, not_after) = self.tighten(order, now)?;
        let mark = order.profile.mark();
        let leaf = self.sign(request, order, mark, serial, (not_before, not_after))?;
        if self.chain.is_constrained {
            self.verify(&leaf, order.profile, now)?;
        }
        Ok(Issued {
            sha256: hex_sha256(&leaf),
            leaf,
            intermediates: self.intermediates().to_vec(),
            serial,
            not_before,
            not_after,
        })
    }

    /// States that whoever trusts this authority may trust another root as well: a certificate with the SHA-256 of that root in its mark
    /// ([`role::voucher`]), which is nobody's to use. Answers it and the intermediates in PEM. It lasts a day, for it is verified at once.
    ///
    /// # Errors
    /// [`Error::Expired`] when the authority has ended; [`Error::Sign`].
    pub fn vouch(&self, root: &[u8], serial: Serial, now: i64) -> Result<String, Error> {
        let order = Order {
            profile: Profile::AgentClient,
            common_name: "root voucher".to_owned(),
            names: Vec::new(),
            lifetime: VOUCHER_LIFETIME,
        };
        let validity = self.tighten(&order, now)?;
        let request = CertificateRequest::of(&self.key);
        let mark = role::voucher(&hex_sha256(root));
        let leaf = self.sign(&request, &order, Some(&mark), serial, validity)?;
        Ok(pem(std::iter::once(&leaf).chain(self.intermediates())))
    }

    /// SHA-256 of the issuing certificate, lower-case hexadecimal.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The first 16 digits of [`id`](Self::id): enough to tell authorities apart, and to read out.
    #[must_use]
    pub fn short_id(&self) -> &str {
        &self.id[..16]
    }

    /// The common name of the issuing certificate; its whole subject if that has none.
    #[must_use]
    pub fn common_name(&self) -> String {
        let subject: &Name = &self.chain.subject;
        match subject.common_name() {
            Ok(Some(name)) => name.value().into_owned(),
            _ => chain::printable(subject),
        }
    }

    /// When the first certificate of the chain ends, in unix seconds; nothing that is issued lasts longer.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.chain.not_after
    }

    /// The private key, for whoever keeps it.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// All certificates in DER, the issuing one first, the root last: what [`open`](Self::open) takes.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain.der
    }

    /// What clients have to trust, in DER: the root.
    #[must_use]
    pub fn anchors(&self) -> &[Vec<u8>] {
        self.chain.anchors()
    }

    /// What servers send after their own certificate, in DER: all certificates but the root. Empty for a root.
    #[must_use]
    pub fn intermediates(&self) -> &[Vec<u8>] {
        self.chain.intermediates()
    }

    /// The chain in PEM, from the root down: what a server needs as `ssl_ca`. MySQL verifies a certificate that it reloads against
    /// this file alone, so the intermediates must be in it.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        pem(self.chain.der.iter().rev())
    }

    /// The chain in PEM, the issuing certificate first and its root last, as [`open`](Self::open) takes it.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        pem(&self.chain.der)
    }

    /// The root in PEM: what a client needs.
    #[must_use]
    pub fn anchors_pem(&self) -> String {
        pem(self.anchors())
    }

    /// The validity: what was ordered, within that of the authority.
    fn tighten(&self, order: &Order, now: i64) -> Result<(i64, i64), Error> {
        if now >= self.chain.not_after {
            return Err(Error::Expired {
                which: format!("the authority `{}`", self.common_name()),
                since: time(self.chain.not_after)?.to_string(),
            });
        }
        let lifetime = i64::try_from(order.lifetime.as_secs()).unwrap_or(i64::MAX);
        Ok((
            (now - CLOCK_SKEW).max(self.chain.not_before),
            now.saturating_add(lifetime).min(self.chain.not_after),
        ))
    }

    fn sign(
        &self,
        request: &CertificateRequest,
        order: &Order,
        mark: Option<&str>,
        serial: Serial,
        (not_before, not_after): (i64, i64),
    ) -> Result<Vec<u8>, Error> {
        Ok(self.signer.sign(&TbsCertificate {
            version: Version::V3,
            serial_number: der::asn1::UintRef::new(serial.as_bytes())?,
            signature: self.signer.algorithm(),
            issuer: self.chain.subject.clone(),
            validity: Validity::new(time(not_before)?, time(not_after)?),
            subject: name::from_common_name(&order.common_name)?,
            subject_public_key_info: request.public_key().clone(),
            extensions: leaf_extensions(
                order.profile,
                (request.public_key(), request.algorithm()),
                (&order.names, mark),
                &self.chain.key_identifier,
            )?,
        })?)
    }

    /// Issues a certificate that nobody will see, and verifies it: what no single check of the chain notices shows here.
    fn try_out(&self, now: i64) -> Result<(), Error> {
        let request = CertificateRequest::of(&self.key);
        let order = Order {
            profile: Profile::DatabaseServer,
            common_name: "Trial".to_owned(),
            names: Vec::new(), // none that the authority might be forbidden
            lifetime: SERVER_LIFETIME,
        };
        let validity = self.tighten(&order, now)?;
        let serial = Serial::from_random([0; 16]);
        let leaf = self.sign(&request, &order, None, serial, validity)?;
        self.verify(&leaf, order.profile, now)
    }

    fn verify(&self, leaf: &[u8], profile: Profile, now: i64) -> Result<(), Error> {
        let verified = self.chain.verify(leaf, profile.usage(), now);
        verified.map_err(|error| Error::Refused(chain::reason(&error)))
    }
}

/// Reads certificates in PEM, in their order; text around them is skipped.
///
/// # Errors
/// [`Error::EmptyChain`] without any; [`Error::Certificate`] for the first that is damaged.
pub fn certificates_from_pem(text: &str) -> Result<Vec<Vec<u8>>, Error> {
    let mut certificates = Vec::new();
    for found in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let found = found.map_err(|error| Error::Certificate {
            position: certificates.len() + 1,
            reason: error.to_string(),
        });
        certificates.push(found?.to_vec());
    }
    if certificates.is_empty() {
        return Err(Error::EmptyChain);
    }
    Ok(certificates)
}

fn pem<'a>(certificates: impl IntoIterator<Item = &'a Vec<u8>>) -> String {
    let block = |der| {
        encode_string("CERTIFICATE", LineEnding::LF, der)
            .expect("the label is a good one, and PEM can hold all bytes")
    };
    certificates.into_iter().map(|der| block(der)).collect()
}

fn hex_sha256(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash = digest(&SHA256, bytes);
    let digits = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
