//! The certificates from the issuing one up to its root, checked before anything is issued under them.

use der::Decode as _;
use der::asn1::OctetString;
use der::oid::AssociatedOid;
use pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectKeyIdentifier,
};
use x509_cert::name::Name;

use super::Error;
use super::certificate::key_identifier;
use crate::key::PrivateKey;

/// What clients verify with.
const SIGNATURE_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = webpki::ALL_VERIFICATION_ALGS;

/// A chain that was checked, and what issuing needs to know about it.
pub(super) struct Chain {
    /// The issuing certificate first, the root last.
    pub(super) der: Vec<Vec<u8>>,
    /// Whom the issuing certificate names.
    pub(super) subject: Name,
    pub(super) key_identifier: OctetString,
    /// When the last of its certificates begins, in unix seconds.
    pub(super) not_before: i64,
    /// When the first of its certificates ends, in unix seconds.
    pub(super) not_after: i64,
    pub(super) may_sign_crls: bool,
    /// It may issue for some names or purposes only.
    pub(super) is_constrained: bool,
}

impl Chain {
    /// Checks that `key` may issue under these certificates at `now`.
    pub(super) fn open(der: Vec<Vec<u8>>, key: &PrivateKey, now: i64) -> Result<Self, Error> {
        let members = read(&der)?;
        let issuing = members.first().ok_or(Error::EmptyChain)?;
        let public_key = &issuing.body().subject_public_key_info().subject_public_key;
        if *public_key != key.public().subject_public_key {
            return Err(Error::KeyMismatch(issuing.to_string()));
        }
        members.iter().try_for_each(|member| member.check(now))?;
        check_order(&members)?;
        Ok(Self {
            subject: issuing.body().subject().clone(),
            key_identifier: issuing.key_identifier()?,
            may_sign_crls: issuing.key_usage()?.is_none_or(|usage| usage.crl_sign()),
            not_before: members.iter().map(Member::not_before).max().unwrap_or(now),
            not_after: members.iter().map(Member::not_after).min().unwrap_or(now),
            is_constrained: members.iter().any(Member::is_constrained),
            der,
        })
    }

    /// What a server sends after its own certificate.
    pub(super) fn intermediates(&self) -> &[Vec<u8>] {
        self.der.split_last().map_or(&[], |(_, others)| others)
    }

    /// The root, as a list of one.
    pub(super) fn anchors(&self) -> &[Vec<u8>] {
        &self.der[self.intermediates().len()..]
    }

    /// Verifies a certificate as clients that trust the root do, except for its name.
    pub(super) fn verify(
        &self,
        leaf: &[u8],
        usage: webpki::KeyUsage,
        now: i64,
    ) -> Result<(), webpki::Error> {
        let leaf = CertificateDer::from(leaf);
        let as_certificates = |list: &[Vec<u8>]| -> Vec<CertificateDer<'static>> {
            list.iter().cloned().map(CertificateDer::from).collect()
        };
        let (anchors, intermediates) = (
            as_certificates(self.anchors()),
            as_certificates(self.intermediates()),
        );
        let anchors: Vec<_> = anchors
            .iter()
            .map(webpki::anchor_from_trusted_cert)
            .collect::<Result<_, _>>()?;
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.unsigned_abs()));
        webpki::EndEntityCert::try_from(&leaf)?.verify_for_usage(
            SIGNATURE_ALGORITHMS,
            &anchors,
            &intermediates,
            time,
            usage,
            None,
            None,
        )?;
        Ok(())
    }
}

/// A certificate of the chain with its place, counted from 0.
struct Member {
    index: usize,
    certificate: Certificate,
}

fn read(der: &[Vec<u8>]) -> Result<Vec<Member>, Error> {
    let read_one = |(index, der): (usize, &Vec<u8>)| match Certificate::from_der(der) {
        Ok(certificate) => Ok(Member { index, certificate }),
        Err(error) => Err(Error::Certificate {
            position: index + 1,
            reason: error.to_string(),
        }),
    };
    der.iter().enumerate().map(read_one).collect()
}

