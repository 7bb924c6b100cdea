//! The program and SIGKILL: the real binary, killed at whatever moment, and started again on the same folder.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

/// Kills it while it answers, and while it starts.
mod kill;

/// Starts the program, and calls it over connections that stay open.
mod support;
mod task_kill;
