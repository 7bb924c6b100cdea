//! The texts that the vendor's gateway is known to send are used word for word, `(sic)` included; a comment says which
//! texts are our own. All of them are "for people": programs decide by the code.

use std::borrow::Cow;
use std::fmt;

use crate::{Code, Language, RequestId};

/// A request that was refused: a code for programs and a sentence for people, in English and perhaps in Chinese.
///
/// It displays as `Code: sentence` in English and holds nothing that the caller may not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: Code,
    en: Cow<'static, str>,
    zh: Option<Cow<'static, str>>,
}

impl Refusal {
    /// A refusal with its English sentence.
    pub fn new(code: Code, en: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            en: en.into(),
            zh: None,
        }
    }

    /// The same refusal, with its Chinese sentence.
    #[must_use]
    pub fn in_chinese(self, zh: impl Into<Cow<'static, str>>) -> Self {
        Self {
            zh: Some(zh.into()),
            ..self
        }
    }

    /// What programs decide by.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What people read. English where there is no Chinese sentence.
    pub fn message(&self, language: Language) -> Cow<'_, str> {
        match (language, &self.zh) {
            (Language::ZhCn, Some(zh)) => Cow::Borrowed(zh),
            _ => Cow::Borrowed(&self.en),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.en)
    }
}

impl std::error::Error for Refusal {}

/// What is wrong with the request as a whole.
impl Refusal {
    /// Another method than GET and POST. Our own words; the vendor's are not known.
    pub fn unsupported_protocol() -> Self {
        Self::new(
            Code::UnsupportedProtocol,
            "Only the HTTP methods GET and POST are supported.",
        )
        .in_chinese("仅支持 HTTP 的 GET 和 POST 方法。")
    }

    /// More bytes than the method allows. Our own words.
    pub fn request_size_limit_exceeded(limit: usize) -> Self {
        Self::new(
            Code::RequestSizeLimitExceeded,
            format!("The request exceeds the size limit of {limit} bytes."),
        )
        .in_chinese(format!("请求大小超过上限 {limit} 字节。"))
    }

    /// A `Host` that is more or less than a host with an optional port. Our own words.
    pub fn invalid_host() -> Self {
        Self::new(
            Code::InvalidParameterValue,
            "The header `Host` is not a host name or an address with an optional port.",
        )
        .in_chinese("请求头 `Host` 不是主机名或地址（可带端口）。")
    }

    /// No action has this name.
    pub fn invalid_action() -> Self {
        Self::new(
            Code::InvalidAction,
            "The request `Action` is invalid or not found.",
        )
        .in_chinese("请求的 `Action` 无效或不存在。") // zh is ours
    }

    /// The action is there, in other versions. Our own words.
    pub fn no_such_version() -> Self {
        Self::new(
            Code::NoSuchVersion,
            "The request `Version` is invalid or not found.",
        )
        .in_chinese("请求的 `Version` 无效或不存在。")
    }

    /// A known region that is not served (sic).
    pub fn unsupported_region() -> Self {
        Self::new(
            Code::UnsupportedRegion,
            "The action not support this region.",
        )
        .in_chinese("该接口不支持此地域。") // zh is ours
    }

    /// The one sentence for everything that broke on our side.
    pub fn internal_error() -> Self {
        let en = "An internal error has occurred. Retry your request, but if the problem persists, contact us.";
        Self::new(Code::InternalError, en).in_chinese("内部服务错误，请稍后重试。")
    }
}

/// Who the caller is and whether that can be believed.
impl Refusal {
    /// The `Authorization` header cannot be read; `why` goes on after the colon, with its own full stop.
    pub fn invalid_authorization(why: impl fmt::Display) -> Self {
        let en = format!(
            "The request `Authorization` header does not conform to tencentcloud standards: {why}"
        );
        let zh = format!("请求头 `Authorization` 不符合规范：{why}"); // ours
        Self::new(Code::AuthFailureInvalidAuthorization, en).in_chinese(zh)
    }

    /// The timestamp is too far from `now`, the server's clock in Unix seconds.
    pub fn signature_expire(now: i64) -> Self {
        let en = format!(
            "Signature expired. Please use local time and enable NTP service for time synchronization to avoid a deviation \
             between `Timestamp` and the server time {now}."
        );
        let zh = format!(
            "签名已过期。请校准本地时间并开启 NTP 时间同步，避免 `Timestamp` 与服务器时间 {now} 存在偏差。"
        ); // ours
        Self::new(Code::AuthFailureSignatureExpire, en).in_chinese(zh)
    }

