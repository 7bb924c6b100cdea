//! The program and SIGKILL: the real binary, killed at whatever moment, and started again on the same folder.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

/// Servers that an agent changes.
mod agent;

/// Kills it while it answers, and while it starts.
mod kill;

/// Rotates under clients that connect all the time.
mod rotations;

/// Starts the program, and calls it over connections that stay open.
#[allow(dead_code, reason = "the other suites use the rest")]
mod support;

/// Kills it at every step of every kind of task.
mod task_kill;
