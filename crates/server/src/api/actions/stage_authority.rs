//! `StageAuthority`: makes the root that is to issue next, for clients to trust before it does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::work::succession;

/// The action.
pub struct StageAuthority;

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "StageAuthorityInput")]
pub struct Input {}

/// The authority.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "StageAuthorityOutput")]
pub struct Output {
    /// The SHA-256 of its certificate.
    authority: String,
}

impl Action for StageAuthority {
    const SPEC: Spec = Spec {
        name: "StageAuthority",
        product: Product::Signet,
        summary: "Makes the root that is to issue next. It is in every bundle from now on, and agents get it with their next certificate; nothing is issued by it yet.",
        limit: 20,
        effect: Effect::Writes,
        errors: &[
            Code::OperationDenied,
            Code::OperationDeniedInstanceLockerConflict,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(_: Input, context: &Context) -> Result<Output, ApiError> {
        let authority = succession::stage(&context.service).await?;
        Ok(Output { authority })
    }
}
