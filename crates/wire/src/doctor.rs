//! Why is a signature wrong? Each of its steps is looked at, and the mistakes that are known to be made are made on purpose, until
//! one makes exactly the signature that was given.
//!
//! The answer holds the right signature, and so does every answer to "is it this?": whoever may ask can have anything signed.
//! Only ask for the key of the person who reads the answer. He holds the SecretKey and can sign without us; for the same reason
//! signatures are compared as plain texts here. A server must never diagnose a request for anybody but the signed-in owner of the key.

mod compare;
mod deviation;
mod json;
mod pasted;
mod search;
mod tc3;
mod v1;
mod variants;
mod words;

pub use compare::Difference;
pub use deviation::Deviation;
pub use pasted::{Body, Pasted, Unreadable};

use crate::headers::Headers;
use crate::ids::ids;
use crate::{Envelope, Refusal, SecretKey, envelope};

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The request whose signature is in doubt.
    pub request: &'a Pasted,
    /// The SecretId that it should name.
    pub secret_id: &'a str,
    /// Its key.
    pub secret_key: &'a SecretKey,
    /// When the request was made, or now, in Unix seconds.
    pub now: i64,
    /// The canonical request that the client made, if it is known.
    pub canonical_request: Option<&'a str>,
    /// The string to sign that the client made, if it is known.
    pub string_to_sign: Option<&'a str>,
}

ids! {
    /// What it comes to.
    pub enum Verdict {
        /// The signature is right. The time is another matter: see [`Diagnosis::refusal`].
        Right = "right",
        /// The signature is wrong, and [`Diagnosis::deviations`] say how it was made.
        Explained = "explained",
        /// None of the known mistakes makes it. Most likely the SecretKey is another one.
        Unexplained = "unexplained",
        /// There is no signature that could be looked at.
        Unsigned = "unsigned",
    }
}

ids! {
    /// A step that is looked at.
    pub enum CheckId {
        /// The `Authorization` header is there and has the right form; with v1: the parameters are.
        Authorization = "authorization",
        /// `TC3-HMAC-SHA256`, `HmacSHA1` or `HmacSHA256`.
        Algorithm = "algorithm",
        /// The SecretId is this one.
        SecretId = "secret-id",
        /// The timestamp is near the time.
        Timestamp = "timestamp",
        /// TC3: the date of the credential is the UTC date of the timestamp.
        Date = "date",
        /// TC3: the service of the credential. Any will do here, as the key is derived from it.
        Service = "service",
        /// TC3: `content-type` and `host` are signed, and what is signed is there.
        SignedHeaders = "signed-headers",
        /// TC3: the canonical request.
        CanonicalRequest = "canonical-request",
        /// The string to sign.
        StringToSign = "string-to-sign",
        /// The signature.
        Signature = "signature",
    }
}

ids! {
    /// How a step turned out.
    pub enum Outcome {
        /// As it should be.
        Fits = "fits",
        /// Not as it should be.
        Differs = "differs",
        /// Nothing was given to compare with.
        Unknown = "unknown",
    }
}

