//! `DescribeAsyncRequestInfo`: how a task stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::state::task::State;

/// The action.
pub struct DescribeAsyncRequestInfo;

/// The task.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// What `OpenSSL`, `CloseSSL` and others answered.
    #[schemars(example = &"f96e4f3c-8fc96c86-2ec79ac8-cb63a7a7")]
    async_request_id: String,
}

/// How it stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// `INITIAL`, `RUNNING`, `SUCCESS` or `FAILED`.
    status: &'static str,
    /// What is being done, what was done, or why it failed and what to do.
    info: String,
}

impl Action for DescribeAsyncRequestInfo {
    const SPEC: Spec = Spec {
        name: "DescribeAsyncRequestInfo",
        product: Product::Cdb,
        summary: "Tells how a task stands.",
        limit: 40,
        effect: Effect::Reads,
        errors: &[
            Code::CdbErrorTaskError,
            Code::InternalErrorFtpError,
            Code::InternalErrorUndefinedError,
            Code::InvalidParameter,
            Code::InvalidParameterInvalidAsyncRequestId,
            Code::OperationDenied,
            Code::OperationDeniedUserHasNoStrategy,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let id = &input.async_request_id;
        let task = id
            .parse()
            .ok()
            .and_then(|id| context.service.catalog.tasks.get(id))
            .filter(|task| task.account == context.account)
            .ok_or_else(|| {
                ApiError::new(
                    Code::InvalidParameterInvalidAsyncRequestId,
                    format!("There is no task `{id}`."),
                )
            })?;
        Ok(Output {
            status: word(task.state),
            info: task.info.clone(),
        })
    }
}

/// This action spells success in another way than `DescribeTasks`.
fn word(state: State) -> &'static str {
    match state {
        State::Initial => "INITIAL",
        State::Running => "RUNNING",
        State::Succeeded => "SUCCESS",
        State::Failed => "FAILED",
    }
}
