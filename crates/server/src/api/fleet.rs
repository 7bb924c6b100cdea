//! Every instance and RO group at a glance: which ones fit a filter, in which order, and what is told of each.

use std::sync::Arc;

use ca::key::KeyKind;
use dbtls::Status;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ambient::UnixTime;
use crate::api::dates::rfc3339;
use crate::api::registration;
use crate::service::Service;
use crate::state::catalog::Common;
use crate::state::drift;
use crate::state::ids::Account;
use crate::state::node::{Node, Observed};
use crate::state::records::{Driver, NodeDriver, Tag};
use crate::state::subject::Subject;

/// Seconds of a day.
pub const DAY: UnixTime = 86_400;

/// Whether plaintext connections over TCP are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum Enforcement {
    /// Every node was asked, and refuses them.
    Required,
    /// A node was asked and lets them in.
    Optional,
    /// No node lets them in as far as is known, but not all were asked.
    Unknown,
}

impl Enforcement {
    /// `REQUIRED`, `OPTIONAL` or `UNKNOWN`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::Optional => "OPTIONAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// What one node said.
    pub fn of_node(node: &Node) -> Self {
        match node.witness() {
            Some(witness) if witness.said.requires_tls => Self::Required,
            Some(_) => Self::Optional,
            None => Self::Unknown,
        }
    }

    /// What all nodes together do.
    pub fn of(common: &Common) -> Self {
        let of_nodes = common.nodes.iter().map(|node| Self::of_node(node));
        of_nodes.fold(Self::Required, |all, one| match (all, one) {
            (Self::Optional, _) | (_, Self::Optional) => Self::Optional,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Required, Self::Required) => Self::Required,
        })
    }
}

/// What is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum OrderBy {
    /// The ID.
    #[default]
    Id,
    /// The name.
    Name,
    /// `OFF`, then `UNKNOWN`, then `ON`.
    Status,
    /// When the first certificate expires; those without one last.
    NotAfter,
    /// When the node that was seen longest ago was seen.
    LastSeen,
}

/// Which part of the fleet, and in which order.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those with this status.
    pub status: Option<Status>,
    /// Only those whose ID, name, tags or nodes contain this text, in any case.
    pub search: Option<String>,
    /// Only those with a certificate that expires within so many days.
    pub expires_within_days: Option<i64>,
    /// Only those with a node that speaks this TLS version.
    pub tls_version: Option<String>,
    /// Only those that refuse plaintext, or that do not.
    pub enforcement: Option<Enforcement>,
    /// Only those with a node that differs from what its last task left it doing, or only those without.
    pub has_drift: Option<bool>,
    /// What is sorted by.
    pub order_by: OrderBy,
    /// Whether what would come first comes last.
    pub descending: bool,
}

/// One instance or group.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(rename = "FleetItem")]
pub struct Item {
    /// The ID of the instance or the group.
    pub id: String,
    /// `Instance` or `RoGroup`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// How an instance is built; empty for a group.
    pub architecture: &'static str,
    /// The instance that a group replicates from; empty for an instance.
    pub primary_instance_id: String,
    /// Its nodes, the primary first.
    pub nodes: Vec<String>,
    /// The virtual address that clients use; empty when there is none.
    pub vip: String,
    /// The port of the virtual address; 0 when there is none.
    pub vport: u16,
    /// Further names that clients use.
    pub dns_names: Vec<String>,
    /// How its nodes are changed.
    pub driver: Driver,
    /// The nodes that are changed in another way.
    pub node_drivers: Vec<NodeDriver>,
    /// What the keys of the certificates are that its servers get.
    #[schemars(schema_with = "registration::key_types")]
    pub key_type: KeyKind,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// `ON`, `OFF` or `UNKNOWN`.
    pub status: Status,
    /// The negotiated TLS versions, each once.
    pub tls_versions: Vec<String>,
    /// Who issued the certificates, each once.
    pub issuers: Vec<String>,
    /// When the first certificate expires (RFC 3339); empty when none was seen.
    pub not_after: String,
    /// Whole days until then; 0 when none was seen.
    pub days_left: i64,
    /// Whether plaintext connections over TCP are refused: `REQUIRED`, `OPTIONAL`, or `UNKNOWN` when not every node was asked.
    pub enforcement: Enforcement,
    /// The servers and their versions, each once.
    pub servers: Vec<String>,
    /// When the node that was seen longest ago was seen last (RFC 3339); empty when one was never seen.
    pub last_seen: String,
    /// What nodes do that the last task did not leave them doing: the node, and what differs.
    pub drift: Vec<String>,
}

/// An account's fleet at one moment.
pub struct Fleet<'a> {
    service: &'a Service,
    account: Account,
    now: UnixTime,
}

