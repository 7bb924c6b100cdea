//! `DescribeSSLStatus`: whether SSL is on, as seen on the real servers, and where the CA bundle is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::subject;
use crate::state::status::{Verdict, why_unknown};

/// The action.
pub struct DescribeSslStatus;

/// Exactly one of the two is needed.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// A two-node or three-node instance, like `cdb-c1nl9rpv`.
    #[schemars(example = &"cdb-c1nl9rpv")]
    instance_id: Option<String>,
    /// A read-only group, like `cdbrg-k9a6gup3`. A read-only instance is asked for by its group.
    #[schemars(example = &"cdbrg-k9a6gup3")]
    ro_group_id: Option<String>,
}

/// What was seen.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// `ON` when every node does TLS, `OFF` when at least one does not.
    status: &'static str,
    /// Where the CA bundle can be downloaded. Empty until a certificate was seen for the first time.
    url: String,
}

impl Action for DescribeSslStatus {
    const SPEC: Spec = Spec {
        name: "DescribeSSLStatus",
        product: Product::Cdb,
        summary: "Tells whether SSL is on for an instance or a read-only group, and where its CA bundle can be downloaded.",
        limit: 20,
        effect: Effect::Reads,
        errors: &[
            Code::InternalErrorDbRecordNotExistError,
            Code::InternalErrorExecHttpRequestError,
            Code::InternalErrorUnknownError,
            Code::InvalidParameterControllerNotFoundError,
            Code::InvalidParameterJsonUnmarshalError,
            Code::MissingParameterMissingParamError,
            Code::ResourceNotFoundInstanceNotFoundError,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let subject = subject::find(
            context,
            input.instance_id.as_deref(),
            input.ro_group_id.as_deref(),
        )?;
        subject::require_ssl(&subject)?;
        let service = &context.service;
        let status = match service.verdict(subject.id(), subject.common(), context.now) {
            Verdict::On => "ON",
            Verdict::Off => "OFF",
            Verdict::Unknown(node) => {
                return Err(ApiError::new(
                    Code::InternalErrorExecHttpRequestError,
                    why_unknown(node, service.stale_after()),
                ));
            }
        };
        let url = if subject.common().has_bundle() {
            service.links.url(&subject.id().to_string(), context.now)
        } else {
            String::new()
        };
        Ok(Output { status, url })
    }
}
