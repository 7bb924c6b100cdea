//! Agents come and go: a one-time token makes one, its certificate lets it in, and a revocation keeps it out.

use std::net::SocketAddr;
use std::sync::Arc;

use ca::authority::{Profile, Serial};
use ca::request::CertificateRequest;
use dbtls::Target;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use wire::RequestId;
use wire::agent::{EnrolRequest, Enrolled, RenewRequest, Renewed, Token};

use crate::ambient::UnixTime;
use crate::service::Service;
use crate::state::audit::{self, Line, Outcome};
use crate::state::catalog;
use crate::state::ids::{Account, AgentId, SubjectId};
use crate::state::pki::{AgentRecord, Fate, Holder, IssuedRecord, TokenRecord};
use crate::state::records::{self, V1};
use crate::state::store::{self, Expect, Revision, Write};
use crate::work::issuing::{self, Certificate, Issuing};

/// Why an agent was not let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It is not known who asks. The reason says what the host's operator can do.
    #[error("{0}")]
    Unknown(&'static str),
    /// The request is none.
    #[error("the request is not understood: {0}")]
    Malformed(String),
    /// It is our fault.
    #[error("the control plane cannot answer now; its log has the reason")]
    Internal(#[source] anyhow::Error),
}

/// One answer for every token that is not good, so that nobody learns which part of a guess was right.
const BAD_TOKEN: Denied = Denied::Unknown(
    "the token is unknown, used up or expired: make a new one with `signet agent token`",
);

/// Whoever shows a certificate that is no agent's.
const NOT_AN_AGENT: Denied = Denied::Unknown("the certificate is not an agent's: enrol again");

/// A token of the right node, while its agent is alive.
const TAKEN: Denied = Denied::Unknown(
    "another agent is enrolled for this node: revoke it (signet agent list, signet agent revoke), or make a token that replaces it (signet agent token --replace)",
);

/// Whoever shows the certificate of an agent from another machine.
const ELSEWHERE: Denied = Denied::Unknown(
    "this agent enrolled on another machine, or a newer version of it did (/etc/machine-id): enrol again here, with a token that replaces it (signet agent token --replace) and --force",
);

/// Whoever shows a certificate of an agent that is not trusted any more.
const REVOKED: Denied = Denied::Unknown("this agent was revoked: enrol again with a new token");

impl From<catalog::Error> for Denied {
    fn from(error: catalog::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<issuing::Error> for Denied {
    fn from(error: issuing::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// The certificate that an agent showed.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// Whether it has the mark of an agent.
    pub is_agents: bool,
}

/// Makes a token for the agent of one node. The secret half is in the answer and nowhere else.
///
/// # Errors
/// When there is no authority or randomness, or the store fails.
pub async fn make_token(
    service: &Service,
    account: Account,
    (subject, node): (SubjectId, Target),
    expires: UnixTime,
    replace: bool,
) -> anyhow::Result<Token> {
    let authority = service
        .catalog
        .pki
        .current()
        .ok_or(issuing::Error::NoAuthority)?;
    let root = authority.issuer.anchors().first().cloned();
    let root = Sha256::digest(root.unwrap_or_default()).into();
    let id = service.entropy.name(12);
    let secret = hex::encode(service.entropy.key::<32>()?);
    let token = Token::new(&id, &secret, root)?;
    let record = TokenRecord {
        v: V1,
        secret_sha256: hex::encode(Sha256::digest(secret)),
        node,
        subject,
        account,
        expires,
        replace,
        used: None,
        id,
    };
    let write = Write::put(
        TokenRecord::key(&record.id),
        records::encode(&record),
        Expect::Absent,
    );
    service.catalog.commit(vec![write]).await?;
    Ok(token)
}

/// Lets an agent in by its token, once.
///
/// # Errors
/// See [`Denied`]. The token is used up only when the agent was let in.
pub async fn enrol(
    service: &Arc<Service>,
    from: SocketAddr,
    machine: Option<String>,
    asked: EnrolRequest,
) -> Result<Enrolled, Denied> {
    let _one_at_a_time = service.agents.enrolling.lock().await;
    let key = TokenRecord::key(asked.token.id());
    let found = service.catalog.document::<TokenRecord>(&key).await?;
    let (mut token, revision) = found.ok_or(BAD_TOKEN)?;
    let secret = hex::encode(Sha256::digest(asked.token.secret()));
    let fits: bool = secret
        .as_bytes()
        .ct_eq(token.secret_sha256.as_bytes())
        .into();
    if !fits || token.used.is_some() || service.clock.now() >= token.expires {
        return Err(BAD_TOKEN);
    }
    let replaced = replaced(service, &token).await?;
    let id = AgentId::fresh(&service.entropy);
    let certificate = issue(service, id, token.account, &asked.csr).await?;
    let agent = AgentRecord {
        v: V1,
        id,
        node: token.node.clone(),
        subject: token.subject,
        account: token.account,
        hostname: asked.hostname.chars().take(253).collect(),
        certificates: vec![certificate.sha256.clone()],
        enrolled: service.clock.now(),
        revoked: 0,
        machine,
    };
    token.used = Some(id);
    let mut writes = replaced;
    writes.extend([
        // Of two that come with one token, one is first.
        Write::put(key, records::encode(&token), Expect::At(revision)),
        Write::put(
            AgentRecord::key(id),
            records::encode(&agent),
            Expect::Absent,
        ),
    ]);
    match service.catalog.commit(writes).await {
        Ok(_) => {}
        Err(store::Error::Conflict { .. }) => return Err(BAD_TOKEN),
        Err(error) => return Err(Denied::Internal(error.into())),
    }
    note(
        service,
        from,
        "AgentEnrol",
        Outcome::Done,
        &agent.node.to_string(),
        "",
    );
    Ok(Enrolled {
        agent_id: id.to_string(),
        node: agent.node.to_string(),
        certificate: certificate.chain_pem,
        roots: roots(service),
        vouchers: vouchers(service)?,
    })
}

/// The writes that revoke the agents of the token's node, if the token replaces them.
///
/// # Errors
/// When there is one that can still call, and the token does not.
async fn replaced(service: &Service, token: &TokenRecord) -> Result<Vec<Write>, Denied> {
    let mut writes = Vec::new();
    for agent in service.catalog.pki.agents() {
        if agent.node != token.node || agent.revoked > 0 {
            continue;
        }
        if !token.replace && is_alive(service, &agent) {
            return Err(TAKEN);
        }
        if token.replace {
            let (agent, revision) = unrevoked(service, agent.id).await?;
            writes.extend(revocation(service, &agent, revision));
        }
    }
    Ok(writes)
}

/// Whether one of its certificates is still valid.
fn is_alive(service: &Service, agent: &AgentRecord) -> bool {
    let now = service.clock.now();
    let mut certificates = agent.certificates.iter();
    certificates.any(|sha256| {
        let issued = service.catalog.pki.issued(sha256);
        issued.is_some_and(|issued| now < issued.not_after)
    })
}

/// The agent that a request comes from: it showed this certificate, and names this machine.
///
/// # Errors
/// [`Denied::Unknown`] as [`admit`], or when the agent is known to be on another machine.
pub async fn identify(
    service: &Service,
    shown: Option<&Shown>,
    machine: Option<&str>,
) -> Result<Arc<AgentRecord>, Denied> {
    let agent = admit(service, shown.map(|shown| shown.sha256.as_str())).await?;
    let issued = shown.and_then(|shown| service.catalog.pki.issued(&shown.sha256));
    if issued.is_some_and(|issued| issued.marked) && !shown.is_some_and(|shown| shown.is_agents) {
        return Err(NOT_AN_AGENT);
    }
    match (&agent.machine, machine) {
        (Some(known), Some(named)) if known == named => {}
        (Some(_), _) => return Err(ELSEWHERE),
        (None, Some(named)) => bind(service, agent.id, named).await?,
        // A version that does not name its machine.
        (None, None) => {}
    }
    Ok(agent)
}

/// Writes down the machine of an agent that names one for the first time.
async fn bind(service: &Service, id: AgentId, machine: &str) -> Result<(), Denied> {
    let (agent, revision) = unrevoked(service, id).await?;
    let bound = AgentRecord {
        machine: Some(machine.to_owned()),
        ..agent
    };
    let written = service.catalog.commit(vec![put(&bound, revision)]).await;
    written
        .map(drop)
        .map_err(|error| Denied::Internal(error.into()))
}

/// The agent that showed this certificate.
///
/// # Errors
/// [`Denied::Unknown`] for no certificate, one that is not an agent's, or one of an agent that was revoked.
pub async fn admit(service: &Service, shown: Option<&str>) -> Result<Arc<AgentRecord>, Denied> {
    let shown = shown.ok_or(Denied::Unknown(
        "an agent's certificate is needed: enrol first",
    ))?;
    let issued = service.catalog.pki.issued(shown);
    let agent = issued.and_then(|issued| match issued.holder {
        Holder::Agent(id) => service.catalog.pki.agent(id),
        Holder::Node { .. } | Holder::Listener => None,
    });
    let agent = agent
        .filter(|agent| agent.certificates.iter().any(|known| known == shown))
        .ok_or(NOT_AN_AGENT)?;
    if agent.revoked > 0 {
        return Err(REVOKED);
    }
    settle(service, &agent, shown).await?;
    Ok(agent)
}

/// Once the newest certificate was used, the ones before are not accepted any more.
async fn settle(service: &Service, agent: &AgentRecord, shown: &str) -> Result<(), Denied> {
    let is_newest = agent
        .certificates
        .first()
        .is_some_and(|newest| newest == shown);
    if !is_newest {
        return Ok(());
    }
    let (mut writes, now) = (Vec::new(), service.clock.now());
    let is_active = |issued: &IssuedRecord| issued.fate == Fate::Active;
    let newest = service.catalog.pki.issued(shown);
    if let Some(newest) = newest.filter(|newest| !is_active(newest)) {
        writes.push(newest.fated(Fate::Active, now));
    }
    for former in agent.certificates.iter().skip(1) {
        if let Some(former) = service.catalog.pki.issued(former) {
            writes.push(former.fated(Fate::Replaced, now));
        }
    }
    if writes.is_empty() && agent.certificates.len() == 1 {
        return Ok(());
    }
    let (agent, revision) = unrevoked(service, agent.id).await?;
    let settled = AgentRecord {
        certificates: vec![shown.to_owned()],
        ..agent
    };
    writes.push(put(&settled, revision));
    service
        .catalog
        .commit(writes)
        .await
        .map_err(catalog::Error::Store)?;
    Ok(())
}

/// The agent as the store has it now, and at which revision: what is written about it must not undo a revocation that came meanwhile.
async fn unrevoked(service: &Service, id: AgentId) -> Result<(AgentRecord, Revision), Denied> {
    let stored = service
        .catalog
        .document::<AgentRecord>(&AgentRecord::key(id))
        .await?;
    stored
        .filter(|(agent, _)| agent.revoked == 0)
        .ok_or(REVOKED)
}

/// Gives an agent its next certificate. The one before is accepted until the new one was used.
///
/// # Errors
/// See [`Denied`].
pub async fn renew(
    service: &Arc<Service>,
    from: SocketAddr,
    agent: &AgentRecord,
    shown: &str,
    asked: RenewRequest,
) -> Result<Renewed, Denied> {
    let certificate = issue(service, agent.id, agent.account, &asked.csr).await?;
    let (agent, revision) = unrevoked(service, agent.id).await?;
    let next = AgentRecord {
        certificates: vec![certificate.sha256.clone(), shown.to_owned()],
        ..agent
    };
    service
        .catalog
        .commit(vec![put(&next, revision)])
        .await
        .map_err(catalog::Error::Store)?;
    note(
        service,
        from,
        "AgentRenew",
        Outcome::Done,
        &next.id.to_string(),
        "",
    );
    Ok(Renewed {
        certificate: certificate.chain_pem,
        roots: roots(service),
        vouchers: vouchers(service)?,
    })
}

/// Keeps an agent out from now on.
///
/// # Errors
/// When the store fails.
pub async fn revoke(service: &Service, id: AgentId) -> Result<(), catalog::Error> {
    let key = AgentRecord::key(id);
    loop {
        let Some((agent, revision)) = service.catalog.document(&key).await? else {
            return Ok(());
        };
        match service
            .catalog
            .commit(revocation(service, &agent, revision))
            .await
        {
            Ok(_) => return Ok(()),
            // It renewed itself in between: what it got is revoked as well.
            Err(store::Error::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn revocation(service: &Service, agent: &AgentRecord, revision: Revision) -> Vec<Write> {
    let now = service.clock.now();
    let mut writes: Vec<_> = agent
        .certificates
        .iter()
        .filter_map(|sha256| service.catalog.pki.issued(sha256))
        .map(|issued| issued.fated(Fate::Revoked, now))
        .collect();
    let revoked = AgentRecord {
        revoked: now,
        ..agent.clone()
    };
    writes.push(put(&revoked, revision));
    writes
}

fn put(agent: &AgentRecord, revision: Revision) -> Write {
    Write::put(
        AgentRecord::key(agent.id),
        records::encode(agent),
        Expect::At(revision),
    )
}

async fn issue(
    service: &Arc<Service>,
    id: AgentId,
    account: Account,
    csr: &str,
) -> Result<Certificate, Denied> {
    let request = CertificateRequest::from_pem(csr)
        .map_err(|error| Denied::Malformed(format!("the certificate request: {error}")))?;
    let issuing = Issuing {
        service,
        holder: Holder::Agent(id),
        account,
        profile: Profile::AgentClient,
        common_name: id.to_string(),
        names: Vec::new(),
    };
    Ok(issuing.issue(&request).await?)
}

/// What the agents' listener is to be verified by, PEM.
fn roots(service: &Service) -> String {
    let authorities = service.catalog.pki.authorities();
    let roots = authorities
        .iter()
        .map(|authority| authority.issuer.anchors_pem());
    roots.collect()
}

/// What each authority says for the roots of the others, so that an agent which knows one of them can take them all.
fn vouchers(service: &Service) -> Result<Vec<String>, Denied> {
    let (authorities, now) = (service.catalog.pki.authorities(), service.clock.now());
    let mut vouchers = Vec::new();
    for by in authorities.iter().filter(|by| now < by.issuer.not_after()) {
        let others = authorities.iter().filter(|other| other.id != by.id);
        for root in others.flat_map(|other| other.issuer.anchors()) {
            let serial = Serial::from_random(service.entropy.bytes());
            let voucher = by.issuer.vouch(root, serial, now);
            vouchers.push(voucher.map_err(issuing::Error::from)?);
        }
    }
    Ok(vouchers)
}

/// Writes a refusal into the audit log.
pub fn audit_denial(service: &Service, from: SocketAddr, path: &str, denied: &Denied) {
    let code = match denied {
        Denied::Unknown(_) => "AgentUnknown",
        Denied::Malformed(_) => "AgentMalformed",
        Denied::Internal(error) => {
            tracing::error!(%from, path, error = format!("{error:#}"), "an agent could not be answered");
            "AgentInternal"
        }
    };
    note(service, from, "Agent", Outcome::Refused, path, code);
}

fn note(
    service: &Service,
    from: SocketAddr,
    action: &'static str,
    outcome: Outcome,
    resource: &str,
    code: &'static str,
) {
    service.audit.note(&Line {
        time: service.clock.now(),
        request_id: RequestId::from_random(service.entropy.bytes()).to_string(),
        outcome,
        account: None,
        secret_id: String::new(),
        from,
        action: action.into(),
        resource: audit::short(resource),
        code,
        changes: Vec::new(),
    });
}
