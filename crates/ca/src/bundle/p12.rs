//! PKCS#12 (RFC 7292) as a trust store: certificates without keys, in one encrypted safe.
//!
//! ```text
//! Pfx ─ Data ─ EncryptedData (PBES2: PBKDF2-HMAC-SHA-256, AES-256-CBC)
//!  │             └ CertBag, with a friendlyName and Oracle's "trusted" mark, for each certificate
//!  └ MacData (HMAC-SHA-256)
//! ```
//!
//! These are the algorithms that OpenSSL 3 and Java 8u301 and newer use themselves, so that neither needs a
//! legacy provider. Java takes a certificate without a key for trusted only if it carries Oracle's mark.

use super::{Anchor, STORE_PASSWORD, alias};
use der::asn1::{Any, BmpString, Null, ObjectIdentifier, OctetString, SetOfVec};
use der::{Encode, Sequence, ValueOrd};
use hmac::{Hmac, KeyInit, Mac};
use pkcs5::EncryptionScheme;
use pkcs5::pbes2::Parameters;
use sha2::{Digest, Sha256};
use spki::AlgorithmIdentifierOwned;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const CERT_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const X509_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// Oracle's `trustedKeyUsage`; its value says for which use, here for any.
const TRUSTED_KEY_USAGE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.113894.746875.1.1");
const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// OpenSSL's default. More rounds slow down guessing a password, and this one is public.
const ITERATIONS: u32 = 2048;

pub(super) fn write(anchors: &[Anchor]) -> Result<Vec<u8>, Error> {
    let bags = anchors
        .iter()
        .enumerate()
        .map(|(index, anchor)| bag(index, anchor))
        .collect::<der::Result<Vec<_>>>()?;
    let authenticated_safe = vec![encrypted(&bags.to_der()?)?].to_der()?;
    let pfx = Pfx {
        version: 3,
        mac: mac(&authenticated_safe)?,
        auth_safe: ContentInfo::data(authenticated_safe)?,
    };
    Ok(pfx.to_der()?)
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Encode(#[from] der::Error),
    #[error(transparent)]
    Encrypt(#[from] pkcs5::Error),
}

fn bag(index: usize, anchor: &Anchor) -> der::Result<SafeBag> {
    let name = BmpString::from_utf8(&alias(index))?;
    Ok(SafeBag {
        id: CERT_BAG,
        value: CertBag {
            id: X509_CERTIFICATE,
            certificate: OctetString::new(anchor.der.as_slice())?,
        },
        attributes: SetOfVec::try_from(vec![
            Attribute::new(FRIENDLY_NAME, Any::encode_from(&name)?)?,
            Attribute::new(
                TRUSTED_KEY_USAGE,
                Any::encode_from(&ANY_EXTENDED_KEY_USAGE)?,
            )?,
        ])?,
    })
}

fn encrypted(safe_contents: &[u8]) -> Result<ContentInfo, Error> {
    let salt = derived_salt("salt", safe_contents);
    let iv = derived_salt("iv", safe_contents);
    let scheme = EncryptionScheme::Pbes2(Parameters::generate_pbkdf2_sha256_aes256cbc(
        ITERATIONS, &salt, iv,
    )?);
    let content = EncryptedContent {
        content_type: DATA,
        algorithm: Any::encode_from(&scheme)?,
        ciphertext: OctetString::new(scheme.encrypt(STORE_PASSWORD, safe_contents)?)?,
    };
    let content = Any::encode_from(&EncryptedData {
        version: 0,
        content,
    })?;
    Ok(ContentInfo {
        content_type: ENCRYPTED_DATA,
        content,
    })
}

fn mac(authenticated_safe: &[u8]) -> der::Result<MacData> {
    let salt = derived_salt("mac", authenticated_safe);
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&mac_key(&salt)).expect("HMAC takes keys of any length");
    mac.update(authenticated_safe);
    Ok(MacData {
        digest: DigestInfo {
            algorithm: AlgorithmIdentifierOwned {
                oid: SHA_256,
                parameters: Some(Any::encode_from(&Null)?),
            },
            digest: OctetString::new(mac.finalize().into_bytes().as_slice())?,
        },
        salt: OctetString::new(salt.as_slice())?,
        iterations: ITERATIONS,
    })
}

/// The key derivation of RFC 7292 appendix B.2, for a MAC (ID 3) and a key as long as one SHA-256: then its
/// outer loop, which makes longer keys, runs once.
fn mac_key(salt: &[u8; 16]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let password: Vec<u8> = STORE_PASSWORD
        .encode_utf16()
        .chain([0])
        .flat_map(u16::to_be_bytes)
        .collect();
    let filled = |bytes: &[u8]| -> Vec<u8> {
        bytes
            .iter()
            .copied()
            .cycle()
            .take(bytes.len().next_multiple_of(BLOCK))
            .collect()
    };
    let first = Sha256::new()
        .chain_update([3; BLOCK])
        .chain_update(filled(salt))
        .chain_update(filled(&password));
    (1..ITERATIONS).fold(first.finalize().into(), |key: [u8; 32], _| {
        Sha256::digest(key).into()
    })
}

/// What stands where other writers put random bytes; the parent module says why that is safe here.
fn derived_salt(purpose: &str, content: &[u8]) -> [u8; 16] {
    let hash = Sha256::new()
        .chain_update(purpose)
        .chain_update([0])
        .chain_update(content)
        .finalize();
    std::array::from_fn(|i| hash[i])
}

#[derive(Sequence)]
struct Pfx {
    version: u8,
    auth_safe: ContentInfo,
    mac: MacData,
}

#[derive(Sequence)]
struct ContentInfo {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: Any,
}

impl ContentInfo {
    fn data(bytes: Vec<u8>) -> der::Result<Self> {
        Ok(Self {
            content_type: DATA,
            content: Any::encode_from(&OctetString::new(bytes)?)?,
        })
    }
}

#[derive(Sequence)]
struct EncryptedData {
    version: u8,
    content: EncryptedContent,
}

#[derive(Sequence)]
struct EncryptedContent {
    content_type: ObjectIdentifier,
    algorithm: Any,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    ciphertext: OctetString,
}

#[derive(Sequence)]
struct SafeBag {
    id: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    value: CertBag,
    attributes: SetOfVec<Attribute>,
}

#[derive(Sequence)]
struct CertBag {
    id: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    certificate: OctetString,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence, ValueOrd)]
struct Attribute {
    id: ObjectIdentifier,
    values: SetOfVec<Any>,
}

impl Attribute {
    fn new(id: ObjectIdentifier, value: Any) -> der::Result<Self> {
        Ok(Self {
            id,
            values: SetOfVec::try_from(vec![value])?,
        })
    }
}

#[derive(Sequence)]
struct MacData {
    digest: DigestInfo,
    salt: OctetString,
    iterations: u32,
}

#[derive(Sequence)]
struct DigestInfo {
    algorithm: AlgorithmIdentifierOwned,
    digest: OctetString,
}
