//! Attacks: what somebody without the right would do to the running program, its servers and its agents. Each was seen to work once, or is of
//! the same kind as one that did; each file is one attack.
//!
//! `SIGNET_PROGRAM` names another build of the program, so that the suite can be run against an earlier one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

/// Starts the program, and calls it over connections that stay open.
#[path = "../program/support.rs"]
#[allow(dead_code, reason = "the other suite uses the rest")]
mod support;

/// A service on a host of its own, and callers on others.
mod edge;

/// Pages of other sites.
mod dns_rebinding;

/// Root, core dumps, files and metrics.
mod exposed_process;

/// Callers who lie about where they are.
mod forwarded_address;

/// Keys that do not exist.
mod many_secret_ids;

/// Requests within requests.
mod request_smuggling;

/// Connections that say nothing.
mod silent_connections;

/// Bodies without an end.
mod unfinished_bodies;
