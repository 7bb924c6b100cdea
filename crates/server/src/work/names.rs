//! Which names a database's certificate may cover. Never the control plane's; none outside of `[ca] allowed_names`; and one that is not the
//! address of a node only after a login through it showed that it leads to a node.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ca::authority::SubjectName;
use dbtls::switch::check_privileges;
use dbtls::{Account, Conditions, Password, Session, Target};
use tokio::time::timeout;

use crate::config::NameProof;
use crate::service::Service;
use crate::state::catalog::{self, Common};
use crate::state::credentials::{Field, HasAccounts, Place};
use crate::state::ids::SubjectId;
use crate::state::node::Node;
use crate::state::pki::{Fate, Holder, IssuedRecord};
use crate::state::records::{Driver, InstanceRecord, RoGroupRecord};
use crate::state::store::Revision;
use crate::state::subject::Subject;

/// How many addresses a name may have; each is logged in to.
const MOST_ADDRESSES: usize = 8;

/// Names that a certificate may cover.
#[derive(Debug, Default)]
pub struct Approved {
    /// Those that were proven just now.
    pub proven: Vec<String>,
    /// What the operator should know about the others, a sentence each.
    pub notes: Vec<String>,
}

/// Why no certificate is issued.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The instance is gone.
    #[error("`{0}` was deregistered")]
    Gone(SubjectId),
    /// It is one of our own.
    #[error(
        "the name `{0}` covers the control plane (`[agents] names`, `public_url`, or the address that it listens on), and no database gets a certificate for that: take it out of `DnsNames` or `Vip`, or register the node under another address"
    )]
    ControlPlane(SubjectName),
    /// It is everybody's own.
    #[error(
        "the name `{0}` is loopback or no host's, and not all nodes are registered by loopback addresses: take it out of `DnsNames` or `Vip`"
    )]
    Loopback(SubjectName),
    /// The operator does not allow it.
    #[error("the name `{0}` is not among `[ca] allowed_names`: add it there, or take it out")]
    NotAllowed(SubjectName),
    /// It may be somebody else's.
    #[error(
        "the name `{name}` was not proven to lead to a node of the instance: {why}. Correct the name, give an account that can log in through it (`SqlUser` or `ProbeUser`), or accept it as it is: `signet instance modify --accept-unproven-names` (`AcceptUnprovenNames`). `[ca] name_proof` decides for all"
    )]
    Unproven {
        /// The name.
        name: SubjectName,
        /// What was seen.
        why: Unproven,
    },
}

/// What was seen instead of a node.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unproven(String);

