use der::Decode as _;
use der::asn1::BitString;
use der::pem::LineEnding;
use der::referenced::RefToOwned as _;
use der::{Encode as _, SecretDocument};
use pkcs8::PrivateKeyInfoRef;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde::{Deserialize, Serialize};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoOwned};
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, rsa_bits};
use crate::signer::Signer;

pub use crate::signer::SignFailure;

const PEM_LABEL: &str = "PRIVATE KEY";

/// The length of a point on P-256, uncompressed.
const P256_POINT: usize = 65;

/// What kinds of keys are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum KeyKind {
    /// ECDSA on P-256: made in microseconds, and cheap for a server in every handshake.
    #[default]
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
    /// RSA with 2048 bits, for clients that know nothing else.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
}

/// A private key. It cannot be printed or compared, and is wiped when dropped.
///
/// What signs with it is ring, which holds a second copy while it does so and does not wipe it.
///
/// ```compile_fail,E0277
/// let key = ca::key::PrivateKey::generate(ca::key::KeyKind::EcdsaP256).unwrap();
/// println!("{key:?}");
/// ```
pub struct PrivateKey {
    pkcs8: SecretDocument,
    algorithm: Algorithm,
    public: SubjectPublicKeyInfoOwned,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The text is not a single PEM block with an unencrypted PKCS#8 key.
    #[error(
        "expected one PEM block `PRIVATE KEY`, {found}; `openssl pkey -in FILE` writes any key in this form"
    )]
    Pem {
        /// What is there instead.
        found: String,
    },
    /// The bytes are not PKCS#8.
    #[error("the private key is not PKCS#8 in DER: {0}")]
    Pkcs8(String),
    /// The key is for another algorithm.
    #[error(
        "the private key is for the algorithm {0}; keys can be ECDSA on P-256 or P-384, or RSA with 2048 to 4096 bits"
    )]
    Algorithm(String),
    /// The key contradicts itself, is too small, or lacks its public half.
    #[error(
        "the private key cannot be used: {0}; keys can be ECDSA on P-256 or P-384 with their public key inside, or RSA with 2048 to 4096 bits"
    )]
    Rejected(String),
    /// The operating system has no randomness to give.
    #[error("cannot make a key: the operating system has no randomness to give")]
    Random,
    /// This program was built without the code that makes RSA keys.
    #[error("this program cannot make RSA keys; give it one, or use ecdsa-p256")]
    NoRsa,
}

impl PrivateKey {
    /// Makes a key.
    ///
    /// # Errors
    /// [`Error::Random`]; [`Error::NoRsa`] without the feature `rsa`.
    pub fn generate(kind: KeyKind) -> Result<Self, Error> {
        match kind {
            KeyKind::EcdsaP256 => generate_ecdsa(),
            KeyKind::Rsa2048 => generate_rsa(),
        }
    }

