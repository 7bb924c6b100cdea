//! Attacks: what somebody without the right would do to the running program, its servers and its agents. Each was seen to work once, or is of
//! the same kind as one that did; each file is one attack.
//!
//! `SIGNET_PROGRAM` names another build of the program, so that the suite can be run against an earlier one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

/// Starts the program, and calls it over connections that stay open.
#[path = "../program/support.rs"]
#[allow(dead_code, reason = "the other suite uses the rest")]
mod support;

/// An agent's program and its folders.
mod agent;
/// A certificate that was issued to a database plays the control plane.
mod database_certificate_as_control_plane;
/// Certificates for names of somebody else's.
mod foreign_name;
/// A second agent for a node, and a state folder that was copied.
mod second_agent;
