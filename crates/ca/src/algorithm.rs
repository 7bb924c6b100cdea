use der::asn1::UintRef;
use der::oid::ObjectIdentifier;
use der::{Decode as _, Sequence};
use spki::AlgorithmIdentifierRef;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Which algorithm a key is for: those that every client since 2012 verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    EcdsaP256,
    EcdsaP384,
    Rsa,
}

impl Algorithm {
    /// What an AlgorithmIdentifier says, in a private key or beside a public one; `None` for any other algorithm.
    pub(crate) fn of(identifier: AlgorithmIdentifierRef<'_>) -> Option<Self> {
        match (identifier.oid, identifier.parameters_oid().ok()) {
            (EC_PUBLIC_KEY, Some(P256)) => Some(Self::EcdsaP256),
            (EC_PUBLIC_KEY, Some(P384)) => Some(Self::EcdsaP384),
            (RSA, _) => Some(Self::Rsa),
            _ => None,
        }
    }
}

/// The size of an RSA key in bits, from the content of its BIT STRING; `None` if that is no RSA key.
pub(crate) fn rsa_bits(public_key: &[u8]) -> Option<usize> {
    let modulus = RsaPublicKey::from_der(public_key).ok()?.modulus;
    let first = modulus.as_bytes().first()?;
    Some(modulus.as_bytes().len() * 8 - first.leading_zeros() as usize)
}

/// RFC 8017, A.1.1
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}
