use std::fmt;
use std::process::ExitCode;

/// Why a command did not do what it was asked. `Display` is what people read on standard error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line makes no sense: exit code 2, as clap's own errors.
    #[error("error: {0}")]
    Usage(String),
    /// It could not be done: exit code 1.
    #[error("error: {0}")]
    Failed(String),
    /// The API refused: exit code 1.
    #[error(transparent)]
    Refused(Refusal),
    /// Something was not as wished, and standard output or error has said so already: exit code 1.
    #[error("")]
    Told,
}

/// What the API answered instead of what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Refusal {
    /// Like `ResourceNotFound.InstanceNotFoundError`.
    pub(crate) code: String,
    /// For people.
    pub(crate) message: String,
    /// What the service's log has more under.
    pub(crate) request_id: String,
    /// The `Response` object as it came.
    pub(crate) response: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}\nRequestId: {}",
            self.code, self.message, self.request_id
        )
    }
}

impl Refusal {
    /// True when the call may simply be repeated a second later.
    pub(crate) fn is_throttling(&self) -> bool {
        self.code.starts_with("RequestLimitExceeded")
    }
}

impl Failure {
    /// Something that could not be done.
    // By value, so that `map_err` takes it by its name.
    #[allow(clippy::needless_pass_by_value)]
    pub(crate) fn failed(message: impl ToString) -> Self {
        Self::Failed(message.to_string())
    }

    /// 1 for what could not be done, 2 for a wrong command line.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) | Self::Refused(_) | Self::Told => ExitCode::FAILURE,
        }
    }
}
