//! Switching TLS on real servers, by an account that has what `grants` gives it and nothing more.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper that fails is a test that fails"
)]

mod checking;
mod delivering;
mod on_and_off;
mod site;
mod trouble;
mod witnessing;
