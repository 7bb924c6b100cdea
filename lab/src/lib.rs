//! Servers for tests, demo and benchmarks.
//!
//! find the programs → copy a data directory → write a configuration → start → wait until it answers → end it
//!
//! The servers are **real** MySQL and MariaDB servers: those installed on this system, else those that
//! `lab/get-servers.sh` unpacked. What is **not** real is called `fake`: [`fake::FakeFleet`] speaks just
//! enough of the protocol to be probed a thousand times over, and to misbehave in ways that a real server
//! cannot be asked to.
//!
//! Everything listens on loopback, or on hosts of a [`Network`] that the lab made itself, and ends with the process that started it, however that ends.

mod error;
/// Which servers there are: on this system or in the lab's cache.
mod installation;
/// Hosts in network namespaces.
mod network;
/// How a server is to be started: TLS, port, addresses, further settings.
mod options;
/// Signals, and the watchdog that ends a server whose starter is gone.
mod process;
/// A server that another program restarts.
mod restarts;
/// A running server.
mod server;
/// An empty data directory per server program, made once and copied.
mod template;

/// Certificates for servers: roots, intermediates, leaves of any validity, EC and RSA.
pub mod pki;

/// NOT real servers: many loopback addresses that speak, or misspeak, the MySQL protocol.
pub mod fake;

pub use error::Error;
pub use installation::{Installation, Kind, Version};
pub use network::{Host, Network};
pub use options::{Options, Tls};
pub use restarts::Restartable;
pub use server::Server;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};

/// Now, in unix seconds: the clock for tests and programs that have no other.
#[allow(
    clippy::disallowed_methods,
    reason = "the lab is where tests get their time from; it takes it as an argument itself"
)]
pub fn now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("it is later than 1970");
    i64::try_from(since.as_secs()).expect("unix seconds fit for the next 292 billion years")
}

/// An address of this host that nobody listens on, another one with each call.
///
/// A port that was free a moment ago may be somebody's by now; port 1 of addresses that nothing else uses stays free.
pub fn nobody() -> SocketAddr {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let [high, low] = CALLS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    SocketAddr::from(([127, 77, high, low], 1))
}
