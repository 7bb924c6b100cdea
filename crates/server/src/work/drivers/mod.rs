//! How a node is changed: by SQL alone, or by the agent on its host.
//!
//! Every function may be called again after a crash half way and ends in the same state. What a driver needs to remember between two
//! steps it hands out as a JSON value, which the task's record keeps.

pub mod agent;
pub mod sql;

use std::sync::Arc;

use ca::key::KeyKind;
use dbtls::Target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::service::Service;
use crate::state::records::Driver;
use crate::state::task::{Kind, TaskRecord};
use crate::work::issuing::{self, Issuing};

/// Why a node could not be changed, and what the operator can do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(String);

impl Trouble {
    /// A trouble with this text. It must not hold a secret: callers read it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<issuing::Error> for Trouble {
    fn from(error: issuing::Error) -> Self {
        Self(format!("no certificate was issued: {error}"))
    }
}

/// A node, and what it takes to change it.
pub enum Hand {
    /// By SQL.
    Sql(sql::Hand),
    /// By its agent.
    Agent(agent::Hand),
}

impl Hand {
    /// The hand for one node of a subject.
    ///
    /// # Errors
    /// When nothing was registered that could change the node.
    pub async fn of(
        service: &Arc<Service>,
        task: &TaskRecord,
        node: &Target,
        driver: Driver,
    ) -> Result<Self, Trouble> {
        match driver {
            Driver::Sql => sql::Hand::of(service, task.subject, node)
                .await
                .map(Self::Sql),
            Driver::Agent => agent::Hand::of(service, task.id, node).map(Self::Agent),
            Driver::Observe => Err(Trouble::new(format!(
                "`{node}` is only observed: register it with the driver `sql` or `agent`"
            ))),
        }
    }

    /// Looks whether the change can be made, before anything is touched.
    ///
    /// # Errors
    /// Everything that is missing, and what to do.
    pub async fn check(&self, kind: Kind) -> Result<Checked, Trouble> {
        match self {
            Self::Sql(hand) => hand.check(kind).await,
            Self::Agent(hand) => hand.check(kind).await,
        }
    }

    /// Has a certificate issued and brings it to the node, which does not use it yet.
    ///
    /// # Errors
    /// When the files could not be written; nothing is different then but files that nobody uses.
    pub async fn deliver(
        &self,
        issuing: &Issuing<'_>,
        key_kind: KeyKind,
        before: &Value,
    ) -> Result<Delivery, Trouble> {
        match self {
            Self::Sql(hand) => hand.deliver(issuing, key_kind, before).await,
            Self::Agent(hand) => hand.deliver(issuing, key_kind).await,
        }
    }

    /// Makes the node use what was delivered.
    ///
    /// # Errors
    /// When the server did not take it; it goes on with what it had.
    pub async fn load(&self, delivered: &Value, before: &Value) -> Result<(), Trouble> {
        match self {
            Self::Sql(hand) => hand.load(delivered, before).await,
            Self::Agent(hand) => hand.load().await,
        }
    }

    /// Switches TLS off.
    ///
    /// # Errors
    /// When the server still offers it.
    pub async fn switch_off(&self) -> Result<(), Trouble> {
        match self {
            Self::Sql(hand) => hand.switch_off().await,
            Self::Agent(hand) => hand.switch_off().await,
        }
    }

    /// Refuses plaintext connections from now on, or lets them in again.
    ///
    /// # Errors
    /// When the server says otherwise afterwards.
    pub async fn require(&self, on: bool) -> Result<(), Trouble> {
        match self {
            Self::Sql(hand) => hand.require(on).await,
            Self::Agent(hand) => hand.require(on).await,
        }
    }

    /// Puts the node back to what [`check`](Self::check) found.
    ///
    /// # Errors
    /// When it cannot be told that it is.
    pub async fn restore(&self, before: &Value) -> Result<(), Trouble> {
        match self {
            Self::Sql(hand) => hand.restore(before).await,
            Self::Agent(hand) => hand.restore(before).await,
        }
    }
}

/// A node that can be changed.
pub struct Checked {
    /// What it takes to put the node back; the driver alone reads it.
    pub before: Value,
    /// What the operator should know, one sentence each.
    pub notes: Vec<String>,
}

/// What was brought to a node.
pub struct Delivery {
    /// The SHA-256 of the certificate.
    pub certificate: String,
    /// Where the driver put it; it alone reads this.
    pub delivered: Value,
}

/// What a driver remembers between two steps, as the record keeps it.
fn remember(what: &impl Serialize) -> Result<Value, Trouble> {
    serde_json::to_value(what)
        .map_err(|error| Trouble::new(format!("it cannot be remembered: {error}")))
}

fn recall<T: DeserializeOwned>(what: &Value) -> Result<T, Trouble> {
    serde_json::from_value(what.clone()).map_err(|error| {
        Trouble::new(format!(
            "what the record keeps for the driver cannot be read: {error}"
        ))
    })
}