impl Unproven {
    fn because(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// Decides about the names that a certificate for this node is to cover.
///
/// # Errors
/// [`Refused`] for the first that it must not.
pub async fn approve(
    service: &Service,
    id: SubjectId,
    node: &Target,
    names: &[SubjectName],
) -> Result<Approved, Refused> {
    let subject = Subject::of(&service.catalog, id).ok_or(Refused::Gone(id))?;
    let common = subject.common();
    let before = issued_before(service, id, node);
    let mut approved = Approved::default();
    for name in names {
        let is_near = is_of_a_node(common, name) && is_loopback(name);
        let is_own = is_near || is_address(node, name);
        let is_old = before.iter().any(|known| *known == name.to_string());
        check_policy(
            service,
            common,
            name,
            is_near || (is_old && is_of_a_node(common, name)),
        )?;
        if is_own
            || has_an_agent(service, common, name)
            || service.config.ca.name_proof == NameProof::Off
        {
            continue;
        }
        let why = match prove(service, &subject, node, name).await {
            Ok(()) => {
                approved.proven.push(name.to_string());
                continue;
            }
            Err(why) => why,
        };
        let is_accepted = common.accept_unproven_names
            || is_old
            || service.config.ca.name_proof == NameProof::Warn;
        if !is_accepted {
            let name = name.clone();
            return Err(Refused::Unproven { name, why });
        }
        let note = format!("the certificate covers the name `{name}`, which is not proven: {why}.");
        approved.notes.push(note);
    }
    Ok(approved)
}

/// The names of a node's certificate that are neither proven nor the address of a node.
pub fn unproven(common: &Common, issued: &IssuedRecord) -> Vec<String> {
    let own = |name: &str| name.parse().is_ok_and(|name| is_of_a_node(common, &name));
    let names = issued.names.iter();
    names
        .filter(|name| !issued.proven.contains(name) && !own(name))
        .cloned()
        .collect()
}

/// What holds whatever a proof says. `despite` is for a node's own address that is loopback, or that it had a certificate for before.
fn check_policy(
    service: &Service,
    common: &Common,
    name: &SubjectName,
    despite: bool,
) -> Result<(), Refused> {
    // Checked at the start; the listener would not be there.
    let reserved = service.config.control_plane_names().unwrap_or_default();
    if !despite && reserved.iter().any(|reserved| covers(name, reserved)) {
        return Err(Refused::ControlPlane(name.clone()));
    }
    if is_nobodys(name) || (is_loopback(name) && !despite && !is_local(common)) {
        return Err(Refused::Loopback(name.clone()));
    }
    let allowed = &service.config.ca.allowed_names;
    if allowed.is_empty() || allowed.iter().any(|allowed| allowed.allows(name)) {
        Ok(())
    } else {
        Err(Refused::NotAllowed(name.clone()))
    }
}

/// Whether a certificate for `name` is good for `host`.
fn covers(name: &SubjectName, host: &SubjectName) -> bool {
    match (name, host) {
        (SubjectName::Ip(name), SubjectName::Ip(host)) => {
            name.to_canonical() == host.to_canonical()
        }
        (SubjectName::Dns(name), SubjectName::Dns(host)) => {
            let below = name.as_str().strip_prefix("*.");
            let parent = host.as_str().split_once('.').map(|(_, parent)| parent);
            name == host || (below.is_some() && below == parent)
        }
        _ => false,
    }
}

/// Whether it is the address of this node.
fn is_address(node: &Target, name: &SubjectName) -> bool {
    node.host()
        .is_some_and(|host| host.to_string().parse().as_ref() == Ok(name))
}

/// Whether it is the address of any node.
fn is_of_a_node(common: &Common, name: &SubjectName) -> bool {
    let mut nodes = common.nodes.iter();
    nodes.any(|node| is_address(&node.target, name)) || is_localhost(common, name)
}

/// Whether it is the address of a node with an agent. Other nodes have to be logged in to, for a task may leave a node alone and cover its
/// address in the certificates of the others.
fn has_an_agent(service: &Service, common: &Common, name: &SubjectName) -> bool {
    let agents = service.catalog.pki.agents();
    let mut nodes = common.work().filter(|(_, driver)| *driver == Driver::Agent);
    nodes.any(|(node, _)| {
        let mut agents = agents.iter();
        is_address(&node.target, name)
            && agents.any(|agent| agent.node == node.target && agent.revoked == 0)
    })
}

/// `localhost` is the address of nodes that are all loopback's.
fn is_localhost(common: &Common, name: &SubjectName) -> bool {
    matches!(name, SubjectName::Dns(_)) && is_loopback(name) && is_local(common)
}

/// Whether all nodes are reached without leaving this host.
fn is_local(common: &Common) -> bool {
    let mut nodes = common.nodes.iter();
    nodes.all(|node| match node.target.host() {
        Some(host) => host
            .to_string()
            .parse()
            .is_ok_and(|name| is_loopback(&name)),
        None => true,
    })
}

/// RFC 6761 keeps `localhost` and what is below it for loopback.
fn is_loopback(name: &SubjectName) -> bool {
    match name {
        SubjectName::Ip(ip) => ip.to_canonical().is_loopback(),
        SubjectName::Dns(name) => {
            name.as_str() == "localhost" || name.as_str().ends_with(".localhost")
        }
    }
}

/// Addresses that are no host's.
fn is_nobodys(name: &SubjectName) -> bool {
    let SubjectName::Ip(ip) = name else {
        return false;
    };
    let ip = ip.to_canonical();
    ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::from([255; 4])
}

/// The names of the certificates that this node of the subject had so far.
fn issued_before(service: &Service, id: SubjectId, node: &Target) -> Vec<String> {
    let is_ours = |issued: &IssuedRecord| {
        issued.fate != Fate::Revoked
            && matches!(&issued.holder, Holder::Node { subject, .. } if *subject == id)
    };
    let issued = service.catalog.pki.issued_for(node).into_iter();
    issued
        .filter(|issued| is_ours(issued))
        .flat_map(|issued| issued.names.clone())
        .collect()
}

/// Logs in at every address of the name, and finds a node of the subject there each time.
async fn prove(
    service: &Service,
    subject: &Subject,
    node: &Target,
    name: &SubjectName,
) -> Result<(), Unproven> {
    let addresses = resolve(service, name).await?;
    let mut left: Vec<(IpAddr, Option<Unproven>)> =
        addresses.iter().map(|ip| (*ip, None)).collect();
    let mut nodes: Vec<_> = subject.common().nodes.iter().collect();
    nodes.sort_by_key(|other| other.target != *node); // the node itself first
    for node in nodes {
        let own = is_address(&node.target, name).then(|| node.target.port());
        let vport = Some(subject.common().vport).filter(|port| *port > 0);
        let port = own.unwrap_or_else(|| vport.or(node.target.port()));
        left = not_at(service, subject, (node, port), left).await;
        if left.is_empty() {
            break;
        }
    }
    if let Some((_, why)) = left.into_iter().next() {
        return Err(why.unwrap_or_else(|| Unproven::because("the instance has no node")));
    }
    // Whoever answers for the name may answer differently each time.
    let again = resolve(service, name).await?;
    match again.iter().find(|ip| !addresses.contains(ip)) {
        Some(ip) => Err(Unproven(format!(
            "it led to {} first and to {ip} a moment later",
            addresses[0]
        ))),
        None => Ok(()),
    }
}

/// The addresses that do not lead to this node, each with what was seen first.
async fn not_at(
    service: &Service,
    subject: &Subject,
    (node, port): (&Node, Option<u16>),
    addresses: Vec<(IpAddr, Option<Unproven>)>,
) -> Vec<(IpAddr, Option<Unproven>)> {
    let mut left = Vec::new();
    match Proof::begin(service, subject, node).await {
        Ok(proof) => {
            for (ip, first) in addresses {
                let at = port.map(|port| SocketAddr::new(ip, port));
                if let Err(why) = proof.leads_there(service, at).await {
                    left.push((ip, first.or(Some(why))));
                }
            }
            proof.session.close().await;
        }
        Err(why) => {
            let so = |(ip, first): (IpAddr, Option<Unproven>)| (ip, first.or(Some(why.clone())));
            left.extend(addresses.into_iter().map(so));
        }
    }
    left
}

async fn resolve(service: &Service, name: &SubjectName) -> Result<Vec<IpAddr>, Unproven> {
    let name = match name {
        SubjectName::Ip(ip) => return Ok(vec![ip.to_canonical()]),
        SubjectName::Dns(name) => name.as_str(),
    };
    if name.starts_with("*.") {
        return Err(Unproven::because("a wildcard leads to no address"));
    }
    let found = timeout(service.config.probe_timeout, service.resolver.resolve(name)).await;
    let found = found
        .map_err(|_| Unproven::because("its address was not found in time"))?
        .map_err(|error| Unproven(format!("its address was not found ({error})")))?;
    if found.len() > MOST_ADDRESSES {
        return Err(Unproven(format!(
            "it has more than {MOST_ADDRESSES} addresses"
        )));
    }
    Ok(found)
}

/// What can log in to a node, and on which conditions it does.
struct Entrance {
    account: Account,
    conditions: Conditions,
    /// The account changes this server, so it has to be able to at the other end as well.
    is_admin: bool,
}

/// The account of the `sql` driver where it changes the node, and the probe's elsewhere.
async fn entrance(service: &Service, subject: &Subject, node: &Node) -> Result<Entrance, Unproven> {
    let (catalog, document) = (&service.catalog, subject.document());
    match subject {
        Subject::Instance(_) => {
            let found = catalog.document::<InstanceRecord>(&document).await;
            opened(service, node, found)
        }
        Subject::Group(_) => {
            let found = catalog.document::<RoGroupRecord>(&document).await;
            opened(service, node, found)
        }
    }
}

fn opened<T: HasAccounts>(
    service: &Service,
    node: &Node,
    found: Result<Option<(T, Revision)>, catalog::Error>,
) -> Result<Entrance, Unproven> {
    let found = found.map_err(Unproven::because)?;
    let (mut record, _) = found.ok_or_else(|| Unproven::because("it was deregistered"))?;
    let (document, destination) = (record.document(), record.destination());
    let of = record.registration();
    let is_admin = of.driver_of(&node.target) == Driver::Sql;
    let (field, login, conditions) = if is_admin {
        let conditions = service.peers.for_session(node, &of.trust());
        (Field::Sql, &of.sql, conditions)
    } else {
        (Field::Probe, &of.probe, service.peers.for_probe(node))
    };
    let login = login.as_ref().ok_or_else(|| {
        Unproven(format!(
            "no account is registered that could log in to `{}` through it",
            node.target
        ))
    })?;
    let place = Place {
        document: &document,
        field,
        destination,
    };
    let password = place
        .open(&service.vault, &login.password)
        .map_err(Unproven::because)?;
    let password = Password::new(String::from_utf8_lossy(&password).into_owned());
    Ok(Entrance {
        account: Account::new(login.user.clone(), password),
        conditions,
        is_admin,
    })
}

/// A session with a node that holds a lock which nobody else can name: whoever sees it held by that session is the same server.
struct Proof<'a> {
    node: &'a Node,
    session: Session,
    entrance: Entrance,
    token: String,
    /// The number of the session's connection.
    connection: String,
    /// What the server says that it is, for people.
    identity: String,
}

impl<'a> Proof<'a> {
    async fn begin(service: &Service, subject: &Subject, node: &'a Node) -> Result<Self, Unproven> {
        let entrance = entrance(service, subject, node).await?;
        let (account, conditions) = (&entrance.account, entrance.conditions.clone());
        let opened = Session::open(&node.target, account, conditions, limits(service)).await;
        let mut session =
            opened.map_err(|error| Unproven(format!("`{}`: {error}", node.target)))?;
        let token = format!("signet-{}", service.entropy.name(32));
        let locked = value(&mut session, &format!("SELECT GET_LOCK('{token}', 0)")).await?;
        if locked != "1" {
            return Err(Unproven(format!("`{}` gave no lock", node.target)));
        }
        Ok(Self {
            connection: value(&mut session, "SELECT CONNECTION_ID()").await?,
            identity: identity(&mut session).await?,
            node,
            session,
            entrance,
            token,
        })
    }

