//! One instance or group: what each node was seen to do, how to connect, what happened, and what can be done.

use askama::Template;
use dbtls::{CertificateReport, Status};
use hyper::StatusCode;

use super::change::Change;
use super::error::{Answer, Error};
use super::page::{Layout, html_with};
use super::texts::Texts;
use super::times::Moment;
use super::visit::{Entered, Visit};
use crate::ambient::{UnixTime, parse_rfc3339};
use crate::api::action::Action;
use crate::api::actions::describe_posture::{DescribePosture, NodePosture};
use crate::api::fleet::{Fleet, Item};
use crate::api::subject::Named;
use crate::state::records::Driver;
use crate::state::subject::Subject;
use crate::state::task::{State, TaskRecord};
use crate::web::readme;

/// How many lines of the past a page has.
const EVENTS: usize = 50;

#[derive(Template)]
#[template(path = "console/instance.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    item: Item,
    reason: String,
    nodes: Vec<NodeCard>,
    /// The link of the bundle; empty while no certificate was seen.
    bundle: String,
    formats: Vec<(&'static str, String)>,
    connections: Vec<(&'static str, String)>,
    /// The groups of an instance.
    groups: Vec<String>,
    changes: Vec<Change>,
    /// The task that is under way.
    running: Option<String>,
    events: Vec<Event>,
}

/// A node, and what goes with it.
struct NodeCard {
    posture: NodePosture,
    driver: Driver,
    expires: Option<Moment>,
    seen: Option<Moment>,
    since: Option<Moment>,
    drift_since: Option<Moment>,
}

/// Something that happened.
struct Event {
    time: UnixTime,
    at: Moment,
    what: String,
    /// Where more is told; empty when nowhere.
    link: String,
}

/// What has this ID, if it is the visitor's.
pub(super) fn subject(visit: &Visit<'_>, entered: &Entered, id: &str) -> Result<Subject, Error> {
    let found = id
        .parse()
        .ok()
        .and_then(|id| Subject::of(&visit.service.catalog, id));
    found
        .filter(|subject| subject.common().account == entered.key.account)
        .ok_or(Error::NotFound)
}

/// The page.
pub(super) async fn page(visit: &Visit<'_>, entered: &Entered, id: &str) -> Answer {
    let t = visit.texts();
    let subject = subject(visit, entered, id)?;
    let context = visit.context(entered);
    let posture = DescribePosture::call(Named::of(subject.id()), &context).await?;
    let fleet = Fleet::of(visit.service, entered.key.account, visit.now);
    let running = visit.service.catalog.tasks.running(subject.id());
    let events = events(visit, entered, &subject, &posture.nodes);
    let (bundle, formats) = bundle(visit, &subject);
    let drivers = subject.common().work().map(|(_, driver)| driver);
    let nodes = posture.nodes.into_iter().zip(drivers);
    let page = Page {
        t,
        layout: visit.layout("fleet"),
        item: fleet.item(&subject),
        reason: posture.reason,
        nodes: nodes
            .map(|(posture, driver)| card(posture, driver, visit))
            .collect(),
        bundle,
        formats,
        connections: readme::connections(&subject),
        groups: groups(visit, &subject),
        changes: Change::ALL.to_vec(),
        running: running.map(|task| task.id.to_string()),
        events,
    };
    html_with(StatusCode::OK, &page)
}

fn card(posture: NodePosture, driver: Driver, visit: &Visit<'_>) -> NodeCard {
    let moment = |text: &str| Moment::read(text, visit.now, visit.texts());
    NodeCard {
        expires: moment(&posture.report.not_after),
        seen: moment(&posture.last_seen),
        since: moment(&posture.since),
        drift_since: moment(&posture.drift_since),
        posture,
        driver,
    }
}

/// The link of the archive, and the links of what is in it.
fn bundle(visit: &Visit<'_>, subject: &Subject) -> (String, Vec<(&'static str, String)>) {
    use ca::bundle::Format;
    if !subject.common().has_bundle() {
        return (String::new(), Vec::new());
    }
    let url = visit
        .service
        .links
        .url(&subject.id().to_string(), visit.now);
    let zip = Format::Zip.file_name();
    let link = |format: Format| url.replacen(zip, format.file_name(), 1);
    let formats = [
        Format::Pem,
        Format::P7b,
        Format::Jks,
        Format::P12,
        Format::Readme,
    ]
    .map(|format| (format.file_name(), link(format)));
    (url, formats.into())
}

fn groups(visit: &Visit<'_>, subject: &Subject) -> Vec<String> {
    let Subject::Instance(instance) = subject else {
        return Vec::new();
    };
    let groups = visit.service.catalog.groups_of(instance.id);
    groups.iter().map(|group| group.id.to_string()).collect()
}

/// What is known of the past, the newest first.
fn events(
    visit: &Visit<'_>,
    entered: &Entered,
    subject: &Subject,
    nodes: &[NodePosture],
) -> Vec<Event> {
    let t = visit.texts();
    let event = |time, what: String, link: String| Event {
        time,
        at: Moment::of(time, visit.now, t),
        what,
        link,
    };
    let mut events = Vec::new();
    for task in visit.service.catalog.tasks.of(entered.key.account) {
        if task.subject == subject.id() {
            let link = format!("/console/tasks/{}", task.id);
            events.push(event(task_time(&task), told(&task, t), link));
        }
    }
    for node in nodes {
        if let Some(since) = parse_rfc3339(&node.since) {
            let what = format!("{}: {}", node.report.target, seen_as(node));
            events.push(event(since, what, String::new()));
        }
        if let Some(since) = parse_rfc3339(&node.drift_since) {
            let what = format!("{}: {}", node.report.target, node.drift);
            events.push(event(since, what, String::new()));
        }
    }
    let created = subject.common().created;
    events.push(event(created, t.was_registered.to_owned(), String::new()));
    // What happened within a second stays in the order in which it was put in.
    events.sort_by_key(|event| std::cmp::Reverse(event.time));
    events.truncate(EVENTS);
    events
}

fn task_time(task: &TaskRecord) -> UnixTime {
    if task.ended > 0 {
        task.ended
    } else {
        task.created
    }
}

fn told(task: &TaskRecord, t: &Texts) -> String {
    let state = match task.state {
        State::Initial | State::Running => t.task_running,
        State::Succeeded => t.task_succeeded,
        State::Failed => t.task_failed,
    };
    format!("{} – {state}: {}", task.kind.task_type(), task.info)
}

/// What a node looks like since then, in a few words.
fn seen_as(node: &NodePosture) -> String {
    let report = &node.report;
    match report.status {
        Status::On => {
            let leaf = report.chain.first();
            let issuer = leaf.map_or("", |leaf: &CertificateReport| leaf.issuer.as_str());
            format!("ON, {} ({issuer})", report.tls_version)
        }
        other => other.as_str().to_owned(),
    }
}
