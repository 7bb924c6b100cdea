//! How the fields of an instance are filled.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::item::{
    ClusterInfo, InstanceInfo, MasterInfo, SlaveInfo, SlaveInstanceInfo, TagInfoItem,
};
use super::row::Row;
use crate::api::dates::beijing;
use crate::api::ro_groups;
use crate::api::vendor_view::{self, Address, HOURLY, NEVER, PRIMARY, RUNNING, UNIVERSAL};
use crate::service::Service;
use crate::state::catalog::{Instance, RoGroup};
use crate::state::ids::SubjectId;
use crate::state::node::Node;
use crate::state::records::{Architecture, Tag};

/// `EngineType`. Servers may have others; the vendor knows InnoDB and RocksDB, and every server has the first.
pub(super) const ENGINE: &str = "InnoDB";
/// `ProjectId` of what is in no project.
pub(super) const NO_PROJECT: i64 = 0;

/// Fills items.
pub(super) struct Show<'a> {
    service: &'a Service,
    region: &'a str,
    cluster_nodes: bool,
}

impl<'a> Show<'a> {
    /// `cluster_nodes` is whether `ClusterInfo` is wanted.
    pub(super) fn new(service: &'a Service, cluster_nodes: bool) -> Self {
        Self {
            service,
            region: vendor_view::region(&service.config),
            cluster_nodes,
        }
    }

    /// The item of an instance.
    pub(super) fn item(&self, row: &Row) -> InstanceInfo {
        let common = self.common(row);
        match row {
            Row::Primary(instance) => self.primary(instance, common),
            Row::ReadOnly(group, _) => self.read_only(group, common),
        }
    }

    /// What both kinds have.
    fn common(&self, row: &Row) -> InstanceInfo {
        let address = row.address();
        InstanceInfo {
            instance_id: row.id().to_string(),
            instance_name: row.name(),
            instance_type: row.kind(),
            status: RUNNING,
            task_status: vendor_view::task_status(&self.service.catalog.tasks, row.subject()),
            init_flag: 1,
            engine_version: row.engine_version(),
            engine_type: ENGINE,
            device_type: UNIVERSAL,
            instance_nodes: row.nodes().len(),
            vip: address.vip(),
            vport: address.port,
            region: self.region.to_owned(),
            project_id: NO_PROJECT,
            pay_type: HOURLY,
            create_time: beijing(row.created()),
            deadline_time: NEVER,
            ..InstanceInfo::default()
        }
    }

    fn primary(&self, instance: &Instance, common: InstanceInfo) -> InstanceInfo {
        let nodes = &instance.common.nodes;
        let is_cluster = instance.architecture == Architecture::Cluster;
        InstanceInfo {
            device_type: device_type(instance.architecture),
            disk_type: disk_type(instance.architecture),
            cluster_info: (is_cluster && self.cluster_nodes).then(|| cluster_nodes(nodes)),
            ro_groups: ro_groups::of(self.service, instance.id),
            slave_info: SlaveInfo {
                first: self.standby(nodes.get(1)),
                second: self.standby(nodes.get(2)),
                third: None,
            },
            tag_list: instance.tags.iter().map(tag).collect(),
            ..common
        }
    }

    fn read_only(&self, group: &RoGroup, common: InstanceInfo) -> InstanceInfo {
        let primary = self.service.catalog.instance(group.primary);
        let (name, device_type) = match &primary {
            Some(primary) => (
                primary.common.name.to_string(),
                device_type(primary.architecture),
            ),
            // Deregistered a moment ago; its ID is still what callers look for.
            None => (String::new(), ""),
        };
        InstanceInfo {
            master_info: MasterInfo {
                instance_id: group.primary.to_string(),
                instance_name: name,
                instance_type: PRIMARY,
                status: RUNNING,
                task_status: vendor_view::task_status(
                    &self.service.catalog.tasks,
                    SubjectId::Instance(group.primary),
                ),
                device_type,
                region: self.region.to_owned(),
                ..MasterInfo::default()
            },
            ..common
        }
    }

    fn standby(&self, node: Option<&Arc<Node>>) -> SlaveInstanceInfo {
        let Some(node) = node else {
            return SlaveInstanceInfo::default();
        };
        let address = Address::of_node(node);
        SlaveInstanceInfo {
            vip: address.vip(),
            vport: address.port,
            region: self.region.to_owned(),
            zone: "",
        }
    }
}

/// Callers tell the architectures apart by `DeviceType`, `InstanceNodes` and `DiskType`.
fn device_type(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::TwoNode | Architecture::ThreeNode => UNIVERSAL,
        Architecture::SingleNode | Architecture::Cluster => "CLOUD_NATIVE_CLUSTER",
    }
}

/// Not empty means cloud disks, and those have no SSL feature.
fn disk_type(architecture: Architecture) -> &'static str {
    if architecture.has_ssl() {
        ""
    } else {
        "CLOUD_SSD"
    }
}

fn cluster_nodes(nodes: &[Arc<Node>]) -> Vec<ClusterInfo> {
    let roles = std::iter::once("master").chain(std::iter::repeat("slave"));
    let node = |(node, role): (&Arc<Node>, &'static str)| ClusterInfo {
        node_id: Some(node_id(node)),
        role: Some(role),
        zone: None,
    };
    nodes.iter().zip(roles).map(node).collect()
}

/// Nodes are registered without an ID; one made from the address stays the same when their order changes.
fn node_id(node: &Node) -> String {
    let digest = Sha256::digest(node.target.to_string());
    format!("dbn-{}", hex::encode(&digest[..4]))
}

fn tag(tag: &Tag) -> TagInfoItem {
    TagInfoItem {
        tag_key: tag.key.clone(),
        tag_value: tag.value.clone(),
    }
}
