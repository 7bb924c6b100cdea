//! The real `signet-agent`, real database servers, and a control plane that is not real.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

/// NOT a real control plane.
mod plane;
/// The agent as a process, and the folders that it lives in.
mod support;

/// Enrolment.
mod enrol;
/// Asking for orders, through whatever happens on the way.
mod polling;
