//! An RO group as the vendor's lists show it: in `DescribeRoGroups`, and under its primary in `DescribeDBInstances`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::api::vendor_view::{
    Address, HOURLY, NEVER, READ_ONLY, RUNNING, engine_version, region, task_status,
};
use crate::service::Service;
use crate::state::catalog;
use crate::state::ids::{InstanceId, SubjectId};

/// A read-only group: read-only instances behind one address.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RoGroup {
    /// How the group came to be when it was bought; empty, since it was not.
    ro_group_mode: &'static str,
    /// Its ID, like `cdbrg-k9a6gup3`.
    ro_group_id: String,
    /// Its name.
    ro_group_name: String,
    /// Whether instances that fall behind are taken out: 1 or 0. Signet never takes one out.
    ro_offline_delay: i64,
    /// How many seconds an instance may be behind before it is taken out; 0, as none is.
    ro_max_delay_time: i64,
    /// How many instances are left in the group whatever happens; 0, as none is taken out.
    min_ro_in_group: i64,
    /// How load is shared out: `system` (evenly) or `custom`.
    weight_mode: &'static str,
    /// Withdrawn by the vendor; 0. The weights are with the instances.
    weight: i64,
    /// Its read-only instances.
    ro_instances: Vec<RoInstanceInfo>,
    /// The host that clients connect to: the virtual address, or else that of the first read-only instance.
    vip: String,
    /// The port that clients connect to.
    vport: i64,
    /// The ID of its network; empty.
    uniq_vpc_id: &'static str,
    /// The ID of its subnet; empty.
    uniq_subnet_id: &'static str,
    /// The region that it is in.
    ro_group_region: String,
    /// The zone that it is in; empty.
    ro_group_zone: &'static str,
    /// By how many seconds replication is held back on purpose; 0.
    delay_replication_time: i64,
    /// What kind of group it is: `normal`, `direct` or `default`. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    ro_group_type: Option<&'static str>,
}

/// A read-only instance, as its group shows it.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RoInstanceInfo {
    /// The ID of the primary instance that it replicates from.
    master_instance_id: String,
    /// Whether the group sends clients to it: `online` or `offline`. Always `online`; `DescribePosture` tells what was seen.
    ro_status: &'static str,
    /// When it was last taken out of the group; `0000-00-00 00:00:00` for never.
    offline_time: &'static str,
    /// Its share of the load; all have the same.
    weight: i64,
    /// The region that it is in.
    region: String,
    /// The zone that it is in; empty.
    zone: &'static str,
    /// Its ID, like `cdbro-c1nl9rpv`.
    instance_id: String,
    /// Its state: 1 is running.
    status: i64,
    /// What kind of instance it is: 3, read-only.
    instance_type: i64,
    /// Its name; the same as its ID.
    instance_name: String,
    /// Whether its bill is paid: 1 is yes.
    hour_fee_status: i64,
    /// What is being done to it: 0, nothing; 10 while SSL is switched.
    task_status: i64,
    /// Its memory, in MB; 0 for not known.
    memory: i64,
    /// Its disk, in GB; 0 for not known.
    volume: i64,
    /// Queries per second that it is made for; 0 for not known.
    qps: i64,
    /// Its host.
    vip: String,
    /// Its port.
    vport: i64,
    /// The number of its network; 0.
    vpc_id: i64,
    /// The number of its subnet; 0.
    subnet_id: i64,
    /// Its device type; the vendor documents one value here, `CUSTOM`.
    device_type: &'static str,
    /// The release that it runs, like `8.4`; empty until it was observed.
    engine_version: String,
    /// When it expires; `0000-00-00 00:00:00` for never.
    deadline_time: &'static str,
    /// How it is paid: 1, by the hour.
    pay_type: i64,
    /// The state of replication that is held back on purpose; empty, as none is.
    replication_status: &'static str,
}

/// The RO groups of an instance, the oldest first.
pub fn of(service: &Service, primary: InstanceId) -> Vec<RoGroup> {
    let mut groups = service.catalog.groups_of(primary).to_vec();
    groups.sort_by_key(|group| (group.common.created, group.id));
    groups.iter().map(|group| shown(service, group)).collect()
}

fn shown(service: &Service, group: &catalog::RoGroup) -> RoGroup {
    let address = Address::of(&group.common);
    RoGroup {
        ro_group_id: group.id.to_string(),
        ro_group_name: group.common.name.to_string(),
        weight_mode: "system",
        ro_instances: (0..group.members.len())
            .map(|index| member(service, group, index))
            .collect(),
        vip: address.vip(),
        vport: address.port,
        ro_group_region: region(&service.config).to_owned(),
        ..RoGroup::default()
    }
}

fn member(service: &Service, group: &catalog::RoGroup, index: usize) -> RoInstanceInfo {
    let id = group.members[index].to_string();
    let node = &group.common.nodes[index];
    let address = Address::of_node(node);
    RoInstanceInfo {
        master_instance_id: group.primary.to_string(),
        ro_status: "online",
        offline_time: NEVER,
        weight: 1,
        region: region(&service.config).to_owned(),
        instance_name: id.clone(),
        instance_id: id,
        status: RUNNING,
        instance_type: READ_ONLY,
        hour_fee_status: 1,
        task_status: task_status(&service.catalog.tasks, SubjectId::Group(group.id)),
        vip: address.vip(),
        vport: address.port,
        device_type: "CUSTOM",
        engine_version: engine_version(std::slice::from_ref(node)),
        deadline_time: NEVER,
        pay_type: HOURLY,
        ..RoInstanceInfo::default()
    }
}