    /// No key has this SecretId.
    pub fn secret_id_not_found() -> Self {
        let en = "The SecretId is not found, please ensure that your SecretId is correct.";
        Self::new(Code::AuthFailureSecretIdNotFound, en)
            .in_chinese("SecretId不存在，请输入正确的密钥。")
    }

    /// The token is wrong or expired, or should not be there.
    pub fn token_failure() -> Self {
        let en = "Token verification failed, please check if your Token is correct.";
        Self::new(Code::AuthFailureTokenFailure, en)
            .in_chinese("Token 校验失败，请检查您的 Token 是否正确。") // zh is ours
    }

    /// The signature does not match.
    pub fn signature_failure() -> Self {
        let en = "The provided credentials could not be validated. Please check your signature is correct.";
        Self::new(Code::AuthFailureSignatureFailure, en)
            .in_chinese("请求签名验证失败，请检查您的签名计算是否正确。")
    }

    /// A form body over 1 MB. The vendor answers this instead of `RequestSizeLimitExceeded`.
    pub fn signature_failure_by_size() -> Self {
        let en = "The provided credentials could not be validated because of exceeding request size limit, please use new \
                  signature method `TC3-HMAC-SHA256`.";
        let zh = "由于请求包大小超过限制，请求签名验证失败，请使用新的签名方法 `TC3-HMAC-SHA256`";
        Self::new(Code::AuthFailureSignatureFailure, en).in_chinese(zh)
    }

    /// The action or the version of `service` is not signed, or the credential scope names another service. Our own words.
    pub fn unsigned_action(service: &str) -> Self {
        Self::invalid_authorization(format_args!(
            "an action of `{service}` needs `x-tc-action` and `x-tc-version` among its `SignedHeaders`. SDKs do not sign them: \
             `signet sample {service} ACTION` prints a program that does."
        ))
    }

    /// The credential scope names another service than the action's. Our own words.
    pub fn other_scope(scope: &str, service: &str) -> Self {
        let scope: String = scope.chars().take(32).collect();
        Self::invalid_authorization(format_args!(
            "the credential scope is for the service `{}`, and the action belongs to `{service}`.",
            scope.escape_debug()
        ))
    }

    /// A write whose action must be signed by configuration. Our own words.
    pub fn signed_action_required() -> Self {
        Self::invalid_authorization(
            "this server requires `x-tc-action` and `x-tc-version` among the `SignedHeaders` of every write \
             (`require_signed_action`). SDKs do not sign them: `signet call cdb ACTION` does.",
        )
    }

    /// The body is not signed where it must be. Our own words.
    pub fn unsigned_payload() -> Self {
        Self::invalid_authorization(
            "`UNSIGNED-PAYLOAD` is accepted for actions of `cdb` that only read: sign the body.",
        )
    }

    /// Signature v1 is switched off. Our own words.
    pub fn v1_not_accepted() -> Self {
        let en = "This server does not accept HmacSHA1 and HmacSHA256 (`allow_v1 = false`): sign with TC3-HMAC-SHA256.";
        Self::new(Code::AuthFailureSignatureFailure, en)
            .in_chinese("本服务不接受 HmacSHA1 和 HmacSHA256（`allow_v1 = false`），请使用 TC3-HMAC-SHA256 签名。")
    }

    /// The signature was used for another action before. Our own words.
    pub fn replayed_under_another_action() -> Self {
        let en = "This signature was already used for another action: a recorded request may have been replayed. SDKs do not sign \
                  the action, so two calls with the same parameters in the same second have one signature; sign this one again, a \
                  second later.";
        let zh = "该签名已被用于另一个接口，可能是请求被重放。SDK 的签名不包含接口名，同一秒内参数相同的两个请求签名相同；请一秒后重新签名。";
        Self::new(Code::AuthFailureSignatureFailure, en).in_chinese(zh)
    }

