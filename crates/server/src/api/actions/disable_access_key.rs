//! `DisableAccessKey`: refuses a key pair from now on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::state::catalog::Catalog;
use crate::state::keys::AccessKey;
use crate::state::records::{self, Access, DisabledKeys, KeyRecord, V1};
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
        let mut writes = match key.access {
            Access::Full => vec![guard(catalog, &key).await?],
            Access::ReadOnly => Vec::new(),
        };
        let name = KeyRecord::key(&input.secret_id);
        let (mut record, revision) = catalog
            .document::<KeyRecord>(&name)
            .await?
            .ok_or_else(no_such_key)?;
        record.enabled = false;
        writes.push(Write::put(
            name,
            records::encode(&record),
            Expect::At(revision),
        ));
        catalog.commit(writes).await?;
        Ok(Output {})
    }
}

/// Makes sure that another key of the account may change everything. The write that is returned fails when a key is disabled
/// after the look; so the order is: the guard's revision first, then the keys as they are stored.
async fn guard(catalog: &Catalog, key: &AccessKey) -> Result<Write, ApiError> {
    let guard = catalog
        .document::<DisabledKeys>(records::DISABLED_KEYS)
        .await?;
    if !is_replaceable(catalog, key).await? {
        return Err(ApiError::new(
            Code::OperationDenied,
            "This is the last key that may change anything. Make another one first.",
        ));
    }
    let (count, expect) = guard.map_or((0, Expect::Absent), |(guard, revision)| {
        (guard.count, Expect::At(revision))
    });
    let next = DisabledKeys {
        v: V1,
        count: count + 1,
    };
    Ok(Write::put(
        records::DISABLED_KEYS,
        records::encode(&next),
        expect,
    ))
}

/// Whether the store has another enabled key of the account that may change everything.
async fn is_replaceable(catalog: &Catalog, key: &AccessKey) -> Result<bool, ApiError> {
    for other in catalog.keys() {
        if other.secret_id == key.secret_id || other.account != key.account {
            continue;
        }
        let name = KeyRecord::key(&other.secret_id);
        let stored = catalog.document::<KeyRecord>(&name).await?;
        if stored.is_some_and(|(key, _)| key.enabled && key.access == Access::Full) {
            return Ok(true);
        }
    }
    Ok(false)
}
