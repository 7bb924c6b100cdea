use der::asn1::{Any, AnyRef, BitStringRef, Null};
use der::oid::ObjectIdentifier;
use der::{Decode, Encode, Sequence};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use spki::AlgorithmIdentifierOwned;

use crate::algorithm::Algorithm;

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// A private key in the form that signs.
pub(crate) enum Signer {
    Ecdsa(Box<EcdsaKeyPair>, ObjectIdentifier),
    Rsa(Box<RsaKeyPair>),
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignFailure {
    /// What is to be signed cannot be written as DER, for example because it is too long.
    #[error("cannot write what is to be signed: {0}")]
    Encode(#[from] der::Error),
    /// The operating system has no randomness to give.
    #[error("cannot sign: the operating system has no randomness to give")]
    Random,
}

/// What certificates, requests and revocation lists have in common.
#[derive(Sequence)]
pub(crate) struct Signed<'a> {
    pub(crate) content: AnyRef<'a>,
    pub(crate) algorithm: AlgorithmIdentifierOwned,
    pub(crate) signature: BitStringRef<'a>,
}

impl Signer {
    pub(crate) fn new(
        algorithm: Algorithm,
        pkcs8: &[u8],
    ) -> Result<Self, ring::error::KeyRejected> {
        let random = SystemRandom::new();
        let ecdsa = |curve, oid| {
            let pair = EcdsaKeyPair::from_pkcs8(curve, pkcs8, &random)?;
            Ok(Self::Ecdsa(Box::new(pair), oid))
        };
        match algorithm {
            Algorithm::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_WITH_SHA256),
            Algorithm::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_WITH_SHA384),
            Algorithm::Rsa => Ok(Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(pkcs8)?))),
        }
    }

    /// The content of the public key's BIT STRING.
    pub(crate) fn public_key(&self) -> &[u8] {
        match self {
            Self::Ecdsa(pair, _) => pair.public_key().as_ref(),
            Self::Rsa(pair) => pair.public_key().as_ref(),
        }
    }

    /// What the structures call the algorithm.
    pub(crate) fn algorithm(&self) -> AlgorithmIdentifierOwned {
        match self {
            Self::Ecdsa(_, oid) => AlgorithmIdentifierOwned {
                oid: *oid,
                parameters: None,
            },
            Self::Rsa(_) => AlgorithmIdentifierOwned {
                oid: SHA256_WITH_RSA,
                parameters: Some(Any::from(Null)),
            },
        }
    }

    /// Encodes a structure and puts a signature under it.
    pub(crate) fn sign(&self, content: &impl Encode) -> Result<Vec<u8>, SignFailure> {
        let content = content.to_der()?;
        let signature = self.signature(&content).map_err(|_| SignFailure::Random)?;
        let signed = Signed {
            content: AnyRef::from_der(&content)?,
            algorithm: self.algorithm(),
            signature: BitStringRef::from_bytes(&signature)?,
        };
        Ok(signed.to_der()?)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair, _) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}