/// Each must have been issued by the next, and the last by itself.
fn check_order(members: &[Member]) -> Result<(), Error> {
    for pair in members.windows(2) {
        if pair[0].body().issuer() != pair[1].body().subject() {
            return Err(Error::OutOfOrder {
                lower: pair[0].to_string(),
                issuer: printable(pair[0].body().issuer()),
                found: pair[1].to_string(),
            });
        }
    }
    match members.last() {
        Some(last) if last.body().issuer() != last.body().subject() => Err(Error::NoRoot {
            last: last.to_string(),
            issuer: printable(last.body().issuer()),
        }),
        _ => Ok(()),
    }
}

impl Member {
    fn body(&self) -> &x509_cert::TbsCertificate {
        self.certificate.tbs_certificate()
    }

    fn not_before(&self) -> i64 {
        unix_seconds(self.body().validity().not_before)
    }

    fn not_after(&self) -> i64 {
        unix_seconds(self.body().validity().not_after)
    }

    /// Whether it may issue, now and at this place of the chain.
    fn check(&self, now: i64) -> Result<(), Error> {
        let which = || self.to_string();
        let constraints = self.extension::<BasicConstraints>()?;
        let Some(constraints) = constraints.filter(|constraints| constraints.ca) else {
            return Err(Error::NotCa(which()));
        };
        if self
            .key_usage()?
            .is_some_and(|usage| !usage.key_cert_sign())
        {
            return Err(Error::MayNotSign(which()));
        }
        if constraints
            .path_len_constraint
            .is_some_and(|most| usize::from(most) < self.index)
        {
            return Err(Error::PathTooLong(which()));
        }
        let validity = self.body().validity();
        if now < self.not_before() {
            return Err(Error::NotYetValid {
                which: which(),
                since: validity.not_before.to_string(),
            });
        }
        if now >= self.not_after() {
            return Err(Error::Expired {
                which: which(),
                since: validity.not_after.to_string(),
            });
        }
        Ok(())
    }

    fn key_usage(&self) -> Result<Option<KeyUsage>, Error> {
        self.extension()
    }

    /// What it calls its own key; else what we would call it.
    fn key_identifier(&self) -> Result<OctetString, Error> {
        if let Some(SubjectKeyIdentifier(identifier)) = self.extension()? {
            return Ok(identifier);
        }
        let identifier = key_identifier(self.body().subject_public_key_info());
        identifier.map_err(|error| self.unreadable(error))
    }

    fn is_constrained(&self) -> bool {
        let mut extensions = self.body().extensions().into_iter().flatten();
        extensions.any(|extension| {
            [NameConstraints::OID, ExtendedKeyUsage::OID].contains(&extension.extn_id)
        })
    }

    fn extension<'a, T>(&'a self) -> Result<Option<T>, Error>
    where
        T: der::Decode<'a, Error = der::Error> + AssociatedOid,
    {
        let found = self.body().get_extension::<T>();
        let found = found.map_err(|error| self.unreadable(error))?;
        Ok(found.map(|(_, extension)| extension))
    }

    fn unreadable(&self, error: der::Error) -> Error {
        Error::Certificate {
            position: self.index + 1,
            reason: error.to_string(),
        }
    }
}

/// Its place in the chain, counted from 1, and its subject.
impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subject = printable(self.body().subject());
        write!(f, "certificate {} (`{subject}`)", self.index + 1)
    }
}

/// A name for a message: one line without anything that a terminal would obey.
pub(super) fn printable(name: &Name) -> String {
    let text = name.to_string();
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// In the words of an operator who looks for the mistake in the chain.
pub(super) fn reason(error: &webpki::Error) -> String {
    use webpki::Error as Webpki;
    let known = match error {
        Webpki::RequiredEkuNotFoundContext(_) => {
            "the extendedKeyUsage of a certificate in its chain does not allow this use"
        }
        Webpki::NameConstraintViolation => {
            "the nameConstraints of a certificate in its chain do not allow one of the names"
        }
        Webpki::InvalidSignatureForPublicKey => {
            "a signature in its chain does not verify, so two of the certificates do not belong together"
        }
        Webpki::UnsupportedSignatureAlgorithmContext(_)
        | Webpki::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "a certificate in its chain is signed with an algorithm that they do not accept, like SHA-1"
        }
        other => return format!("{other:?}"),
    };
    known.to_owned()
}

fn unix_seconds(time: x509_cert::time::Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}
