//! A root after the root: made, given to everybody who has to trust it, and only then the one that issues.

use std::collections::BTreeSet;

use ca::authority::{CLOCK_SKEW, Serial};

use crate::ambient::UnixTime;
use crate::service::Service;
use crate::state::authorities::Authority;
use crate::state::catalog::{self, Catalog};
use crate::state::pki::{AgentRecord, AuthorityRecord, Fate, Holder, Role};
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
    /// No authority has this ID.
    #[error("There is no authority `{0}`: `signet ca show` lists them (`DescribeAuthorities`).")]
    Unknown(String),
    /// It issues, or is about to.
    #[error(
        "The authority `{0}` is not a former one. Only one whose place another took can be retired."
    )]
    NotFormer(String),
    /// They would not be trusted any more.
    #[error(
        "These depend on the authority still: {0}. Rotate the certificates of the nodes (signet rotate ID); an agent gets another certificate when it renews, or enrols again."
    )]
    Needed(String),
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
    let issuer = issuing::new_root(&service.config, &name, serial, now)?;
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

/// Takes a former authority out of the bundles and of what agents are given, and forgets its key. It cannot be brought back.
///
/// # Errors
/// [`Error::Needed`] while something that it issued is in use; see [`Error`].
pub async fn retire(service: &Service, id: &str) -> Result<(), Error> {
    let catalog = &service.catalog;
    let authority = catalog.pki.authority(id);
    let authority = authority.ok_or_else(|| Error::Unknown(id.to_owned()))?;
    if authority.role != Role::Former {
        return Err(Error::NotFormer(id.to_owned()));
    }
    let dependents = dependents(service, id);
    if !dependents.is_empty() {
        return Err(Error::Needed(Vec::from_iter(dependents).join(", ")));
    }
    let document = AuthorityRecord::key_of(id);
    let found = catalog.document::<AuthorityRecord>(&document).await?;
    if let Some((_, revision)) = found {
        let write = Write::delete(document, Expect::At(revision));
        catalog.commit(vec![write]).await?;
    }
    Ok(())
}

/// The nodes that serve, hold or are about to get a certificate of this authority, and the agents that would not find their way without it.
fn dependents(service: &Service, id: &str) -> BTreeSet<String> {
    let (catalog, now) = (&service.catalog, service.clock.now());
    let mut dependents = BTreeSet::new();
    for subject in catalog.subjects() {
        for node in &subject.common().nodes {
            let served = node.observed().and_then(|observed| observed.leaf);
            let served = served.and_then(|leaf| catalog.pki.issued_by_word(leaf));
            let held = node
                .managed()
                .and_then(|of| catalog.pki.issued(&of.certificate));
            if served.into_iter().chain(held).any(|of| of.authority == id) {
                dependents.insert(format!("the node `{}`", node.target));
            }
        }
    }
    for issued in catalog.pki.issued_by(id) {
        if let (Holder::Node { node, .. }, Fate::Issued) = (&issued.holder, issued.fate)
            && now < issued.not_after
        {
            dependents.insert(format!("the node `{node}`"));
        }
    }
    let current = catalog.pki.current().map_or(0, |current| current.created);
    for agent in catalog
        .pki
        .agents()
        .iter()
        .filter(|agent| agent.revoked == 0)
    {
        let is_by_it = |sha256: &String| {
            let issued = catalog.pki.issued(sha256);
            issued.is_some_and(|issued| issued.authority == id)
        };
        if agent.certificates.iter().any(is_by_it) || !knows(catalog, agent, current) {
            dependents.insert(format!("the agent `{}` of `{}`", agent.id, agent.node));
        }
    }
    dependents
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
