//! `DeregisterInstance`: forgets an instance. The servers stay as they are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::subject;
use crate::state::ids::SubjectId;
use crate::state::records::InstanceRecord;
use crate::state::store::{Expect, Write};

/// The action.
pub struct DeregisterInstance;

/// The instance.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// The instance to forget. It must not have RO groups any more.
    #[schemars(example = &"cdb-c1nl9rpv")]
    instance_id: String,
}

/// Nothing but the RequestId.
#[derive(Serialize, JsonSchema)]
pub struct Output {}

impl Action for DeregisterInstance {
    const SPEC: Spec = Spec {
        name: "DeregisterInstance",
        product: Product::Signet,
        summary: "Forgets an instance. It never changes a server.",
        limit: 100,
        effect: Effect::Writes,
        errors: &[
            Code::OperationDenied,
            Code::OperationDeniedInstanceLockerConflict,
            Code::ResourceNotFoundInstanceNotFoundError,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let catalog = &context.service.catalog;
        let instance = subject::instance(context, &input.instance_id)?;
        subject::require_unlocked(context, SubjectId::Instance(instance.id))?;
        let groups = catalog.groups_of(instance.id);
        if let Some(group) = groups.first() {
            let message = format!(
                "The instance `{}` still has the RO group `{}`. Deregister its RO groups first.",
                instance.id, group.id
            );
            return Err(ApiError::new(Code::OperationDenied, message));
        }
        catalog
            .commit(vec![Write::delete(
                InstanceRecord::key(instance.id),
                Expect::Anything,
            )])
            .await?;
        Ok(Output {})
    }
}
