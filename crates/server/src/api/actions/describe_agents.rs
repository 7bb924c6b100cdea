//! `DescribeAgents`: the agents that enrolled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::dates::rfc3339;
use crate::api::error::ApiError;
use crate::state::ids::AgentId;
use crate::state::pki::AgentRecord;

/// The action.
pub struct DescribeAgents;

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "DescribeAgentsInput")]
pub struct Input {}

/// The agents.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "AgentList")]
pub struct Output {
    /// In the order of their IDs.
    items: Vec<Item>,
}

/// One agent.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "AgentItem")]
pub struct Item {
    /// Its ID.
    agent_id: AgentId,
    /// The node that it changes.
    node: String,
    /// The instance or RO group that the node belongs to.
    instance_id: String,
    /// The name that its host gave.
    hostname: String,
    /// When it enrolled (RFC 3339).
    enrolled: String,
    /// Seconds since it asked for orders last; -1 when it has not since the service started.
    seconds_silent: i64,
    /// When its certificate expires (RFC 3339).
    not_after: String,
    /// Whether it was revoked.
    revoked: bool,
}

impl Action for DescribeAgents {
    const SPEC: Spec = Spec {
        name: "DescribeAgents",
        product: Product::Signet,
        summary: "Lists the agents that enrolled, the node that each changes, and when it was heard of last.",
        limit: 20,
        effect: Effect::Reads,
        errors: &[],
    };
    type Input = Input;
    type Output = Output;

    async fn call(_: Input, context: &Context) -> Result<Output, ApiError> {
        let agents = context.service.catalog.pki.agents();
        let ours = agents
            .iter()
            .filter(|agent| agent.account == context.account);
        Ok(Output {
            items: ours.map(|agent| item(agent, context)).collect(),
        })
    }
}

fn item(agent: &AgentRecord, context: &Context) -> Item {
    let service = &context.service;
    let issued = agent
        .certificates
        .first()
        .and_then(|sha256| service.catalog.pki.issued(sha256));
    let silent = service.agents.asked(agent.id);
    Item {
        agent_id: agent.id,
        node: agent.node.to_string(),
        instance_id: agent.subject.to_string(),
        hostname: agent.hostname.clone(),
        enrolled: rfc3339(agent.enrolled),
        seconds_silent: silent.map_or(-1, |silent| {
            i64::try_from(silent.as_secs()).unwrap_or(i64::MAX)
        }),
        not_after: issued.map_or_else(String::new, |issued| rfc3339(issued.not_after)),
        revoked: agent.revoked > 0,
    }
}
