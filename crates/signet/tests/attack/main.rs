//! Attacks: what somebody without the right would do to the running program, its servers and its agents. Each was seen to work once, or is of
//! the same kind as one that did; each file is one attack.
//!
//! `SIGNET_PROGRAM` names another build of the program, so that the suite can be run against an earlier one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

/// Starts the program, and calls it over connections that stay open.
#[path = "../program/support.rs"]
#[allow(dead_code, reason = "the other suite uses the rest")]
mod support;

/// Requests as bytes, to be changed and sent.
mod signing;

mod certificate_of_another_database;
/// A service on a host of its own, and callers on others.
mod edge;
mod foreign_root_in_the_bundle;
mod keys_that_disable_each_other;
mod many_values_in_one_body;
mod mutations_of_a_signed_request;
mod parameters_in_the_host;
mod probes_as_a_port_scanner;
mod rate_limit_of_another_key;
mod replay_under_another_action;
mod stored_password_sent_to_another_server;
mod tls_stripped_on_the_way;
mod whole_table;

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

/// An agent's program and its folders.
mod agent;
/// A certificate that was issued to a database plays the control plane.
mod database_certificate_as_control_plane;
/// Certificates for names of somebody else's.
mod foreign_name;
/// A second agent for a node, and a state folder that was copied.
mod second_agent;
/// Bodies without an end.
mod unfinished_bodies;

/// A log that was changed by whoever can write it.
mod audit_log_cut_or_rewritten;

/// Names that change what a terminal shows.
mod control_characters;

/// Documents that were changed in `signet.db`.
mod edited_store;

/// What refusals may write.
mod flood_of_refusals;

/// A registration that would keep the service from starting.
mod node_that_cannot_be_read_back;
