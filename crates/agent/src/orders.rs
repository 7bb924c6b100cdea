//! An order, from its arrival to its outcome: noted → done → noted → answered.
//!
//! Every step on the way can be repeated, so an order that was interrupted is done again from its beginning, or undone when its
//! deadline has passed meanwhile. What is needed to undo it is on disk before anything is touched.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wire::agent::{Done, Order, Outcome, Work};

use crate::host::{Failure, Host};
use crate::state::StateError;
use crate::{VERSION, files};

/// Whether a change can be made.
mod check;
/// Keys and certificates, up to the disk.
mod install;
/// How the server was, and back to it.
mod snapshot;
/// The server takes what lies on the disk, or does without.
mod switch;

/// The last order, as it is noted in the state folder.
#[derive(Serialize, Deserialize)]
struct Entry {
    order: Order,
    /// When it arrived.
    received: i64,
    /// What became of it; nothing yet while it is under way.
    outcome: Option<Outcome>,
}

impl Host {
    /// Does an order, or remembers what became of it.
    pub(crate) async fn perform(&self, order: Order) -> Done {
        let order_id = order.id.clone();
        let entry = match self.last_entry() {
            Some(last) if last.order.id == order_id => last,
            _ => Entry {
                order,
                received: (self.clock)(),
                outcome: None,
            },
        };
        Done {
            order_id,
            outcome: self.finish(entry).await,
        }
    }

    /// Finishes, or undoes, the order that was under way when the agent ended.
    pub(crate) async fn resume(&self) {
        if let Some(entry) = self.last_entry()
            && entry.outcome.is_none()
        {
            tracing::info!(
                order = entry.order.id.as_str(),
                "goes on with an order that was interrupted"
            );
            self.finish(entry).await;
        }
    }

    fn last_entry(&self) -> Option<Entry> {
        let read = self.state.read_json(&self.state.journal());
        read.inspect_err(|e: &StateError| tracing::warn!("{e}"))
            .ok()
            .flatten()
    }

    async fn finish(&self, mut entry: Entry) -> Outcome {
        if let Some(outcome) = entry.outcome {
            return outcome;
        }
        if let Err(e) = self.state.write_json(&self.state.journal(), &entry) {
            return Outcome::Failed {
                reason: format!("{e}. Nothing was changed."),
            };
        }
        let outcome = self.within_deadline(&entry).await;
        entry.outcome = Some(outcome.clone());
        // If this is lost, the order is done once more: that is what its steps are made for.
        if let Err(e) = self.state.write_json(&self.state.journal(), &entry) {
            tracing::warn!("{e}");
        }
        outcome
    }

    async fn within_deadline(&self, entry: &Entry) -> Outcome {
        let order = &entry.order;
        let end = entry.received + i64::from(order.deadline_seconds);
        let left = Duration::from_secs(u64::try_from(end - (self.clock)()).unwrap_or(0));
        if left.is_zero() {
            return self.too_late(order).await;
        }
        match tokio::time::timeout(left, self.work(order)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Failure(reason))) => Outcome::Failed { reason },
            Err(_) => self.too_late(order).await,
        }
    }

    async fn too_late(&self, order: &Order) -> Outcome {
        let reason = format!("it was not done within its {} s", order.deadline_seconds);
        let reason = match self.load_snapshot(&order.id) {
            Ok(Some(before)) if changes_the_server(&order.work) => {
                self.undo(&before, Failure(reason)).await.0
            }
            _ => format!("{reason}. Nothing was changed."),
        };
        Outcome::Failed { reason }
    }

    async fn work(&self, order: &Order) -> Result<Outcome, Failure> {
        match &order.work {
            Work::Check { change } => self.check(&order.id, *change).await,
            Work::MakeKey { kind } => self.make_key(*kind),
            Work::Install {
                certificate_pem,
                ca_pem,
            } => self.install(&order.id, certificate_pem, ca_pem),
            Work::Load => self.load(&order.id).await,
            Work::SwitchOff => self.switch_off(&order.id).await,
            Work::Restore { before } => self.restore(before).await,
            Work::Require { on } => self.require(&order.id, *on).await,
            Work::Witness => self.witness().await,
            Work::Unknown(_) => Err(Failure(format!(
                "signet-agent {VERSION} does not know the order `{}`: update it to the version of the control plane",
                order
                    .work
                    .name()
                    .chars()
                    .take(64)
                    .map(|c| if c.is_control() { '?' } else { c })
                    .collect::<String>()
            ))),
        }
    }
}

const fn changes_the_server(work: &Work) -> bool {
    matches!(work, Work::Load | Work::SwitchOff | Work::Require { .. })
}
