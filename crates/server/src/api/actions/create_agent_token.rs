//! `CreateAgentToken`: lets the agent of one node enrol, once.

use dbtls::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::dates::rfc3339;
use crate::api::error::ApiError;
use crate::api::subject::Named;
use crate::state::records::Driver;
use crate::work::enrolment;

/// How long a token is good when nothing else is asked for.
const USUAL: i64 = 3600;
/// How long a token is good at most.
const LONGEST: i64 = 7 * 86_400;

/// The action.
pub struct CreateAgentToken;

/// The node.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// What the node belongs to.
    #[serde(flatten)]
    owner: Named,
    /// The node, as it is registered, with the driver `agent`.
    #[schemars(with = "String", example = &"db1.example.com:3306")]
    node: Target,
    /// How long the token is good, in seconds: 60 to 604800; 3600 by default.
    #[schemars(example = 3600)]
    valid_seconds: Option<i64>,
    /// Whether the agent that enrols with it takes the place of the one that is enrolled for the node, which is revoked then. Without it,
    /// enrolling is refused while there is one.
    #[serde(default)]
    #[schemars(example = true)]
    replace: bool,
}

/// The token.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// What `signet-agent enrol --token` takes. It is shown this once, and good once.
    token: String,
    /// Until when it is good (RFC 3339).
    expires: String,
}

impl Action for CreateAgentToken {
    const SPEC: Spec = Spec {
        name: "CreateAgentToken",
        product: Product::Signet,
        summary: "Makes a token with which the agent on one node's host enrols. It is good once, and expires.",
        limit: 20,
        effect: Effect::Writes,
        errors: &[
            Code::InternalErrorDbRecordNotExistError,
            Code::InvalidParameter,
            Code::InvalidParameterValue,
            Code::MissingParameterMissingParamError,
            Code::OperationDeniedActionNotSupport,
            Code::ResourceNotFoundInstanceNotFoundError,
        ],
    };
    const ANSWERS_SECRET: bool = true;
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let subject = input.owner.find(context)?;
        let valid = input.valid_seconds.unwrap_or(USUAL);
        if !(60..=LONGEST).contains(&valid) {
            return Err(ApiError::invalid_value(
                "ValidSeconds",
                format!("it must be 60 to {LONGEST}"),
            ));
        }
        let driver = subject.common().driver_of(&input.node).ok_or_else(|| {
            let why = format!("`{}` has no node `{}`", subject.id(), input.node);
            ApiError::invalid_value("Node", why)
        })?;
        if driver != Driver::Agent || context.service.config.agents.listen.is_none() {
            return Err(ApiError::new(
                Code::OperationDeniedActionNotSupport,
                if driver == Driver::Agent {
                    "This service has no listener for agents: configure `listen` in [agents]."
                        .to_owned()
                } else {
                    format!(
                        "The node `{}` is not registered with the driver `agent`.",
                        input.node
                    )
                },
            ));
        }
        let expires = context.now + valid;
        let owner = (subject.id(), input.node);
        let (service, account) = (&context.service, context.account);
        let token = enrolment::make_token(service, account, owner, expires, input.replace)
            .await
            .map_err(ApiError::internal)?;
        Ok(Output {
            token: token.expose().to_string(),
            expires: rfc3339(expires),
        })
    }
}
