//! The `agent` driver: the agent on the host does it. The key is made there and never leaves it.

use std::sync::Arc;
use std::time::Duration;

use ca::key::KeyKind;
use ca::request::CertificateRequest;
use dbtls::Target;
use serde_json::Value;
use wire::agent::{self, Change, OrderId, Outcome, Work};

use super::{Checked, Delivery, Trouble};
use crate::service::Service;
use crate::state::ids::TaskId;
use crate::state::pki::AgentRecord;
use crate::state::task::Kind;
use crate::work::issuing::Issuing;

/// How long looking, or writing files, may take.
const SHORT: Duration = Duration::from_secs(30);
/// How long loading may take: where it needs a restart, the server has to come down and up again.
const LONG: Duration = Duration::from_secs(180);

/// A node, its agent, and the task that it works for.
pub struct Hand {
    service: Arc<Service>,
    agent: Arc<AgentRecord>,
    task: TaskId,
}

impl Hand {
    pub(super) fn of(service: &Arc<Service>, task: TaskId, node: &Target) -> Result<Self, Trouble> {
        let agents = service.catalog.pki.agents().into_iter();
        let enrolled = agents.filter(|agent| agent.node == *node && agent.revoked == 0);
        // Versions before let several enrol for one node; the last of them is the one that was meant.
        let agent = enrolled.max_by_key(|agent| agent.enrolled).ok_or_else(|| {
            Trouble::new(format!(
                "no agent is enrolled for `{node}`: make a token (signet agent token) and enrol one on its host"
            ))
        })?;
        Ok(Self {
            service: Arc::clone(service),
            agent,
            task,
        })
    }

    pub(super) async fn check(&self, kind: Kind) -> Result<Checked, Trouble> {
        let change = match kind {
            Kind::Open => Change::Open,
            Kind::Close => Change::Close,
            Kind::Rotate => Change::Rotate,
            Kind::Enforce => Change::Require { on: true },
            Kind::Relax => Change::Require { on: false },
        };
        match self.order("check", Work::Check { change }, SHORT).await? {
            Outcome::Checked { before, notes, .. } => Ok(Checked { before, notes }),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn deliver(
        &self,
        issuing: &Issuing<'_>,
        kind: KeyKind,
    ) -> Result<Delivery, Trouble> {
        let kind = match kind {
            KeyKind::EcdsaP256 => agent::KeyKind::EcdsaP256,
            KeyKind::Rsa2048 => agent::KeyKind::Rsa2048,
        };
        let csr = match self.order("key", Work::MakeKey { kind }, SHORT).await? {
            Outcome::Key { csr } => csr,
            other => return Err(unexpected(&other)),
        };
        let request = CertificateRequest::from_pem(&csr)
            .map_err(|error| Trouble::new(format!("the agent's certificate request: {error}")))?;
        let issue = issuing.service.metrics.task_step("issue").start_timer();
        let certificate = issuing.issue(&request).await.map_err(Trouble::from)?;
        issue.observe_duration();
        let install = Work::Install {
            certificate_pem: certificate.chain_pem,
            ca_pem: certificate.ca_pem,
        };
        match self.order("install", install, SHORT).await? {
            Outcome::Installed => Ok(Delivery {
                certificate: certificate.sha256,
                delivered: Value::Null,
            }),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn load(&self) -> Result<(), Trouble> {
        match self.order("load", Work::Load, LONG).await? {
            Outcome::Loaded { .. } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn switch_off(&self) -> Result<(), Trouble> {
        match self.order("off", Work::SwitchOff, LONG).await? {
            Outcome::SwitchedOff { .. } => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn require(&self, on: bool) -> Result<(), Trouble> {
        match self.order("require", Work::Require { on }, SHORT).await? {
            Outcome::Required => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn restore(&self, before: &Value) -> Result<(), Trouble> {
        let before = before.clone();
        match self
            .order("restore", Work::Restore { before }, LONG)
            .await?
        {
            Outcome::Restored => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// An order that is repeated after a crash has the same ID, and the agent answers it from memory.
    async fn order(&self, step: &str, work: Work, patience: Duration) -> Result<Outcome, Trouble> {
        let id = OrderId::try_from(format!("{}-{step}", self.task))
            .map_err(|error| Trouble::new(error.to_string()))?;
        self.service
            .agents
            .order(&self.agent, id, work, patience)
            .await
    }
}

fn unexpected(outcome: &Outcome) -> Trouble {
    Trouble::new(format!(
        "the agent answered something else ({outcome:?}): is its version the same as the control plane's?"
    ))
}
