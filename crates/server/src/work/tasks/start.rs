//! Starting a task: what there is to do on each node is decided from what was seen last. Where there is nothing, the task ends at once.

use std::sync::Arc;

use dbtls::{CertificateReport, Status};

use super::ending;
use crate::ambient::UnixTime;
use crate::service::Service;
use crate::state::catalog::{self, Common};
use crate::state::ids::{Account, SubjectId, TaskId};
use crate::state::node::Node;
use crate::state::observed;
use crate::state::pki::Fate;
use crate::state::records::{self, Driver, V1};
use crate::state::status;
use crate::state::store::{Error, Expect, Write};
use crate::state::subject::Subject;
use crate::state::task::{Cause, Kind, Lock, NodeWork, State, TaskRecord};
use crate::work::issuing::names_to_cover;

/// What somebody wants done.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Whose task it is.
    pub account: Account,
    /// What it changes.
    pub subject: SubjectId,
    /// How.
    pub kind: Kind,
    /// Who wants it.
    pub cause: Cause,
}

/// Why no task was started.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Another task has the subject.
    #[error("`{subject}` is being changed by the task {task}")]
    Locked {
        /// The subject.
        subject: SubjectId,
        /// Its task.
        task: TaskId,
    },
    /// A node of it is not ours to change.
    #[error("the node `{0}` is only observed")]
    Observed(dbtls::Target),
    /// It was deregistered in between.
    #[error("`{0}` does not exist")]
    Gone(SubjectId),
    /// The store failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
}

/// Starts a task, or finds that nothing is to be done and writes down one that has ended.
///
/// # Errors
/// See [`Refused`]. Nothing was started then.
pub async fn start(service: &Arc<Service>, wish: Wish) -> Result<TaskId, Refused> {
    let Wish { subject, kind, .. } = wish;
    let of = Subject::of(&service.catalog, subject).ok_or(Refused::Gone(subject))?;
    let common = of.common();
    if let Some((node, _)) = common.work().find(|(_, driver)| *driver == Driver::Observe) {
        return Err(Refused::Observed(node.target.clone()));
    }
    if let Some(task) = service.catalog.tasks.running(subject) {
        let task = task.id;
        return Err(Refused::Locked { subject, task });
    }
    let (nodes, notes) = plan_nodes(service, common, kind).await?;
    let now = service.clock.now();
    let status_before = status::verdict(&common.nodes, now, service.stale_after()).word();
    let mut task = TaskRecord {
        v: V1,
        id: TaskId::fresh(&service.entropy),
        account: wish.account,
        subject,
        kind,
        cause: wish.cause,
        state: State::Initial,
        info: "It waits for its turn.".to_owned(),
        failure: None,
        status_before,
        created: now,
        ended: 0,
        nodes,
    };
    if task.nodes.iter().all(|node| node.untouched) {
        task.state = State::Succeeded;
        task.ended = now;
        task.info = notes.join(" ");
    }
    commit(service, &task).await?;
    if !task.state.is_final() {
        service.tasks.run(task.id);
    }
    Ok(task.id)
}

/// Writes the task down. One that is to run takes the lock of its subject with it, which only one can have.
async fn commit(service: &Service, task: &TaskRecord) -> Result<(), Refused> {
    let lock = TaskRecord::lock(task.subject);
    let mut writes = if task.state.is_final() {
        ending::writes(service, task)
    } else {
        let document = Lock {
            v: V1,
            task: task.id,
        };
        vec![Write::put(
            lock.clone(),
            records::encode(&document),
            Expect::Absent,
        )]
    };
    writes.push(Write::put(
        TaskRecord::key(task.id),
        records::encode(task),
        Expect::Absent,
    ));
    match service.catalog.commit(writes).await {
        Ok(_) => Ok(()),
        Err(Error::Conflict { key }) if key == lock => {
            let holder = service.catalog.document::<Lock>(&lock).await?;
            Err(Refused::Locked {
                subject: task.subject,
                task: holder.map_or(task.id, |(lock, _)| lock.task),
            })
        }
        Err(error) => Err(catalog::Error::Store(error).into()),
    }
}

/// The work on each node, and what is to be said of nodes that are as wanted already.
async fn plan_nodes(
    service: &Service,
    common: &Common,
    kind: Kind,
) -> Result<(Vec<NodeWork>, Vec<String>), Refused> {
    let mut work = Vec::with_capacity(common.nodes.len());
    let mut notes = Vec::new();
    for node in &common.nodes {
        let target = node.target.clone();
        match settled(service, node, common, kind).await? {
            Some(note) => {
                notes.push(note);
                work.push(NodeWork::untouched(target));
            }
            None => work.push(NodeWork::waiting(target)),
        }
    }
    Ok((work, notes))
}

/// Why nothing is to be done for a node; `None` when something is.
async fn settled(
    service: &Service,
    node: &Node,
    common: &Common,
    kind: Kind,
) -> Result<Option<String>, catalog::Error> {
    let now = service.clock.now();
    let (status, seen) = node.fresh();
    let is_fresh = now - seen <= service.stale_after() && node.failure().is_none();
    match (kind, status) {
        _ if !is_fresh => Ok(None),
        (Kind::Close, Status::Off) => Ok(Some(format!("TLS is off on `{}` already.", node.target))),
        (Kind::Open, Status::On) => serves_well(service, node, common, now).await,
        _ => Ok(None),
    }
}

/// A node with TLS on is as wanted when it serves a valid certificate of ours, or one that somebody else issued on purpose.
async fn serves_well(
    service: &Service,
    node: &Node,
    common: &Common,
    now: UnixTime,
) -> Result<Option<String>, catalog::Error> {
    let target = &node.target;
    let Some((record, chain)) = observed::observation(&service.catalog, node).await? else {
        return Ok(None);
    };
    let (Some(sha256), Some(leaf)) = (record.chain.first(), chain.first()) else {
        return Ok(None);
    };
    if let Some(ours) = service.catalog.pki.issued(sha256) {
        let covers = names_to_cover(common)
            .iter()
            .all(|name| ours.names.contains(&name.to_string()));
        let is_good = ours.fate == Fate::Active && now < ours.not_after && covers;
        return Ok(
            is_good.then(|| format!("`{target}` serves a valid certificate of ours already."))
        );
    }
    let report = CertificateReport::of(leaf);
    Ok((!report.auto_generated).then(|| {
        format!(
            "`{target}` serves a certificate that `{}` issued. It is left as it is; RotateCertificate replaces it by one of ours.",
            report.issuer
        )
    }))
}
