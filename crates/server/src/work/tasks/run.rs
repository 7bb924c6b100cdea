//! Running one task: what comes next is done, and written down before and after.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::ending;
use super::plan::{Move, next};
use super::verify::{self, Expected};
use crate::service::Service;
use crate::state::catalog::{self, Common};
use crate::state::ids::TaskId;
use crate::state::node::Node;
use crate::state::records::{self, Driver};
use crate::state::store::{Expect, Revision, Write};
use crate::state::subject::Subject;
use crate::state::task::{Kind, NodeWork, State, Step, TaskRecord};
use crate::work::drivers::{Hand, Trouble};
use crate::work::faults;
use crate::work::issuing::{self, Issuing, names_to_cover};
use crate::work::witness;

/// Runs a task to its end, or until the service stops.
pub(super) async fn run(service: &Arc<Service>, id: TaskId, stopped: &CancellationToken) {
    let ended = match Run::open(service, id).await {
        Ok(Some(mut run)) => run.finish(stopped).await,
        Ok(None) => return,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        // The record is as it was last written: the next start goes on with it.
        tracing::error!(task = %id, %error, "a task was interrupted");
    }
}

/// A task that is running.
struct Run<'a> {
    service: &'a Arc<Service>,
    task: TaskRecord,
    revision: Revision,
}

impl<'a> Run<'a> {
    /// The task as the store has it; `None` when it has ended.
    async fn open(service: &'a Arc<Service>, id: TaskId) -> Result<Option<Self>, catalog::Error> {
        let found = service
            .catalog
            .document::<TaskRecord>(&TaskRecord::key(id))
            .await?;
        Ok(found
            .filter(|(task, _)| !task.state.is_final())
            .map(|(task, revision)| Self {
                service,
                task,
                revision,
            }))
    }

    async fn finish(&mut self, stopped: &CancellationToken) -> Result<(), catalog::Error> {
        while !stopped.is_cancelled() {
            match next(&self.task) {
                Move::End(state) => return self.end(state).await,
                Move::Restore(at) => self.restore(at).await?,
                Move::Check(at) => self.advance(at, Step::Checking, Step::Checked).await?,
                Move::Deliver(at) => self.advance(at, Step::Delivering, Step::Delivered).await?,
                Move::Load(at) => self.advance(at, Step::Loading, Step::Loaded).await?,
                Move::Verify(at) => self.advance(at, Step::Loaded, Step::Done).await?,
            }
        }
        Ok(())
    }

    /// Does one step on one node. What goes wrong makes the task fail.
    async fn advance(&mut self, at: usize, doing: Step, done: Step) -> Result<(), catalog::Error> {
        self.note(at, doing);
        self.save().await?;
        faults::hold(self.task.kind, doing, at, "before").await;
        let began = Instant::now();
        let (name, outcome) = match done {
            Step::Checked => ("check", self.check(at).await),
            Step::Delivered => ("deliver", self.deliver(at).await),
            Step::Loaded => ("load", self.load(at).await),
            _ => ("verify", self.verify(at).await),
        };
        self.count(name, began);
        faults::hold(self.task.kind, doing, at, "after").await;
        match outcome {
            Ok(()) => self.task.nodes[at].step = done,
            Err(trouble) => {
                let node = &self.task.nodes[at].node;
                tracing::warn!(task = %self.task.id, %node, step = %doing, reason = %trouble, "a task fails");
                self.task.failure = Some(format!("`{node}` ({doing}): {trouble}"));
            }
        }
        self.save().await
    }

    async fn check(&mut self, at: usize) -> Result<(), Trouble> {
        let hand = self.hand(at).await?;
        let checked = hand.check(self.task.kind).await?;
        let notes = self.approve_names(at).await?;
        let seen = verify::look(self.service, &self.node(at)?).await?;
        let work = &mut self.task.nodes[at];
        (work.before, work.seen) = (Some(checked.before), Some(seen));
        work.notes = checked.notes;
        work.notes.extend(notes);
        Ok(())
    }

    /// Whether the certificate that this node is to get may cover its names: asked before anything is touched, and again when it is issued.
    async fn approve_names(&self, at: usize) -> Result<Vec<String>, Trouble> {
        if !self.task.kind.issues() {
            return Ok(Vec::new());
        }
        let subject = self.subject()?;
        let approved = self.issuing(at, subject.common()).approve().await;
        Ok(approved.map_err(issuing::Error::from)?.notes)
    }

