//! Issuing: the one way to a certificate of ours. Every certificate is recorded before it is handed out.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ca::authority::{
    Authority as Issuer, Issued, Order, Permitted, Profile, Serial, SubjectName,
    certificates_from_pem,
};
use ca::key::{KeyKind, PrivateKey};
use ca::request::CertificateRequest;
use dbtls::Target;
use zeroize::Zeroizing;

use crate::Entropy;
use crate::ambient::UnixTime;
use crate::config::Config;
use crate::service::{Service, StartError};
use crate::state::authorities::Authority;
use crate::state::catalog::{self, Catalog, Common};
use crate::state::ids::{Account, SubjectId};
use crate::state::pki::{AuthorityRecord, Fate, Holder, IssuedRecord, Role};
use crate::state::records::{self, CertificateRecord, V1};
use crate::state::store::{Expect, Write};
use crate::state::vault::{self, Vault};
use crate::work::{names, succession};

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no authority yet.
    #[error("there is no certificate authority")]
    NoAuthority,
    /// One of the names must not be covered.
    #[error(transparent)]
    Names(#[from] names::Refused),
    /// The authority refused.
    #[error(transparent)]
    Ca(#[from] ca::authority::Error),
    /// The key could not be made.
    #[error(transparent)]
    Key(#[from] ca::key::Error),
    /// It could not be recorded.
    #[error("the certificate could not be recorded: {0}")]
    Catalog(#[from] catalog::Error),
}

impl From<crate::state::store::Error> for Error {
    fn from(error: crate::state::store::Error) -> Self {
        Self::Catalog(error.into())
    }
}

/// What a certificate is issued for.
pub struct Issuing<'a> {
    /// The running service.
    pub service: &'a Service,
    /// Who will hold it.
    pub holder: Holder,
    /// Whose the holder is.
    pub account: Account,
    /// What it is for.
    pub profile: Profile,
    /// The common name.
    pub common_name: String,
    /// The names that it covers.
    pub names: Vec<SubjectName>,
}

impl<'a> Issuing<'a> {
    /// A certificate for a node.
    pub fn for_node(
        service: &'a Service,
        (subject, account): (SubjectId, Account),
        node: Target,
        names: Vec<SubjectName>,
    ) -> Self {
        let common_name = names
            .first()
            .map_or_else(|| subject.to_string(), ToString::to_string);
        Self {
            service,
            holder: Holder::Node { node, subject },
            account,
            profile: Profile::DatabaseServer,
            common_name,
            names,
        }
    }

    /// Issues and records. The names of a node are decided about now, whatever was found when the task began.
    ///
    /// # Errors
    /// When a name must not be covered, there is no authority, it refuses, or the store fails. Nothing was handed out then.
    pub async fn issue(&self, request: &CertificateRequest) -> Result<Certificate, Error> {
        let service = self.service;
        let proven = self.approve().await?.proven;
        let authority = service.catalog.pki.current().ok_or(Error::NoAuthority)?;
        let order = Order {
            profile: self.profile,
            common_name: self.common_name.clone(),
            names: self.names.clone(),
            lifetime: service.config.ca.lifetime,
        };
        let serial = Serial::from_random(service.entropy.bytes());
        let issued = authority
            .issuer
            .issue(request, &order, serial, service.clock.now())?;
        service
            .catalog
            .commit(self.documents(&authority, &issued, proven))
            .await?;
        Ok(Certificate {
            ca_pem: authority.issuer.ca_pem(),
            chain_pem: issued.chain_pem(),
            sha256: issued.sha256,
        })
    }

    /// Whether the names may be covered, and what is to be said about them.
    ///
    /// # Errors
    /// [`names::Refused`] for a node's name that must not be covered.
    pub async fn approve(&self) -> Result<names::Approved, names::Refused> {
        match &self.holder {
            Holder::Node { node, subject } => {
                names::approve(self.service, *subject, node, &self.names).await
            }
            Holder::Agent(_) | Holder::Listener => Ok(names::Approved::default()),
        }
    }

    /// Makes a key and issues for it.
    ///
    /// # Errors
    /// As [`issue`](Self::issue).
    pub async fn issue_with_key(&self, kind: KeyKind) -> Result<(Certificate, PrivateKey), Error> {
        // Making an RSA key takes a good part of a second, in which this thread would serve nobody.
        let key = tokio::task::spawn_blocking(move || PrivateKey::generate(kind))
            .await
            .map_err(|error| {
                catalog::Error::Store(crate::state::store::Error::Backend(error.to_string()))
            })??;
        let certificate = self.issue(&CertificateRequest::of(&key)).await?;
        Ok((certificate, key))
    }

    fn documents(&self, authority: &Authority, issued: &Issued, proven: Vec<String>) -> Vec<Write> {
        let certificate = CertificateRecord {
            v: V1,
            der: BASE64.encode(&issued.leaf),
        };
        let record = IssuedRecord {
            v: V1,
            sha256: issued.sha256.clone(),
            serial: issued.serial.to_string(),
            authority: authority.id.clone(),
            holder: self.holder.clone(),
            account: self.account,
            names: self.names.iter().map(ToString::to_string).collect(),
            not_before: issued.not_before,
            not_after: issued.not_after,
            fate: Fate::Issued,
            ended: 0,
            proven,
            marked: !matches!(self.holder, Holder::Node { .. }),
        };
        vec![
            Write::put(
                CertificateRecord::key(&record.sha256),
                records::encode(&certificate),
                Expect::Anything,
            ),
            Write::put(
                IssuedRecord::key(&record.sha256),
                records::encode(&record),
                Expect::Absent,
            ),
        ]
    }
}

/// The names under which clients reach an instance or a group: its virtual address, its DNS names, and the host of every node.
pub fn names_to_cover(common: &Common) -> Vec<SubjectName> {
    let vip = common.vip.map(|vip| vip.to_string());
    let hosts = common
        .nodes
        .iter()
        .filter_map(|node| node.target.host().map(ToString::to_string));
    let mut names = Vec::new();
    for name in common.dns.iter().cloned().chain(vip).chain(hosts) {
        // What was registered is a name or an address; what a certificate cannot hold is left out.
        if let Ok(name) = name.parse::<SubjectName>()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// A certificate that was issued and recorded.
pub struct Certificate {
    /// The SHA-256 of the leaf, hexadecimal.
    pub sha256: String,
    /// The leaf and the intermediates, as a server sends them.
    pub chain_pem: String,
    /// The authority's certificates with the root: what the server itself checks its certificate against.
    pub ca_pem: String,
}

/// Sees to it that there is an authority: the configured one, or on first start a root of our own.
///
/// # Errors
/// When the configured one cannot be used, or the store fails.
pub async fn ensure_authority(
    config: &Config,
    catalog: &Catalog,
    vault: &Vault,
    entropy: &Entropy,
    now: UnixTime,
) -> Result<(), StartError> {
    let current = catalog.pki.current();
    let issuer = match (&config.ca.certificate, &config.ca.key) {
        (Some(certificate), Some(key)) => configured(certificate, key, now)?,
        _ if current.is_some() => return Ok(()),
        _ => {
            let serial = Serial::from_random(entropy.bytes());
            new_root(config, &config.ca.common_name, serial, now).map_err(unusable)?
        }
    };
    if current.is_some_and(|current| current.id == issuer.id()) {
        return Ok(());
    }
    let writes = promote(catalog, vault, &issuer, now).await?;
    catalog.commit(writes).await?;
    Ok(())
}

/// A root that is limited to the names that the operator allows and to the control plane's own; to none when all are allowed.
pub(super) fn new_root(
    config: &Config,
    common_name: &str,
    serial: Serial,
    now: UnixTime,
) -> Result<Issuer, ca::authority::Error> {
    let mut permitted = config.ca.allowed_names.clone();
    if !permitted.is_empty() {
        let own = config.control_plane_names().unwrap_or_default();
        permitted.extend(own.into_iter().map(Permitted::from));
    }
    Issuer::new_limited_root(common_name, &permitted, serial, now)
}

fn unusable(error: impl std::fmt::Display) -> StartError {
    StartError::Authority(error.to_string())
}

fn configured(certificate: &Path, key: &Path, now: UnixTime) -> Result<Issuer, StartError> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| unusable(format!("{}: {error}", path.display())))
    };
    let key = PrivateKey::from_pem(&read(key)?).map_err(unusable)?;
    certificates_from_pem(&read(certificate)?)
        .and_then(|chain| Issuer::open(key, chain, now))
        .map_err(unusable)
}

/// The writes that make this authority the one that issues; the one before stays in the bundles.
async fn promote(
    catalog: &Catalog,
    vault: &Vault,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<Vec<Write>, StartError> {
    let mut writes = vec![authority(vault, issuer, Role::Current, now)?];
    if let Some(before) = catalog.pki.current() {
        writes.extend(succession::in_role(catalog, &before.id, Role::Former).await?);
    }
    Ok(writes)
}

/// The document of an authority, its key sealed.
pub(super) fn authority(
    vault: &Vault,
    issuer: &Issuer,
    role: Role,
    now: UnixTime,
) -> Result<Write, vault::Error> {
    let id = issuer.id().to_owned();
    let document = AuthorityRecord::key_of(&id);
    let record = AuthorityRecord {
        v: V1,
        role,
        key: vault.seal(&document, issuer.key().to_pem().as_bytes())?,
        chain: issuer.chain_pem(),
        created: now,
        id,
    };
    Ok(Write::put(
        document,
        records::encode(&record),
        Expect::Anything,
    ))
}
