//! Certificates for servers under test: a root, intermediates, leaves of any validity, EC and RSA.
//!
//! Not Signet's own authority: the tests need something that the product did not make.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use time::OffsetDateTime;

use crate::Error;

const DAY: i64 = 86_400;

/// The three files that a server is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertFiles {
    /// The root, then the intermediates: MySQL verifies a reloaded certificate against this file alone.
    pub ca: PathBuf,
    /// The leaf, then the intermediates, as they are sent.
    pub cert: PathBuf,
    /// The leaf's key in PKCS#8, mode 0600.
    pub key: PathBuf,
}

/// The key of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyKind {
    /// ECDSA on P-256.
    #[default]
    EcP256,
    /// RSA with 2048 bits; the `openssl` program makes it, in about 0.1 s.
    Rsa2048,
}

/// What a leaf certificate says.
#[derive(Debug, Clone)]
pub struct Leaf {
    names: Vec<String>,
    key: KeyKind,
    not_before: i64,
    not_after: i64,
}

impl Leaf {
    /// A leaf for DNS names and IP addresses, EC, valid from one hour before `now` (unix seconds) for 90
    /// days.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>, now: i64) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self {
            names,
            key: KeyKind::EcP256,
            not_before: now - 3600,
            not_after: now + 90 * DAY,
        }
    }

    /// A leaf for `localhost`, `127.0.0.1` and `::1`: what the lab's servers are called.
    pub fn for_loopback(now: i64) -> Self {
        Self::new(["localhost", "127.0.0.1", "::1"], now)
    }

    /// With an RSA key.
    #[must_use]
    pub fn rsa(self) -> Self {
        Self {
            key: KeyKind::Rsa2048,
            ..self
        }
    }

    /// With another validity, in unix seconds: a past one makes an expired certificate.
    #[must_use]
    pub fn valid(self, not_before: i64, not_after: i64) -> Self {
        Self {
            not_before,
            not_after,
            ..self
        }
    }
}

/// A certificate authority for tests: a root, or an intermediate under one.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// From the root down to this one.
    chain: Vec<Certificate>,
    now: i64,
}

/// A certificate in both forms.
#[derive(Debug, Clone)]
struct Certificate {
    der: Vec<u8>,
    pem: String,
}

impl Authority {
    /// A self-signed root with this common name, EC P-256, valid for ten years from the day before `now`.
    ///
    /// # Errors
    /// [`Error::Certificate`]; none is known to happen.
    pub fn root(name: &str, now: i64) -> Result<Self, Error> {
        let (params, key) = (authority_params(name, now), new_ec_key()?);
        let certificate = params.self_signed(&key)?.into();
        Ok(Self {
            issuer: Issuer::new(params, key),
            chain: vec![certificate],
            now,
        })
    }

    /// An intermediate authority under this one.
    ///
    /// # Errors
    /// [`Error::Certificate`]; none is known to happen.
    pub fn intermediate(&self, name: &str) -> Result<Self, Error> {
        let (params, key) = (authority_params(name, self.now), new_ec_key()?);
        let certificate = params.signed_by(&key, &self.issuer)?.into();
        let chain = self.chain.iter().cloned().chain([certificate]).collect();
        Ok(Self {
            issuer: Issuer::new(params, key),
            chain,
            now: self.now,
        })
    }

    /// Issues a leaf.
    ///
    /// # Errors
    /// [`Error::Certificate`] for a name that is neither DNS nor IP; [`Error::Program`] if `openssl` cannot
    /// make an RSA key.
    pub fn issue(&self, leaf: &Leaf) -> Result<Issued, Error> {
        let key = match leaf.key {
            KeyKind::EcP256 => new_ec_key()?,
            KeyKind::Rsa2048 => new_rsa_key()?,
        };
        let mut params = CertificateParams::new(leaf.names.clone())?;
        params.distinguished_name.push(
            DnType::CommonName,
            leaf.names.first().map_or("nameless", String::as_str),
        );
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (date(leaf.not_before), date(leaf.not_after));
        let certificate = params.signed_by(&key, &self.issuer)?.into();
        Ok(Issued {
            leaf: certificate,
            authorities: self.chain.clone(),
            key,
        })
    }

    /// This authority for another program to issue with: its certificates in PEM, its own first and the root last, and its key.
    pub fn issuing_pem(&self) -> (String, String) {
        let chain = self.chain.iter().rev();
        let chain = chain.map(|certificate| certificate.pem.as_str()).collect();
        (chain, self.issuer.key().serialize_pem())
    }

    /// The root certificate in PEM: what a client trusts.
    pub fn root_pem(&self) -> &str {
        &self.chain[0].pem
    }
}

/// A leaf with its key and the authorities above it.
pub struct Issued {
    leaf: Certificate,
    authorities: Vec<Certificate>,
    key: KeyPair,
}

impl Issued {
    /// The leaf in DER.
    pub fn leaf_der(&self) -> &[u8] {
        &self.leaf.der
    }

    /// What a server sends, in DER: the leaf, then the intermediates from the lowest up.
    pub fn sent_der(&self) -> Vec<&[u8]> {
        self.sent()
            .map(|certificate| certificate.der.as_slice())
            .collect()
    }

    /// The root in DER.
    pub fn root_der(&self) -> &[u8] {
        &self.authorities[0].der
    }

    /// The leaf's key, PKCS#8 in DER.
    pub fn key_der(&self) -> &[u8] {
        self.key.serialized_der()
    }

    /// Writes `ca.pem`, `cert.pem` and `key.pem` into `dir`, which is created if need be.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn write_to(&self, dir: &Path) -> Result<CertFiles, Error> {
        fs::create_dir_all(dir).map_err(Error::io(format!("create {}", dir.display())))?;
        let files = CertFiles {
            ca: dir.join("ca.pem"),
            cert: dir.join("cert.pem"),
            key: dir.join("key.pem"),
        };
        write(
            &files.ca,
            0o644,
            &self
                .authorities
                .iter()
                .map(|authority| authority.pem.as_str())
                .collect::<String>(),
        )?;
        write(
            &files.cert,
            0o644,
            &self
                .sent()
                .map(|certificate| certificate.pem.as_str())
                .collect::<String>(),
        )?;
        write(&files.key, 0o600, &self.key.serialize_pem())?;
        Ok(files)
    }

    fn sent(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(self.authorities[1..].iter().rev())
    }
}

impl From<rcgen::Certificate> for Certificate {
    fn from(made: rcgen::Certificate) -> Self {
        Self {
            der: made.der().to_vec(),
            pem: made.pem(),
        }
    }
}

fn authority_params(name: &str, now: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (date(now - DAY), date(now + 3650 * DAY));
    params
}

fn new_ec_key() -> Result<KeyPair, Error> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

fn new_rsa_key() -> Result<KeyPair, Error> {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
    ]);
    let output = openssl.output().map_err(Error::io("run openssl genpkey"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Program {
            program: "openssl genpkey".to_owned(),
            message,
        });
    }
    Ok(KeyPair::from_pem(&String::from_utf8_lossy(&output.stdout))?)
}

fn date(unix_seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix_seconds)
        .expect("a test's date lies within the years 0 to 9999")
}

fn write(path: &Path, mode: u32, text: &str) -> Result<(), Error> {
    let what = format!("write {}", path.display());
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .map_err(Error::io(&what))?;
    file.write_all(text.as_bytes()).map_err(Error::io(&what))
}
