//! An instance as the list shows it: every field that the vendor's has.
//!
//! All are always there and never null, but for the eight that are optional with the vendor as well. Clients read the
//! others without a look whether they are there.

use schemars::JsonSchema;
use serde::Serialize;

use crate::api::ro_groups::RoGroup;

/// An instance.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct InstanceInfo {
    /// Its ID: `cdb-` of a primary instance, `cdbro-` of a read-only one.
    pub(super) instance_id: String,
    /// Its name; of a read-only instance the same as its ID.
    pub(super) instance_name: String,
    /// What kind of instance it is: 1 primary, 2 disaster recovery, 3 read-only.
    pub(super) instance_type: i64,
    /// Its state: 0 being created, 1 running, 4 being isolated, 5 isolated. What is registered is running.
    pub(super) status: i64,
    /// What is being done to it: 0, nothing; 10 while SSL is switched.
    pub(super) task_status: i64,
    /// Whether it was initialised; 1 is yes.
    pub(super) init_flag: i64,
    /// Whether writing is blocked because the disk is full; 0 is no.
    pub(super) cdb_error: i64,
    /// The release that its servers run, like `8.4` of MySQL or `10.11` of MariaDB; empty until one was observed.
    pub(super) engine_version: String,
    /// Its storage engine: `InnoDB`.
    pub(super) engine_type: &'static str,
    /// What it runs on: `UNIVERSAL` with local disks, `CLOUD_NATIVE_CLUSTER` with cloud disks.
    pub(super) device_type: &'static str,
    /// The model of its machine; empty.
    pub(super) device_class: &'static str,
    /// The kind of its disks: empty for local ones. One that is not empty means that the instance has no SSL feature.
    pub(super) disk_type: &'static str,
    /// How many nodes it has.
    pub(super) instance_nodes: usize,
    /// The nodes of a cluster edition instance, if `QueryClusterInfo` asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster_info: Option<Vec<ClusterInfo>>,
    /// The host that clients connect to: the virtual address, or else that of the primary node.
    pub(super) vip: String,
    /// The port that clients connect to.
    pub(super) vport: i64,
    /// Whether it can be reached from the internet: 0 never opened, 1 open, 2 closed. It is not ours to say: 0.
    pub(super) wan_status: i64,
    /// Its name on the internet; empty.
    pub(super) wan_domain: &'static str,
    /// Its port on the internet; 0.
    pub(super) wan_port: i64,
    /// The address of its own that a read-only instance was given; zeros.
    pub(super) ro_vip_info: RoVipInfo,
    /// The read-only groups of a primary instance, the oldest first.
    pub(super) ro_groups: Vec<RoGroup>,
    /// The primary of a read-only instance; zeros for a primary.
    pub(super) master_info: MasterInfo,
    /// The disaster recovery instances; none.
    pub(super) dr_info: Vec<DrInfo>,
    /// The standbys.
    pub(super) slave_info: SlaveInfo,
    /// The region that it is in: the first one that is configured, or else `ap-guangzhou`.
    pub(super) region: String,
    /// The zone that it is in; empty.
    pub(super) zone: &'static str,
    /// The number of its zone; 0.
    pub(super) zone_id: i64,
    /// The name of its zone, for people; empty.
    pub(super) zone_name: &'static str,
    /// Whether its nodes are in one zone (0) or in several (1); 0 for not known.
    pub(super) deploy_mode: i64,
    /// Its placement group; empty.
    pub(super) deploy_group_id: &'static str,
    /// How its nodes replicate: 0 asynchronously, 1 semi-synchronously, 2 strongly; 0 for not known.
    pub(super) protect_mode: i64,
    /// How many seconds a replica may be behind; 0.
    pub(super) max_delay_time: i64,
    /// The number of its project; 0, the default one.
    pub(super) project_id: i64,
    /// Its tags.
    pub(super) tag_list: Vec<TagInfoItem>,
    /// The ID of its network; empty.
    pub(super) uniq_vpc_id: &'static str,
    /// The ID of its subnet; empty.
    pub(super) uniq_subnet_id: &'static str,
    /// The number of its network; 0.
    pub(super) vpc_id: i64,
    /// The number of its subnet; 0.
    pub(super) subnet_id: i64,
    /// How it is paid: 0 by the month, 1 by the hour; 1.
    pub(super) pay_type: i64,
    /// Whether it is renewed by itself: 0 never asked for, 1 yes, 2 switched off; 0.
    pub(super) auto_renew: i64,
    /// When it was registered, Beijing time as `2026-11-24 11:13:20`.
    pub(super) create_time: String,
    /// When it expires: never, written as `0000-00-00 00:00:00`.
    pub(super) deadline_time: &'static str,
    /// Its memory, in MB; 0 for not known.
    pub(super) memory: i64,
    /// Its disk, in GB; 0 for not known.
    pub(super) volume: i64,
    /// How many cores it has; 0 for not known.
    pub(super) cpu: i64,
    /// Queries per second that it is made for; 0 for not known.
    pub(super) qps: i64,
    /// The ID of its machine; empty.
    pub(super) physical_id: &'static str,
    /// How many cores it was grown by. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expand_cpu: Option<i64>,
    /// The model of its processor. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_model: Option<&'static str>,
    /// The bandwidth of its machine, in Gbit/s. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device_bandwidth: Option<i64>,
    /// Whether it is guarded against being destroyed. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destroy_protect: Option<&'static str>,
    /// Whether its cloud disks are encrypted. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disk_encryption: Option<&'static str>,
    /// The nodes of its analysis engine. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) analysis_node_infos: Option<Vec<AnalysisNodeInfo>>,
    /// The upgrade of its analysis engine. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) analysis_upgrade_version_info: Option<UpgradeAnalysisInstanceVersionInfo>,
}

