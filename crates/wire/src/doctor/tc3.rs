use super::search::{Recipe as _, Table};
use super::{Check, CheckId, Deviation, Diagnosis, Hint, Outcome, Question, Verdict, compare};
use crate::envelope::Request;
use crate::headers::Headers;
use crate::tc3::{ACTION_HEADERS, Authorization, SIGNED_HEADERS, utc_day};
use crate::{Refusal, envelope};

mod changes;
mod recipe;

use recipe::Recipe;

const SCHEME: &str = "TC3-HMAC-SHA256";

/// Looks at a request that is signed with TC3, or should be.
pub(super) fn diagnose(question: &Question<'_>, headers: &Headers<'_>) -> Diagnosis {
    let request = question.request.request();
    let header = headers.authorization.unwrap_or_default();
    let authorization = match Authorization::read(header) {
        Ok(authorization) => authorization,
        Err(refusal) => {
            return unreadable(header, envelope::parse(&request).err().unwrap_or(refusal));
        }
    };
    let timestamp = headers.timestamp.unwrap_or_default();
    let (timestamp_check, skew) = question.timestamp_check(timestamp);
    let content_type = headers.content_type.unwrap_or_default();
    let names_are_right = authorization
        .check_signed_headers(&request, content_type)
        .is_ok();
    let right = Recipe::of(question, &authorization, timestamp);
    let mut checks = vec![
        Check::compared(CheckId::Authorization, true, "", header),
        Check::compared(CheckId::Algorithm, true, SCHEME, SCHEME),
        question.secret_id_check(authorization.secret_id),
        timestamp_check,
        date_check(&authorization, timestamp),
        Check::compared(CheckId::Service, true, "", authorization.service),
        signed_headers_check(authorization.signed_headers, names_are_right),
    ];
    checks.extend(signature_checks(question, &right, authorization.signature));
    let deviations = changes::table(question, &right)
        .explain(&right, authorization.signature)
        .map(|found| found.into_iter().chain(asides(&checks)).collect::<Vec<_>>());
    let verdict = super::verdict(deviations.as_deref());
    let refusal = question.refusal(authorization.secret_id, verdict, envelope::parse(&request));
    let diagnosis = Diagnosis {
        verdict,
        deviations: deviations.unwrap_or_default(),
        checks,
        skew,
        refusal,
    };
    match uncovered(&request, &authorization, headers) {
        Some(found) => with_uncovered(diagnosis, found),
        None => diagnosis,
    }
}

/// What a right signature does not cover, although the action needs it, or what it was made for instead.
fn uncovered(
    request: &Request<'_>,
    authorization: &Authorization<'_>,
    headers: &Headers<'_>,
) -> Option<(CheckId, Deviation, String, Refusal)> {
    let version = headers.version?;
    let (service, _) = envelope::SERVICES
        .iter()
        .find(|(_, known)| *known == version)?;
    let is_own = *service != "cdb";
    let given = authorization.service;
    if given != *service && (is_own || request.first_label() != Some(given)) {
        let refusal = Refusal::other_scope(given, service);
        return Some((
            CheckId::Service,
            Deviation::OtherService,
            (*service).to_owned(),
            refusal,
        ));
    }
    let names: Vec<_> = authorization.signed_headers.split(';').collect();
    if is_own && !ACTION_HEADERS.iter().all(|name| names.contains(name)) {
        let expected = [&[SIGNED_HEADERS][..], &ACTION_HEADERS].concat().join(";");
        let refusal = Refusal::unsigned_action(service);
        return Some((
            CheckId::SignedHeaders,
            Deviation::UnsignedAction,
            expected,
            refusal,
        ));
    }
    None
}

/// Marks the step, and says so in the end where nothing else is wrong.
fn with_uncovered(
    diagnosis: Diagnosis,
    (id, deviation, expected, refusal): (CheckId, Deviation, String, Refusal),
) -> Diagnosis {
    let mut found = diagnosis;
    for check in found.checks.iter_mut().filter(|check| check.id == id) {
        *check = Check::compared(id, false, expected.clone(), check.given.clone());
    }
    if found.verdict == Verdict::Right {
        found.verdict = Verdict::Explained;
        found.deviations.push(deviation);
    }
    found.refusal = found.refusal.or(Some(refusal));
    found
}

/// What is wrong beside the signature, for one that fits all the same.
fn asides(checks: &[Check]) -> Vec<Deviation> {
    let aside = |check: &Check| match check.id {
        _ if check.outcome != Outcome::Differs => None,
        CheckId::SecretId => Some(Deviation::OtherSecretId),
        CheckId::Date => Some(Deviation::CredentialDate),
        CheckId::SignedHeaders => Some(Deviation::SignedHeaders),
        _ => None,
    };
    checks.iter().filter_map(aside).collect()
}

fn signature_checks(question: &Question<'_>, right: &Recipe<'_>, given: &str) -> [Check; 3] {
    let reading = reading(question, right, given);
    let signature = reading.signature();
    let [canonical_request, string_to_sign] =
        [reading.canonical_request(), reading.string_to_sign()];
    [
        Check::text(
            CheckId::CanonicalRequest,
            &canonical_request,
            question.canonical_request,
        ),
        Check::text(
            CheckId::StringToSign,
            &string_to_sign,
            question.string_to_sign,
        ),
        Check::compared(CheckId::Signature, signature == given, signature, given),
    ]
}

/// The way of reading the signed headers that the client has, as far as it is one that is accepted: its signature shows it, or its
/// own canonical request.
fn reading<'a>(question: &Question<'_>, right: &Recipe<'a>, given: &str) -> Recipe<'a> {
    let accepted = changes::accepted(right);
    let own = question.canonical_request.map(compare::without_editing);
    let is_own = |recipe: &&Recipe<'a>| own.as_ref() == Some(&recipe.canonical_request());
    let by_signature = accepted.iter().find(|recipe| recipe.signature() == given);
    let reading = by_signature.or_else(|| accepted.iter().find(is_own));
    reading.unwrap_or(right).clone()
}

fn unreadable(header: &str, refusal: Refusal) -> Diagnosis {
    let scheme = header.split(' ').next().unwrap_or_default();
    let form = "TC3-HMAC-SHA256 Credential=<SecretId>/<date>/<service>/tc3_request, SignedHeaders=<names>, Signature=<digits>";
    Diagnosis {
        checks: vec![
            Check::compared(CheckId::Authorization, false, form, header),
            Check::compared(CheckId::Algorithm, scheme == SCHEME, SCHEME, scheme),
        ],
        ..super::unsigned(refusal)
    }
}

fn date_check(authorization: &Authorization<'_>, timestamp: &str) -> Check {
    let given = authorization.date;
    let seconds: Option<i64> = timestamp.parse().ok();
    let day = |offset: i64| utc_day(seconds?.checked_add(offset)?);
    let expected = day(0).unwrap_or_default();
    let hint = if [86_400, -86_400]
        .iter()
        .any(|offset| day(*offset).is_some_and(|day| day == given))
    {
        Some(Hint::LocalDate)
    } else {
        (given.replace('-', "") == expected.replace('-', "") && given != expected)
            .then_some(Hint::DateForm)
    };
    let check = Check::compared(CheckId::Date, expected == given, expected, given);
    Check { hint, ..check }
}

fn signed_headers_check(given: &str, fits: bool) -> Check {
    Check::compared(CheckId::SignedHeaders, fits, SIGNED_HEADERS, given)
}
