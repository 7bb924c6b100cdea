//! The real program, as people and scripts run it: what it prints, and how it ends.

#![allow(
    clippy::unwrap_used,
    reason = "these are tests; clippy knows only functions marked as such"
)]

/// Runs the program in a folder of its own.
mod support;

/// `signet serve` and `signet check-config`.
mod serve;

/// `signet probe`.
mod probe;

/// The commands over the API.
mod commands;

/// What people get wrong.
mod mistakes;

/// `signet apply`.
mod apply;

/// `signet demo`.
mod demo;

/// `signet doctor`.
mod doctor;

/// What becomes of stored passwords.
mod accounts;
