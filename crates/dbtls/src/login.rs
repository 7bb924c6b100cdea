//! As whom a probe logs in.

use zeroize::Zeroizing;

/// How a probe ends politely: by a login. A connection that ends before is counted against the prober's whole host.
#[derive(Clone)]
pub enum Login {
    /// As a user that does not exist. The server's error 1045 ends the connection; it never counts towards
    /// `max_connect_errors`, but raises `Aborted_connects` by one and writes one line into MariaDB's log.
    Nobody,
    /// As the probe account, which should have no privilege (`GRANT USAGE`) and a random password. Leaves no trace and resets the
    /// server's error counter. Its password never crosses a network in clear: over plaintext TCP the probe is [`Login::Nobody`],
    /// and the same to a server that does not prove itself where it has to ([`Conditions`](crate::Conditions)). `mysql_native_password` is
    /// answered truly only where nobody else can read along, `caching_sha2_password`'s full authentication only to a server that
    /// was verified or behind its Unix socket. Else it gets an answer that is wrong on purpose.
    Account {
        /// The user name.
        user: String,
        /// Its password.
        password: Password,
    },
}

impl Login {
    pub(crate) fn user(&self) -> &str {
        match self {
            // Speaks for itself in the server's log.
            Self::Nobody => "signet-probe-nobody",
            Self::Account { user, .. } => user,
        }
    }

    pub(crate) fn password(&self) -> &[u8] {
        match self {
            Self::Nobody => b"",
            Self::Account { password, .. } => password.expose().as_bytes(),
        }
    }
}

/// A password: it has no `Debug` and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes the password over.
    pub fn new(password: String) -> Self {
        Self(Zeroizing::new(password))
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
