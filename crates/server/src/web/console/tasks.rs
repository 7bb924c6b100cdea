//! Tasks: the list, and one with its progress.

use std::sync::Arc;

use askama::Template;
use hyper::StatusCode;

use super::error::{Answer, Error};
use super::page::{Layout, html, reply};
use super::texts::Texts;
use super::times::Moment;
use super::visit::{Entered, Visit};
use crate::state::task::{State, Step, TaskRecord};

/// How many tasks a page has.
const ROWS: usize = 100;

/// A task as pages show it.
struct Row {
    id: String,
    subject: String,
    kind: &'static str,
    state: &'static str,
    /// For its colour.
    class: &'static str,
    is_final: bool,
    progress: u32,
    info: String,
    began: Moment,
    ended: Option<Moment>,
    /// Each node, and its step.
    nodes: Vec<(String, String)>,
}

fn row(task: &TaskRecord, visit: &Visit<'_>) -> Row {
    let t = visit.texts();
    let (state, class) = match task.state {
        State::Initial | State::Running => (t.task_running, "UNKNOWN"),
        State::Succeeded => (t.task_succeeded, "ON"),
        State::Failed => (t.task_failed, "OFF"),
    };
    let node = |work: &crate::state::task::NodeWork| {
        let step = match work.step {
            Step::Waiting if work.untouched => t.untouched.to_owned(),
            step => step.to_string(),
        };
        (work.node.to_string(), step)
    };
    Row {
        id: task.id.to_string(),
        subject: task.subject.to_string(),
        kind: task.kind.task_type(),
        state,
        class,
        is_final: task.state.is_final(),
        progress: task.progress(),
        info: task.info.clone(),
        began: Moment::of(task.created, visit.now, t),
        ended: (task.ended > 0).then(|| Moment::of(task.ended, visit.now, t)),
        nodes: task.nodes.iter().map(node).collect(),
    }
}

#[derive(Template)]
#[template(path = "console/tasks.html")]
struct List {
    t: &'static Texts,
    layout: Layout,
    rows: Vec<Row>,
    total: usize,
    previous: Option<usize>,
    next: Option<usize>,
}

/// The list, the newest first.
pub(super) fn list(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let tasks = visit.service.catalog.tasks.of(entered.key.account);
    let pages = tasks.len().div_ceil(ROWS).max(1);
    let page = visit.query.parsed("page").unwrap_or(1).clamp(1, pages);
    let shown = tasks.iter().skip((page - 1) * ROWS).take(ROWS);
    html(&List {
        t: visit.texts(),
        layout: visit.layout("tasks"),
        rows: shown.map(|task| row(task, visit)).collect(),
        total: tasks.len(),
        previous: (page > 1).then(|| page - 1),
        next: (page < pages).then_some(page + 1),
    })
}

#[derive(Template)]
#[template(path = "console/task.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    task: Row,
}

/// One task.
pub(super) fn page(visit: &Visit<'_>, entered: &Entered, id: &str) -> Answer {
    let task = find(visit, entered, id)?;
    html(&Page {
        t: visit.texts(),
        layout: visit.layout("tasks"),
        task: row(&task, visit),
    })
}

#[derive(Template)]
#[template(path = "console/progress.html")]
struct Progress {
    t: &'static Texts,
    task: Row,
}

/// The part of a task's page that changes, for the script that keeps it fresh.
pub(super) fn progress(visit: &Visit<'_>, entered: &Entered, id: &str) -> Answer {
    let task = find(visit, entered, id)?;
    let part = Progress {
        t: visit.texts(),
        task: row(&task, visit),
    };
    Ok(reply(
        StatusCode::OK,
        "text/html; charset=utf-8",
        part.render()?,
    ))
}

fn find(visit: &Visit<'_>, entered: &Entered, id: &str) -> Result<Arc<TaskRecord>, Error> {
    let task = id
        .parse()
        .ok()
        .and_then(|id| visit.service.catalog.tasks.get(id));
    task.filter(|task| task.account == entered.key.account)
        .ok_or(Error::NotFound)
}
