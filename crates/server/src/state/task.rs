//! Tasks: a change under way, step by step. The record is written before and after every step, so that after a crash
//! the task goes on where it was.

use std::fmt;

use dbtls::{Status, Target};
use serde::{Deserialize, Deserializer, Serialize};

use crate::ambient::UnixTime;
use crate::state::ids::{Account, SubjectId, TaskId};
use crate::state::records::{V1, sharded};

/// Where tasks stand.
pub const TASKS: &str = "t/";
/// Where the locks of subjects stand: at most one task changes a subject at a time.
pub const LOCKS: &str = "l/";

/// What a task changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// TLS is switched on.
    Open,
    /// TLS is switched off.
    Close,
    /// Every node gets a fresh certificate of ours, whatever it served before.
    Rotate,
    /// Plaintext connections are refused from now on.
    Enforce,
    /// Plaintext connections are let in again.
    Relax,
}

impl Kind {
    /// The task type, as `DescribeTasks` names it. The vendor documents none for SSL, so these are ours.
    pub const fn task_type(self) -> &'static str {
        match self {
            Self::Open => "OPEN SSL",
            Self::Close => "CLOSE SSL",
            Self::Rotate => "ROTATE SSL",
            Self::Enforce => "ENFORCE SSL",
            Self::Relax => "RELAX SSL",
        }
    }

    /// Whether nodes get a new certificate.
    pub const fn issues(self) -> bool {
        matches!(self, Self::Open | Self::Rotate)
    }
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// It waits for its turn.
    Initial,
    /// It runs.
    Running,
    /// It is done, and every node was seen to be as it should.
    Succeeded,
    /// It could not be done; what had been changed was put back as far as possible.
    Failed,
}

impl State {
    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// How far a task has come with one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Nothing was done yet.
    Waiting,
    /// It is being looked at whether the change can be made.
    Checking,
    /// The change can be made; what the server has now is known.
    Checked,
    /// A certificate is being issued and brought to the server.
    Delivering,
    /// The files are there; the server does not use them yet.
    Delivered,
    /// The server is being told.
    Loading,
    /// The server says that it is done.
    Loaded,
    /// A handshake showed it, or there is nothing to do for this node.
    Done,
    /// What the server had before is being put back.
    Restoring,
    /// It was put back.
    Restored,
    /// It could not be put back; the task's text says why.
    Stuck,
}

impl Step {
    /// Whether the server may have been changed, so that it has to be put back when the task fails.
    pub const fn may_have_changed(self) -> bool {
        matches!(
            self,
            Self::Loading | Self::Loaded | Self::Done | Self::Restoring
        )
    }

    /// How much of the work for a node is behind it, in percent.
    pub const fn percent(self) -> u32 {
        match self {
            Self::Waiting => 0,
            Self::Checking => 5,
            Self::Checked => 15,
            Self::Delivering => 25,
            Self::Delivered => 45,
            Self::Loading => 60,
            Self::Loaded => 80,
            Self::Done | Self::Restoring | Self::Restored | Self::Stuck => 100,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The work on one node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct NodeWork {
    /// The node.
    pub node: Target,
    /// How far it is.
    pub step: Step,
    /// The node is as wanted already: nothing is done to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untouched: bool,
    /// What the driver needs to put the node back as it was. The driver alone reads it.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub before: Option<serde_json::Value>,
    /// What the operator should know about it, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What was seen on the node before: its status and the SHA-256 of the leaf that it served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// The SHA-256 of the certificate that was issued for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Where the driver put the files. The driver alone reads it.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub delivered: Option<serde_json::Value>,
}

/// What a driver gave, also when that is null: an agent keeps by itself what it was given.
fn given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

impl NodeWork {
    /// Nothing done yet.
    pub fn waiting(node: Target) -> Self {
        Self {
            node,
            step: Step::Waiting,
            untouched: false,
            before: None,
            notes: Vec::new(),
            seen: None,
            certificate: None,
            delivered: None,
        }
    }

    /// A node that is as wanted already.
    pub fn untouched(node: Target) -> Self {
        Self {
            untouched: true,
            step: Step::Done,
            ..Self::waiting(node)
        }
    }
}

/// What a handshake showed, in short.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Seen {
    /// ON or OFF.
    pub status: Status,
    /// The SHA-256 of the leaf certificate; empty while TLS is off.
    pub leaf: String,
}

/// Who wanted the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A caller.
    Caller,
    /// The renewal: two thirds of a certificate's life are over.
    Renewal,
}

/// The document of a task.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct TaskRecord {
    /// The document's format.
    pub v: V1,
    /// Its ID.
    pub id: TaskId,
    /// Whose it is.
    pub account: Account,
    /// What it changes.
    pub subject: SubjectId,
    /// How it changes it.
    pub kind: Kind,
    /// Who wanted it.
    pub cause: Cause,
    /// How it stands.
    pub state: State,
    /// What happened, for people: what is being done, why it failed, or what is remarkable about its success.
    pub info: String,
    /// Why it is failing, once that is decided: from then on changed nodes are put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What `Status` was before; it is answered while the task runs.
    pub status_before: Status,
    /// When it was wanted.
    pub created: UnixTime,
    /// When it ended; 0 before that.
    #[serde(default)]
    pub ended: UnixTime,
    /// The work on each node, the primary first.
    pub nodes: Vec<NodeWork>,
}