/// A node of a cluster edition instance.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ClusterInfo {
    /// Its ID: `dbn-` and eight characters, made from its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node_id: Option<String>,
    /// `master` for the node that was registered first, `slave` for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    /// The zone that it is in. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<&'static str>,
}

/// The address of its own that a read-only instance was given.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RoVipInfo {
    /// Whether there is one; 0 is no.
    pub(super) ro_vip_status: i64,
    /// The number of its subnet; 0.
    pub(super) ro_subnet_id: i64,
    /// The number of its network; 0.
    pub(super) ro_vpc_id: i64,
    /// Its port; 0.
    pub(super) ro_vport: i64,
    /// The address; empty.
    pub(super) ro_vip: &'static str,
}

/// The primary of a read-only instance.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct MasterInfo {
    /// Its ID, like `cdb-c1nl9rpv`.
    pub(super) instance_id: String,
    /// Its name.
    pub(super) instance_name: String,
    /// What kind of instance it is: 1, primary.
    pub(super) instance_type: i64,
    /// Its state: 1 is running.
    pub(super) status: i64,
    /// What is being done to it: 0, nothing; 10 while SSL is switched.
    pub(super) task_status: i64,
    /// What it runs on.
    pub(super) device_type: &'static str,
    /// The region that it is in.
    pub(super) region: String,
    /// The number of its region; 0.
    pub(super) region_id: i64,
    /// The zone that it is in; empty.
    pub(super) zone: &'static str,
    /// The number of its zone; 0.
    pub(super) zone_id: i64,
    /// Its long ID; empty.
    pub(super) resource_id: &'static str,
    /// Its memory, in MB; 0 for not known.
    pub(super) memory: i64,
    /// Its disk, in GB; 0 for not known.
    pub(super) volume: i64,
    /// Queries per second that it is made for; 0 for not known.
    pub(super) qps: i64,
    /// The number of its network; 0.
    pub(super) vpc_id: i64,
    /// The number of its subnet; 0.
    pub(super) subnet_id: i64,
    /// Its dedicated cluster; empty.
    pub(super) ex_cluster_id: &'static str,
    /// The name of its dedicated cluster; empty.
    pub(super) ex_cluster_name: &'static str,
}

/// A disaster recovery instance. There are none here.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct DrInfo {
    /// Its ID.
    instance_id: String,
    /// Its name.
    instance_name: String,
    /// What kind of instance it is: 2, disaster recovery.
    instance_type: i64,
    /// Its state: 1 is running.
    status: i64,
    /// How far it has caught up: 0 not at all, 1 on its way, 2 done, 3 failed, 4 under repair.
    sync_status: i64,
    /// The region that it is in.
    region: String,
    /// The zone that it is in.
    zone: String,
}

/// The standbys.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct SlaveInfo {
    /// The first one; zeros if there is none.
    pub(super) first: SlaveInstanceInfo,
    /// The second one; zeros if there is none.
    pub(super) second: SlaveInstanceInfo,
    /// The third one, of a four-node instance. Left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) third: Option<SlaveInstanceInfo>,
}

/// A standby.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct SlaveInstanceInfo {
    /// Its host.
    pub(super) vip: String,
    /// Its port.
    pub(super) vport: i64,
    /// The region that it is in.
    pub(super) region: String,
    /// The zone that it is in; empty.
    pub(super) zone: &'static str,
}

/// A tag.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct TagInfoItem {
    /// Its key.
    pub(super) tag_key: String,
    /// Its value.
    pub(super) tag_value: String,
}

/// A node of an analysis engine. There are none here.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct AnalysisNodeInfo {
    /// Its ID.
    node_id: String,
    /// Its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// How far its data is loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_status: Option<String>,
    /// How many cores it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<u64>,
    /// Its memory, in MB.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    /// Its disk, in GB.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<u64>,
    /// The zone that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// What went wrong with its data.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The upgrade of an analysis engine. There are none here.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct UpgradeAnalysisInstanceVersionInfo {
    /// The address for trying it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    vip: Option<String>,
    /// The port for trying it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    vport: Option<i64>,
    /// The version that it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine_version: Option<String>,
    /// How long it can be tried out, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<i64>,
}