impl<'a> Fleet<'a> {
    /// The fleet of this account.
    pub fn of(service: &'a Service, account: Account, now: UnixTime) -> Self {
        Self {
            service,
            account,
            now,
        }
    }

    /// Everything that fits, in order.
    pub fn members(&self, filter: &Filter) -> Vec<Subject> {
        let search = filter.search.as_deref().map(str::to_lowercase);
        let mut members = self.service.catalog.subjects();
        members.retain(|member| {
            member.common().account == self.account
                && self.fits(filter, member)
                && search.as_deref().is_none_or(|text| is_found(text, member))
        });
        self.sort(&mut members, filter);
        members
    }

    /// What it is now.
    pub fn status(&self, member: &Subject) -> Status {
        let verdict = self.service.verdict(member.id(), member.common(), self.now);
        verdict.word()
    }

    fn fits(&self, filter: &Filter, member: &Subject) -> bool {
        let common = member.common();
        let expires = |days: i64| {
            first_expiry(common).is_some_and(|end| end - self.now <= days.saturating_mul(DAY))
        };
        let speaks = |version: &str| {
            observations(common).any(|observed| observed.profile.tls_version == version)
        };
        let drifts = |wanted| common.nodes.iter().any(|node| drift::of(node).is_some()) == wanted;
        filter
            .status
            .is_none_or(|wanted| self.status(member) == wanted)
            && filter.expires_within_days.is_none_or(expires)
            && filter.tls_version.as_deref().is_none_or(speaks)
            && filter
                .enforcement
                .is_none_or(|wanted| Enforcement::of(common) == wanted)
            && filter.has_drift.is_none_or(drifts)
    }

    /// By what was wished, then by ID, so that pages never overlap.
    fn sort(&self, members: &mut [Subject], filter: &Filter) {
        let id = |member: &Subject| member.id().to_string();
        match filter.order_by {
            OrderBy::Id => members.sort_by_cached_key(id),
            OrderBy::Name => {
                members
                    .sort_by_cached_key(|member| (member.common().name.to_lowercase(), id(member)));
            }
            OrderBy::Status => members.sort_by_cached_key(|member| {
                let rank = match self.status(member) {
                    Status::Off => 0,
                    Status::Unknown => 1,
                    Status::On => 2,
                };
                (rank, id(member))
            }),
            OrderBy::NotAfter => members.sort_by_cached_key(|member| {
                let end = first_expiry(member.common());
                (end.unwrap_or(UnixTime::MAX), id(member))
            }),
            OrderBy::LastSeen => members.sort_by_cached_key(|member| {
                (last_seen(member.common()).unwrap_or_default(), id(member))
            }),
        }
        if filter.descending {
            members.reverse();
        }
    }

    /// What is told of one.
    pub fn item(&self, member: &Subject) -> Item {
        let common = member.common();
        let not_after = first_expiry(common);
        let (kind, architecture, primary_instance_id) = match member {
            Subject::Instance(instance) => {
                ("Instance", instance.architecture.name(), String::new())
            }
            Subject::Group(group) => ("RoGroup", "", group.primary.to_string()),
        };
        Item {
            id: member.id().to_string(),
            kind,
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
            node_drivers: node_drivers(common),
            key_type: common.key_kind,
            tags: member.tags().to_vec(),
            status: self.status(member),
            tls_versions: each_once(common, |observed| observed.profile.tls_version.clone()),
            issuers: each_once(common, |observed| observed.profile.issuer.clone()),
            not_after: not_after.map(rfc3339).unwrap_or_default(),
            days_left: not_after.map_or(0, |end| (end - self.now).div_euclid(DAY)),
            enforcement: Enforcement::of(common),
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
}

/// `text` is in lower case.
fn is_found(text: &str, member: &Subject) -> bool {
    let contains = |part: &str| part.to_lowercase().contains(text);
    let common = member.common();
    contains(&common.name)
        || contains(&member.id().to_string())
        || common
            .nodes
            .iter()
            .any(|node| contains(&node.target.to_string()))
        || member
            .tags()
            .iter()
            .any(|tag| contains(&tag.key) || contains(&tag.value))
}

/// What was seen on its nodes, as far as anything was.
pub fn observations(common: &Common) -> impl Iterator<Item = Arc<Observed>> {
    common.nodes.iter().filter_map(|node| node.observed())
}

/// When the first of its certificates expires.
pub fn first_expiry(common: &Common) -> Option<UnixTime> {
    observations(common)
        .filter_map(|observed| observed.not_after)
        .min()
}

fn node_drivers(common: &Common) -> Vec<NodeDriver> {
    let others = common.work().filter(|(_, driver)| *driver != common.driver);
    let driver = |(node, driver): (&Arc<Node>, Driver)| NodeDriver {
        node: node.target.clone(),
        driver,
    };
    others.map(driver).collect()
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
