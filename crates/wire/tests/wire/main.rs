//! The crate from outside: documents, official clients, their oddities, bad input.

#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only functions marked as tests for tests, not their helpers"
)]

mod bad_input;
mod captures;
mod doctor;
mod explain;
mod properties;
mod quirks;
mod quirks_v1;
mod received;
mod signer;
mod vectors;
