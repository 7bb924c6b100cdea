//! `DescribeCertificates`: what our authority issued, and what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::ambient::UnixTime;
use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::dates::rfc3339;
use crate::api::error::ApiError;
use crate::api::paging;
use crate::state::pki::{Fate, Holder, IssuedRecord};

/// How many certificates one answer has at most.
const LARGEST_PAGE: i64 = 1000;
/// Seconds of a day.
const DAY: UnixTime = 86_400;

/// The action.
pub struct DescribeCertificates;

/// Which certificates. Filters combine.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// Only those for the nodes of this instance, or of this RO group.
    #[schemars(example = &"cdb-c1nl9rpv")]
    instance_id: Option<String>,
    /// Only those in this state: `issued` (its task has not ended), `active`, `replaced` or `revoked`.
    state: Option<Fate>,
    /// Only those that expire within so many days.
    #[schemars(example = 30)]
    expires_within_days: Option<i64>,
    /// How many to leave out at the beginning; 0 by default.
    #[schemars(example = 0)]
    offset: Option<i64>,
    /// How many to show at most; 100 by default, 1000 at most.
    #[schemars(example = 100)]
    limit: Option<i64>,
}

/// A page of certificates.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "CertificatePage")]
pub struct Output {
    /// How many fit the filters.
    pub total_count: usize,
    /// The page, the newest first.
    pub items: Vec<Item>,
}

/// One certificate.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "IssuedCertificate")]
pub struct Item {
    /// The SHA-256 of the certificate.
    pub sha256: String,
    /// Its serial number.
    pub serial: String,
    /// The SHA-256 of the authority's certificate.
    pub authority: String,
    /// The instance or RO group that it was issued for; empty for an agent's.
    pub instance_id: String,
    /// The node that it was issued for; empty for an agent's.
    pub node: String,
    /// The agent that it was issued for; empty for a node's.
    pub agent_id: String,
    /// The names that it covers.
    pub names: Vec<String>,
    /// The first moment of its validity (RFC 3339).
    pub not_before: String,
    /// The last moment of its validity (RFC 3339).
    pub not_after: String,
    /// Whole days until then.
    pub days_left: i64,
    /// When it is to be renewed (RFC 3339); empty unless it is active.
    pub renew_at: String,
    /// What became of it.
    pub state: Fate,
    /// When it was replaced or revoked (RFC 3339); empty before that.
    pub ended_at: String,
}

impl Action for DescribeCertificates {
    const SPEC: Spec = Spec {
        name: "DescribeCertificates",
        product: Product::Signet,
        summary: "Lists the certificates that our authority issued, the newest first: for which node, with which names, until when, and what became of them.",
        limit: 20,
        effect: Effect::Reads,
        errors: &[Code::InvalidParameterValue],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let page = paging::window(input.offset, input.limit, 100, LARGEST_PAGE)?;
        let mut all = context.service.catalog.pki.all_issued();
        all.retain(|issued| issued.account == context.account && fits(&input, issued, context.now));
        let items = page.of(&all).iter();
        Ok(Output {
            total_count: all.len(),
            items: items.map(|issued| item(issued, context.now)).collect(),
        })
    }
}

fn fits(input: &Input, issued: &IssuedRecord, now: UnixTime) -> bool {
    let (of, _, _) = holder(issued);
    input
        .instance_id
        .as_ref()
        .is_none_or(|id| id.is_empty() || *id == of)
        && input.state.is_none_or(|state| issued.fate == state)
        && input
            .expires_within_days
            .is_none_or(|days| issued.not_after - now <= days.saturating_mul(DAY))
}

/// Subject, node and agent, as far as there are any.
fn holder(issued: &IssuedRecord) -> (String, String, String) {
    match &issued.holder {
        Holder::Node { node, subject } => (subject.to_string(), node.to_string(), String::new()),
        Holder::Agent(id) => (String::new(), String::new(), id.to_string()),
        Holder::Listener => (String::new(), String::new(), String::new()),
    }
}

fn item(issued: &IssuedRecord, now: UnixTime) -> Item {
    let (instance_id, node, agent_id) = holder(issued);
    let date = |is_there: bool, time: UnixTime| {
        if is_there {
            rfc3339(time)
        } else {
            String::new()
        }
    };
    Item {
        sha256: issued.sha256.clone(),
        serial: issued.serial.clone(),
        authority: issued.authority.clone(),
        instance_id,
        node,
        agent_id,
        names: issued.names.clone(),
        not_before: rfc3339(issued.not_before),
        not_after: rfc3339(issued.not_after),
        days_left: (issued.not_after - now).div_euclid(DAY),
        renew_at: date(issued.fate == Fate::Active, issued.renew_at()),
        state: issued.fate,
        ended_at: date(issued.ended > 0, issued.ended),
    }
}