    /// Reads an unencrypted PKCS#8 key in PEM.
    ///
    /// # Errors
    /// [`Error::Pem`], and those of [`from_pkcs8_der`](Self::from_pkcs8_der).
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let found = match SecretDocument::from_pem(text) {
            Ok((PEM_LABEL, pkcs8)) => return Self::new(pkcs8),
            Ok((label, _)) => format!("found `{}`", label.escape_debug()),
            Err(_) if !text.contains("-----BEGIN ") => "found none".to_owned(),
            Err(error) => format!("found something else or more: {error}"),
        };
        Err(Error::Pem { found })
    }

    /// Reads an unencrypted PKCS#8 key in DER.
    ///
    /// # Errors
    /// [`Error::Pkcs8`], [`Error::Algorithm`], [`Error::Rejected`]
    pub fn from_pkcs8_der(bytes: &[u8]) -> Result<Self, Error> {
        let pkcs8 = SecretDocument::try_from(bytes).map_err(unreadable)?;
        Self::new(pkcs8)
    }

    /// The key as PKCS#8 in PEM.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        self.pkcs8
            .to_pem(PEM_LABEL, LineEnding::LF)
            .expect("the label is a good one, and PEM can hold all bytes")
    }

    /// The key as PKCS#8 in DER.
    #[must_use]
    pub fn to_der(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8.to_bytes()
    }

    /// Which of the kinds that are made here it is; `None` for another one that was read, like P-384 or RSA with 4096
    /// bits.
    #[must_use]
    pub fn kind(&self) -> Option<KeyKind> {
        match self.algorithm {
            Algorithm::EcdsaP256 => Some(KeyKind::EcdsaP256),
            Algorithm::Rsa
                if rsa_bits(self.public.subject_public_key.raw_bytes()) == Some(2048) =>
            {
                Some(KeyKind::Rsa2048)
            }
            Algorithm::Rsa | Algorithm::EcdsaP384 => None,
        }
    }

    /// The public key: SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn public_key_der(&self) -> Vec<u8> {
        self.public
            .to_der()
            .expect("a public key that was built can be written")
    }

    pub(crate) fn public(&self) -> &SubjectPublicKeyInfoOwned {
        &self.public
    }

    #[cfg(feature = "authority")]
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key in the form that signs.
    pub(crate) fn signer(&self) -> Signer {
        Signer::new(self.algorithm, self.pkcs8.as_bytes())
            .expect("the key was accepted when it was read")
    }

    /// Checks a key that comes from outside.
    fn new(pkcs8: SecretDocument) -> Result<Self, Error> {
        let identifier = identifier(&pkcs8)?;
        let algorithm = Algorithm::of(identifier)
            .ok_or_else(|| Error::Algorithm(identifier.oid.to_string()))?;
        let signer = Signer::new(algorithm, pkcs8.as_bytes())
            .map_err(|rejected| Error::Rejected(rejected.to_string()))?;
        let public = public_key(identifier, signer.public_key())?;
        Ok(Self {
            pkcs8,
            algorithm,
            public,
        })
    }
}

/// Takes the public half from where ring has just put it: at the end. To derive it again would take as long as the key itself.
fn generate_ecdsa() -> Result<PrivateKey, Error> {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
    let made = made.map_err(|_| Error::Random)?;
    let (_, point) = made
        .as_ref()
        .split_last_chunk::<P256_POINT>()
        .expect("a key is longer than its public half");
    let pkcs8 = SecretDocument::try_from(made.as_ref()).map_err(unreadable)?;
    let public = public_key(identifier(&pkcs8)?, point)?;
    Ok(PrivateKey {
        pkcs8,
        algorithm: Algorithm::EcdsaP256,
        public,
    })
}

#[cfg(feature = "rsa")]
fn generate_rsa() -> Result<PrivateKey, Error> {
    use pkcs8::EncodePrivateKey as _;
    let made = rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).map_err(|_| Error::Random)?;
    let pkcs8 = made.to_pkcs8_der();
    PrivateKey::new(pkcs8.map_err(|error| Error::Pkcs8(error.to_string()))?)
}

#[cfg(not(feature = "rsa"))]
fn generate_rsa() -> Result<PrivateKey, Error> {
    Err(Error::NoRsa)
}

fn identifier(pkcs8: &SecretDocument) -> Result<AlgorithmIdentifierRef<'_>, Error> {
    let info = PrivateKeyInfoRef::from_der(pkcs8.as_bytes());
    Ok(info
        .map_err(|error| Error::Pkcs8(error.to_string()))?
        .algorithm)
}

fn public_key(
    identifier: AlgorithmIdentifierRef<'_>,
    bits: &[u8],
) -> Result<SubjectPublicKeyInfoOwned, Error> {
    Ok(SubjectPublicKeyInfoOwned {
        algorithm: identifier.ref_to_owned(),
        subject_public_key: BitString::from_bytes(bits).map_err(unreadable)?,
    })
}

fn unreadable(error: der::Error) -> Error {
    Error::Pkcs8(error.to_string())
}
