//! `DeregisterRoGroup`: forgets a read-only group. The servers stay as they are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::subject;
use crate::state::ids::SubjectId;
use crate::state::records::RoGroupRecord;
use crate::state::store::{Expect, Write};

/// The action.
pub struct DeregisterRoGroup;

/// The group.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// The group to forget, with all its read-only instances.
    #[schemars(example = &"cdbrg-k9a6gup3")]
    ro_group_id: String,
}

/// Nothing but the RequestId.
#[derive(Serialize, JsonSchema)]
pub struct Output {}

impl Action for DeregisterRoGroup {
    const SPEC: Spec = Spec {
        name: "DeregisterRoGroup",
        product: Product::Signet,
        summary: "Forgets a read-only group and its read-only instances. It never changes a server.",
        limit: 100,
        effect: Effect::Writes,
        errors: &[
            Code::InternalErrorDbRecordNotExistError,
            Code::OperationDeniedInstanceLockerConflict,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let group = subject::group(&context.service, context.account, &input.ro_group_id)?;
        subject::require_unlocked(context, SubjectId::Group(group.id))?;
        context
            .service
            .catalog
            .commit(vec![Write::delete(
                RoGroupRecord::key(group.id),
                Expect::Anything,
            )])
            .await?;
        Ok(Output {})
    }
}
