//! `RevokeAgent`: keeps an agent out from now on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::state::ids::AgentId;
use crate::work::enrolment;

/// The action.
pub struct RevokeAgent;

/// The agent.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "RevokeAgentInput")]
pub struct Input {
    /// Its ID.
    agent_id: AgentId,
}

/// Nothing but the RequestId.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RevokeAgentOutput")]
pub struct Output {}

impl Action for RevokeAgent {
    const SPEC: Spec = Spec {
        name: "RevokeAgent",
        product: Product::Signet,
        summary: "Keeps an agent out from now on: its certificates are not accepted any more. The servers stay as they are.",
        limit: 20,
        effect: Effect::Writes,
        errors: &[Code::ResourceNotFound],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let service = &context.service;
        let agent = service
            .catalog
            .pki
            .agent(input.agent_id)
            .filter(|agent| agent.account == context.account)
            .ok_or_else(|| {
                ApiError::new(
                    Code::ResourceNotFound,
                    format!("The agent `{}` does not exist.", input.agent_id),
                )
            })?;
        enrolment::revoke(service, agent.id).await?;
        Ok(Output {})
    }
}
