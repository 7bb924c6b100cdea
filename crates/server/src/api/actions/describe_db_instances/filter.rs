//! Which instances a caller wants.
//!
//! Filters are ANDed and the values in one list ORed, as is the custom of the vendor's lists; its pages do not say so.
//! A filter compares with what the answer shows. So one on something that no instance here has, like a network, lets
//! pass everything for the value that stands for nothing (0 or empty), and nothing for any other.
//!
//! Values outside of a documented list are refused where the list is complete (`InstanceTypes`, flags). Where the vendor
//! keeps adding to it (`Status`, `EngineVersions`, `EngineTypes`), they fit nothing.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use dbtls::Name;

use super::input::Input;
use super::invalid;
use super::row::Row;
use super::show::{ENGINE, NO_PROJECT};
use crate::api::error::ApiError;
use crate::api::vendor_view::{self, HOURLY, PRIMARY, READ_ONLY, RUNNING};
use crate::state::catalog::{Catalog, RoGroup};
use crate::state::ids::{Account, InstanceId, RoInstanceId};
use crate::state::records::Tag;
use crate::state::tasks::Tasks;

/// `InstanceType` of a disaster recovery instance.
const DISASTER_RECOVERY: i64 = 2;

/// The filters of one request.
pub(super) struct Filter {
    /// Whether the filters on what all instances have in common let them pass.
    lets_any_pass: bool,
    with_primary: bool,
    with_read_only: bool,
    ids: Option<Vec<String>>,
    names: Among<String>,
    hosts: Among<Name>,
    versions: Among<String>,
    tags: Vec<Tag>,
    tag_keys: Among<String>,
    tag_values: Among<String>,
    task_status: Among<i64>,
}

impl Filter {
    /// Reads the filters.
    ///
    /// # Errors
    /// `InvalidParameterValue.InvalidParameterValueError`, naming the parameter.
    pub(super) fn parse(input: Input) -> Result<Self, ApiError> {
        check(&input)?;
        let kinds = Among::of(&input.instance_types);
        Ok(Self {
            lets_any_pass: fits_what_all_have_in_common(&input),
            with_primary: input.with_master != Some(0) && kinds.has(&PRIMARY),
            with_read_only: input.with_ro != Some(0) && kinds.has(&READ_ONLY),
            ids: (!input.instance_ids.is_empty()).then_some(input.instance_ids),
            names: Among::of(&input.instance_names),
            hosts: hosts(&input.vips),
            versions: Among::of(&input.engine_versions),
            tags: input.tags,
            tag_keys: Among::of(&input.tag_keys_for_search),
            tag_values: Among::of(&input.tag_values),
            task_status: Among::of(&input.task_status),
        })
    }

    /// Whether every instance has to be looked at, since none is named.
    pub(super) fn looks_at_all(&self) -> bool {
        self.lets_any_pass && self.ids.is_none()
    }

    /// The account's instances that pass, in no order. Those that are named by their IDs are looked up; otherwise all
    /// are looked at.
    ///
    /// IDs that nobody has are left out. The vendor does not document what it does; `InvalidParameter.InstanceNotFound` is
    /// among the codes of the action. Terraform takes either for "gone", and a list with one ID too many is still of use.
    pub(super) fn rows(&self, catalog: &Catalog, account: Account) -> Vec<Row> {
        if !self.lets_any_pass {
            return Vec::new();
        }
        let mut rows = match &self.ids {
            Some(ids) => named(catalog, ids),
            None => all(catalog),
        };
        rows.retain(|row| row.account() == account && self.passes(row, &catalog.tasks));
        rows
    }

    fn passes(&self, row: &Row, tasks: &Tasks) -> bool {
        let kind = match row {
            Row::Primary(_) => self.with_primary,
            Row::ReadOnly(..) => self.with_read_only,
        };
        kind && self.names.passes(|| Some(row.name()))
            && self.hosts.passes(|| row.address().host)
            && self.versions.passes(|| Some(row.engine_version()))
            && self.passes_by_tags(row.tags())
            && self
                .task_status
                .passes(|| Some(vendor_view::task_status(tasks, row.subject())))
    }

    fn passes_by_tags(&self, tags: &[Tag]) -> bool {
        let any = |fits: &dyn Fn(&Tag) -> bool| tags.iter().any(fits);
        (self.tags.is_empty() || any(&|tag| self.tags.contains(tag)))
            && (self.tag_keys.is_open() || any(&|tag| self.tag_keys.has(&tag.key)))
            && (self.tag_values.is_open() || any(&|tag| self.tag_values.has(&tag.value)))
    }
}

