//! `DescribePosture`: everything that was seen on each node of an instance or a group.

use std::time::Duration;

use dbtls::switch::Witness;
use dbtls::{LoginOutcome, Name, Observation, Report, Status};
use schemars::JsonSchema;
use serde::Serialize;
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::dates::rfc3339;
use crate::api::error::ApiError;
use crate::api::fleet::Enforcement;
use crate::api::subject::Named;
use crate::state::drift;
use crate::state::node::Node;
use crate::state::observed;
use crate::state::status::{Verdict, why_unknown};
use crate::work::names;

/// The action.
pub struct DescribePosture;

/// What was seen.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// `ON`, `OFF` or `UNKNOWN`: what follows from the nodes.
    pub status: Status,
    /// Why it is unknown.
    pub reason: String,
    /// The nodes, the primary first.
    pub nodes: Vec<NodePosture>,
}

/// One node.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NodePosture {
    /// What was seen last, judged now.
    #[serde(flatten)]
    pub report: Report,
    /// Whether the last probe brought a verdict. When it did not, `Reason` says why, and the rest is what was seen before.
    pub reachable: bool,
    /// When what is shown was confirmed last (RFC 3339).
    pub last_seen: String,
    /// Since when it looks like this (RFC 3339).
    pub since: String,
    /// How it differs from what the last task left it doing; empty when it does not. Nobody changes it back but you.
    pub drift: String,
    /// Since when it differs (RFC 3339); empty when it does not.
    pub drift_since: String,
    /// The names that its certificate of ours covers and that were not proven to lead to a node of the instance.
    pub unproven_names: Vec<String>,
    /// Whether the server refuses plaintext connections over TCP: `REQUIRED`, `OPTIONAL`, or `UNKNOWN` when it was not asked.
    pub enforcement: Enforcement,
    /// What the server says that it loaded, and will load at its next start; left out when it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
    /// When it said so (RFC 3339); empty when it was not asked.
    pub witness_time: String,
}

impl Action for DescribePosture {
    const SPEC: Spec = Spec {
        name: "DescribePosture",
        product: Product::Signet,
        summary: "Describes what every node of an instance or a read-only group was seen to do: protocol, cipher, certificate chain, names that it covers, and how long it is good.",
        limit: 20,
        effect: Effect::Reads,
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
        let verdict = context
            .service
            .verdict(subject.id(), subject.common(), context.now);
        let reason = match verdict {
            Verdict::Unknown(node) => why_unknown(node, context.service.stale_after()),
            Verdict::On | Verdict::Off => String::new(),
        };
        let common = subject.common();
        let names = common.names();
        let mut nodes = Vec::with_capacity(common.nodes.len());
        for node in &common.nodes {
            let mut posture = posture(context, node, &names).await?;
            let certificate = node.managed().map(|expected| expected.certificate.clone());
            posture.unproven_names = certificate
                .and_then(|sha256| context.service.catalog.pki.issued(&sha256))
                .map_or_else(Vec::new, |issued| names::unproven(common, &issued));
            nodes.push(posture);
        }
        Ok(Output {
            status: verdict.word(),
            reason,
            nodes,
        })
    }
}

async fn posture(context: &Context, node: &Node, names: &[Name]) -> Result<NodePosture, ApiError> {
    let access = node.access();
    let trust = context.service.catalog.trust_for(access.as_deref());
    let failure = node.failure();
    let (_, seen) = node.fresh();
    let (mut seen_as, since) = match observed::observation(&context.service.catalog, node).await? {
        Some((record, chain)) => {
            let mut observation = record.seen;
            if let Some(tls) = &mut observation.tls {
                tls.chain = chain;
            }
            (observation, rfc3339(record.since))
        }
        None => (nothing(), String::new()),
    };
    if context.now - seen > context.service.stale_after() {
        seen_as.status = Status::Unknown;
    }
    let mut report = Report::of(&node.target, &seen_as, &trust, names, context.now);
    if let Some(failure) = &failure {
        report.reason.clone_from(&failure.reason);
    }
    let last_seen = if since.is_empty() {
        String::new()
    } else {
        rfc3339(seen)
    };
    let drift = drift::of(node);
    let witness = node.witness();
    Ok(NodePosture {
        report,
        reachable: failure.is_none() && !since.is_empty(),
        last_seen,
        since,
        drift_since: drift
            .as_ref()
            .map_or_else(String::new, |drift| rfc3339(drift.since)),
        unproven_names: Vec::new(),
        enforcement: Enforcement::of_node(node),
        witness_time: witness
            .as_ref()
            .map_or_else(String::new, |witness| rfc3339(witness.at)),
        witness: witness.map(|witness| witness.said.clone()),
        drift: drift.map_or_else(String::new, |drift| drift.what),
    })
}

/// What is seen of a node that was never seen.
fn nothing() -> Observation {
    Observation {
        status: Status::Unknown,
        reason: None,
        greeting: None,
        tls: None,
        login: LoginOutcome::NotTried,
        took: Duration::ZERO,
    }
}