impl TaskRecord {
    /// The key of the task with this ID.
    pub fn key(id: TaskId) -> String {
        sharded(TASKS, &id.to_string())
    }

    /// The key of the lock that the task on this subject holds.
    pub fn lock(subject: SubjectId) -> String {
        format!("{LOCKS}{subject}")
    }

    /// How much is done, in percent.
    pub fn progress(&self) -> u32 {
        if self.state.is_final() {
            return 100;
        }
        let nodes = u32::try_from(self.nodes.len().max(1)).unwrap_or(1);
        let done: u32 = self.nodes.iter().map(|node| node.step.percent()).sum();
        // A task that has not ended is never complete.
        (done / nodes).min(99)
    }
}

/// The document of a lock: the task that holds the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Lock {
    /// The document's format.
    pub v: V1,
    /// The task.
    pub task: TaskId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(steps: &[Step]) -> TaskRecord {
        TaskRecord {
            v: V1,
            id: "f96e4f3c-8fc96c86-2ec79ac8-cb63a7a7".parse().unwrap(),
            account: Account::FIRST,
            subject: SubjectId::Instance("cdb-c1nl9rpv".parse().unwrap()),
            kind: Kind::Open,
            cause: Cause::Caller,
            state: State::Running,
            info: String::new(),
            failure: None,
            status_before: Status::Off,
            created: 1,
            ended: 0,
            nodes: steps
                .iter()
                .map(|step| NodeWork {
                    step: *step,
                    ..NodeWork::waiting("127.0.0.1:3306".parse().unwrap())
                })
                .collect(),
        }
    }

    #[test]
    fn progress_grows_with_the_steps_and_is_complete_only_at_the_end() {
        assert_eq!(task(&[Step::Waiting, Step::Waiting]).progress(), 0);
        assert_eq!(task(&[Step::Done, Step::Waiting]).progress(), 50);
        let mut all = task(&[Step::Done, Step::Done]);
        assert_eq!(all.progress(), 99);
        all.state = State::Succeeded;
        assert_eq!(all.progress(), 100);
    }

    #[test]
    fn what_a_driver_gave_reads_back_also_when_it_is_null() {
        for given in [None, Some(serde_json::Value::Null), Some("order-1".into())] {
            let work = NodeWork {
                before: given.clone(),
                delivered: given,
                ..NodeWork::waiting("192.0.2.12:3306".parse().unwrap())
            };
            let written = serde_json::to_vec(&work).unwrap();
            let read: NodeWork = serde_json::from_slice(&written).unwrap();
            assert_eq!(read, work);
        }
    }

    #[test]
    fn a_step_has_the_name_that_is_stored() {
        assert_eq!(Step::Delivering.to_string(), "delivering");
    }
}
