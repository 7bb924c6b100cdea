//! Hosts on addresses that are not loopback: network namespaces that the lab makes itself, joined by a bridge.
//!
//! A [`Network`] is a namespace with a bridge, and each [`Host`] a namespace with one address of [`PREFIX`] that leads to it. Nothing
//! else is reachable from them, and nothing outside reaches them. Sockets and programs that are made inside [`Host::run`] are on that host.
//! The lab makes them with iproute2's `ip`, which needs root.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::Error;

/// The first three bytes of every host's address: TEST-NET-1 of RFC 5737, which is routed nowhere.
pub(crate) const PREFIX: [u8; 3] = [192, 0, 2];

/// Where `ip` keeps the namespaces that have a name.
const FOLDER: &str = "/run/netns";

/// A bridge and the hosts on it. It is removed when it is dropped.
#[derive(Debug)]
pub struct Network {
    namespace: Namespace,
}

impl Network {
    /// An empty network.
    ///
    /// # Errors
    /// [`Error::Program`] when `ip` is missing or not allowed to: run as root.
    pub fn new() -> Result<Self, Error> {
        remove_orphans();
        let namespace = Namespace::new("net")?;
        ip(&format!("-n {namespace} link add br0 type bridge"))?;
        ip(&format!("-n {namespace} link set br0 up"))?;
        Ok(Self { namespace })
    }

    /// A host with the address 192.0.2.`last`, 1 to 254.
    ///
    /// # Errors
    /// As [`Network::new`]; an address that another host has is not noticed.
    pub fn host(&self, last: u8) -> Result<Host, Error> {
        let namespace = Namespace::new(&format!("h{last}"))?;
        let [a, b, c] = PREFIX;
        let address = Ipv4Addr::new(a, b, c, last);
        let switch = &self.namespace;
        for step in [
            format!("-n {switch} link add port{last} type veth peer name eth0 netns {namespace}"),
            format!("-n {switch} link set port{last} master br0 up"),
            format!("-n {namespace} link set lo up"),
            format!("-n {namespace} addr add {address}/24 dev eth0"),
            format!("-n {namespace} link set eth0 up"),
        ] {
            ip(&step)?;
        }
        Ok(Host { namespace, address })
    }
}

/// A host of a [`Network`]. What runs on it loses its network when it is dropped.
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    address: Ipv4Addr,
}

impl Host {
    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Runs something on this host: its sockets and its programs are there.
    ///
    /// # Panics
    /// When the host is gone, or `what` panics.
    pub fn run<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            let namespace = File::open(format!("{FOLDER}/{}", self.namespace))
                .expect("the namespace is there until it is dropped");
            move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&namespace),
                Some(LinkNameSpaceType::Network),
            )
            .expect("whoever may make a namespace may enter it");
            what()
        };
        std::thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// A named namespace, removed when it is dropped. Its name has the process that made it, for [`remove_orphans`].
#[derive(Debug)]
struct Namespace(String);

impl Namespace {
    fn new(what: &str) -> Result<Self, Error> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("signet-{}-{number}-{what}", std::process::id());
        ip(&format!("netns add {name}"))?;
        Ok(Self(name))
    }
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What stays is removed by the next network.
        let _ = ip(&format!("netns del {self}"));
    }
}

/// Removes the namespaces of processes that ended without doing it.
fn remove_orphans() {
    let names = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
        let process = name
            .strip_prefix("signet-")
            .and_then(|rest| rest.split('-').next());
        if process.is_some_and(|pid| !fs::exists(format!("/proc/{pid}")).unwrap_or(true)) {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

fn ip(arguments: &str) -> Result<(), Error> {
    let failed = |message: String| Error::Program {
        program: format!("ip {arguments}"),
        message,
    };
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .map_err(|error| failed(format!("{error}; install the package iproute2")))?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(failed(format!("{said}; network namespaces need root")))
    }
}