ids! {
    /// What is known about a step beyond that it differs.
    pub enum Hint {
        /// The timestamp is in milliseconds.
        Milliseconds = "milliseconds",
        /// The date is that of another time zone.
        LocalDate = "local-date",
        /// The date is not written like `2006-01-02`.
        DateForm = "date-form",
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub id: CheckId,
    /// How it turned out.
    pub outcome: Outcome,
    /// How it should be; empty where there is no one right value.
    pub expected: String,
    /// How it is; empty where that is not known.
    pub given: String,
    /// What more is known.
    pub hint: Option<Hint>,
    /// For texts of several lines: the first in which they differ.
    pub difference: Option<Difference>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// What it comes to.
    pub verdict: Verdict,
    /// How the signature was made, where it is not quite as the document says.
    pub deviations: Vec<Deviation>,
    /// The steps, in their order.
    pub checks: Vec<Check>,
    /// How many seconds the timestamp is ahead of the time; behind it, if negative.
    pub skew: Option<i64>,
    /// What a server that has this key answers. None: it accepts the request.
    pub refusal: Option<Refusal>,
}

/// Looks for what is wrong with a signature. The work is bounded: 500 signatures at most, and one pass over the body for each way
/// in which its hash is known to go wrong. Whoever reads requests from others limits their size: 1 MiB is plenty.
pub fn diagnose(question: &Question<'_>) -> Diagnosis {
    let request = question.request.request();
    if request.query.len() > envelope::MAX_QUERY {
        return unsigned(Refusal::request_size_limit_exceeded(envelope::MAX_QUERY));
    }
    let headers = match Headers::read(request.headers) {
        Ok(headers) => headers,
        Err(refusal) => return unsigned(refusal),
    };
    if envelope::is_v1(&request, &headers) {
        v1::diagnose(question)
    } else {
        tc3::diagnose(question, &headers)
    }
}

/// There is nothing to look at.
fn unsigned(refusal: Refusal) -> Diagnosis {
    Diagnosis {
        verdict: Verdict::Unsigned,
        deviations: Vec::new(),
        checks: vec![Check::compared(CheckId::Authorization, false, "", "")],
        skew: None,
        refusal: Some(refusal),
    }
}

impl Check {
    fn compared(
        id: CheckId,
        fits: bool,
        expected: impl Into<String>,
        given: impl Into<String>,
    ) -> Self {
        Self {
            id,
            outcome: if fits {
                Outcome::Fits
            } else {
                Outcome::Differs
            },
            expected: expected.into(),
            given: given.into(),
            hint: None,
            difference: None,
        }
    }

    /// A text of several lines, beside the client's own if it is known.
    fn text(id: CheckId, expected: &str, own: Option<&str>) -> Self {
        let own = own.map(compare::without_editing);
        let difference = own
            .as_deref()
            .and_then(|own| compare::difference(expected, own));
        let outcome = match (&own, &difference) {
            (None, _) => Outcome::Unknown,
            (_, None) => Outcome::Fits,
            (_, Some(_)) => Outcome::Differs,
        };
        Self {
            outcome,
            difference,
            ..Self::compared(id, true, expected, own.unwrap_or_default())
        }
    }
}

impl Question<'_> {
    fn secret_id_check(&self, given: &str) -> Check {
        Check::compared(
            CheckId::SecretId,
            given == self.secret_id,
            self.secret_id,
            given,
        )
    }

    /// The check of a timestamp, and how far it is off.
    fn timestamp_check(&self, given: &str) -> (Check, Option<i64>) {
        let is_number = given.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: Option<i64> = given.parse().ok().filter(|_| is_number);
        let near = |seconds: i64| seconds.abs_diff(self.now) <= envelope::MAX_SKEW;
        let day = |seconds: i64| seconds.abs_diff(self.now) <= 86_400;
        let hint = seconds
            .filter(|seconds| day(seconds / 1_000))
            .map(|_| Hint::Milliseconds);
        let fits = seconds.is_some_and(near);
        let check = Check::compared(CheckId::Timestamp, fits, self.now.to_string(), given);
        let skew = seconds.map(|seconds| seconds.saturating_sub(self.now));
        (Check { hint, ..check }, skew)
    }

    /// What a server answers whose only key is this one.
    fn refusal(
        &self,
        secret_id: &str,
        verdict: Verdict,
        parsed: Result<Envelope<'_>, Refusal>,
    ) -> Option<Refusal> {
        let envelope = match parsed {
            Ok(envelope) => envelope,
            Err(refusal) => return Some(refusal),
        };
        if let Err(refusal) = envelope.check_time(self.now) {
            Some(refusal)
        } else if secret_id != self.secret_id {
            Some(Refusal::secret_id_not_found())
        } else if envelope.token.is_some() {
            Some(Refusal::token_failure())
        } else {
            (verdict != Verdict::Right).then(Refusal::signature_failure)
        }
    }
}

/// The verdict, once it is known how the signature was made.
fn verdict(deviations: Option<&[Deviation]>) -> Verdict {
    match deviations {
        None => Verdict::Unexplained,
        Some(all) if all.iter().all(|deviation| deviation.is_accepted()) => Verdict::Right,
        Some(_) => Verdict::Explained,
    }
}
