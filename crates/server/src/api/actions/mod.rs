//! The actions: one file each, one line each in [`ACTIONS`].

pub mod accept_authority;
pub mod close_ssl;
pub mod create_access_key;
pub mod create_agent_token;
pub mod deregister_instance;
pub mod deregister_ro_group;
pub mod describe_agents;
pub mod describe_async_request_info;
pub mod describe_authorities;
pub mod describe_certificates;
pub mod describe_db_instances;
pub mod describe_fleet;
pub mod describe_posture;
pub mod describe_ro_groups;
pub mod describe_ssl_status;
pub mod describe_tasks;
pub mod disable_access_key;
pub mod list_access_keys;
pub mod modify_instance;
pub mod open_ssl;
pub mod probe_now;
pub mod promote_authority;
pub mod register_instance;
pub mod register_ro_group;
pub mod retire_authority;
pub mod revoke_agent;
pub mod rotate_certificate;
pub mod set_enforcement;
pub mod stage_authority;

use crate::api::action::{Entry, Product};

/// Every action, in the order of the reference.
pub static ACTIONS: &[Entry] = &[
    Entry::of::<describe_ssl_status::DescribeSslStatus>(),
    Entry::of::<open_ssl::OpenSsl>(),
    Entry::of::<close_ssl::CloseSsl>(),
    Entry::of::<describe_async_request_info::DescribeAsyncRequestInfo>(),
    Entry::of::<describe_tasks::DescribeTasks>(),
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
    Entry::of::<rotate_certificate::RotateCertificate>(),
    Entry::of::<set_enforcement::SetEnforcement>(),
    Entry::of::<describe_certificates::DescribeCertificates>(),
    Entry::of::<describe_authorities::DescribeAuthorities>(),
    Entry::of::<stage_authority::StageAuthority>(),
    Entry::of::<promote_authority::PromoteAuthority>(),
    Entry::of::<accept_authority::AcceptAuthority>(),
    Entry::of::<retire_authority::RetireAuthority>(),
    Entry::of::<create_agent_token::CreateAgentToken>(),
    Entry::of::<describe_agents::DescribeAgents>(),
    Entry::of::<revoke_agent::RevokeAgent>(),
    Entry::of::<create_access_key::CreateAccessKey>(),
    Entry::of::<list_access_keys::ListAccessKeys>(),
    Entry::of::<disable_access_key::DisableAccessKey>(),
];

/// The action of this name.
pub fn named(product: Product, name: &str) -> Option<&'static Entry> {
    let mut actions = ACTIONS.iter();
    actions.find(|entry| entry.spec.product == product && entry.spec.name == name)
}