    /// Logs in there, as at the node, and sees the lock.
    async fn leads_there(&self, service: &Service, at: Option<SocketAddr>) -> Result<(), Unproven> {
        let at = at.ok_or_else(|| Unproven::because("no port is registered (`Vport`)"))?;
        let target = &self.node.target;
        let (account, conditions) = (&self.entrance.account, self.entrance.conditions.clone());
        let opened = Session::open_at(target, at, account, conditions, limits(service)).await;
        let mut there = opened
            .map_err(|error| Unproven(format!("no login at {at}, where it leads: {error}")))?;
        let seen = self.compare(&mut there, at).await;
        there.close().await;
        seen
    }

    async fn compare(&self, there: &mut Session, at: SocketAddr) -> Result<(), Unproven> {
        let identity = identity(there).await?;
        let holder = value(there, &format!("SELECT IS_USED_LOCK('{}')", self.token)).await?;
        let is_same = holder == self.connection
            && identity == self.identity
            && (self.node.target.socket().is_some()
                || there.certificate() == self.session.certificate());
        if !is_same {
            return Err(Unproven(format!(
                "it leads to {at}, which is another server ({identity}) than `{}` ({})",
                self.node.target, self.identity
            )));
        }
        if self.entrance.is_admin {
            let may = check_privileges(there).await;
            may.map_err(|error| Unproven(format!("at {at}, where it leads, {error}")))?;
        }
        Ok(())
    }
}

/// The identity that MySQL gives itself; MariaDB has none, so its host and port stand for it.
async fn identity(session: &mut Session) -> Result<String, Unproven> {
    match value(
        session,
        "SELECT CONCAT('server_uuid ', @@GLOBAL.server_uuid)",
    )
    .await
    {
        Ok(identity) => Ok(identity),
        Err(_) => value(session, "SELECT CONCAT(@@hostname, ':', @@port)").await,
    }
}

async fn value(session: &mut Session, sql: &str) -> Result<String, Unproven> {
    let rows = session.query(sql).await.map_err(Unproven::because)?;
    let value = rows
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().next());
    Ok(value.flatten().unwrap_or_default())
}

fn limits(service: &Service) -> dbtls::Limits {
    dbtls::Limits {
        total: service.config.probe_timeout,
        ..dbtls::Limits::default()
    }
}
