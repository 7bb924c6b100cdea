//! `DisableAccessKey`: refuses a key pair from now on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::state::records::{self, Access, KeyRecord};
use crate::state::store::{Expect, Write};

/// The action.
pub struct DisableAccessKey;

/// The key.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// The public half of the key to disable.
    #[schemars(example = &"AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE")]
    secret_id: String,
}

/// Nothing but the RequestId.
#[derive(Serialize, JsonSchema)]
pub struct Output {}

impl Action for DisableAccessKey {
    const SPEC: Spec = Spec {
        name: "DisableAccessKey",
        product: Product::Signet,
        summary: "Disables a key pair: requests signed with it are refused from now on.",
        limit: 20,
        effect: Effect::Writes,
        errors: &[
            Code::OperationDenied,
            Code::OperationDeniedInstanceLockerConflict,
            Code::ResourceNotFound,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let catalog = &context.service.catalog;
        let no_such_key = || {
            ApiError::new(
                Code::ResourceNotFound,
                format!("No key has the SecretId `{}`.", input.secret_id),
            )
        };
        let key = catalog
            .key(&input.secret_id)
            .filter(|key| key.account == context.account)
            .ok_or_else(no_such_key)?;
        let is_last = !catalog.keys().iter().any(|other| {
            other.account == key.account
                && other.enabled
                && other.access == Access::Full
                && other.secret_id != key.secret_id
        });
        if is_last && key.access == Access::Full {
            return Err(ApiError::new(
                Code::OperationDenied,
                "This is the last key that may change anything. Make another one first.",
            ));
        }
        let name = KeyRecord::key(&input.secret_id);
        let (mut record, revision) = catalog
            .document::<KeyRecord>(&name)
            .await?
            .ok_or_else(no_such_key)?;
        record.enabled = false;
        catalog
            .commit(vec![Write::put(
                name,
                records::encode(&record),
                Expect::At(revision),
            )])
            .await?;
        Ok(Output {})
    }
}