    /// A write with an unsigned action that cannot be told from a replayed request. Our own words; `why` is a clause.
    pub fn replay_not_excluded(why: impl fmt::Display) -> Self {
        let en = format!(
            "This write does not sign its action, and {why}, so that it cannot be told from a replayed request. Sign it again, a \
             second later; or sign `x-tc-action` and `x-tc-version` with it."
        );
        Self::new(Code::AuthFailureSignatureFailure, en)
    }

    /// A write that was signed before the service started, which may have been carried out then. Our own words.
    pub fn signed_before_start() -> Self {
        let en = "This write was signed before the service started, which does not know whether it was carried out then. Look at \
                  the result, and sign the call again.";
        Self::new(Code::AuthFailureSignatureFailure, en).in_chinese(
            "该写请求的签名早于服务启动时间，无法判断是否已执行。请检查结果后重新签名。",
        )
    }

    /// A write that was sent again, whose first answer is not repeated. Our own words; `why` is a clause.
    pub fn not_repeated(why: impl fmt::Display) -> Self {
        let en = format!(
            "This very request was sent before, and {why}. Nothing was done again; sign the call again to repeat it."
        );
        Self::new(Code::AuthFailureSignatureFailure, en)
    }

    /// No room to remember another write. Our own words.
    pub fn too_many_writes(limit: usize) -> Self {
        let en = format!(
            "The service remembers the last {limit} writes of ten minutes and has no room for another. Retry in a minute."
        );
        Self::new(Code::RequestLimitExceeded, en)
    }

    /// The key's policies do not allow the call. `operation` is like `cdb:OpenSSL`, `resource` six segments or `*`; users
    /// copy both into a policy, so they are on lines of their own as the vendor prints them.
    pub fn unauthorized_operation(operation: &str, resource: &str, request_id: &RequestId) -> Self {
        let inner = format!(
            "[[request id:{request_id}]you are not authorized to perform operation ({operation})\n\
             resource ({resource}) has no permission\n]"
        );
        let en = "You are not authorized to perform this operation. Check your CAM policies, and ensure that you are using the \
                  correct access keys.";
        Self::new(
            Code::AuthFailureUnauthorizedOperation,
            format!("{en} {inner}"),
        )
        .in_chinese(format!("操作未授权，请检查CAM策略。{inner}"))
    }

    /// The `count`th call in one second, where `limit` are allowed.
    pub fn request_limit_exceeded(count: u64, limit: u64) -> Self {
        let en = format!(
            "Your current request times equals to `{count}` in a second, which exceeds the frequency limit `{limit}` for a \
             second. Please reduce the frequency of calls."
        );
        let zh = format!("您当前每秒请求 `{count}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。");
        Self::new(Code::RequestLimitExceeded, en).in_chinese(zh)
    }
}

/// What is wrong with a parameter. Names are those of the parameter, without `X-TC-`, nested ones with dots.
impl Refusal {
    /// A required parameter is absent.
    pub fn missing_parameter(name: impl fmt::Display) -> Self {
        Self::new(
            Code::MissingParameter,
            format!("The request is missing a required parameter `{name}`."),
        )
        .in_chinese(format!("请求缺少必要参数 `{name}`。")) // zh is ours
    }

    /// A parameter has the wrong type.
    pub fn invalid_parameter_type(name: impl fmt::Display) -> Self {
        Self::new(
            Code::InvalidParameter,
            format!("The value type of parameter `{name}` is not valid."),
        )
        .in_chinese(format!("参数 `{name}` 取值类型错误。"))
    }

    /// The same parameter came twice. Our own words.
    pub fn repeated_parameter(name: impl fmt::Display) -> Self {
        Self::new(
            Code::InvalidParameter,
            format!("The parameter `{name}` is given more than once."),
        )
        .in_chinese(format!("参数 `{name}` 重复。"))
    }

    /// A parameter that signature v1, which signs raw values, cannot tell from several. Our own words.
    pub fn ambiguous_in_v1(name: impl fmt::Display) -> Self {
        let en = format!(
            "The parameter `{name}` has both `&` and `=` in it. HmacSHA1 and HmacSHA256 sign values as they are, so it could \
             be read as several parameters: sign the request with TC3-HMAC-SHA256."
        );
        Self::new(Code::InvalidParameter, en)
    }

