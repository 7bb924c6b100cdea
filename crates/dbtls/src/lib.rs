//! What a database server says about TLS, what that means, and how to change it.
//!
//! The way of a probe, and the modules in its order:
//!
//! ```text
//! Target ─► Prober ─► greeting ─► SSLRequest ─► TLS handshake ─► login ─► COM_QUIT
//!                        │             (verifier: records, never aborts)
//!                        └─ a TLS that our library does not speak ─► obsolete
//!                                         │
//!                                    Observation ──(Trust, names, now)──► Report
//! ```
//!
//! An [`Observation`] holds facts, a [`Report`] is what follows from them at one moment. A probe never fails: everything that
//! happens to it is an observation about the server.
//!
//! Probing is polite. A server counts every connection that ends before authentication, and locks the whole host of the
//! prober out after `max_connect_errors` of them. So a probe always completes TLS and a login; see [`Login`].
//!
//! A [`Session`] is the same way without the goodbye: statements follow. It knows who could read along, see [`Channel`]. With one,
//! [`switch`] changes a server.

mod target;

mod conditions;
mod login;

mod prober;

mod auth;
mod greeting;
mod handshake;
mod obsolete;
mod packet;
mod socket;
mod verifier;

mod session;

pub mod switch;

pub mod recorded;

mod observation;
mod reason;

mod anchors;
mod certificate;
mod report;
mod trust;

#[cfg(test)]
mod arbitrary;

pub use anchors::{Anchors, anchors, is_root};
pub use certificate::{CertificateReport, has_uri};
pub use conditions::{Conditions, Gate, Objection};
pub use greeting::{Flavor, Greeting};
pub use login::{Login, Password};
pub use observation::{LoginOutcome, Observation, Status, Tls};
pub use prober::{Limits, Prober};
pub use reason::{Reason, Step};
pub use report::{NameReport, ProbeLogin, Report};
pub use session::{Account, Channel, Rows, Session, SessionError, SqlError, quoted};
pub use target::{Name, NameError, Target, TargetError};
pub use trust::{Trust, TrustError};
