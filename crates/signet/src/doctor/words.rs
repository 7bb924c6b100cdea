use wire::doctor::{Deviation as D, Diagnosis, Hint, Verdict};

/// What it comes to.
pub(super) fn verdict(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.verdict {
        Verdict::Right if diagnosis.deviations.is_empty() => "The signature is right.",
        Verdict::Right => "The signature is right. It is made in a way that is accepted:",
        Verdict::Explained => "The signature is wrong. This makes exactly the one that was given:",
        Verdict::Unexplained => {
            "The signature is wrong, and none of the known mistakes makes it: most likely the SecretKey is another one."
        }
        Verdict::Unsigned => "There is no signature that could be looked at.",
    }
}

/// What is known about a step beyond that it differs.
pub(super) fn hint(hint: Hint) -> &'static str {
    match hint {
        Hint::Milliseconds => "these are milliseconds, and should be seconds",
        Hint::LocalDate => "this is the date of another time zone, and should be that of UTC",
        Hint::DateForm => "a date is written like 2006-01-02",
    }
}

/// How a signature was made.
pub(super) fn deviation(deviation: D) -> &'static str {
    match deviation {
        D::HostWithoutPort => "the host is signed without its port, as the Node SDK does",
        D::HeadersInLowerCase => "the values of the signed headers are in lower case",
        D::HeadersAsTheyAre => "the values of all signed headers are left as they are",
        D::DottedNames => "`_` in names is signed as `.`, as the Python and Java SDKs do",
        D::OtherSecretId => "the key is right, but the request names another SecretId",
        D::SecretWithWhitespace => "there is white space or a line end around the SecretKey",
        D::SecretInQuotes => "there are quotation marks around the SecretKey",
        D::SecretIdAsKey => "the SecretId is used as the key",
        D::Prefix => "`TC3` before the SecretKey is missing in TC3, or is there in v1",
        D::DerivationOrder => {
            "the key is derived over date, service and `tc3_request` in another order"
        }
        D::DerivationTooShort => "the key is derived in too few steps",
        D::DerivationDate => "the key is derived over another date than the credential names",
        D::DerivationService => "the key is derived over another service than the credential names",
        D::HexKeys => "a derived key is used as hexadecimal text instead of bytes",
        D::SwappedArguments => "key and message of the HMAC are exchanged",
        D::CredentialDate => "the date of the credential is not the UTC date of the timestamp",
        D::OtherTimestamp => "the string to sign has another timestamp than X-TC-Timestamp",
        D::StringLineEnds => "the lines of the string to sign end in CR LF",
        D::StringNewline => "the string to sign ends in a line end",
        D::CanonicalHashInCapitals => "the hash of the canonical request is in upper-case digits",
        D::CanonicalNotHashed => {
            "the canonical request itself stands in the string to sign, instead of its hash"
        }
        D::Method => "another method is signed than was sent, or one in lower case",
        D::Path => "another path than `/` is signed",
        D::Query => "the query string, or its `?`, is missing or should not be there",
        D::QuerySorted => "the query string is sorted before it is signed",
        D::QueryEncoding => "the query string is signed in another encoding than it was sent in",
        D::BlankLine => "the blank line after the signed headers is missing",
        D::HeaderOrder => "the signed headers are in another order",
        D::HeaderNames => "the names of the signed headers are not in lower case",
        D::HeaderSpace => "there is a space after the colon of the signed headers",
        D::SignedHeaders => {
            "`SignedHeaders` leaves out `content-type` or `host`, or names a header that is not there"
        }
        D::Charset => "`content-type` is signed with another charset than was sent",
        D::ContentType => "another `content-type` is signed than was sent",
        D::HostPort => "another port of the host is signed than was sent",
        D::OtherHost => "another host is signed than was sent",
        D::CanonicalLineEnds => "the lines of the canonical request end in CR LF",
        D::CanonicalNewline => "the canonical request ends in a line end",
        D::PayloadEmpty => "the hash is that of an empty body",
        D::PayloadNull => "the hash is that of `null` or `{}`",
        D::PayloadNewline => "the hash is that of the body with another line end at its end",
        D::PayloadLineEnds => "the hash is that of the body with other line ends",
        D::PayloadJson => {
            "the hash is that of the same JSON written in another way: sign the very bytes that are sent"
        }
        D::PayloadHashInCapitals => "the hash of the body is in upper-case digits",
        D::PayloadHashMissing => "the hash of the body is missing",
        D::PayloadNotHashed => "the body itself stands in the place of its hash",
        D::PayloadUnsigned => {
            "`UNSIGNED-PAYLOAD` is signed without its header, or the body in spite of it"
        }
        D::SignatureEncoding => {
            "the signature is in Base64 instead of hexadecimal digits, or the other way round"
        }
        D::SignatureInCapitals => "the signature is in upper-case digits",
        D::OwnCanonicalRequest => {
            "it fits the canonical request that you gave: the mistake is in that"
        }
        D::OwnStringToSign => "it fits the string to sign that you gave: the mistake is in that",
        D::ValuesEncoded => "the values are URL-encoded before they are signed",
        D::Unsorted => "the parameters are not sorted by their bytes",
        D::SortedWithoutCase => "the parameters are sorted without regard to case",
        D::Algorithm => {
            "another hash is used than `SignatureMethod` says; without it, that is SHA-1"
        }
        D::SignatureNotEncoded => {
            "the signature is not URL-encoded, so that its `+` became a space"
        }
        D::SignatureLeftIn => "`Signature` itself is among the signed parameters",
        D::ParameterLeftOut => "a parameter is sent but not signed",
    }
}
