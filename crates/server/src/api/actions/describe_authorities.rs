//! `DescribeAuthorities`: who issues, who issued before, and who will next.

use dbtls::CertificateReport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::dates::rfc3339;
use crate::api::error::ApiError;
use crate::state::authorities::Authority;
use crate::state::pki::Role;

/// The action.
pub struct DescribeAuthorities;

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "DescribeAuthoritiesInput")]
pub struct Input {}

/// The authorities.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "AuthorityList")]
pub struct Output {
    /// The one that issues first.
    items: Vec<Item>,
}

/// One authority.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "AuthorityItem")]
pub struct Item {
    /// The SHA-256 of its certificate.
    authority: String,
    /// `current`: it issues. `next`: clients are given it already. `former`: it issued before, and clients still need it.
    role: Role,
    /// Its name.
    name: String,
    /// The last moment of its validity (RFC 3339).
    not_after: String,
    /// Whole days until then.
    days_left: i64,
    /// Its certificates in PEM, the issuing one first, the root last.
    certificates: String,
    /// What the root says of itself.
    root: CertificateReport,
    /// When it was made or taken over (RFC 3339).
    created: String,
}

impl Action for DescribeAuthorities {
    const SPEC: Spec = Spec {
        name: "DescribeAuthorities",
        product: Product::Signet,
        summary: "Describes the certificate authorities: the one that issues, and those that clients have to trust beside it.",
        limit: 20,
        effect: Effect::Reads,
        errors: &[],
    };
    type Input = Input;
    type Output = Output;

    async fn call(_: Input, context: &Context) -> Result<Output, ApiError> {
        let authorities = context.service.catalog.pki.authorities();
        let items = authorities
            .iter()
            .map(|authority| item(authority, context.now));
        Ok(Output {
            items: items.collect(),
        })
    }
}

fn item(authority: &Authority, now: i64) -> Item {
    let issuer = &authority.issuer;
    let root = issuer.anchors().first().map(Vec::as_slice);
    Item {
        authority: authority.id.clone(),
        role: authority.role,
        name: issuer.common_name(),
        not_after: rfc3339(issuer.not_after()),
        days_left: (issuer.not_after() - now).div_euclid(86_400),
        certificates: issuer.chain_pem(),
        root: CertificateReport::of(root.unwrap_or_default()),
        created: rfc3339(authority.created),
    }
}
