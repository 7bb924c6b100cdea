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

mod keys_that_disable_each_other;
mod many_values_in_one_body;
mod mutations_of_a_signed_request;
mod parameters_in_the_host;
mod rate_limit_of_another_key;
mod replay_under_another_action;
mod whole_table;
