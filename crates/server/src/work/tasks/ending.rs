//! How a task ends: what it says, and what is written down with its last state, all at once.

use crate::ambient::UnixTime;
use crate::service::Service;
use crate::state::pki::{Fate, IssuedRecord, ManagedRecord};
use crate::state::records::{self, V1};
use crate::state::store::{Expect, Write};
use crate::state::subject::Subject;
use crate::state::task::{Kind, NodeWork, State, TaskRecord};

/// What the task's text says at its end.
pub(super) fn info(task: &TaskRecord) -> String {
    match &task.failure {
        Some(failure) => failure.clone(),
        None => done(task) + &notes(task),
    }
}

fn done(task: &TaskRecord) -> String {
    let nodes = task.nodes.iter().filter(|node| !node.untouched).count();
    match task.kind {
        Kind::Open => format!("TLS is on, seen by a handshake with {nodes} node(s)."),
        Kind::Close => format!("TLS is off, seen on {nodes} node(s)."),
        Kind::Rotate => {
            format!("A fresh certificate is served, seen by a handshake with {nodes} node(s).")
        }
        Kind::Enforce => format!("Plaintext connections are refused by {nodes} node(s)."),
        Kind::Relax => format!("Plaintext connections are let in by {nodes} node(s)."),
    }
}

/// What did not stand in the way of the change and may surprise later; once for all nodes of which the same is told.
fn notes(task: &TaskRecord) -> String {
    let mut told: Vec<(&[String], Vec<String>)> = Vec::new();
    for work in task.nodes.iter().filter(|work| !work.notes.is_empty()) {
        let node = format!("`{}`", work.node);
        match told.iter_mut().find(|(notes, _)| *notes == work.notes) {
            Some((_, nodes)) => nodes.push(node),
            None => told.push((&work.notes, vec![node])),
        }
    }
    told.into_iter()
        .map(|(notes, nodes)| format!(" About {}: {}", nodes.join(", "), notes.join(" ")))
        .collect()
}

/// The writes that go with a task's last state: its lock is given back, what nodes are expected to serve is noted, and certificates
/// that were replaced, or never came to be used, go to the revocation list.
pub(super) fn writes(service: &Service, task: &TaskRecord) -> Vec<Write> {
    let now = service.clock.now();
    let mut writes = vec![Write::delete(
        TaskRecord::lock(task.subject),
        Expect::Anything,
    )];
    for work in &task.nodes {
        for issued in service.catalog.pki.issued_for(&work.node) {
            if let Some(fate) = fate(&issued, work, task) {
                writes.push(issued.fated(fate, now));
            }
        }
    }
    if task.state == State::Succeeded {
        let subject = Subject::of(&service.catalog, task.subject);
        let common = subject.as_ref().map(Subject::common);
        writes.extend(task.nodes.iter().filter_map(|work| {
            let before = common?.node(&work.node)?.managed();
            expectation(task, work, before.as_deref(), now)
        }));
    }
    writes
}

/// What becomes of a certificate of a node when the task ends; `None` when nothing changes.
fn fate(issued: &IssuedRecord, work: &NodeWork, task: &TaskRecord) -> Option<Fate> {
    let is_new =
        task.state == State::Succeeded && work.certificate.as_ref() == Some(&issued.sha256);
    match issued.fate {
        Fate::Issued if is_new => Some(Fate::Active),
        // It was issued for this task and not used in the end: by a step that was repeated, or the task failed.
        Fate::Issued => Some(Fate::Replaced),
        Fate::Active if task.state == State::Succeeded && work.certificate.is_some() => {
            Some(Fate::Replaced)
        }
        Fate::Active | Fate::Replaced | Fate::Revoked => None,
    }
}

/// What the node is expected to do from now on; `None` when that stays as it is.
fn expectation(
    task: &TaskRecord,
    work: &NodeWork,
    before: Option<&ManagedRecord>,
    now: UnixTime,
) -> Option<Write> {
    let on = match task.kind {
        Kind::Open | Kind::Rotate => true,
        Kind::Close => false,
        Kind::Enforce | Kind::Relax => return None,
    };
    let kept = before.map(|before| before.certificate.clone());
    let certificate = work.certificate.clone().or(kept)?;
    let record = ManagedRecord {
        v: V1,
        node: work.node.clone(),
        subject: task.subject,
        on,
        certificate,
        since: now,
    };
    Some(Write::put(
        ManagedRecord::key(&work.node),
        records::encode(&record),
        Expect::Anything,
    ))
}
