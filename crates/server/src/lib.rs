//! The Signet service: bytes → http → envelope → gate → action → catalog → answer.
//!
//! Four rooms, and imports run one way, from the top down: `http` and `web` (what comes in and what people fetch), `api`
//! (a request), `work` (what goes on by itself), `state` (what is known).

/// The configuration.
pub mod config;

/// The running service: start and stop.
pub mod service;

/// The listener and its connections.
pub mod http;

/// What people fetch: downloads and metrics.
pub mod web;

/// A request.
pub mod api;

/// What goes on by itself.
pub mod work;

/// What is known.
pub mod state;

/// What may be connected to.
pub mod targets;

/// What is counted.
pub mod metrics;

/// Time and randomness.
pub mod ambient;

pub use ambient::{Clock, Entropy, Resolver};
pub use config::Config;
pub use service::{RootKey, Running, Service, StartError};
