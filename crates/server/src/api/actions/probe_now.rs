//! `ProbeNow`: looks at the nodes of an instance or a group now, instead of at their next turn.

use schemars::JsonSchema;
use serde::Serialize;
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::subject::Named;

/// The action.
pub struct ProbeNow;

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
    type Input = Named;
    type Output = Output;

    async fn call(input: Named, context: &Context) -> Result<Output, ApiError> {
        let subject = input.find(context)?;
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
