//! `CreateAccessKey`: makes another key pair of the account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::registration;
use crate::service::{fresh_key, key_record};
use crate::state::records::{self, Access, KeyRecord};
use crate::state::store::{Expect, Write};

/// The action.
pub struct CreateAccessKey;

/// The key.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// What it may do: `ReadOnly` for actions that change nothing, which is the default, or `Full`.
    #[serde(default)]
    access: Access,
    /// What it is for, in up to 200 characters.
    #[serde(default)]
    #[schemars(length(max = 200), example = &"terraform")]
    note: String,
}

/// The key pair.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// The public half.
    secret_id: String,
    /// The secret half. It is shown this once.
    secret_key: String,
}

impl Action for CreateAccessKey {
    const SPEC: Spec = Spec {
        name: "CreateAccessKey",
        product: Product::Signet,
        summary: "Makes a key pair of the account. The SecretKey is shown once and kept encrypted.",
        limit: 20,
        effect: Effect::Writes,
        errors: &[Code::InvalidParameterValue],
    };
    const ANSWERS_SECRET: bool = true;
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        registration::check_text("Note", &input.note)?;
        if input.note.chars().count() > 200 {
            return Err(ApiError::invalid_value(
                "Note",
                "it has up to 200 characters",
            ));
        }
        let service = &context.service;
        let key = fresh_key(&service.entropy)?;
        let document = key_record(
            &service.vault,
            &key,
            context.account,
            input.access,
            &input.note,
            context.now,
        )?;
        let write = Write::put(
            KeyRecord::key(&document.secret_id),
            records::encode(&document),
            Expect::Absent,
        );
        service.catalog.commit(vec![write]).await?;
        Ok(Output {
            secret_id: document.secret_id,
            secret_key: key.secret_key.expose().to_owned(),
        })
    }
}
