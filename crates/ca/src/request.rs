use der::asn1::SetOfVec;
use x509_cert::request::{CertReqInfo, Version};

use crate::key::{PrivateKey, SignFailure};
use crate::name;

/// Reads requests of others.
#[cfg(feature = "authority")]
mod verified;

pub use crate::name::InvalidCommonName;
#[cfg(feature = "authority")]
pub use verified::CertificateRequest;

/// Why there is no request.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The name to put into it cannot be one.
    #[error(transparent)]
    CommonName(#[from] InvalidCommonName),
    /// The key did not sign it.
    #[error(transparent)]
    Sign(#[from] SignFailure),
    /// It is no PKCS#10 request, in DER or in one PEM block.
    #[error("this is no certificate request (PKCS#10): {0}")]
    Malformed(String),
    /// Its key is of a kind that no certificate is issued for.
    #[error(
        "the request is for {found}; certificates are issued for ECDSA keys on P-256 or P-384, and for RSA keys with 2048 to 8192 bits"
    )]
    Key {
        /// What the key is.
        found: String,
    },
    /// It is not signed with the private key that belongs to its public key.
    #[error(
        "the request's own signature does not verify: it was damaged, or the asker does not have the key that it names, or it was signed with anything but SHA-256, SHA-384 or SHA-512"
    )]
    Signature,
}

impl PrivateKey {
    /// A certificate request (PKCS#10) for this key, in DER, signed with it. It asks for no names but
    /// `common_name`, and for no extensions: those are the authority's to decide.
    ///
    /// # Errors
    /// [`Error::CommonName`], [`Error::Sign`]
    pub fn csr(&self, common_name: &str) -> Result<Vec<u8>, Error> {
        let request = CertReqInfo {
            version: Version::V1,
            subject: name::from_common_name(common_name)?,
            public_key: self.public().clone(),
            attributes: SetOfVec::new(),
        };
        Ok(self.signer().sign(&request)?)
    }
}