    /// The parameters are built wrongly; `why` is a whole sentence. Our own words.
    pub fn malformed_parameters(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidParameter, why)
    }

    /// The body is no JSON object; `why` says what it is, with its own full stop. Our own words.
    pub fn json_unmarshal_error(why: impl fmt::Display) -> Self {
        Self::new(
            Code::InvalidParameterJsonUnmarshalError,
            format!("Failed to deserialize JSON: {why}"),
        )
        .in_chinese(format!("Json反序列化错误：{why}"))
    }

    /// The multipart body is malformed; `why` is a whole sentence. Our own words.
    pub fn invalid_request(why: impl fmt::Display) -> Self {
        Self::new(
            Code::InvalidRequest,
            format!("The multipart body is malformed: {why}"),
        )
        .in_chinese(format!("multipart 请求体格式错误：{why}"))
    }

    /// A parameter has a value that is not allowed.
    pub fn invalid_parameter_value(name: impl fmt::Display) -> Self {
        let en = format!(
            "A value specified in `{name}` is not valid, is unsupported, or cannot be used."
        );
        Self::new(Code::InvalidParameterValue, en).in_chinese(format!("参数 `{name}` 取值错误。"))
    }

    /// The action has no parameter of this name.
    pub fn unknown_parameter(name: impl fmt::Display) -> Self {
        Self::new(
            Code::UnknownParameter,
            format!("The parameter `{name}` is not recognized."),
        )
        .in_chinese(format!("未知参数 `{name}`，用户多传未定义的参数会导致错误")) // the vendor's does not name it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_displays_code_and_english_sentence() {
        let refusal = Refusal::missing_parameter("Timestamp");
        assert_eq!(
            refusal.to_string(),
            "MissingParameter: The request is missing a required parameter `Timestamp`."
        );
    }

    #[test]
    fn the_same_refusal_speaks_both_languages() {
        let refusal = Refusal::request_limit_exceeded(21, 20);
        let en = "Your current request times equals to `21` in a second, which exceeds the frequency limit `20` for a second. \
                  Please reduce the frequency of calls.";
        assert_eq!(refusal.message(Language::EnUs), en);
        assert_eq!(
            refusal.message(Language::ZhCn),
            "您当前每秒请求 `21` 次，超过了每秒频率上限 `20`，请稍后重试。"
        );
    }

    #[test]
    fn without_a_chinese_sentence_it_is_english() {
        let refusal = Refusal::new(
            Code::ResourceNotFoundInstanceNotFoundError,
            "The instance does not exist.",
        );
        assert_eq!(
            refusal.message(Language::ZhCn),
            "The instance does not exist."
        );
    }

    #[test]
    fn a_denied_operation_can_be_copied_from_the_message() {
        let request_id = RequestId::from_random([0; 16]);
        let refusal = Refusal::unauthorized_operation("cdb:OpenSSL", "*", &request_id);
        assert_eq!(
            refusal.message(Language::ZhCn),
            "操作未授权，请检查CAM策略。[[request id:00000000-0000-4000-8000-000000000000]you are not authorized to perform \
             operation (cdb:OpenSSL)\nresource (*) has no permission\n]"
        );
    }

    #[test]
    fn the_vendors_texts_are_word_for_word() {
        let known = [
            (
                Refusal::signature_failure(),
                "The provided credentials could not be validated. Please check your signature is correct.",
            ),
            (
                Refusal::secret_id_not_found(),
                "The SecretId is not found, please ensure that your SecretId is correct.",
            ),
            (
                Refusal::invalid_action(),
                "The request `Action` is invalid or not found.",
            ),
            (
                Refusal::unsupported_region(),
                "The action not support this region.",
            ),
            (
                Refusal::unknown_parameter("$schema"),
                "The parameter `$schema` is not recognized.",
            ),
            (
                Refusal::invalid_parameter_type("Offset"),
                "The value type of parameter `Offset` is not valid.",
            ),
            (
                Refusal::invalid_parameter_value("X-TC-Region"),
                "A value specified in `X-TC-Region` is not valid, is unsupported, or cannot be used.",
            ),
            (
                Refusal::signature_expire(1_706_406_788),
                "Signature expired. Please use local time and enable NTP service for time synchronization to avoid a deviation \
                 between `Timestamp` and the server time 1706406788.",
            ),
        ];
        for (refusal, text) in known {
            assert_eq!(refusal.message(Language::EnUs), text);
        }
    }
}
