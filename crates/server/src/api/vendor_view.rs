//! What the vendor's lists show of an instance or a group, and how it follows from what we know.
//!
//! The lists have many fields for which a server of one's own has no answer: networks, zones, prices, capacities. They
//! are there, since clients read them without a look whether they are, and they are 0 or empty.

use std::net::IpAddr;
use std::sync::Arc;

use dbtls::Name;

use crate::config::Config;
use crate::state::catalog::Common;
use crate::state::ids::SubjectId;
use crate::state::node::Node;
use crate::state::tasks::Tasks;

/// `InstanceType` of a primary instance.
pub const PRIMARY: i64 = 1;
/// `InstanceType` of a read-only instance.
///
/// The vendor's structures disagree about 2 and 3; this is the numbering of `InstanceInfo`, whatever Terraform shows.
pub const READ_ONLY: i64 = 3;
/// `Status` of an instance that works. What is registered runs; whether it can be reached is for `DescribePosture` to say.
pub const RUNNING: i64 = 1;
/// `PayType` of an instance that is paid by the hour: the one that has no end.
pub const HOURLY: i64 = 1;
/// The time that never comes, as the vendor writes it.
pub const NEVER: &str = "0000-00-00 00:00:00";
/// `DeviceType` of an instance with local disks.
pub const UNIVERSAL: &str = "UNIVERSAL";

/// `TaskStatus` of an instance that nothing is being done to.
const IDLE: i64 = 0;
/// `TaskStatus` of an instance whose SSL is being switched. The vendor has no number for it, but restarts the instance for it, and
/// has one for that.
const RESTARTING: i64 = 10;

/// `TaskStatus`: whether a task changes this now.
pub fn task_status(tasks: &Tasks, subject: SubjectId) -> i64 {
    tasks.running(subject).map_or(IDLE, |_| RESTARTING)
}

/// Where an instance says it is when no region is configured: where the vendor's first one is.
const USUAL_REGION: &str = "ap-guangzhou";

/// The region that everything registered is in.
pub fn region(config: &Config) -> &str {
    config.regions.first().map_or(USUAL_REGION, String::as_str)
}

/// Where clients connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// An IP address or a host name; `None` for a Unix socket, which has no place in the vendor's lists.
    pub host: Option<Name>,
    /// The port; 0 for a Unix socket.
    pub port: i64,
}

impl Address {
    /// The virtual address; without one, the first node's. A virtual address without a port has the first node's port.
    pub fn of(common: &Common) -> Self {
        let node = common.nodes.first().map(|node| Self::of_node(node));
        let node_port = node.as_ref().map_or(0, |node| node.port);
        match common.vip {
            Some(vip) => Self::virtual_one(vip, common.vport, node_port),
            None => node.unwrap_or(Self {
                host: None,
                port: 0,
            }),
        }
    }

    /// The address of one node.
    pub fn of_node(node: &Node) -> Self {
        Self {
            host: node.target.host().cloned(),
            port: node.target.port().unwrap_or(0).into(),
        }
    }

    fn virtual_one(vip: IpAddr, vport: u16, node_port: i64) -> Self {
        Self {
            host: Some(vip.into()),
            port: if vport == 0 { node_port } else { vport.into() },
        }
    }

    /// The host as text; empty when there is none.
    pub fn vip(&self) -> String {
        self.host.as_ref().map(Name::to_string).unwrap_or_default()
    }
}

/// The release that the first of the nodes runs that was observed, like `9.7` or `10.11`; empty while none was.
pub fn engine_version(nodes: &[Arc<Node>]) -> String {
    nodes
        .iter()
        .find_map(|node| node.observed())
        .map(|observed| release(&observed.profile.server_version))
        .unwrap_or_default()
}

/// The first two numbers of a version, as the vendor names releases.
fn release(version: &str) -> String {
    let mut numbers = version.split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit());
        &part[..end.unwrap_or(part.len())]
    });
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if !major.is_empty() && !minor.is_empty() => {
            format!("{major}.{minor}")
        }
        (major, _) => major.unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_the_first_two_numbers() {
        for (version, expected) in [
            ("9.7.4", "9.7"),
            ("8.0.36-28", "8.0"),
            ("10.11.14-MariaDB-0+deb12u2", "10.11"),
            ("5.7-log", "5.7"),
            ("9", "9"),
            ("9-beta", "9"),
            ("", ""),
            ("next", ""),
        ] {
            assert_eq!(release(version), expected, "{version}");
        }
    }

    #[test]
    fn nothing_is_said_of_a_node_that_was_never_observed() {
        let node = Arc::new(Node::new("127.0.0.1:3306".parse().unwrap()));
        assert_eq!(engine_version(&[node]), "");
    }

    #[test]
    fn the_region_is_the_first_that_is_configured() {
        let mut config = Config::default();
        assert_eq!(region(&config), "ap-guangzhou");
        config.regions = vec!["ap-shanghai".into(), "ap-beijing".into()];
        assert_eq!(region(&config), "ap-shanghai");
    }
}
