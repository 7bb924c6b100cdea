use super::search::{Recipe as _, Table};
use super::{Check, CheckId, Deviation, Diagnosis, Hint, Outcome, Question};
use crate::headers::Headers;
use crate::tc3::{Authorization, utc_day};
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
    let signed_headers =
        authorization.check_signed_headers(&request, headers.content_type.unwrap_or_default());
    let timestamp = headers.timestamp.unwrap_or_default();
    let (timestamp_check, skew) = question.timestamp_check(timestamp);
    let date_check = date_check(&authorization, timestamp);

    let right = Recipe::of(question, &authorization, timestamp);
    let reading = reading(&right, authorization.signature);
    let found = changes::table(question, &right).explain(&right, authorization.signature);
    let asides = [
        (signed_headers.is_err(), Deviation::SignedHeaders),
        (
            date_check.outcome == Outcome::Differs,
            Deviation::CredentialDate,
        ),
        (
            authorization.secret_id != question.secret_id,
            Deviation::OtherSecretId,
        ),
    ];
    let deviations = found.map(|found| {
        let asides = asides.iter().filter(|(is_so, _)| *is_so);
        found
            .into_iter()
            .chain(asides.map(|(_, aside)| *aside))
            .collect::<Vec<_>>()
    });
    let verdict = super::verdict(deviations.as_deref());
    let signature = reading.signature();
    let checks = vec![
        Check::compared(CheckId::Authorization, true, "", header),
        Check::compared(CheckId::Algorithm, true, SCHEME, SCHEME),
        question.secret_id_check(authorization.secret_id),
        timestamp_check,
        date_check,
        Check::compared(CheckId::Service, true, "", authorization.service),
        signed_headers_check(authorization.signed_headers, signed_headers.is_ok()),
        Check::text(
            CheckId::CanonicalRequest,
            &reading.canonical_request(),
            question.canonical_request,
        ),
        Check::text(
            CheckId::StringToSign,
            &reading.string_to_sign(),
            question.string_to_sign,
        ),
        Check::compared(
            CheckId::Signature,
            signature == authorization.signature,
            signature,
            authorization.signature,
        ),
    ];
    let refusal = question.refusal(authorization.secret_id, verdict, envelope::parse(&request));
    Diagnosis {
        verdict,
        deviations: deviations.unwrap_or_default(),
        checks,
        skew,
        refusal,
    }
}

/// The way of reading the signed headers that the signature was made with, as far as it is one that is accepted.
fn reading<'a>(right: &Recipe<'a>, given: &str) -> Recipe<'a> {
    let accepted = changes::accepted(right);
    let of = |recipe: &Recipe<'a>| recipe.signature() == given;
    accepted
        .into_iter()
        .find(of)
        .unwrap_or_else(|| right.clone())
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
    Check::compared(
        CheckId::SignedHeaders,
        fits,
        crate::tc3::SIGNED_HEADERS,
        given,
    )
}
