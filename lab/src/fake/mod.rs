//! NOT real servers: one thread that answers on many loopback addresses the way MySQL does, or the way a
//! server must not.
//!
//! It is here for what real servers cannot do: being a thousand, and misbehaving on request. What a real
//! server answers is tested on real servers.
//!
//! ```
//! use lab::fake::{Behaviour, FakeFleet};
//!
//! let fleet = FakeFleet::start(&[(Behaviour::Tls, 3), (Behaviour::Silent, 1)])?;
//! let targets: Vec<String> = fleet.targets().iter().map(|target| target.address.to_string()).collect();
//! assert!(targets[3].starts_with("127.1.0.4:"));
//! # Ok::<(), lab::Error>(())
//! ```

/// What happens on one connection.
mod connection;
/// The thread, its listeners and its counters.
mod fleet;
/// The bytes of the MySQL protocol that a greeting and a refused login need.
mod mysql;
/// The SQL of a fake whose TLS can be switched.
mod switch;
/// A server whose TLS ends at 1.1, up to its certificate.
mod tls11;

pub use connection::ACCOUNT;
pub use fleet::{Counts, FakeFleet, Target};

/// How one address of the fleet behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Behaviour {
    /// Offers TLS 1.2 and 1.3 with an EC certificate for its own address; lets [`ACCOUNT`] in, refuses
    /// everybody else with 1045.
    Tls,
    /// Offers no TLS and refuses every login with 1045.
    NoTls,
    /// Error 1129 instead of a greeting: blocked because of many connection errors.
    Blocked,
    /// Error 1040 instead of a greeting: too many connections.
    TooMany,
    /// Error 1130 instead of a greeting: not allowed to connect.
    NotAllowed,
    /// Accepts and says nothing.
    Silent,
    /// Sends bytes without sense until the peer closes.
    Garbage,
    /// Waits for a request and answers it in HTTP.
    Http,
    /// Accepts and closes.
    ClosesAtOnce,
    /// Offers TLS, and says nothing more when the handshake begins.
    StallsInHandshake,
    /// Offers TLS that ends at version 1.1: newer clients get an alert, others a ServerHello and an RSA
    /// certificate in clear. It goes no further.
    Tls11Only,
    /// Offers no TLS until [`ACCOUNT`] switches it on by SQL, then the certificate that was brought to it. It
    /// keeps everything in memory and knows the statements of the `sql` driver and no other.
    Switchable,
}

impl Behaviour {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Tls,
        Self::NoTls,
        Self::Blocked,
        Self::TooMany,
        Self::NotAllowed,
        Self::Silent,
        Self::Garbage,
        Self::Http,
        Self::ClosesAtOnce,
        Self::StallsInHandshake,
        Self::Tls11Only,
        Self::Switchable,
    ];

    /// Its name on the command line of `lab-fake-fleet`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::NoTls => "no-tls",
            Self::Blocked => "blocked",
            Self::TooMany => "too-many",
            Self::NotAllowed => "not-allowed",
            Self::Silent => "silent",
            Self::Garbage => "garbage",
            Self::Http => "http",
            Self::ClosesAtOnce => "closes-at-once",
            Self::StallsInHandshake => "stalls-in-handshake",
            Self::Tls11Only => "tls11-only",
            Self::Switchable => "switchable",
        }
    }

    /// The behaviour of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|behaviour| behaviour.name() == name)
    }
}
