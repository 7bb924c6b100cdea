//! On what conditions a server is connected to, and gets an answer that is made from a password.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Name, Tls, Trust,
    certificate::{CertificateReport, has_names, parse},
    report::covers,
};

/// Decides what may be connected to. It is asked with every address that a name resolves to, right before the connection.
pub trait Gate: Send + Sync {
    /// Whether this address may be connected to.
    ///
    /// # Errors
    /// Why it may not; completes "ADDRESS may not be connected to: …".
    fn address(&self, address: SocketAddr) -> Result<(), String>;

    /// The path to connect to for this Unix socket, without symbolic links.
    ///
    /// # Errors
    /// Why it may not be connected to.
    fn socket(&self, path: &Path) -> Result<PathBuf, String>;
}

/// What somebody else knows against a certificate (DER), for instance that it was revoked; `None` when nothing.
pub type Objection = dyn Fn(&[u8]) -> Option<String> + Send + Sync;

/// What a server has to prove, and how it may be reached.
#[derive(Clone, Default)]
pub struct Conditions {
    /// The CAs that a server's chain has to lead to.
    pub trust: Arc<Trust>,
    /// TCP within this host counts as private, whatever the server shows.
    pub loopback_is_private: bool,
    /// A server that proves nothing gets an answer to its challenge, though never one by `mysql_native_password` and never the password.
    /// Whoever relays the connection gets the session.
    pub allow_unverified: bool,
    /// The moment (Unix seconds) at which a chain has to be valid. `None`: at any moment, for a connection that comes to replace an
    /// expired certificate.
    pub at: Option<i64>,
    /// What else speaks against a certificate.
    pub objection: Option<Arc<Objection>>,
    /// What may be connected to; without one, everything.
    pub gate: Option<Arc<dyn Gate>>,
}

impl From<&Trust> for Conditions {
    /// With CAs, only a server that proves itself gets an answer, on loopback as well. Without, loopback counts as private, and any
    /// server gets an answer to its challenge. Dates are left aside.
    fn from(trust: &Trust) -> Self {
        let knows_nobody = trust.certificates().next().is_none();
        Self {
            trust: Arc::new(trust.clone()),
            loopback_is_private: knows_nobody,
            allow_unverified: knows_nobody,
            ..Self::default()
        }
    }
}

impl Conditions {
    /// Whether the server at the other end of this TLS connection is the one that was meant.
    ///
    /// A certificate that names hosts has to name this one. Those that servers make for themselves name none; for them the CA is enough,
    /// for it signed nothing else.
    pub(crate) fn verify(&self, tls: &Tls, host: Option<&Name>) -> Result<(), String> {
        let leaf = tls.chain.first().ok_or("it showed no certificate")?;
        if self.trust.certificates().next().is_none() {
            return Err("no CA certificate was given to verify it with".to_owned());
        }
        if !tls.signature_checked {
            return Err("it did not prove that it holds its certificate's key".to_owned());
        }
        if !self.trust.vouches_for(&tls.chain) {
            return Err("its chain does not lead to a given CA certificate".to_owned());
        }
        if let Some(now) = self.at {
            self.trust.verify(&tls.chain, now)?;
        }
        if let Some(problem) = self.objection.as_ref().and_then(|object| object(leaf)) {
            return Err(problem);
        }
        let named = parse(leaf).is_some_and(|cert| has_names(&cert));
        match host {
            Some(host) if named && !covers(leaf, host) => Err(format!(
                "its certificate names {}, not {host}",
                CertificateReport::of(leaf).sans.join(", ")
            )),
            _ => Ok(()),
        }
    }
}
