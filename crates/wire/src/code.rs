//! Two sources: the vendor's list of common codes (38, which its gateway may return for any action) and the codes that
//! its MySQL product documents for the actions served here. The spelling is the contract, oddities included.

use std::fmt;

/// Makes the enum, its spellings, meanings and the list of all from one table. A doc comment is the meaning.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident = $text:literal,)+) => {
        /// An error code: what programs decide by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Code {
            /// Every code, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What the code says, in one sentence: the reference page prints it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($meaning),+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// The action has been taken offline.
    ActionOffline = "ActionOffline",
    /// The caller could not be authenticated or authorised.
    AuthFailure = "AuthFailure",
    /// The `Authorization` header is not in the form that API 3.0 asks for.
    AuthFailureInvalidAuthorization = "AuthFailure.InvalidAuthorization",
    /// The SecretId is not that of an API key.
    AuthFailureInvalidSecretId = "AuthFailure.InvalidSecretId",
    /// The multi-factor authentication failed.
    AuthFailureMfaFailure = "AuthFailure.MFAFailure",
    /// No key has this SecretId: it was mistyped, disabled or deleted.
    AuthFailureSecretIdNotFound = "AuthFailure.SecretIdNotFound",
    /// The timestamp is more than five minutes away from the server's clock.
    AuthFailureSignatureExpire = "AuthFailure.SignatureExpire",
    /// The signature does not match the request.
    AuthFailureSignatureFailure = "AuthFailure.SignatureFailure",
    /// The token is wrong, has expired, or does not belong to this key.
    AuthFailureTokenFailure = "AuthFailure.TokenFailure",
    /// The key's policies do not allow this call.
    AuthFailureUnauthorizedOperation = "AuthFailure.UnauthorizedOperation",
    /// The backend or one of its processes failed.
    CdbError = "CdbError",
    /// A backend task failed.
    CdbErrorTaskError = "CdbError.TaskError",
    /// The call would have succeeded; it was a dry run.
    DryRunOperation = "DryRunOperation",
    /// The operation failed.
    FailedOperation = "FailedOperation",
    /// The operation on the database failed.
    FailedOperationDbOperationActionError = "FailedOperation.DBOperationActionError",
    /// The instance is busy with another operation; try again later.
    FailedOperationOperationInConflictError = "FailedOperation.OperationInConflictError",
    /// Something broke on our side; the log has the cause under this RequestId.
    InternalError = "InternalError",
    /// A system error.
    InternalErrorCdbError = "InternalError.CdbError",
    /// The internal database failed.
    InternalErrorDbError = "InternalError.DBError",
    /// An operation on the internal database failed.
    InternalErrorDbOperationError = "InternalError.DBOperationError",
    /// There is no record of this database instance or group.
    InternalErrorDbRecordNotExistError = "InternalError.DBRecordNotExistError",
    /// The internal database could not be reached.
    InternalErrorDatabaseAccessError = "InternalError.DatabaseAccessError",
    /// An internal system error.
    InternalErrorDesError = "InternalError.DesError",
    /// A server behind the API could not be asked.
    InternalErrorExecHttpRequestError = "InternalError.ExecHttpRequestError",
    /// A file transfer failed.
    InternalErrorFtpError = "InternalError.FtpError",
    /// An HTTP request to the backend failed.
    InternalErrorHttpError = "InternalError.HttpError",
    /// The request could not be executed.
    InternalErrorInternalHttpServerError = "InternalError.InternalHttpServerError",
    /// An internal service could not be used.
    InternalErrorInternalServiceErrorErr = "InternalError.InternalServiceErrorErr",
    /// An unknown error.
    InternalErrorUndefinedError = "InternalError.UndefinedError",
    /// An unknown error.
    InternalErrorUnknownError = "InternalError.UnknownError",
    /// No action has this name in this version.
    InvalidAction = "InvalidAction",
    /// A parameter has the wrong form or type.
    InvalidParameter = "InvalidParameter",
    /// The interface was not found.
    InvalidParameterControllerNotFoundError = "InvalidParameter.ControllerNotFoundError",
    /// A parameter is abnormal.
    InvalidParameterExceptionParam = "InvalidParameter.ExceptionParam",
    /// The instance does not exist.
    InvalidParameterInstanceNotFound = "InvalidParameter.InstanceNotFound",
    /// No task has this AsyncRequestId.
    InvalidParameterInvalidAsyncRequestId = "InvalidParameter.InvalidAsyncRequestId",
    /// The body is not a JSON object, or a field in it has the wrong JSON type.
    InvalidParameterJsonUnmarshalError = "InvalidParameter.JsonUnmarshalError",
    /// A parameter has a value that is not allowed.
    InvalidParameterValue = "InvalidParameterValue",
    /// A value could not be converted.
    InvalidParameterValueDataConvertError = "InvalidParameterValue.DataConvertError",
    /// A parameter has an invalid value.
    InvalidParameterValueInvalidParameterValueError = "InvalidParameterValue.InvalidParameterValueError",
    /// The multipart body is malformed.
    InvalidRequest = "InvalidRequest",
    /// The caller's address is on the deny list.
    IpInBlacklist = "IpInBlacklist",
    /// The caller's address is not on the allow list.
    IpNotInWhitelist = "IpNotInWhitelist",
    /// A quota is used up.
    LimitExceeded = "LimitExceeded",
    /// A required parameter is missing.
    MissingParameter = "MissingParameter",
    /// Required parameters are missing.
    MissingParameterMissingParamError = "MissingParameter.MissingParamError",
    /// There is no such product.
    NoSuchProduct = "NoSuchProduct",
    /// The API has no such version.
    NoSuchVersion = "NoSuchVersion",
    /// The operation is denied.
    OperationDenied = "OperationDenied",
    /// The same action is still under way.
    OperationDeniedActionInProcess = "OperationDenied.ActionInProcess",
    /// The operation is not supported here.
    OperationDeniedActionNotSupport = "OperationDenied.ActionNotSupport",
    /// Instances of this type do not support the operation.
    OperationDeniedInstTypeNotSupport = "OperationDenied.InstTypeNotSupport",
    /// Another task holds the instance; try again later.
    OperationDeniedInstanceLockerConflict = "OperationDenied.InstanceLockerConflict",
    /// The instance's status does not allow the operation.
    OperationDeniedInstanceStatusError = "OperationDenied.InstanceStatusError",
    /// A task is running on the instance.
    OperationDeniedInstanceTaskRunning = "OperationDenied.InstanceTaskRunning",
    /// Single-node instances do not support the operation.
    OperationDeniedNotSupportBasic = "OperationDenied.NotSupportBasic",
    /// The account has no policy for the resource.
    OperationDeniedUserHasNoStrategy = "OperationDenied.UserHasNoStrategy",
    /// The status of the backend task does not allow the operation.
    OperationDeniedWrongStatus = "OperationDenied.WrongStatus",
    /// Too many calls in one second.
    RequestLimitExceeded = "RequestLimitExceeded",
    /// The account makes too many calls in this region.
    RequestLimitExceededGlobalRegionUinLimitExceeded = "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
    /// Too many calls come from this address.
    RequestLimitExceededIpLimitExceeded = "RequestLimitExceeded.IPLimitExceeded",
    /// The account makes too many calls.
    RequestLimitExceededUinLimitExceeded = "RequestLimitExceeded.UinLimitExceeded",
    /// The request is larger than the method allows.
    RequestSizeLimitExceeded = "RequestSizeLimitExceeded",
    /// The resource is in use.
    ResourceInUse = "ResourceInUse",
    /// There are not enough resources.
    ResourceInsufficient = "ResourceInsufficient",
    /// The resource does not exist.
    ResourceNotFound = "ResourceNotFound",
    /// The instance does not exist.
    ResourceNotFoundInstanceNotFoundError = "ResourceNotFound.InstanceNotFoundError",
    /// The resource is not available.
    ResourceUnavailable = "ResourceUnavailable",
    /// The answer would be larger than allowed.
    ResponseSizeLimitExceeded = "ResponseSizeLimitExceeded",
    /// The service is not available for the moment.
    ServiceUnavailable = "ServiceUnavailable",
    /// The operation is not authorised.
    UnauthorizedOperation = "UnauthorizedOperation",
    /// The action has no parameter of this name.
    UnknownParameter = "UnknownParameter",
    /// The operation is not supported.
    UnsupportedOperation = "UnsupportedOperation",
    /// Only the methods GET and POST are supported.
    UnsupportedProtocol = "UnsupportedProtocol",
    /// The region is not served.
    UnsupportedRegion = "UnsupportedRegion",
}

