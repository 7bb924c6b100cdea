//! The structure that is signed, and the extensions of each kind of certificate.

use std::time::Duration;

use der::asn1::{Ia5String, OctetString, UintRef};
use der::flagset::FlagSet;
use der::oid::{AssociatedOid, ObjectIdentifier};
use der::{DateTime, Encode, Sequence};
use ring::digest::{SHA256, digest};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::time::{Time, Validity};

use super::{Error, Permitted, Profile, SubjectName};
use crate::algorithm::Algorithm;

const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// TBSCertificate of RFC 5280, section 4.1, without the parts that nobody uses.
#[derive(Sequence)]
pub(super) struct TbsCertificate<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) version: Version,
    pub(super) serial_number: UintRef<'a>,
    pub(super) signature: AlgorithmIdentifierOwned,
    pub(super) issuer: Name,
    pub(super) validity: Validity,
    pub(super) subject: Name,
    pub(super) subject_public_key_info: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    pub(super) extensions: Extensions,
}

/// The extensions of a root: no authority below it, and the names that it is limited to, if any are given.
pub(super) fn root_extensions(
    key: &SubjectPublicKeyInfoOwned,
    permitted: &[Permitted],
) -> der::Result<Extensions> {
    let mut extensions = vec![
        critical(&BasicConstraints {
            ca: true,
            path_len_constraint: Some(0),
        })?,
        critical(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))?,
        extension(&SubjectKeyIdentifier(key_identifier(key)?))?,
    ];
    if !permitted.is_empty() {
        extensions.push(critical(&Permitted::constraints(permitted)?)?);
    }
    Ok(extensions)
}

/// The extensions of everything else that is issued. There is no address of a revocation list: it would have to be one that
/// every client can reach, and clients that cannot would refuse the certificate.
pub(super) fn leaf_extensions(
    profile: Profile,
    key: (&SubjectPublicKeyInfoOwned, Algorithm),
    (names, mark): (&[SubjectName], Option<&str>),
    authority_key_identifier: &OctetString,
) -> der::Result<Extensions> {
    let mut extensions = vec![
        critical(&BasicConstraints {
            ca: false,
            path_len_constraint: None,
        })?,
        critical(&KeyUsage(key_usages(profile, key.1)))?,
        extension(&ExtendedKeyUsage(vec![extended_key_usage(profile)]))?,
        extension(&SubjectKeyIdentifier(key_identifier(key.0)?))?,
        extension(&AuthorityKeyIdentifier {
            key_identifier: Some(authority_key_identifier.clone()),
            ..AuthorityKeyIdentifier::default()
        })?,
    ];
    let names = subject_alt_name(names, mark)?;
    if !names.0.is_empty() {
        extensions.push(extension(&names)?);
    }
    Ok(extensions)
}

/// Method 1 of RFC 7093: the first 160 bits of the SHA-256 of the public key.
pub(super) fn key_identifier(key: &SubjectPublicKeyInfoOwned) -> der::Result<OctetString> {
    let hash = digest(&SHA256, key.subject_public_key.raw_bytes());
    OctetString::new(&hash.as_ref()[..20])
}

/// A moment as certificates write it.
pub(super) fn time(unix_seconds: i64) -> Result<Time, Error> {
    let seconds = u64::try_from(unix_seconds).map_err(|_| Error::Time { unix_seconds })?;
    let date = DateTime::from_unix_duration(Duration::from_secs(seconds));
    Ok(date.map_err(|_| Error::Time { unix_seconds })?.into())
}

/// An extension that verifiers may skip if they do not know it.
pub(super) fn extension<T: AssociatedOid + Encode>(value: &T) -> der::Result<Extension> {
    Ok(Extension {
        extn_id: T::OID,
        critical: false,
        extn_value: OctetString::new(value.to_der()?)?,
    })
}

fn critical<T: AssociatedOid + Encode>(value: &T) -> der::Result<Extension> {
    Ok(Extension {
        critical: true,
        ..extension(value)?
    })
}

/// The RSA key exchange of TLS 1.2 encrypts with the server's key; all others sign.
fn key_usages(profile: Profile, algorithm: Algorithm) -> FlagSet<KeyUsages> {
    match algorithm {
        Algorithm::Rsa if profile.is_server() => {
            KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment
        }
        _ => KeyUsages::DigitalSignature.into(),
    }
}

fn extended_key_usage(profile: Profile) -> ObjectIdentifier {
    if profile.is_server() {
        SERVER_AUTH
    } else {
        CLIENT_AUTH
    }
}

/// Each name once, in the order that they were given, then the mark.
fn subject_alt_name(names: &[SubjectName], mark: Option<&str>) -> der::Result<SubjectAltName> {
    let mut once: Vec<GeneralName> = Vec::with_capacity(names.len());
    for name in names {
        let name = name.try_into()?;
        if !once.contains(&name) {
            once.push(name);
        }
    }
    if let Some(mark) = mark {
        once.push(GeneralName::UniformResourceIdentifier(Ia5String::new(
            mark,
        )?));
    }
    Ok(SubjectAltName(once))
}
