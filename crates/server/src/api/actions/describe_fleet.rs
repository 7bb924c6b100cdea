//! `DescribeFleet`: every instance and RO group at a glance.

use dbtls::Status;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::fleet::{Enforcement, Filter, Fleet, Item, OrderBy};
use crate::api::paging;

/// How many items one answer has at most.
const LARGEST_PAGE: i64 = 2000;

/// The action.
pub struct DescribeFleet;

/// Which part of the fleet. Filters combine.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// Only instances and groups with this status.
    status: Option<Status>,
    /// Only those whose ID, name, tags or nodes contain this text, in any case.
    #[schemars(example = &"orders")]
    search: Option<String>,
    /// Only those with a certificate that expires within so many days.
    #[schemars(example = 30)]
    expires_within_days: Option<i64>,
    /// Only those with a node that speaks this TLS version, like `TLSv1.2`.
    #[schemars(example = &"TLSv1.2")]
    tls_version: Option<String>,
    /// Only those that refuse plaintext connections, or that do not.
    enforcement: Option<Enforcement>,
    /// Only those with a node that differs from what its last task left it doing, or only those without.
    #[schemars(example = true)]
    has_drift: Option<bool>,
    /// What is sorted by: `Id` (the default), `Name`, `Status`, `NotAfter` or `LastSeen`.
    #[serde(default)]
    order_by: OrderBy,
    /// Whether what would come first comes last; false by default.
    #[serde(default)]
    descending: bool,
    /// How many to leave out at the beginning; 0 by default.
    #[schemars(example = 0)]
    offset: Option<i64>,
    /// How many to show at most; 100 by default, 2000 at most.
    #[schemars(example = 100)]
    limit: Option<i64>,
}

/// A page of the fleet.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// How many there are that fit the filters.
    total_count: usize,
    /// The page, in order.
    items: Vec<Item>,
}

impl Action for DescribeFleet {
    const SPEC: Spec = Spec {
        name: "DescribeFleet",
        product: Product::Signet,
        summary: "Lists every instance and read-only group with its status, TLS versions, issuers and the certificate that expires first.",
        limit: 20,
        effect: Effect::Reads,
        errors: &[Code::InvalidParameterValue],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let page = paging::window(input.offset, input.limit, 100, LARGEST_PAGE)?;
        let fleet = Fleet::of(&context.service, context.account, context.now);
        let filter = Filter {
            status: input.status,
            search: input.search,
            expires_within_days: input.expires_within_days,
            tls_version: input.tls_version,
            enforcement: input.enforcement,
            has_drift: input.has_drift,
            order_by: input.order_by,
            descending: input.descending,
        };
        let members = fleet.members(&filter);
        Ok(Output {
            total_count: members.len(),
            items: page
                .of(&members)
                .iter()
                .map(|member| fleet.item(member))
                .collect(),
        })
    }
}