impl Code {
    /// Reads a code from the wire, or `None` when it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// The part before the dot. Clients decide by the whole code or by its family.
    pub fn family(self) -> &'static str {
        let text = self.as_str();
        text.split_once('.').map_or(text, |(family, _)| family)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_alphabetical_order() {
        let texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
    }

    #[test]
    fn every_code_reads_back_and_has_a_one_sentence_meaning() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!(
                code.meaning().ends_with('.') && code.meaning().len() > 10,
                "{code}: {}",
                code.meaning()
            );
            assert!(!code.meaning().starts_with(' '), "{code}");
        }
        assert_eq!(Code::parse("NoSuchCode"), None);
    }

    #[test]
    fn a_code_belongs_to_the_family_before_its_dot() {
        assert_eq!(
            Code::ResourceNotFoundInstanceNotFoundError.family(),
            "ResourceNotFound"
        );
        assert_eq!(Code::InternalError.family(), "InternalError");
    }

    #[test]
    fn the_38_common_codes_are_all_there() {
        let common = "ActionOffline AuthFailure.InvalidAuthorization AuthFailure.InvalidSecretId AuthFailure.MFAFailure \
            AuthFailure.SecretIdNotFound AuthFailure.SignatureExpire AuthFailure.SignatureFailure AuthFailure.TokenFailure \
            AuthFailure.UnauthorizedOperation DryRunOperation FailedOperation InternalError InvalidAction InvalidParameter \
            InvalidParameterValue InvalidRequest IpInBlacklist IpNotInWhitelist LimitExceeded MissingParameter NoSuchProduct \
            NoSuchVersion RequestLimitExceeded RequestLimitExceeded.GlobalRegionUinLimitExceeded \
            RequestLimitExceeded.IPLimitExceeded RequestLimitExceeded.UinLimitExceeded RequestSizeLimitExceeded ResourceInUse \
            ResourceInsufficient ResourceNotFound ResourceUnavailable ResponseSizeLimitExceeded ServiceUnavailable \
            UnauthorizedOperation UnknownParameter UnsupportedOperation UnsupportedProtocol UnsupportedRegion";
        let missing: Vec<_> = common
            .split_whitespace()
            .filter(|text| Code::parse(text).is_none())
            .collect();
        assert_eq!((common.split_whitespace().count(), missing), (38, vec![]));
    }
}
