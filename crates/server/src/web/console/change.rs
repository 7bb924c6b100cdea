//! The buttons of an instance: each asks first, and says what will happen on which node.

use askama::Template;
use serde_json::{Map, Value};

use super::error::{Answer, Error};
use super::instance;
use super::page::{Layout, html, see};
use super::texts::Texts;
use super::visit::{Entered, Visit};
use crate::api::action::{Entry, Product};
use crate::api::actions;
use crate::api::error::ApiError;
use crate::state::ids::SubjectId;
use crate::state::records::Driver;

/// What can be done to an instance or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Open,
    Rotate,
    Close,
    Enforce,
    Relax,
    Probe,
}

impl Change {
    /// All of them, in the order of their buttons.
    pub(super) const ALL: [Self; 6] = [
        Self::Open,
        Self::Rotate,
        Self::Close,
        Self::Enforce,
        Self::Relax,
        Self::Probe,
    ];

    /// Its name in addresses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Rotate => "rotate",
            Self::Close => "close",
            Self::Enforce => "enforce",
            Self::Relax => "relax",
            Self::Probe => "probe",
        }
    }

    /// What its button says.
    pub(super) fn label(self, t: &Texts) -> &'static str {
        match self {
            Self::Open => t.open_ssl,
            Self::Rotate => t.rotate,
            Self::Close => t.close_ssl,
            Self::Enforce => t.enforce,
            Self::Relax => t.relax,
            Self::Probe => t.probe_now,
        }
    }

    fn named(name: &str) -> Result<Self, Error> {
        let mut all = Self::ALL.into_iter();
        all.find(|change| change.name() == name)
            .ok_or(Error::NotFound)
    }

    /// What it means as a whole.
    fn meaning(self, t: &Texts) -> &'static str {
        match self {
            Self::Open => t.open_means,
            Self::Rotate => t.rotate_means,
            Self::Close => t.close_means,
            Self::Enforce => t.enforce_means,
            Self::Relax => t.relax_means,
            Self::Probe => t.probe_means,
        }
    }

    /// What it means for a node that is changed so.
    fn on_node(self, driver: Driver, t: &Texts) -> &'static str {
        match (self, driver) {
            (Self::Probe, _) => t.probe_on_node,
            (_, Driver::Observe) => t.observed_on_node,
            (Self::Open | Self::Rotate, Driver::Sql) => t.issue_by_sql,
            (Self::Open, Driver::Agent) => t.open_by_agent,
            (Self::Rotate, Driver::Agent) => t.rotate_by_agent,
            (Self::Close, Driver::Sql) => t.close_by_sql,
            (Self::Close, Driver::Agent) => t.close_by_agent,
            (Self::Enforce, _) => t.enforce_on_node,
            (Self::Relax, _) => t.relax_on_node,
        }
    }

    fn entry(self) -> Result<&'static Entry, Error> {
        let (product, name) = match self {
            Self::Open => (Product::Cdb, "OpenSSL"),
            Self::Close => (Product::Cdb, "CloseSSL"),
            Self::Rotate => (Product::Signet, "RotateCertificate"),
            Self::Enforce | Self::Relax => (Product::Signet, "SetEnforcement"),
            Self::Probe => (Product::Signet, "ProbeNow"),
        };
        actions::named(product, name).ok_or(Error::NotFound)
    }

    fn parameters(self, id: SubjectId) -> Map<String, Value> {
        let name = match id {
            SubjectId::Instance(_) => "InstanceId",
            SubjectId::Group(_) => "RoGroupId",
        };
        let mut parameters = Map::from_iter([(name.to_owned(), Value::from(id.to_string()))]);
        if let Self::Enforce | Self::Relax = self {
            parameters.insert("Required".into(), Value::from(self == Self::Enforce));
        }
        parameters
    }
}

#[derive(Template)]
#[template(path = "console/change.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    id: String,
    name: String,
    change: Change,
    meaning: &'static str,
    /// Each node, and what will happen on it.
    nodes: Vec<(String, &'static str)>,
}

/// The question.
pub(super) fn page(visit: &Visit<'_>, entered: &Entered, id: &str, change: &str) -> Answer {
    let t = visit.texts();
    let change = Change::named(change)?;
    let subject = instance::subject(visit, entered, id)?;
    let nodes = subject.common().work();
    html(&Page {
        t,
        layout: visit.layout("fleet"),
        id: subject.id().to_string(),
        name: subject.common().name.to_string(),
        change,
        meaning: change.meaning(t),
        nodes: nodes
            .map(|(node, driver)| (node.target.to_string(), change.on_node(driver, t)))
            .collect(),
    })
}

/// The answer yes: calls the action, and shows its task.
pub(super) async fn start(visit: &Visit<'_>, entered: &Entered, id: &str, change: &str) -> Answer {
    let change = Change::named(change)?;
    let subject = instance::subject(visit, entered, id)?;
    let parameters = change.parameters(subject.id());
    let answer: Result<Value, ApiError> = visit.call(entered, change.entry()?, parameters).await;
    Ok(match answer?["AsyncRequestId"].as_str() {
        Some(task) => see(&format!("/console/tasks/{task}")),
        None => see(&format!("/console/instances/{}", subject.id())),
    })
}