    /// The certificate that this node is to get.
    fn issuing(&self, at: usize, common: &Common) -> Issuing<'a> {
        let node = self.task.nodes[at].node.clone();
        let owner = (self.task.subject, self.task.account);
        Issuing::for_node(self.service, owner, node, names_to_cover(common))
    }

    async fn deliver(&mut self, at: usize) -> Result<(), Trouble> {
        let hand = self.hand(at).await?;
        let subject = self.subject()?;
        let common = subject.common();
        let issuing = self.issuing(at, common);
        let delivery = hand
            .deliver(&issuing, common.key_kind, self.before(at)?)
            .await?;
        let work = &mut self.task.nodes[at];
        work.certificate = Some(delivery.certificate);
        work.delivered = Some(delivery.delivered);
        Ok(())
    }

    async fn load(&mut self, at: usize) -> Result<(), Trouble> {
        let hand = self.hand(at).await?;
        match self.task.kind {
            Kind::Open | Kind::Rotate => {
                let delivered = self.task.nodes[at]
                    .delivered
                    .as_ref()
                    .ok_or_else(forgotten)?;
                hand.load(delivered, self.before(at)?).await
            }
            Kind::Close => hand.switch_off().await,
            Kind::Enforce => hand.require(true).await,
            Kind::Relax => hand.require(false).await,
        }
    }

    /// "It says that it is done" is not "it serves it": only a fresh handshake counts.
    async fn verify(&mut self, at: usize) -> Result<(), Trouble> {
        let work = &self.task.nodes[at];
        let expected = match (self.task.kind, &work.certificate) {
            (Kind::Open | Kind::Rotate, Some(sha256)) => Expected::Serves(sha256),
            (Kind::Close, _) => Expected::Off,
            // The driver asked the server itself; what a handshake shows is not changed by it.
            (Kind::Enforce | Kind::Relax, _) => return Ok(()),
            (Kind::Open | Kind::Rotate, None) => return Err(forgotten()),
        };
        let subject = self.subject()?;
        verify::until(self.service, &self.node(at)?, subject.common(), expected).await
    }

    /// Puts one node back. Whether it worked or not, the task goes on to its end.
    async fn restore(&mut self, at: usize) -> Result<(), catalog::Error> {
        self.note(at, Step::Restoring);
        self.save().await?;
        faults::hold(self.task.kind, Step::Restoring, at, "before").await;
        let began = Instant::now();
        let outcome = self.put_back(at).await;
        self.count("restore", began);
        faults::hold(self.task.kind, Step::Restoring, at, "after").await;
        let NodeWork { node, step, .. } = &mut self.task.nodes[at];
        match outcome {
            Ok(()) => *step = Step::Restored,
            Err(trouble) => {
                tracing::error!(task = %self.task.id, %node, reason = %trouble, "a node could not be put back");
                *step = Step::Stuck;
                let failure = self.task.failure.get_or_insert_default();
                failure.push_str(&format!(" `{node}` could not be put back: {trouble}"));
            }
        }
        self.save().await
    }

    async fn put_back(&self, at: usize) -> Result<(), Trouble> {
        let hand = self.hand(at).await?;
        hand.restore(self.before(at)?).await?;
        let seen = self.task.nodes[at].seen.as_ref().ok_or_else(forgotten)?;
        let subject = self.subject()?;
        verify::until(
            self.service,
            &self.node(at)?,
            subject.common(),
            Expected::AsBefore(seen),
        )
        .await
    }

    async fn end(&mut self, state: State) -> Result<(), catalog::Error> {
        self.ask_witnesses().await;
        self.task.state = state;
        self.task.ended = self.service.clock.now();
        self.task.info = ending::info(&self.task);
        let mut writes = ending::writes(self.service, &self.task);
        writes.push(self.write());
        self.service.catalog.commit(writes).await?;
        tracing::info!(task = %self.task.id, subject = %self.task.subject, kind = self.task.kind.task_type(), ?state, info = self.task.info, "a task ended");
        Ok(())
    }

    /// What servers said before the task is no longer so. Agents tell with their next question.
    async fn ask_witnesses(&self) {
        for at in 0..self.task.nodes.len() {
            if let (Ok(Driver::Sql), Ok(node)) = (self.driver(at), self.node(at)) {
                witness::ask(self.service, self.task.subject, &node).await;
            }
        }
    }

    fn count(&self, step: &str, began: Instant) {
        let took = began.elapsed().as_secs_f64();
        self.service.metrics.task_step(step).observe(took);
    }

    fn note(&mut self, at: usize, step: Step) {
        let node = &mut self.task.nodes[at];
        node.step = step;
        self.task.info = format!("`{}`: {step}", node.node);
        self.task.state = State::Running;
    }

    async fn save(&mut self) -> Result<(), catalog::Error> {
        self.revision = self.service.catalog.commit(vec![self.write()]).await?;
        Ok(())
    }

    /// Conditional: should another control plane run the same task, one of the two stops here.
    fn write(&self) -> Write {
        Write::put(
            TaskRecord::key(self.task.id),
            records::encode(&self.task),
            Expect::At(self.revision),
        )
    }

    fn subject(&self) -> Result<Subject, Trouble> {
        Subject::of(&self.service.catalog, self.task.subject)
            .ok_or_else(|| Trouble::new(format!("`{}` was deregistered", self.task.subject)))
    }

    fn node(&self, at: usize) -> Result<Arc<Node>, Trouble> {
        let subject = self.subject()?;
        let node = subject.common().node(&self.task.nodes[at].node);
        node.cloned().ok_or_else(|| self.no_such_node())
    }

    fn driver(&self, at: usize) -> Result<Driver, Trouble> {
        let subject = self.subject()?;
        let driver = subject.common().driver_of(&self.task.nodes[at].node);
        driver.ok_or_else(|| self.no_such_node())
    }

    fn no_such_node(&self) -> Trouble {
        Trouble::new(format!("`{}` has no such node any more", self.task.subject))
    }

    async fn hand(&self, at: usize) -> Result<Hand, Trouble> {
        let driver = self.driver(at)?;
        Hand::of(self.service, &self.task, &self.task.nodes[at].node, driver).await
    }

    fn before(&self, at: usize) -> Result<&Value, Trouble> {
        self.task.nodes[at].before.as_ref().ok_or_else(forgotten)
    }
}

/// Steps are recorded in order, so this is a record that somebody else wrote.
fn forgotten() -> Trouble {
    Trouble::new("the task's record lacks what an earlier step found")
}
