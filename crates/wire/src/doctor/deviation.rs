use crate::ids::ids;

ids! {
    /// A known way to sign otherwise than the document says. Most of them are mistakes; a few are accepted here.
    pub enum Deviation {
        /// The host was signed without its port, as the Node SDK does. Accepted.
        HostWithoutPort = "host-without-port",
        /// The values of the signed headers were put in lower case, as the document says and the SDKs do not. Accepted.
        HeadersInLowerCase = "headers-in-lower-case",
        /// The values of all signed headers were left as they are. Accepted.
        HeadersAsTheyAre = "headers-as-they-are",
        /// v1: `_` in a name was signed as `.`, as the Python and Java SDKs do. Accepted.
        DottedNames = "dotted-names",

        /// The key is right, the SecretId beside it is not.
        OtherSecretId = "other-secret-id",
        /// White space or a line end around the SecretKey.
        SecretWithWhitespace = "secret-with-whitespace",
        /// Quotation marks around the SecretKey.
        SecretInQuotes = "secret-in-quotes",
        /// The SecretId served as the key.
        SecretIdAsKey = "secret-id-as-key",
        /// `TC3` before the SecretKey is missing; with v1: it is there.
        Prefix = "prefix",
        /// The key was derived over date, service and `tc3_request` in another order.
        DerivationOrder = "derivation-order",
        /// Steps of the derivation are missing.
        DerivationTooShort = "derivation-too-short",
        /// The key was derived over another date than the credential names, or over one in another form.
        DerivationDate = "derivation-date",
        /// The key was derived over another service than the credential names.
        DerivationService = "derivation-service",
        /// A derived key was used as hexadecimal text instead of its bytes.
        HexKeys = "hex-keys",
        /// Key and message of the HMAC are exchanged.
        SwappedArguments = "swapped-arguments",
        /// The date of the credential is not the UTC date of the timestamp.
        CredentialDate = "credential-date",

        /// The string to sign has another timestamp than the header.
        OtherTimestamp = "other-timestamp",
        /// The lines of the string to sign end in CR LF.
        StringLineEnds = "string-line-ends",
        /// The string to sign ends in a line end.
        StringNewline = "string-newline",
        /// The hash of the canonical request is in upper-case digits.
        CanonicalHashInCapitals = "canonical-hash-in-capitals",
        /// The canonical request itself stands in the string to sign, instead of its hash.
        CanonicalNotHashed = "canonical-not-hashed",

        /// Another method, or one in lower case.
        Method = "method",
        /// Another path than `/`.
        Path = "path",
        /// The query string, or the `?` of v1, is missing or there where it should not be.
        Query = "query",
        /// The query string was sorted.
        QuerySorted = "query-sorted",
        /// The query string was encoded in another way than it was sent.
        QueryEncoding = "query-encoding",
        /// The blank line after the headers is missing.
        BlankLine = "blank-line",
        /// The signed headers are in another order.
        HeaderOrder = "header-order",
        /// The names of the signed headers are not in lower case.
        HeaderNames = "header-names",
        /// A space after the colon of the signed headers.
        HeaderSpace = "header-space",
        /// `SignedHeaders` leaves out `content-type` or `host`, or names a header that is not there.
        SignedHeaders = "signed-headers",
        /// `x-tc-action` and `x-tc-version` are not signed, which the service needs.
        UnsignedAction = "unsigned-action",
        /// The credential is for another service than the action's.
        OtherService = "other-service",
        /// `content-type` was signed with a charset that was not sent, or without the one that was.
        Charset = "charset",
        /// Another `content-type` was signed than was sent.
        ContentType = "content-type",
        /// Another port of the host was signed than was sent.
        HostPort = "host-port",
        /// Another host was signed than was sent.
        OtherHost = "other-host",
        /// The lines of the canonical request end in CR LF.
        CanonicalLineEnds = "canonical-line-ends",
        /// The canonical request ends in a line end.
        CanonicalNewline = "canonical-newline",

        /// The hash is that of an empty body.
        PayloadEmpty = "payload-empty",
        /// The hash is that of `null` or `{}`.
        PayloadNull = "payload-null",
        /// The hash is that of the body with another line end at its end.
        PayloadNewline = "payload-newline",
        /// The hash is that of the body with other line ends.
        PayloadLineEnds = "payload-line-ends",
        /// The hash is that of the same JSON, written in another way.
        PayloadJson = "payload-json",
        /// The hash of the body is in upper-case digits.
        PayloadHashInCapitals = "payload-hash-in-capitals",
        /// The hash of the body is missing.
        PayloadHashMissing = "payload-hash-missing",
        /// The body itself stands in the place of its hash.
        PayloadNotHashed = "payload-not-hashed",
        /// The body was left out by `UNSIGNED-PAYLOAD` without the header for it, or signed in spite of the header.
        PayloadUnsigned = "payload-unsigned",

        /// The signature is in Base64 where it should be in hexadecimal digits, or the other way round.
        SignatureEncoding = "signature-encoding",
        /// The signature is in upper-case digits.
        SignatureInCapitals = "signature-in-capitals",
        /// The signature fits the canonical request that the client gave: the mistake is in that.
        OwnCanonicalRequest = "own-canonical-request",
        /// The signature fits the string to sign that the client gave: the mistake is in that.
        OwnStringToSign = "own-string-to-sign",

        /// v1: the values were URL-encoded before they were signed.
        ValuesEncoded = "values-encoded",
        /// v1: the parameters were not sorted.
        Unsorted = "unsorted",
        /// v1: the parameters were sorted without regard to case.
        SortedWithoutCase = "sorted-without-case",
        /// v1: the other hash than `SignatureMethod` says.
        Algorithm = "algorithm",
        /// v1: the signature was not URL-encoded, so that its `+` became a space.
        SignatureNotEncoded = "signature-not-encoded",
        /// v1: `Signature` itself was among the signed parameters.
        SignatureLeftIn = "signature-left-in",
        /// v1: a parameter, or all without a value, were sent but not signed.
        ParameterLeftOut = "parameter-left-out",
    }
}

impl Deviation {
    /// True for what clients are known to do and servers to accept.
    pub fn is_accepted(self) -> bool {
        matches!(
            self,
            Self::HostWithoutPort
                | Self::HeadersInLowerCase
                | Self::HeadersAsTheyAre
                | Self::DottedNames
        )
    }
}
