//! What the actions that change servers have in common: who may be changed, and how a task is started.

use schemars::JsonSchema;
use serde::Serialize;
use wire::Code;

use crate::api::action::Context;
use crate::api::error::ApiError;
use crate::api::subject::{self, Named};
use crate::state::subject::Subject;
use crate::state::task::{Cause, Kind};
use crate::work::tasks::{self, Refused, Wish};

/// The task.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// The ID of the task; `DescribeAsyncRequestInfo` tells how it stands.
    async_request_id: String,
}

/// The codes that all of them document.
pub const ERRORS: [Code; 9] = [
    Code::InternalErrorDbRecordNotExistError,
    Code::InternalErrorUnknownError,
    Code::InvalidParameter,
    Code::MissingParameterMissingParamError,
    Code::OperationDeniedActionNotSupport,
    Code::OperationDeniedInstTypeNotSupport,
    Code::OperationDeniedInstanceLockerConflict,
    Code::OperationDeniedNotSupportBasic,
    Code::ResourceNotFoundInstanceNotFoundError,
];

/// Starts a task on what the two parameters name.
///
/// # Errors
/// When there is no such thing, it has no SSL, it is only observed, or another task has it.
pub async fn start(context: &Context, of: &Named, kind: Kind) -> Result<Output, ApiError> {
    let subject = of.find(context)?;
    require_switchable(&subject)?;
    subject::require_unlocked(context, subject.id())?;
    let wish = Wish {
        account: context.account,
        subject: subject.id(),
        kind,
        cause: Cause::Caller,
    };
    let task = tasks::start(&context.service, wish)
        .await
        .map_err(|refused| in_words(refused, &subject))?;
    Ok(Output {
        async_request_id: task.to_string(),
    })
}

fn require_switchable(subject: &Subject) -> Result<(), ApiError> {
    let Subject::Instance(instance) = subject else {
        return Ok(());
    };
    if instance.architecture.has_ssl() {
        return Ok(());
    }
    let code = match instance.architecture.nodes().end() {
        1 => Code::OperationDeniedNotSupportBasic,
        _ => Code::OperationDeniedInstTypeNotSupport,
    };
    Err(ApiError::new(
        code,
        format!(
            "The instance `{}` has no SSL: its architecture is {}, and only two-node and three-node instances have it.",
            instance.id,
            instance.architecture.name()
        ),
    ))
}

fn in_words(refused: Refused, subject: &Subject) -> ApiError {
    match refused {
        Refused::Locked { subject, task } => ApiError::new(
            Code::OperationDeniedInstanceLockerConflict,
            format!(
                "`{subject}` is being changed by the task `{task}`. Wait until it has ended, then call again."
            ),
        ),
        Refused::Observed(node) => ApiError::new(
            Code::OperationDeniedActionNotSupport,
            format!(
                "`{}` is not changed: its node `{node}` is registered with the driver `observe`. Register it with `sql` or `agent` to have it switched.",
                subject.id()
            ),
        ),
        Refused::Gone(id) => ApiError::new(
            Code::ResourceNotFoundInstanceNotFoundError,
            format!("`{id}` does not exist any more."),
        ),
        Refused::Catalog(error) => error.into(),
    }
}
