//! The real `signet-agent`, real database servers, and a control plane that is not real.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

/// Hosts with a real database server.
mod hosts;
/// NOT a real control plane.
mod plane;
/// The agent as a process, and the folders that it lives in.
mod support;

/// Enrolment.
mod enrol;
/// Killed, or out of disk, at every place.
mod faults;
/// Orders about a MariaDB server.
mod mariadb;
/// Orders about a MySQL server.
mod mysql;
/// Asking for orders, through whatever happens on the way.
mod polling;
