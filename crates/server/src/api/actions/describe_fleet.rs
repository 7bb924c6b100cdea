//! `DescribeFleet`: every instance and RO group at a glance.

use std::sync::Arc;

use ca::key::KeyKind;
use dbtls::Status;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::ambient::UnixTime;
use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::dates::rfc3339;
use crate::api::error::ApiError;
use crate::api::paging;
use crate::api::registration;
use crate::state::catalog::Common;
use crate::state::drift;
use crate::state::node::{Node, Observed};
use crate::state::records::{Driver, NodeDriver, Tag};
use crate::state::subject::Subject;

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
    /// Only those whose ID or name contains this text.
    #[schemars(example = &"orders")]
    search: Option<String>,
    /// Only those with a certificate that expires within so many days.
    #[schemars(example = 30)]
    expires_within_days: Option<i64>,
    /// How many to leave out at the beginning; 0 by default.
    #[schemars(example = 0)]
    offset: Option<i64>,
    /// How many to show at most; 100 by default, 2000 at most.
    #[schemars(example = 100)]
    limit: Option<i64>,
}

/// One instance or group.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "FleetItem")]
pub struct Item {
    /// The ID of the instance or the group.
    id: String,
    /// `Instance` or `RoGroup`.
    kind: &'static str,
    /// Its name.
    name: String,
    /// How an instance is built; empty for a group.
    architecture: &'static str,
    /// The instance that a group replicates from; empty for an instance.
    primary_instance_id: String,
    /// Its nodes, the primary first.
    nodes: Vec<String>,
    /// The virtual address that clients use; empty when there is none.
    vip: String,
    /// The port of the virtual address; 0 when there is none.
    vport: u16,
    /// Further names that clients use.
    dns_names: Vec<String>,
    /// How its nodes are changed.
    driver: Driver,
    /// The nodes that are changed in another way.
    node_drivers: Vec<NodeDriver>,
    /// What the keys of the certificates are that its servers get.
    #[schemars(schema_with = "registration::key_types")]
    key_type: KeyKind,
    /// Its tags.
    tags: Vec<Tag>,
    /// `ON`, `OFF` or `UNKNOWN`.
    status: Status,
    /// The negotiated TLS versions, each once.
    tls_versions: Vec<String>,
    /// Who issued the certificates, each once.
    issuers: Vec<String>,
    /// When the first certificate expires (RFC 3339); empty when none was seen.
    not_after: String,
    /// Whole days until then; 0 when none was seen.
    days_left: i64,
    /// The servers and their versions, each once.
    servers: Vec<String>,
    /// When the node that was seen longest ago was seen last (RFC 3339); empty when one was never seen.
    last_seen: String,
    /// What nodes do that the last task did not leave them doing: the node, and what differs.
    drift: Vec<String>,
}

/// A page of the fleet.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// How many there are that fit the filters.
    total_count: usize,
    /// The page, in the order of the IDs.
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
        let mut members = members(context);
        members.retain(|member| fits(&input, member, context));
        members.sort_by_cached_key(|member| member.id().to_string());
        let items = page
            .of(&members)
            .iter()
            .map(|member| item(member, context))
            .collect();
        Ok(Output {
            total_count: members.len(),
            items,
        })
    }
}

fn members(context: &Context) -> Vec<Subject> {
    let mut members = context.service.catalog.subjects();
    members.retain(|member| member.common().account == context.account);
    members
}

fn fits(input: &Input, member: &Subject, context: &Context) -> bool {
    let common = member.common();
    let status = |wanted| status_of(member, context) == wanted;
    let search = |text: &str| common.name.contains(text) || member.id().to_string().contains(text);
    let expires = |days: i64| {
        first_expiry(common).is_some_and(|end| end - context.now <= days.saturating_mul(86_400))
    };
    input.status.is_none_or(status)
        && input.search.as_deref().is_none_or(search)
        && input.expires_within_days.is_none_or(expires)
}

fn status_of(member: &Subject, context: &Context) -> Status {
    let verdict = context
        .service
        .verdict(member.id(), member.common(), context.now);
    verdict.word()
}

fn observations(common: &Common) -> impl Iterator<Item = Arc<Observed>> {
    common.nodes.iter().filter_map(|node| node.observed())
}

fn first_expiry(common: &Common) -> Option<UnixTime> {
    observations(common)
        .filter_map(|observed| observed.not_after)
        .min()
}

fn item(member: &Subject, context: &Context) -> Item {
    let common = member.common();
    let not_after = first_expiry(common);
    let (architecture, primary_instance_id, tags) = match member {
        Subject::Instance(instance) => (
            instance.architecture.name(),
            String::new(),
            instance.tags.to_vec(),
        ),
        Subject::Group(group) => ("", group.primary.to_string(), Vec::new()),
    };
    Item {
        id: member.id().to_string(),
        kind: if matches!(member, Subject::Instance(_)) {
            "Instance"
        } else {
            "RoGroup"
        },
        name: common.name.to_string(),
        architecture,
        primary_instance_id,
        nodes: common
            .nodes
            .iter()
            .map(|node| node.target.to_string())
            .collect(),
        vip: common.vip.map(|vip| vip.to_string()).unwrap_or_default(),
        vport: common.vport,
        dns_names: common.dns.to_vec(),
        driver: common.driver,
        node_drivers: common
            .work()
            .filter(|(_, driver)| *driver != common.driver)
            .map(|(node, driver)| NodeDriver {
                node: node.target.clone(),
                driver,
            })
            .collect(),
        key_type: common.key_kind,
        tags,
        status: status_of(member, context),
        tls_versions: each_once(common, |observed| observed.profile.tls_version.clone()),
        issuers: each_once(common, |observed| observed.profile.issuer.clone()),
        not_after: not_after.map(rfc3339).unwrap_or_default(),
        days_left: not_after.map_or(0, |end| (end - context.now).div_euclid(86_400)),
        servers: each_once(common, |observed| {
            format!(
                "{} {}",
                observed.profile.flavor, observed.profile.server_version
            )
        }),
        last_seen: last_seen(common).map(rfc3339).unwrap_or_default(),
        drift: common
            .nodes
            .iter()
            .filter_map(|node| differs(node))
            .collect(),
    }
}

fn differs(node: &Node) -> Option<String> {
    drift::of(node).map(|drift| format!("{}: {}", node.target, drift.what))
}

fn each_once(common: &Common, text: impl Fn(&Observed) -> String) -> Vec<String> {
    let mut texts: Vec<_> = observations(common)
        .map(|observed| text(&observed))
        .filter(|text| !text.trim().is_empty())
        .collect();
    texts.sort();
    texts.dedup();
    texts
}

fn last_seen(common: &Common) -> Option<UnixTime> {
    let seen = common
        .nodes
        .iter()
        .map(|node| node.observed().map(|_| node.fresh().1));
    seen.collect::<Option<Vec<_>>>()?.into_iter().min()
}
