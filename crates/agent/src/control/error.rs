use std::error::Error;
use std::io;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError, OtherError};

use super::Address;

/// Why a question to the control plane has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ControlError {
    /// It is away, or the network is.
    #[error("cannot reach the control plane at {address}: {cause}")]
    Unreachable { address: String, cause: String },
    /// Something answers that is not the control plane which this agent trusts.
    #[error("what answers at {address} is not the control plane that this agent trusts: {cause}")]
    Impostor { address: String, cause: String },
    /// It does not accept who the agent is.
    #[error("the control plane refuses this agent: {reason}")]
    Refused { reason: String },
    /// It answered that something is wrong.
    #[error("the control plane at {address} answered {status}: {reason}")]
    Failed {
        address: String,
        status: u16,
        reason: String,
    },
    /// Its answer makes no sense here.
    #[error(
        "the control plane at {address} answered what this agent does not understand ({cause}): update the older one of the two"
    )]
    NotUnderstood { address: String, cause: String },
}

impl ControlError {
    /// Finds out what lies under the layers of an error: HTTP over TLS over a socket.
    pub(super) fn of(address: &Address, error: &(dyn Error + 'static)) -> Self {
        let address = address.to_string();
        match tls_error(error) {
            Some(rustls::Error::AlertReceived(alert)) if is_about_us(*alert) => Self::Refused {
                reason: format!(
                    "TLS alert {alert:?}: this agent's certificate is revoked, expired or unknown there; enrol again, with a new token and --force"
                ),
            },
            Some(rustls::Error::InvalidCertificate(cause)) => Self::Impostor {
                address,
                cause: in_words(cause),
            },
            Some(cause) => Self::Unreachable {
                address,
                cause: cause.to_string(),
            },
            None => Self::Unreachable {
                address,
                cause: innermost(error).to_string(),
            },
        }
    }
}

/// What we found ourselves, we say in our own words.
fn in_words(error: &CertificateError) -> String {
    match error {
        CertificateError::Other(OtherError(ours)) => ours.to_string(),
        theirs => theirs.to_string(),
    }
}

/// Alerts by which a server says that it does not accept the client's certificate.
const fn is_about_us(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
    )
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    chain(error).find_map(|e| e.downcast_ref())
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

/// An error and its causes. An I/O error answers for the error that it wraps, so that one is looked at as well.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| {
        let wrapped = e.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map_or_else(|| e.source(), |inner| Some(inner as &(dyn Error + 'static)))
    })
}
