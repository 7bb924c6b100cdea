use std::time::Duration;

use ring::digest::{SHA256, digest};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
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
    #[error(
        "the control plane sent the root certificate {0}, which no root that this agent trusts vouches for: it is not accepted. If it is the right one, enrol again, with a new token and --force"
    )]
    StrangeRoot(String),
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
        let (roots, intermediates): (Vec<_>, Vec<_>) =
            authorities.0.iter().cloned().partition(is_self_issued);
        self.lead_to(&roots, &intermediates, KeyUsage::server_auth(), now)
    }

    fn lead_to(
        &self,
        roots: &[CertificateDer<'static>],
        intermediates: &[CertificateDer<'static>],
        usage: KeyUsage,
        now: i64,
    ) -> Result<(), CertificateError> {
        let refused = |e: webpki::Error| CertificateError::Chain(e.to_string());
        let anchors: Vec<_> = roots
            .iter()
            .map(anchor_from_trusted_cert)
            .collect::<Result<_, _>>()
            .map_err(refused)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or(0)));
        let leaf = EndEntityCert::try_from(&self.0[0]).map_err(refused)?;
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        leaf.verify_for_usage(algorithms, &anchors, intermediates, now, usage, None, None)
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

/// Whether a certificate has this mark of [`ca::role`]: a URI among its alternative names.
pub(crate) fn is_marked(der: &[u8], mark: &str) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return false;
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return false;
    };
    let mut names = names.value.general_names.iter();
    names.any(|name| matches!(name, GeneralName::URI(uri) if *uri == mark))
}

/// Accepts the roots that the control plane sent if each is known already, or one that is known vouches for it.
pub(crate) fn check_roots(
    known: &str,
    sent: &str,
    vouchers: &[String],
    now: i64,
) -> Result<(), CertificateError> {
    let known = certificates(known).unwrap_or_default();
    let sent = certificates(sent).ok_or(CertificateError::Pem("the list of roots"))?;
    for root in sent.iter().filter(|root| !known.contains(root)) {
        let sha256 = hex(digest(&SHA256, root).as_ref());
        let vouched = vouchers
            .iter()
            .any(|voucher| vouches(voucher, &sha256, &known, now));
        if !vouched {
            return Err(CertificateError::StrangeRoot(sha256));
        }
    }
    Ok(())
}

/// Whether this voucher is about that root, and leads to a known one.
fn vouches(voucher: &str, sha256: &str, known: &[CertificateDer<'static>], now: i64) -> bool {
    let Ok(chain) = Chain::from_pem(voucher) else {
        return false;
    };
    let leads = |chain: &Chain| chain.lead_to(known, &chain.0[1..], KeyUsage::client_auth(), now);
    is_marked(&chain.0[0], &ca::role::voucher(sha256)) && leads(&chain).is_ok()
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

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

    mod vouching {
        use ca::authority::{Authority, Serial};

        use super::*;

        const NOW: i64 = 1_795_490_000;

        fn root(name: &str) -> Authority {
            Authority::new_root(name, Serial::from_random([1; 16]), NOW).unwrap()
        }

        fn voucher(by: &Authority, about: &Authority) -> String {
            let serial = Serial::from_random([2; 16]);
            by.vouch(&about.anchors()[0], serial, NOW).unwrap()
        }

        #[test]
        fn a_new_root_is_taken_when_a_known_one_vouches_for_it() {
            let (old, new, strange) = (root("old"), root("new"), root("strange"));
            let known = old.anchors_pem();
            let sent = old.anchors_pem() + &new.anchors_pem();
            let refused = Err(CertificateError::StrangeRoot(new.id().to_owned()));
            let by_old = voucher(&old, &new);
            let strange_with_its_root = voucher(&strange, &new) + &strange.anchors_pem();
            for (vouchers, now, expected) in [
                (vec![by_old.clone()], NOW, Ok(())),
                (vec![String::new(), by_old.clone()], NOW, Ok(())),
                (vec![], NOW, refused.clone()),
                (vec![voucher(&new, &new)], NOW, refused.clone()),
                (vec![voucher(&old, &strange)], NOW, refused.clone()),
                (vec![strange_with_its_root], NOW, refused.clone()),
                (vec![by_old], NOW + 2 * 86_400, refused),
            ] {
                assert_eq!(check_roots(&known, &sent, &vouchers, now), expected);
            }
            assert_eq!(check_roots(&sent, &new.anchors_pem(), &[], NOW), Ok(()));
        }
    }

    #[test]
    fn times_are_written_as_servers_tell_them() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(1_795_490_003), "2026-11-24T03:13:23Z");
    }
}
