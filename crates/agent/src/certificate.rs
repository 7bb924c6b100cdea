use std::time::Duration;

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

/// A certificate and the intermediates after it, as a server sends them.
pub(crate) struct Chain(Vec<CertificateDer<'static>>);

/// What certificates are verified with: the root and the intermediates.
pub(crate) struct Authorities(Vec<CertificateDer<'static>>);

/// What the agent needs to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    /// SubjectPublicKeyInfo in DER.
    public_key: Vec<u8>,
}

/// Why a certificate cannot be used. The text says whose it is in its first words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("{0} is not PEM with at least one certificate in it")]
    Pem(&'static str),
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    #[error("the certificate is for another key than the one that was made here")]
    OtherKey,
    #[error("the certificate {0}: is the clock of this host right?")]
    Dates(String),
    #[error("the certificate does not lead to a root in its CA file: {0}")]
    Chain(String),
}

impl Chain {
    /// Reads a chain, the leaf first.
    pub(crate) fn from_pem(text: &str) -> Result<Self, CertificateError> {
        certificates(text)
            .map(Self)
            .ok_or(CertificateError::Pem("the certificate"))
    }

    /// The certificates, leaf first.
    pub(crate) fn into_certificates(self) -> Vec<CertificateDer<'static>> {
        self.0
    }

    /// What the leaf says.
    pub(crate) fn facts(&self) -> Result<Facts, CertificateError> {
        let (_, leaf) = X509Certificate::from_der(&self.0[0])
            .map_err(|e| CertificateError::Unreadable(e.to_string()))?;
        Ok(Facts {
            not_before: leaf.validity().not_before.timestamp(),
            not_after: leaf.validity().not_after.timestamp(),
            public_key: leaf.public_key().raw.to_vec(),
        })
    }

    /// Verifies that the leaf is for servers and leads to a root by `authorities` alone. Intermediates in the chain do not
    /// count: MySQL's reload looks for them in `ssl_ca`.
    pub(crate) fn verify(
        &self,
        authorities: &Authorities,
        now: i64,
    ) -> Result<(), CertificateError> {
        let refused = |e: webpki::Error| CertificateError::Chain(e.to_string());
        let (roots, intermediates): (Vec<_>, Vec<_>) =
            authorities.0.iter().cloned().partition(is_self_issued);
        let anchors: Vec<_> = roots
            .iter()
            .map(anchor_from_trusted_cert)
            .collect::<Result<_, _>>()
            .map_err(refused)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or(0)));
        let leaf = EndEntityCert::try_from(&self.0[0]).map_err(refused)?;
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        leaf.verify_for_usage(
            algorithms,
            &anchors,
            &intermediates,
            now,
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map(drop)
        .map_err(refused)
    }
}

impl Authorities {
    /// Reads the CA file of a server.
    pub(crate) fn from_pem(text: &str) -> Result<Self, CertificateError> {
        certificates(text)
            .map(Self)
            .ok_or(CertificateError::Pem("the CA file"))
    }
}

impl Facts {
    /// Compares with the public key that belongs to a private one.
    pub(crate) fn check_key(&self, public_key: &[u8]) -> Result<(), CertificateError> {
        if self.public_key == public_key {
            Ok(())
        } else {
            Err(CertificateError::OtherKey)
        }
    }

    /// Compares with the time: MySQL refuses to load what is not valid now, MariaDB loads it and clients refuse it.
    pub(crate) fn check_dates(&self, now: i64) -> Result<(), CertificateError> {
        if now < self.not_before {
            return Err(CertificateError::Dates(format!(
                "is not valid before {}",
                date(self.not_before)
            )));
        }
        if now > self.not_after {
            return Err(CertificateError::Dates(format!(
                "expired at {}",
                date(self.not_after)
            )));
        }
        Ok(())
    }
}

/// A time as RFC 3339 writes it.
pub(crate) fn date(unix_seconds: i64) -> String {
    let Ok(time) = ASN1Time::from_timestamp(unix_seconds) else {
        return unix_seconds.to_string();
    };
    let time = time.to_datetime();
    let (date, (hour, minute, second)) = (time.date(), time.to_hms());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn certificates(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    read.ok().filter(|certificates| !certificates.is_empty())
}

fn is_self_issued(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der)
        .is_ok_and(|(_, certificate)| certificate.subject() == certificate.issuer())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_servers_tell_them() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(1_795_490_003), "2026-11-24T03:13:23Z");
    }
}
