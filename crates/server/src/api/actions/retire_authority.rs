//! `RetireAuthority`: takes a former authority out of the bundles.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::work::succession;

/// The action.
pub struct RetireAuthority;

/// The authority.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "RetireAuthorityInput")]
pub struct Input {
    /// The SHA-256 of its certificate, as `DescribeAuthorities` shows it.
    #[schemars(example = &"3b9c1f0e5a7d4c2b8e6f1a0d9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b")]
    authority: String,
}

/// The authority.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "RetireAuthorityOutput")]
pub struct Output {
    /// The SHA-256 of its certificate.
    authority: String,
}

impl Action for RetireAuthority {
    const SPEC: Spec = Spec {
        name: "RetireAuthority",
        product: Product::Signet,
        summary: "Takes a former authority out of the bundles and deletes its key. It is refused while a node serves a certificate of it or an agent depends on it, and cannot be undone.",
        limit: 20,
        effect: Effect::Writes,
        errors: &[
            Code::InvalidParameterValue,
            Code::OperationDenied,
            Code::OperationDeniedInstanceLockerConflict,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        succession::retire(&context.service, &input.authority).await?;
        Ok(Output {
            authority: input.authority,
        })
    }
}