fn check(input: &Input) -> Result<(), ApiError> {
    let kinds = [PRIMARY, DISASTER_RECOVERY, READ_ONLY];
    if input
        .instance_types
        .iter()
        .any(|kind| !kinds.contains(kind))
    {
        let why = "each must be 1 (primary), 2 (disaster recovery) or 3 (read-only)";
        return Err(invalid("InstanceTypes", why));
    }
    for (parameter, value) in [
        ("InitFlag", input.init_flag),
        ("WithDr", input.with_dr),
        ("WithExCluster", input.with_ex_cluster),
        ("WithMaster", input.with_master),
        ("WithRo", input.with_ro),
        ("WithSecurityGroup", input.with_security_group),
    ] {
        if value.is_some_and(|value| !is_flag(&value)) {
            return Err(invalid(parameter, "it must be 0 or 1"));
        }
    }
    for (parameter, values) in [
        ("CdbErrors", &input.cdb_errors),
        ("PayTypes", &input.pay_types),
    ] {
        if !values.iter().all(is_flag) {
            return Err(invalid(parameter, "each must be 0 or 1"));
        }
    }
    Ok(())
}

fn is_flag(value: &i64) -> bool {
    matches!(value, 0 | 1)
}

/// Looks once at the filters on what is the same for every instance.
fn fits_what_all_have_in_common(input: &Input) -> bool {
    let number = |wanted: &[i64], ours: i64| wanted.is_empty() || wanted.contains(&ours);
    let text =
        |wanted: &[String], ours: &str| wanted.is_empty() || wanted.iter().any(|w| w == ours);
    number(&input.status, RUNNING)
        && number(&input.pay_types, HOURLY)
        && number(&input.cdb_errors, 0)
        && input.init_flag.is_none_or(|flag| flag == 1)
        && input.project_id.is_none_or(|project| project == NO_PROJECT)
        && number(&input.zone_ids, 0)
        && number(&input.vpc_ids, 0)
        && number(&input.subnet_ids, 0)
        && text(&input.engine_types, ENGINE)
        && text(&input.unique_vpc_ids, "")
        && text(&input.uniq_subnet_ids, "")
        && text(&input.deploy_group_ids, "")
        && text(&input.cage_ids, "")
        && text(&input.proxy_vips, "")
        && text(&input.proxy_ids, "")
        && input.ex_cluster_id.is_empty()
        && (input.security_group_id.is_empty() || input.with_security_group != Some(1))
}

/// Hosts are compared as names and addresses, so that `2001:DB8::1` finds `2001:db8::1`.
fn hosts(texts: &[String]) -> Among<Name> {
    if texts.is_empty() {
        return Among(None);
    }
    Among(Some(
        texts.iter().filter_map(|text| text.parse().ok()).collect(),
    ))
}

fn named(catalog: &Catalog, ids: &[String]) -> Vec<Row> {
    let each_once: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let row = |id: &str| primary(catalog, id).or_else(|| read_only(catalog, id));
    each_once.into_iter().filter_map(row).collect()
}

fn primary(catalog: &Catalog, id: &str) -> Option<Row> {
    let id = id.parse::<InstanceId>().ok()?;
    catalog.instance(id).map(Row::Primary)
}

fn read_only(catalog: &Catalog, id: &str) -> Option<Row> {
    let id = id.parse::<RoInstanceId>().ok()?;
    let group = catalog.group_of(id)?;
    let place = group.members.iter().position(|member| *member == id)?;
    Some(Row::ReadOnly(group, place))
}

fn all(catalog: &Catalog) -> Vec<Row> {
    let mut rows: Vec<_> = catalog.instances().into_iter().map(Row::Primary).collect();
    rows.extend(catalog.groups().iter().flat_map(members));
    rows
}

fn members(group: &Arc<RoGroup>) -> impl Iterator<Item = Row> {
    (0..group.members.len()).map(|place| Row::ReadOnly(Arc::clone(group), place))
}

/// The values that a filter lets pass; everything when it was not given.
struct Among<T>(Option<HashSet<T>>);

impl<T: Clone + Eq + Hash> Among<T> {
    fn of(values: &[T]) -> Self {
        Self((!values.is_empty()).then(|| values.iter().cloned().collect()))
    }

    fn is_open(&self) -> bool {
        self.0.is_none()
    }

    fn has(&self, value: &T) -> bool {
        self.0.as_ref().is_none_or(|values| values.contains(value))
    }

    /// Like [`has`](Self::has), for a value that is only made if it is needed. Where there is none, it is not among any.
    fn passes(&self, value: impl FnOnce() -> Option<T>) -> bool {
        match &self.0 {
            None => true,
            Some(values) => value().is_some_and(|value| values.contains(&value)),
        }
    }
}
