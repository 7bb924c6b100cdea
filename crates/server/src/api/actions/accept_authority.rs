//! `AcceptAuthority`: accepts that nodes show another authority than before.

use std::collections::HashSet;

use dbtls::CertificateReport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::dates::rfc3339;
use crate::api::error::ApiError;
use crate::api::subject::Named;
use crate::state::observed;
use crate::state::pins::{Foreign, PinRecord};
use crate::state::records;
use crate::state::store::{Expect, Write};
use crate::state::subject::Subject;

/// The action.
pub struct AcceptAuthority;

/// The instance or the group, and what is accepted of its nodes.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "AcceptAuthorityInput")]
pub struct Input {
    /// What the nodes belong to.
    #[serde(flatten)]
    owner: Named,
    /// The SHA-256 of the certificates to accept, each among those that the answer lists. Without any, nothing is accepted.
    #[serde(default)]
    #[schemars(example = &["d6eb5b0f9f1e7f2b3f3ad2a8f4d8b5d8c3b1b1d2b8a9a0b2f0d1f1a7d3b6c9e1"])]
    sha256: Vec<String>,
}

/// What nodes serve that is not accepted, or was not until this call.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "AcceptAuthorityOutput")]
pub struct Output {
    /// The certificates, by node.
    authorities: Vec<Authority>,
}

/// A certificate that clients would have to trust.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Authority {
    /// The node that serves it.
    node: String,
    /// Its SHA-256.
    sha256: String,
    /// Its subject.
    subject: String,
    /// The last moment of its validity (RFC 3339).
    not_after: String,
    /// Since when it is served (RFC 3339).
    since: String,
    /// It was accepted by this call: it is in the bundle from now on, in place of the one before of this node.
    accepted: bool,
}

impl Action for AcceptAuthority {
    const SPEC: Spec = Spec {
        name: "AcceptAuthority",
        product: Product::Signet,
        summary: "Accepts that nodes show another authority than the one that was seen first, so that clients get it with the bundle. Without `Sha256` it lists what could be accepted.",
        limit: 20,
        effect: Effect::Writes,
        errors: &[
            Code::InternalErrorDbRecordNotExistError,
            Code::InvalidParameter,
            Code::InvalidParameterValue,
            Code::MissingParameterMissingParamError,
            Code::OperationDenied,
            Code::ResourceNotFoundInstanceNotFoundError,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let subject = input.owner.find(context)?;
        if subject.common().has_ca() {
            return Err(ApiError::new(
                Code::OperationDenied,
                format!(
                    "CA certificates are registered for `{}`, and only those are believed. Change them with `CaCertificates` of ModifyInstance, or register the RO group again.",
                    subject.id()
                ),
            ));
        }
        let wanted: HashSet<_> = input
            .sha256
            .iter()
            .map(|sha| sha.to_ascii_lowercase())
            .collect();
        let found = foreign(context, &subject).await?;
        check_listed(&wanted, &found, &subject)?;
        accept(context, &wanted, found).await
    }
}

/// A pin with what its node serves instead.
struct Candidate {
    key: String,
    pin: PinRecord,
    expect: Expect,
    foreign: Foreign,
}

/// What the nodes serve and is not accepted.
async fn foreign(context: &Context, subject: &Subject) -> Result<Vec<Candidate>, ApiError> {
    let mut found = Vec::new();
    for node in &subject.common().nodes {
        let key = PinRecord::key(&node.target);
        let document = context.service.catalog.document::<PinRecord>(&key).await?;
        if let Some((pin, revision)) = document
            && let Some(foreign) = pin.foreign.clone()
        {
            let expect = Expect::At(revision);
            found.push(Candidate {
                key,
                pin,
                expect,
                foreign,
            });
        }
    }
    Ok(found)
}

/// Refuses what no node serves: perhaps it changed again since it was looked at.
fn check_listed(
    wanted: &HashSet<String>,
    found: &[Candidate],
    subject: &Subject,
) -> Result<(), ApiError> {
    let served = |sha256: &String| found.iter().any(|of| of.foreign.anchors.contains(sha256));
    match wanted.iter().find(|sha256| !served(sha256)) {
        None => Ok(()),
        Some(stray) => Err(ApiError::invalid_value(
            "Sha256",
            format!(
                "no node of `{}` serves a certificate `{}` that waits to be accepted; call without `Sha256` to see those that do",
                subject.id(),
                stray.chars().take(64).collect::<String>()
            ),
        )),
    }
}

/// Accepts of each node all that it serves, or nothing: one half of a chain is of no use.
async fn accept(
    context: &Context,
    wanted: &HashSet<String>,
    found: Vec<Candidate>,
) -> Result<Output, ApiError> {
    let (mut authorities, mut writes) = (Vec::new(), Vec::new());
    for candidate in found {
        let anchors = &candidate.foreign.anchors;
        let accepted = anchors.iter().all(|sha256| wanted.contains(sha256));
        for sha256 in anchors {
            let der = observed::certificate(&context.service.catalog, sha256).await?;
            let report = CertificateReport::of(&der);
            authorities.push(Authority {
                node: candidate.pin.node.to_string(),
                sha256: sha256.clone(),
                subject: report.subject,
                not_after: report.not_after,
                since: rfc3339(candidate.foreign.since),
                accepted,
            });
        }
        if let Some(next) = candidate.pin.accepted(context.now).filter(|_| accepted) {
            let document = records::encode(&next);
            writes.push(Write::put(candidate.key, document, candidate.expect));
        }
    }
    if !writes.is_empty() {
        context.service.catalog.commit(writes).await?;
    }
    Ok(Output { authorities })
}
