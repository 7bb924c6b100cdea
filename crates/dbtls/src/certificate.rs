//! One certificate in words.

use std::net::{Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use x509_parser::{
    certificate::X509Certificate,
    der_parser::asn1_rs::Oid,
    extensions::GeneralName,
    prelude::{FromDer, X509Version},
    public_key::PublicKey,
    x509::{SubjectPublicKeyInfo, X509Name},
};

use crate::packet::printable;

/// One certificate of a chain. A text that is not known is empty, never null; a certificate that cannot be read has a `Sha256` only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CertificateReport {
    /// Whom it names, like `CN=db1.example.com`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The serial number, upper-case hexadecimal as OpenSSL prints it.
    pub serial: String,
    /// The subject alternative names: host names and IP addresses, other kinds with their kind before them.
    pub sans: Vec<String>,
    /// `RSA`, `EC`, `Ed25519`, or the algorithm's object identifier.
    pub key_type: String,
    /// The key's size in bits; 0 if unknown.
    pub key_bits: u32,
    /// Like `sha256WithRSAEncryption`, or the algorithm's object identifier.
    pub signature_algorithm: String,
    /// The first moment of its validity, RFC 3339.
    pub not_before: String,
    /// The last moment of its validity, RFC 3339.
    pub not_after: String,
    /// SHA-256 of its DER, lower-case hexadecimal.
    pub sha256: String,
    /// It is signed with its own key.
    pub self_signed: bool,
    /// A MySQL or MariaDB server made it for itself.
    pub auto_generated: bool,
    /// It may sign others.
    pub is_ca: bool,
}

impl CertificateReport {
    /// Reads one certificate from its DER.
    pub fn of(der: &[u8]) -> Self {
        let sha256 = hex(ring::digest::digest(&ring::digest::SHA256, der).as_ref());
        let Some(cert) = parse(der) else {
            return Self {
                sha256,
                ..Self::default()
            };
        };
        let (key_type, key_bits) = key(cert.public_key());
        Self {
            subject: name(cert.subject()),
            issuer: name(cert.issuer()),
            serial: hex(cert.raw_serial()).to_ascii_uppercase(),
            sans: sans(&cert),
            key_type,
            key_bits,
            signature_algorithm: signature_algorithm(&cert.signature_algorithm.algorithm),
            not_before: rfc3339(cert.validity.not_before.timestamp()),
            not_after: rfc3339(cert.validity.not_after.timestamp()),
            sha256,
            self_signed: is_self_signed(&cert),
            auto_generated: is_auto_generated(&cert),
            is_ca: cert.is_ca(),
        }
    }
}

/// Parses DER; `None` for anything that is not exactly one certificate.
pub(crate) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der)
        .ok()
        .filter(|(rest, _)| rest.is_empty())
        .map(|(_, cert)| cert)
}

/// Its own issuer. A signature that our library cannot check gets the benefit of the doubt, one that is wrong does not.
pub(crate) fn is_self_signed(cert: &X509Certificate<'_>) -> bool {
    use x509_parser::error::X509Error::SignatureVerificationError;
    cert.subject() == cert.issuer()
        && !matches!(cert.verify_signature(None), Err(SignatureVerificationError))
}

/// A certificate authority. Version 1 has no way to say so; clients take a self-signed one for an authority.
pub(crate) fn may_sign(cert: &X509Certificate<'_>) -> bool {
    cert.is_ca() || cert.version() != X509Version::V3 && is_self_signed(cert)
}

pub(crate) fn name(name: &X509Name<'_>) -> String {
    printable(name.to_string().as_bytes(), 512)
}

pub(crate) fn common_name(cert: &X509Certificate<'_>) -> Option<String> {
    cert.subject()
        .iter_common_name()
        .next()?
        .as_str()
        .ok()
        .map(str::to_owned)
}

/// Whether a client that knows subject alternative names would look at them instead of the common name.
pub(crate) fn has_dns_san(cert: &X509Certificate<'_>) -> bool {
    general_names(cert)
        .iter()
        .any(|name| matches!(name, GeneralName::DNSName(_)))
}

/// Whether it says which hosts it is for.
pub(crate) fn has_names(cert: &X509Certificate<'_>) -> bool {
    let names = general_names(cert).iter();
    let mut of_hosts =
        names.filter(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_)));
    of_hosts.next().is_some()
}

