//! `PromoteAuthority`: makes the next authority the one that issues.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::work::succession;

/// The action.
pub struct PromoteAuthority;

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "PromoteAuthorityInput")]
pub struct Input {}

/// The authority.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "PromoteAuthorityOutput")]
pub struct Output {
    /// The SHA-256 of its certificate.
    authority: String,
}

impl Action for PromoteAuthority {
    const SPEC: Spec = Spec {
        name: "PromoteAuthority",
        product: Product::Signet,
        summary: "Makes the next authority the one that issues. Certificates of the one before stay good until they are rotated, and its root stays in the bundles.",
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
        let authority = succession::promote(&context.service).await?;
        Ok(Output { authority })
    }
}
