use der::asn1::Any;
use der::pem::decode_vec;
use der::referenced::OwnedToRef as _;
use der::{Decode as _, Encode as _};
use pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use spki::SubjectPublicKeyInfoOwned;
use webpki::RawPublicKeyEntity;
use x509_cert::request::CertReqInfo;

use super::Error;
use crate::algorithm::{Algorithm, rsa_bits};
use crate::key::PrivateKey;
use crate::signer::Signed;

/// The labels of RFC 7468 and of older programs, Java's `keytool` among them.
const PEM_LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

/// How a request may be signed.
const SIGNATURE_ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 7] = [
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P256_SHA384,
    webpki::ring::ECDSA_P384_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512,
];

/// What a certificate is asked for with: a public key whose private key the asker was seen to hold.
///
/// Names and extensions of a request are ignored on purpose: what a certificate says is decided by its
/// [`Order`](crate::authority::Order) alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    public_key: SubjectPublicKeyInfoOwned,
    algorithm: Algorithm,
}

impl CertificateRequest {
    /// A request for a key of our own: there is nothing to prove.
    #[must_use]
    pub fn of(key: &PrivateKey) -> Self {
        Self {
            public_key: key.public().clone(),
            algorithm: key.algorithm(),
        }
    }

    /// Reads a request in DER and verifies that it is signed with the key that it names.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Key`], [`Error::Signature`]
    pub fn from_der(bytes: &[u8]) -> Result<Self, Error> {
        let signed = Signed::from_der(bytes)?;
        let public_key = signed.content.decode_as::<CertReqInfo>()?.public_key;
        let algorithm = supported(&public_key)?;
        verify(&signed, &public_key)?;
        Ok(Self {
            public_key,
            algorithm,
        })
    }

    /// Reads a request in PEM, as [`from_der`](Self::from_der) does.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Key`], [`Error::Signature`]
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let (label, bytes) = decode_vec(text.as_bytes()).map_err(der::Error::from)?;
        if PEM_LABELS.contains(&label) {
            Self::from_der(&bytes)
        } else {
            let label = label.escape_debug();
            Err(Error::Malformed(format!("the PEM block is a `{label}`")))
        }
    }

    /// SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn public_key_der(&self) -> Vec<u8> {
        self.public_key
            .to_der()
            .expect("a public key that was read can be written")
    }

    pub(crate) fn public_key(&self) -> &SubjectPublicKeyInfoOwned {
        &self.public_key
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// The algorithm of a key that certificates are issued for.
fn supported(key: &SubjectPublicKeyInfoOwned) -> Result<Algorithm, Error> {
    let algorithm = Algorithm::of(key.algorithm.owned_to_ref());
    let refuse = |found: String| Err(Error::Key { found });
    match algorithm {
        None => refuse(format!("a key of the algorithm {}", key.algorithm.oid)),
        Some(Algorithm::Rsa) => match key.subject_public_key.as_bytes().and_then(rsa_bits) {
            Some(2048..=8192) => Ok(Algorithm::Rsa),
            Some(bits) => refuse(format!("an RSA key with {bits} bits")),
            None => refuse("an RSA key that cannot be read".to_owned()),
        },
        Some(ecdsa) => Ok(ecdsa),
    }
}

/// Verifies the signature over the bytes as they came: written anew, they might differ.
fn verify(signed: &Signed<'_>, public_key: &SubjectPublicKeyInfoOwned) -> Result<(), Error> {
    let message = signed.content.to_der()?;
    let signature = signed.signature.as_bytes().ok_or(Error::Signature)?;
    let public_key = SubjectPublicKeyInfoDer::from(public_key.to_der()?);
    let entity = RawPublicKeyEntity::try_from(&public_key)
        .map_err(|error| Error::Malformed(error.to_string()))?;
    let identifier = Any::encode_from(&signed.algorithm)?;
    let verified = SIGNATURE_ALGORITHMS
        .into_iter()
        .filter(|candidate| identifier.value() == candidate.signature_alg_id().as_ref())
        .any(|candidate| {
            let verified = entity.verify_signature(candidate, &message, signature);
            verified.is_ok()
        });
    verified.then_some(()).ok_or(Error::Signature)
}

impl From<der::Error> for Error {
    fn from(error: der::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
