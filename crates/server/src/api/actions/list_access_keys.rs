//! `ListAccessKeys`: the key pairs of the account, without their secrets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::dates::rfc3339;
use crate::api::error::ApiError;
use crate::state::records::Access;

/// The action.
pub struct ListAccessKeys;

/// No parameters.
#[derive(Deserialize, JsonSchema)]
pub struct Input {}

/// One key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "AccessKey")]
pub struct Item {
    /// The public half.
    pub secret_id: String,
    /// What it may do.
    pub access: Access,
    /// Whether it is accepted.
    pub enabled: bool,
    /// What it is for.
    pub note: String,
    /// When it was made (RFC 3339).
    pub created: String,
}

/// The keys.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// How many there are.
    pub total_count: usize,
    /// All of them, the oldest first.
    pub items: Vec<Item>,
}

impl Action for ListAccessKeys {
    const SPEC: Spec = Spec {
        name: "ListAccessKeys",
        product: Product::Signet,
        summary: "Lists the key pairs of the account, without their secrets.",
        limit: 20,
        effect: Effect::Reads,
        errors: &[],
    };
    type Input = Input;
    type Output = Output;

    async fn call(_: Input, context: &Context) -> Result<Output, ApiError> {
        let mut keys = context.service.catalog.keys();
        keys.retain(|key| key.account == context.account);
        keys.sort_by(|a, b| (a.created, &a.secret_id).cmp(&(b.created, &b.secret_id)));
        let items: Vec<_> = keys
            .iter()
            .map(|key| Item {
                secret_id: key.secret_id.clone(),
                access: key.access,
                enabled: key.enabled,
                note: key.note.clone(),
                created: rfc3339(key.created),
            })
            .collect();
        Ok(Output {
            total_count: items.len(),
            items,
        })
    }
}
