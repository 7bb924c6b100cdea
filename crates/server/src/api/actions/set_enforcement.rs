//! `SetEnforcement`: whether servers refuse connections that are not encrypted.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::subject::Named;
use crate::api::switching::{self, Output};
use crate::state::task::Kind;

/// The action.
pub struct SetEnforcement;

/// The subject, and what it is to do.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// What is changed.
    #[serde(flatten)]
    subject: Named,
    /// `true`: plaintext connections over TCP are refused (`require_secure_transport`). `false`: they are let in.
    #[schemars(example = true)]
    required: bool,
}

impl Action for SetEnforcement {
    const SPEC: Spec = Spec {
        name: "SetEnforcement",
        product: Product::Signet,
        summary: "Makes the servers of an instance or a read-only group refuse connections that are not encrypted, or let them in again. `ON` in DescribeSSLStatus says that clients can encrypt, this says that they must.",
        limit: 20,
        effect: Effect::Writes,
        errors: &switching::ERRORS,
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let kind = if input.required {
            Kind::Enforce
        } else {
            Kind::Relax
        };
        switching::start(context, &input.subject, kind).await
    }
}
