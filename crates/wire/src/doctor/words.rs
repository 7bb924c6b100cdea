//! What the doctor says, in both languages.

use super::{CheckId, Deviation, Hint, Outcome, Verdict};
use crate::Language;

/// Gives the members of an enum their words. One without words does not compile.
macro_rules! words {
    ($name:ident { $($variant:ident: $english:literal, $chinese:literal;)* }) => {
        impl $name {
            /// In words, for people.
            pub fn in_words(self, language: Language) -> &'static str {
                match (self, language) {
                    $(
                        (Self::$variant, Language::EnUs) => $english,
                        (Self::$variant, Language::ZhCn) => $chinese,
                    )*
                }
            }
        }
    };
}

words! {
    Verdict {
        Right: "The signature is right.", "签名正确。";
        Explained: "The signature is wrong, and this is how it was made:", "签名错误，它是这样生成的：";
        Unexplained: "None of the known mistakes makes this signature: most likely the SecretKey is another one.", "已知的错误都无法得到该签名：很可能 SecretKey 不是这一个。";
        Unsigned: "There is no signature that could be looked at.", "没有可供检查的签名。";
    }
}

words! {
    CheckId {
        Authorization: "The authorization is there and well-formed", "签名信息存在且格式正确";
        Algorithm: "Algorithm", "算法";
        SecretId: "The SecretId is this one", "SecretId 一致";
        Timestamp: "The timestamp is near the time", "时间戳在有效范围内";
        Date: "The credential's date is the UTC date of the timestamp", "凭证日期为时间戳的 UTC 日期";
        Service: "The credential's service", "凭证中的服务";
        SignedHeaders: "content-type and host are signed", "content-type 与 host 已签名";
        CanonicalRequest: "Canonical request", "规范请求串";
        StringToSign: "String to sign", "待签名字符串";
        Signature: "Signature", "签名";
    }
}

words! {
    Outcome {
        Fits: "fits", "一致";
        Differs: "differs", "不一致";
        Unknown: "nothing to compare with", "无可比对";
    }
}

words! {
    Hint {
        Milliseconds: "The timestamp is in milliseconds; it is in seconds.", "时间戳为毫秒，应为秒。";
        LocalDate: "The date is that of another time zone; it is that of UTC.", "日期属于其他时区，应为 UTC 日期。";
        DateForm: "The date is not written like 2006-01-02.", "日期格式应为 2006-01-02。";
    }
}

