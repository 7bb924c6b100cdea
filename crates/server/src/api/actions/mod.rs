//! The actions: one file each, one line each in [`ACTIONS`].

pub mod create_access_key;
pub mod deregister_instance;
pub mod deregister_ro_group;
pub mod describe_db_instances;
pub mod describe_fleet;
pub mod describe_posture;
pub mod describe_ro_groups;
pub mod describe_ssl_status;
pub mod disable_access_key;
pub mod list_access_keys;
pub mod modify_instance;
pub mod probe_now;
pub mod register_instance;
pub mod register_ro_group;

use crate::api::action::Entry;

/// Every action, in the order of the reference.
pub static ACTIONS: &[Entry] = &[
    Entry::of::<describe_ssl_status::DescribeSslStatus>(),
    Entry::of::<describe_db_instances::DescribeDbInstances>(),
    Entry::of::<describe_ro_groups::DescribeRoGroups>(),
    Entry::of::<register_instance::RegisterInstance>(),
    Entry::of::<modify_instance::ModifyInstance>(),
    Entry::of::<deregister_instance::DeregisterInstance>(),
    Entry::of::<register_ro_group::RegisterRoGroup>(),
    Entry::of::<deregister_ro_group::DeregisterRoGroup>(),
    Entry::of::<describe_fleet::DescribeFleet>(),
    Entry::of::<describe_posture::DescribePosture>(),
    Entry::of::<probe_now::ProbeNow>(),
    Entry::of::<create_access_key::CreateAccessKey>(),
    Entry::of::<list_access_keys::ListAccessKeys>(),
    Entry::of::<disable_access_key::DisableAccessKey>(),
];