/// Whether a certificate in DER has this URI among its alternative names.
pub fn has_uri(der: &[u8], uri: &str) -> bool {
    parse(der).is_some_and(|cert| {
        let mut names = general_names(&cert).iter();
        names.any(|name| matches!(name, GeneralName::URI(found) if *found == uri))
    })
}

pub(crate) fn rfc3339(unix: i64) -> String {
    let (days, second) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Days since 1970-01-01 to a date of the Gregorian calendar. Counts in eras of 400 years that begin on 1 March, so that the leap day
/// is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn general_names<'a>(cert: &'a X509Certificate<'_>) -> &'a [GeneralName<'a>] {
    match cert.subject_alternative_name() {
        Ok(Some(extension)) => &extension.value.general_names,
        _ => &[],
    }
}

fn sans(cert: &X509Certificate<'_>) -> Vec<String> {
    // A hostile certificate may hold thousands.
    general_names(cert).iter().take(256).map(san).collect()
}

fn san(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(host) => printable(host.as_bytes(), 253),
        GeneralName::IPAddress(ip) => address(ip),
        GeneralName::URI(uri) => printable(format!("URI:{uri}").as_bytes(), 512),
        GeneralName::RFC822Name(mail) => printable(format!("email:{mail}").as_bytes(), 512),
        other => printable(other.to_string().as_bytes(), 512),
    }
}

fn address(bytes: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        Ipv4Addr::from(v4).to_string()
    } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        Ipv6Addr::from(v6).to_string()
    } else {
        format!("IP:{}", hex(&bytes[..bytes.len().min(64)]))
    }
}

fn key(spki: &SubjectPublicKeyInfo<'_>) -> (String, u32) {
    let algorithm = spki.algorithm.algorithm.to_id_string();
    match (algorithm.as_str(), spki.parsed()) {
        ("1.3.101.112", _) => ("Ed25519".to_owned(), 256),
        ("1.3.101.113", _) => ("Ed448".to_owned(), 456),
        (_, Ok(PublicKey::RSA(rsa))) => ("RSA".to_owned(), bits(rsa.modulus)),
        (_, Ok(PublicKey::EC(point))) => (
            "EC".to_owned(),
            curve_bits(spki).unwrap_or(u32::try_from(point.key_size()).unwrap_or(0)),
        ),
        _ => (algorithm, 0),
    }
}

fn bits(modulus: &[u8]) -> u32 {
    let Some(start) = modulus.iter().position(|byte| *byte != 0) else {
        return 0;
    };
    u32::try_from((modulus.len() - start) * 8)
        .unwrap_or(u32::MAX)
        .saturating_sub(modulus[start].leading_zeros())
}

fn curve_bits(spki: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let curve = spki
        .algorithm
        .parameters
        .as_ref()?
        .as_oid()
        .ok()?
        .to_id_string();
    match curve.as_str() {
        "1.2.840.10045.3.1.7" => Some(256),
        "1.3.132.0.34" => Some(384),
        "1.3.132.0.35" => Some(521),
        _ => None,
    }
}

fn signature_algorithm(oid: &Oid<'_>) -> String {
    let oid = oid.to_id_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        other => other,
    }
    .to_owned()
}

/// MySQL names its own certificates by version and purpose; MariaDB 11.4 and newer keeps a nameless one in memory: serial 0, no
/// extensions. Seen on MySQL 9.7 and MariaDB 11.8.
fn is_auto_generated(cert: &X509Certificate<'_>) -> bool {
    let Some(name) = common_name(cert) else {
        return false;
    };
    let mysql = name.starts_with("MySQL_Server_") && name.contains("_Auto_Generated_");
    let mariadb =
        name == "MariaDB Server" && cert.extensions().is_empty() && cert.subject() == cert.issuer();
    mysql || mariadb
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
            }
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_803_261_709, "2027-02-22T02:01:49Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(unix), text);
        }
    }

    #[test]
    fn what_is_no_certificate_has_a_fingerprint_only() {
        let report = CertificateReport::of(b"abc");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        assert_eq!(
            report,
            CertificateReport {
                sha256,
                ..CertificateReport::default()
            }
        );
    }

    #[test]
    fn a_modulus_is_measured_from_its_first_bit() {
        assert_eq!(bits(&[0, 0x80, 0]), 16);
        assert_eq!(bits(&[0x01, 0xff]), 9);
        assert_eq!(bits(&[]), 0);
    }
}
