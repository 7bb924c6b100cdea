//! A root after the root: made, given to everybody who has to trust it, and only then the one that issues.

use ca::authority::{Authority as Issuer, CLOCK_SKEW, Serial};

use crate::ambient::UnixTime;
use crate::service::Service;
use crate::state::authorities::Authority;
use crate::state::catalog::{self, Catalog};
use crate::state::pki::{AgentRecord, AuthorityRecord, Role};
use crate::state::records;
use crate::state::store::{self, Expect, Write};
use crate::state::vault;
use crate::work::issuing;

/// Why the authority is not succeeded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operator's authority is followed by what the operator configures.
    #[error(
        "The authority is the one that `ca.certificate` names. Name the next one there, and start the service again."
    )]
    Configured,
    /// One after the other.
    #[error("There is a next authority already. Promote it first.")]
    AlreadyStaged,
    /// There is none.
    #[error("There is no next authority. Stage one first.")]
    NotStaged,
    /// They would not find their way back.
    #[error(
        "The agents of these nodes do not know the next authority yet: {0}. An agent learns it when it renews its certificate; one that enrols again knows it at once."
    )]
    UnknownTo(String),
    /// It could not be made.
    #[error(transparent)]
    Ca(#[from] ca::authority::Error),
    /// Its key could not be sealed.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The documents could not be read.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// They could not be written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Makes the root that is to issue next. It is in every bundle from now on, and agents get it with their next certificate.
/// Answers its ID.
///
/// # Errors
/// See [`Error`].
pub async fn stage(service: &Service) -> Result<String, Error> {
    let (catalog, now) = (&service.catalog, service.clock.now());
    if service.config.ca.certificate.is_some() {
        return Err(Error::Configured);
    }
    if next(catalog).is_some() {
        return Err(Error::AlreadyStaged);
    }
    let serial = Serial::from_random(service.entropy.bytes());
    // Another name than its predecessor's, so that people and verifiers can tell the two apart.
    let name = format!(
        "{} {:.8}",
        service.config.ca.common_name,
        serial.to_string()
    );
    let issuer = Issuer::new_root(&name, serial, now)?;
    let mut writes = vec![issuing::authority(
        &service.vault,
        &issuer,
        Role::Next,
        now,
    )?];
    // Written again as it is, so that of two callers at once only one succeeds.
    if let Some(current) = catalog.pki.current() {
        writes.extend(in_role(catalog, &current.id, Role::Current).await?);
    }
    catalog.commit(writes).await?;
    Ok(issuer.id().to_owned())
}

/// Makes the next authority the one that issues. What its predecessor issued stays good, and its root stays in the bundles.
/// Answers its ID.
///
/// # Errors
/// See [`Error`].
pub async fn promote(service: &Service) -> Result<String, Error> {
    let catalog = &service.catalog;
    let next = next(catalog).ok_or(Error::NotStaged)?;
    let unaware: Vec<_> = catalog
        .pki
        .agents()
        .iter()
        .filter(|agent| agent.revoked == 0 && !knows(catalog, agent, next.created))
        .map(|agent| format!("`{}`", agent.node))
        .collect();
    if !unaware.is_empty() {
        return Err(Error::UnknownTo(unaware.join(", ")));
    }
    let mut writes: Vec<_> = in_role(catalog, &next.id, Role::Current)
        .await?
        .into_iter()
        .collect();
    if let Some(current) = catalog.pki.current() {
        writes.extend(in_role(catalog, &current.id, Role::Former).await?);
    }
    catalog.commit(writes).await?;
    Ok(next.id.clone())
}

fn next(catalog: &Catalog) -> Option<std::sync::Arc<Authority>> {
    let authorities = catalog.pki.authorities();
    authorities.into_iter().find(|a| a.role == Role::Next)
}

/// Whether the agent was given the roots after this moment, whichever of its certificates it has stored.
fn knows(catalog: &Catalog, agent: &AgentRecord, since: UnixTime) -> bool {
    agent.certificates.iter().all(|sha256| {
        let issued = catalog.pki.issued(sha256);
        issued.is_some_and(|issued| issued.not_before + CLOCK_SKEW > since)
    })
}

/// The write that gives an authority this role; `None` when it is not there.
pub(super) async fn in_role(
    catalog: &Catalog,
    id: &str,
    role: Role,
) -> Result<Option<Write>, catalog::Error> {
    let document = AuthorityRecord::key_of(id);
    let found = catalog.document::<AuthorityRecord>(&document).await?;
    Ok(found.map(|(record, revision)| {
        let record = AuthorityRecord { role, ..record };
        Write::put(document, records::encode(&record), Expect::At(revision))
    }))
}
