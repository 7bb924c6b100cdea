//! The certificate authority.
//!
//! key → request → certificate → the files that make a client trust it
//!
//! This crate knows no HTTP, no MySQL, no store and no clock: bytes and times go in, bytes come out. The one thing
//! that it takes by itself is the operating system's randomness, for keys and signatures.

/// Private keys: made here or read, kept as PKCS#8, wiped when dropped.
pub mod key;

/// What a certificate is asked for with: a public key, and the proof that the asker has the private one.
pub mod request;

/// What tells the certificates of databases, agents and the control plane apart.
pub mod role;

/// Issues certificates and revokes them.
#[cfg(feature = "authority")]
pub mod authority;

/// What a client needs to trust a server: the CA certificates, in every format that clients read.
#[cfg(feature = "bundle")]
pub mod bundle;

/// Which algorithm a key is for.
mod algorithm;
/// Distinguished names.
mod name;
/// Puts a signature under a structure.
mod signer;
