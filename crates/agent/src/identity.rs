use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::certificate::{Chain, Facts};
use crate::control::Address;
use crate::files::FileError;
use crate::state::State;

/// Who the agent is and whom it obeys: what enrolment brought, in one file, so that key and certificate are always a pair.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Where the control plane is.
    pub(crate) server: Address,
    /// The agent's name.
    pub(crate) agent_id: String,
    /// The node that it looks after.
    pub(crate) node: String,
    /// Its certificate, then the intermediates, PEM.
    pub(crate) certificate: String,
    /// The roots that the control plane's certificate leads to, PEM.
    pub(crate) roots: String,
    /// The private key, PKCS#8 in PEM.
    pub(crate) key: Zeroizing<String>,
}

/// Why the agent does not know who it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error(
        "this agent is not enrolled: make a token on the control plane and run `signet-agent enrol --server https://HOST:PORT`"
    )]
    NotEnrolled,
    #[error("{path} is damaged ({cause}): enrol again, with a new token and --force")]
    Damaged { path: String, cause: String },
    #[error(transparent)]
    File(#[from] FileError),
}

impl Identity {
    /// What was stored.
    pub(crate) fn load(state: &State) -> Result<Self, IdentityError> {
        let damaged = |cause: String| IdentityError::Damaged {
            path: state.identity().display().to_string(),
            cause,
        };
        let text = crate::files::read(&state.identity())?.ok_or(IdentityError::NotEnrolled)?;
        let identity: Self = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        identity.facts().map_err(damaged)?;
        Ok(identity)
    }

    /// Stores it in place of what was there.
    pub(crate) fn store(&self, state: &State) -> Result<(), FileError> {
        state.write_json(&state.identity(), self)
    }

    /// What the certificate says.
    pub(crate) fn facts(&self) -> Result<Facts, String> {
        Chain::from_pem(&self.certificate)
            .and_then(|chain| chain.facts())
            .map_err(|e| e.to_string())
    }
}

impl Facts {
    /// When two thirds of the life are over: early enough that a control plane that is away for a while does no harm.
    pub(crate) const fn renewal_due(&self) -> i64 {
        self.not_before + (self.not_after - self.not_before) / 3 * 2
    }
}
