//! `ProbeNow`: looks at the nodes of an instance or a group now, instead of at their next turn.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::subject;

/// The action.
pub struct ProbeNow;

/// Exactly one of the two is needed.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// The instance to look at.
    #[schemars(example = &"cdb-c1nl9rpv")]
    instance_id: Option<String>,
    /// The read-only group to look at.
    #[schemars(example = &"cdbrg-k9a6gup3")]
    ro_group_id: Option<String>,
}

/// What was seen, in one word. `DescribePosture` has the rest.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// `ON`, `OFF` or `UNKNOWN`.
    status: &'static str,
}

impl Action for ProbeNow {
    const SPEC: Spec = Spec {
        name: "ProbeNow",
        product: Product::Signet,
        summary: "Probes every node of an instance or a read-only group now, and answers when all of them were seen.",
        limit: 20,
        // It opens connections to servers, which a key that may only read should not be able to make us do at will.
        effect: Effect::Writes,
        errors: &[
            Code::InternalErrorDbRecordNotExistError,
            Code::InvalidParameter,
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
        let service = &context.service;
        service
            .prober
            .probe(subject.common().nodes.iter().cloned())
            .await;
        Ok(Output {
            status: service
                .verdict(subject.id(), subject.common(), service.clock.now())
                .word()
                .as_str(),
        })
    }
}
