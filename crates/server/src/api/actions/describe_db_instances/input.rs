//! The parameters, all 36 of the vendor's.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::state::records::Tag;

/// Which instances, and how they are shown. Different filters must all fit; of the values in one list, one must. An
/// empty list filters nothing.
///
/// What an instance here does not have (a network, a zone, a proxy, …) is 0 or empty in the answer, and that is what
/// filters on it compare with.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub struct Input {
    /// Only these instances, primary or read-only. An ID that nobody has is no error; it is just not in the answer.
    #[schemars(example = &["cdb-c1nl9rpv", "cdbro-c1nl9rpv"])]
    pub(super) instance_ids: Vec<String>,
    /// Only instances with one of these names, exactly.
    #[schemars(example = &["orders"])]
    pub(super) instance_names: Vec<String>,
    /// Only instances that clients reach under one of these hosts, as `Vip` shows them.
    #[schemars(example = &["192.0.2.10"])]
    pub(super) vips: Vec<String>,
    /// Only instances of these kinds: 1 primary, 2 disaster recovery (there are none), 3 read-only.
    #[schemars(with = "Vec<u64>", example = &[1, 3])]
    pub(super) instance_types: Vec<i64>,
    /// Only instances in these states. All are in state 1, running.
    #[schemars(with = "Vec<u64>", example = &[1])]
    pub(super) status: Vec<i64>,
    /// Only instances to which this is being done: 0, nothing; 10 while SSL is switched.
    #[schemars(with = "Vec<u64>", example = &[0])]
    pub(super) task_status: Vec<i64>,
    /// Only instances that run one of these releases, as `EngineVersion` shows them.
    #[schemars(example = &["8.4", "10.11"])]
    pub(super) engine_versions: Vec<String>,
    /// Only instances with one of these storage engines. All have `InnoDB`.
    #[schemars(example = &["InnoDB"])]
    pub(super) engine_types: Vec<String>,
    /// Only instances with one of these tags, key and value.
    #[schemars(example = crate::api::registration::example_tags())]
    pub(super) tags: Vec<Tag>,
    /// Only instances that have a tag with one of these keys.
    #[schemars(example = &["env"])]
    pub(super) tag_keys_for_search: Vec<String>,
    /// Only instances that have a tag with one of these values.
    #[schemars(example = &["production"])]
    pub(super) tag_values: Vec<String>,
    /// Only instances that are paid like this: 0 by the month, 1 by the hour. All are paid by the hour.
    #[schemars(with = "Vec<u64>", example = &[1])]
    pub(super) pay_types: Vec<i64>,
    /// Only instances that were initialised (1) or were not (0). All were.
    #[schemars(example = 1)]
    pub(super) init_flag: Option<i64>,
    /// Only instances whose disk is full (1) or is not (0). None is.
    #[schemars(example = &[0])]
    pub(super) cdb_errors: Vec<i64>,
    /// Only instances of this project. All are in project 0.
    #[schemars(example = 0)]
    pub(super) project_id: Option<i64>,
    /// Only instances in these zones, by number; they are in none, which is 0.
    #[schemars(with = "Vec<u64>", example = &[0])]
    pub(super) zone_ids: Vec<i64>,
    /// Only instances in these networks, by number; they are in none, which is 0.
    #[schemars(with = "Vec<u64>", example = &[0])]
    pub(super) vpc_ids: Vec<i64>,
    /// Only instances in these subnets, by number; they are in none, which is 0.
    #[schemars(with = "Vec<u64>", example = &[0])]
    pub(super) subnet_ids: Vec<i64>,
    /// Only instances in these networks, by ID; they are in none, which is empty.
    #[schemars(example = &["vpc-5v8wn9mg"])]
    pub(super) unique_vpc_ids: Vec<String>,
    /// Only instances in these subnets, by ID; they are in none, which is empty.
    #[schemars(example = &["subnet-1typ0s7d"])]
    pub(super) uniq_subnet_ids: Vec<String>,
    /// Only instances in these placement groups; they are in none, which is empty.
    #[schemars(example = &["ps-7t11vrwf"])]
    pub(super) deploy_group_ids: Vec<String>,
    /// Only instances in these financial cages; they are in none, which is empty.
    #[schemars(example = &["cage-k9a6gup3"])]
    pub(super) cage_ids: Vec<String>,
    /// Only instances of this dedicated cluster; they are of none, and an empty ID filters nothing.
    #[schemars(example = &"")]
    pub(super) ex_cluster_id: String,
    /// Only instances behind a proxy with one of these addresses; they have none, which is empty.
    #[schemars(example = &["192.0.2.20"])]
    pub(super) proxy_vips: Vec<String>,
    /// Only instances behind one of these proxies; they have none, which is empty.
    #[schemars(example = &["proxy-k9a6gup3"])]
    pub(super) proxy_ids: Vec<String>,
    /// Only instances of this security group, if `WithSecurityGroup` is 1; they are of none, and an empty ID filters nothing.
    #[schemars(example = &"sg-k9a6gup3")]
    pub(super) security_group_id: String,
    /// Whether `SecurityGroupId` filters: 1 or 0, by default 0.
    #[schemars(example = 0)]
    pub(super) with_security_group: Option<i64>,
    /// Whether dedicated clusters are described: 1 or 0. There are none.
    #[schemars(example = 0)]
    pub(super) with_ex_cluster: Option<i64>,
    /// Whether primary instances are listed: 1 or 0, by default 1.
    #[schemars(example = 1)]
    pub(super) with_master: Option<i64>,
    /// Whether read-only instances are listed as items of their own: 1 or 0, by default 1. `RoGroups` of a primary names them anyhow.
    #[schemars(example = 1)]
    pub(super) with_ro: Option<i64>,
    /// Whether disaster recovery instances are listed: 1 or 0, by default 1. There are none.
    #[schemars(example = 1)]
    pub(super) with_dr: Option<i64>,
    /// Whether the nodes of cluster edition instances are shown, in `ClusterInfo`; by default they are not.
    #[schemars(example = true)]
    pub(super) query_cluster_info: bool,
    /// How many to leave out at the beginning; 0 by default.
    #[schemars(with = "Option<u64>", example = 0)]
    pub(super) offset: Option<i64>,
    /// How many to show at most; 20 by default, 2000 at most.
    #[schemars(with = "Option<u64>", example = 20)]
    pub(super) limit: Option<i64>,
    /// What they are ordered by: `instanceId`, `instanceName`, `createTime` or `deadlineTime`; by default `createTime`. What is equal is ordered by ID, ascending.
    #[schemars(example = &"instanceName")]
    pub(super) order_by: String,
    /// `ASC` or `DESC`; by default `DESC`.
    #[schemars(example = &"ASC")]
    pub(super) order_direction: String,
}
