//! A failed request: what the caller reads, and what only the log reads.

use std::fmt;

use wire::{Code, Language, Refusal};

/// The error of the API. It displays exactly what the caller reads, so that no path can print more by accident.
#[derive(Debug)]
pub struct ApiError {
    refusal: Box<Refusal>,
    cause: Option<anyhow::Error>,
}

impl ApiError {
    /// A refusal with this code and this sentence.
    pub fn new(code: Code, message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Refusal::new(code, message).into()
    }

    /// A parameter whose value is not allowed.
    pub fn invalid_value(parameter: &str, why: impl fmt::Display) -> Self {
        Self::new(
            Code::InvalidParameterValue,
            format!("The value of parameter `{parameter}` is not valid: {why}."),
        )
    }

    /// Our fault. The caller gets one fixed sentence, the log gets `cause`.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self {
            refusal: Box::new(Refusal::internal_error()),
            cause: Some(cause.into()),
        }
    }

    /// What programs decide by.
    pub fn code(&self) -> Code {
        self.refusal.code()
    }

    /// What the caller reads.
    pub fn message(&self, language: Language) -> std::borrow::Cow<'_, str> {
        self.refusal.message(language)
    }

    /// What goes out.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// What only the log reads.
    pub fn cause(&self) -> Option<&anyhow::Error> {
        self.cause.as_ref()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal: Box::new(refusal),
            cause: None,
        }
    }
}

/// What the store could not do is our fault, unless two callers changed the same thing at once.
impl From<crate::state::store::Error> for ApiError {
    fn from(error: crate::state::store::Error) -> Self {
        match error {
            crate::state::store::Error::Conflict { .. } => Self::new(
                Code::OperationDeniedInstanceLockerConflict,
                "Someone else changed the same resource at the same time. Look at it again and retry.",
            ),
            other => Self::internal(other),
        }
    }
}

impl From<crate::state::catalog::Error> for ApiError {
    fn from(error: crate::state::catalog::Error) -> Self {
        match error {
            crate::state::catalog::Error::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<crate::work::succession::Error> for ApiError {
    fn from(error: crate::work::succession::Error) -> Self {
        use crate::work::succession::Error;
        match error {
            Error::Configured
            | Error::AlreadyStaged
            | Error::NotStaged
            | Error::UnknownTo(_)
            | Error::NotFormer(_)
            | Error::Needed(_) => Self::new(Code::OperationDenied, error.to_string()),
            Error::Unknown(_) => Self::invalid_value("Authority", error),
            Error::Ca(error) => Self::internal(error),
            Error::Vault(error) => error.into(),
            Error::Catalog(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}

impl From<crate::state::vault::Error> for ApiError {
    fn from(error: crate::state::vault::Error) -> Self {
        Self::internal(error)
    }
}
