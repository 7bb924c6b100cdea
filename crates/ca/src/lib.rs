//! Certificates → the files that make a client trust a server.
//!
//! This crate knows no HTTP, no MySQL, no store and no clock: bytes go in, bytes come out, and the
//! same certificates always give the same bytes.

/// What a client needs to trust a server: the CA certificates, in every format that clients read.
pub mod bundle;