words! {
    Deviation {
        HostWithoutPort: "The host was signed without its port. That is accepted.", "签名时 host 未带端口，可被接受。";
        HeadersInLowerCase: "The values of the signed headers were signed in lower case. That is accepted.", "签名时头部的值为小写，可被接受。";
        HeadersAsTheyAre: "The values of the signed headers were signed as they are. That is accepted.", "签名时头部的值保持原样，可被接受。";
        DottedNames: "Underscores in names were signed as dots. That is accepted.", "签名时名称中的下划线写作点号，可被接受。";
        OtherSecretId: "The key is right, but the request names another SecretId.", "密钥正确，但请求中的 SecretId 是另一个。";
        SecretWithWhitespace: "There is white space or a line end around the SecretKey: strip it where you read the key.", "SecretKey 前后有空白或换行：读取密钥时请去除。";
        SecretInQuotes: "The SecretKey was used with quotation marks around it.", "SecretKey 带着引号被使用。";
        SecretIdAsKey: "The SecretId was used in the place of the SecretKey.", "误将 SecretId 用作 SecretKey。";
        Prefix: "The prefix `TC3` before the SecretKey is missing, or stands where signature v1 has none.", "SecretKey 前缺少 `TC3` 前缀，或在 v1 签名中多了该前缀。";
        DerivationOrder: "The signing key was derived in another order than date, service, `tc3_request`.", "派生签名密钥的顺序不是日期、服务、`tc3_request`。";
        DerivationTooShort: "Steps of the key derivation are missing: date, then service, then `tc3_request`.", "密钥派生缺少步骤：应依次为日期、服务、`tc3_request`。";
        DerivationDate: "The signing key was derived over another date than the one in the credential, or over one in another form.", "派生密钥所用的日期与凭证中的不同，或格式不同。";
        DerivationService: "The signing key was derived over another service than the one in the credential.", "派生密钥所用的服务与凭证中的不同。";
        HexKeys: "A derived key was used as hexadecimal text; each step takes the raw bytes of the one before.", "派生密钥被当作十六进制文本使用；每一步应使用上一步的原始字节。";
        SwappedArguments: "Key and message of the HMAC are exchanged.", "HMAC 的密钥与消息参数颠倒。";
        CredentialDate: "The date of the credential is not the UTC date of the timestamp: use UTC, not the local time.", "凭证日期不是时间戳的 UTC 日期：请使用 UTC 而非本地时间。";
        OtherTimestamp: "The string to sign has another timestamp than the header `X-TC-Timestamp`.", "待签名字符串中的时间戳与 `X-TC-Timestamp` 不同。";
        StringLineEnds: "The lines of the string to sign end in CR LF; they end in LF alone.", "待签名字符串的行尾为 CR LF，应仅为 LF。";
        StringNewline: "The string to sign ends in a line end; it has none after the hash.", "待签名字符串末尾多了换行。";
        CanonicalHashInCapitals: "The hash of the canonical request is in upper-case digits; they are lower-case.", "规范请求串的哈希为大写，应为小写。";
        CanonicalNotHashed: "The canonical request itself stands in the string to sign; its SHA-256 belongs there.", "待签名字符串中是规范请求串本身，应为其 SHA-256。";
        Method: "Another method was signed than was sent, or one in lower case.", "签名所用的请求方法与实际不同，或为小写。";
        Path: "Another path than `/` was signed.", "签名所用的路径不是 `/`。";
        Query: "The query string is missing in what was signed, or stands where it should not.", "签名内容缺少查询串，或不应包含查询串。";
        QuerySorted: "The query string was sorted before it was signed; it is signed as it is sent.", "查询串在签名前被排序；应按发送时的样子签名。";
        QueryEncoding: "The query string was encoded in another way than it was sent.", "查询串签名时的编码与发送时不同。";
        BlankLine: "The blank line after the canonical headers is missing.", "规范头部之后缺少空行。";
        HeaderOrder: "The canonical headers are in another order than `SignedHeaders`.", "规范头部的顺序与 `SignedHeaders` 不同。";
        HeaderNames: "The names of the signed headers are not in lower case.", "已签名头部的名称不是小写。";
        HeaderSpace: "There is a space after the colon of the canonical headers.", "规范头部的冒号后有空格。";
        SignedHeaders: "`SignedHeaders` leaves out `content-type` or `host`, or names a header that was not sent.", "`SignedHeaders` 缺少 `content-type` 或 `host`，或包含未发送的头部。";
        UnsignedAction: "`x-tc-action` and `x-tc-version` are not among the signed headers; actions of `signet` need them there. SDKs do not sign them: use `signet call`, or what `signet sample` prints.", "`x-tc-action` 与 `x-tc-version` 未签名；`signet` 的接口要求对其签名。SDK 不会签名它们：请使用 `signet call`，或 `signet sample` 输出的程序。";
        OtherService: "The credential is for another service than the action belongs to.", "凭证中的服务与接口所属的服务不同。";
        Charset: "`content-type` was signed with a charset that was not sent, or without the one that was: HTTP libraries like to add one.", "签名的 `content-type` 与发送的 charset 不一致：HTTP 库常会自动添加。";
        ContentType: "Another `content-type` was signed than was sent.", "签名所用的 `content-type` 与发送的不同。";
        HostPort: "Another port of the host was signed than was sent.", "签名所用的端口与发送的不同。";
        OtherHost: "Another host was signed than was sent.", "签名所用的 host 与发送的不同。";
        CanonicalLineEnds: "The lines of the canonical request end in CR LF; they end in LF alone.", "规范请求串的行尾为 CR LF，应仅为 LF。";
        CanonicalNewline: "The canonical request ends in a line end; it has none after the payload's hash.", "规范请求串末尾多了换行。";
        PayloadEmpty: "The payload's hash is that of an empty body: hash the body that is sent.", "请求体哈希为空内容的哈希：应对实际发送的请求体做哈希。";
        PayloadNull: "The payload's hash is that of `null` or `{}`.", "请求体哈希为 `null` 或 `{}` 的哈希。";
        PayloadNewline: "The body was hashed with another line end at its end than it was sent with.", "请求体哈希时末尾的换行与发送时不同。";
        PayloadLineEnds: "The body was hashed with other line ends than it was sent with.", "请求体哈希时的换行符与发送时不同。";
        PayloadJson: "The body was hashed as the same JSON written in another way: serialise once, and hash and send those bytes.", "对同一 JSON 的另一种写法做了哈希：应只序列化一次，并对这些字节哈希和发送。";
        PayloadHashInCapitals: "The payload's hash is in upper-case digits; they are lower-case.", "请求体哈希为大写，应为小写。";
        PayloadHashMissing: "The payload's hash is missing at the end of the canonical request.", "规范请求串末尾缺少请求体哈希。";
        PayloadNotHashed: "The body itself stands at the end of the canonical request; its SHA-256 belongs there.", "规范请求串末尾是请求体本身，应为其 SHA-256。";
        PayloadUnsigned: "`UNSIGNED-PAYLOAD` was signed without the header `X-TC-Content-SHA256`, or the body was signed in spite of it.", "签名使用了 `UNSIGNED-PAYLOAD` 但缺少 `X-TC-Content-SHA256` 头，或有该头却对请求体签名。";
        SignatureEncoding: "The signature is in Base64 where hexadecimal digits belong, or the other way round.", "签名应为十六进制却用了 Base64，或相反。";
        SignatureInCapitals: "The signature is in upper-case digits; they are lower-case.", "签名为大写，应为小写。";
        OwnCanonicalRequest: "The signature fits the canonical request that you pasted: the mistake is in that text, see the first line that differs.", "签名与您粘贴的规范请求串一致：错误就在其中，见第一处不同的行。";
        OwnStringToSign: "The signature fits the string to sign that you pasted: the mistake is in that text, see the first line that differs.", "签名与您粘贴的待签名字符串一致：错误就在其中，见第一处不同的行。";
        ValuesEncoded: "The values were URL-encoded before they were signed; v1 signs raw values and encodes afterwards.", "值在签名前被 URL 编码；v1 对原始值签名，之后再编码。";
        Unsorted: "The parameters were signed in the order in which they were sent; they are sorted by name.", "参数按发送顺序签名，应按名称排序。";
        SortedWithoutCase: "The parameters were sorted without regard to case; they are sorted by their bytes.", "参数排序忽略了大小写，应按字节排序。";
        Algorithm: "The other hash was used than `SignatureMethod` says.", "所用的哈希与 `SignatureMethod` 不一致。";
        SignatureNotEncoded: "The signature was not URL-encoded, so that its `+` became a space.", "签名未做 URL 编码，其中的 `+` 变成了空格。";
        SignatureLeftIn: "`Signature` itself was among the signed parameters.", "`Signature` 自身也被纳入签名。";
        ParameterLeftOut: "A parameter was sent but not signed.", "有参数发送了但未签名。";
    }
}
