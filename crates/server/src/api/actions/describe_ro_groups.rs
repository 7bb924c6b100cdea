//! `DescribeRoGroups`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;

/// The action.
pub struct DescribeRoGroups;

/// The input.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {}

/// The output.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {}

impl Action for DescribeRoGroups {
    const SPEC: Spec = Spec { name: "DescribeRoGroups", product: Product::Cdb, summary: "", limit: 100, effect: Effect::Reads, errors: &[] };
    type Input = Input;
    type Output = Output;

    async fn call(_: Input, _: &Context) -> Result<Output, ApiError> {
        Ok(Output {})
    }
}
