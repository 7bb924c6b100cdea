use super::search::{Recipe as _, Table};
use super::{Body, Check, CheckId, Deviation, Diagnosis, Question};
use crate::v1::{Algorithm, Sorted};
use crate::{Refusal, envelope};

mod changes;
mod recipe;

use recipe::Recipe;

/// Looks at a request that is signed with v1, or should be.
pub(super) fn diagnose(question: &Question<'_>) -> Diagnosis {
    let request = question.request.request();
    if let Body::Hash(_) = question.request.body {
        return super::unsigned(Refusal::signature_failure()); // the form itself would be needed
    }
    let text = envelope::parameter_text(&request);
    let parameters = match Sorted::read(text) {
        Ok(parameters) => parameters,
        Err(refusal) => return super::unsigned(refusal),
    };
    let secret_id = parameters.given("SecretId").unwrap_or_default();
    let signature = parameters.given("Signature").unwrap_or_default();
    // Ruby's Base64 ends in a newline.
    let given = signature.trim_end_matches(['\r', '\n']);
    let parsed = envelope::parse(&request);
    let parsed = match parsed {
        Err(refusal) if given.is_empty() => return super::unsigned(refusal),
        parsed => parsed,
    };
    let timestamp = parameters.given("Timestamp").unwrap_or_default();
    let (timestamp_check, skew) = question.timestamp_check(&timestamp);
    let named = parameters.given("SignatureMethod").unwrap_or_default();
    let algorithm = Algorithm::named(&named);

    let right = Recipe::of(question, algorithm, text);
    let reading = changes::accepted(&right)
        .into_iter()
        .find(|recipe| recipe.signature() == given)
        .unwrap_or_else(|| right.clone());
    let mut deviations = changes::table(question, &right, text).explain(&right, given);
    if let Some(deviations) = deviations
        .as_mut()
        .filter(|_| secret_id != question.secret_id)
    {
        deviations.push(Deviation::OtherSecretId);
    }
    let verdict = super::verdict(deviations.as_deref());
    let expected = reading.signature();
    let fits_name = named.is_empty() || named == algorithm.as_str();
    let checks = vec![
        Check::compared(CheckId::Authorization, parsed.is_ok(), "", ""),
        Check::compared(CheckId::Algorithm, fits_name, algorithm.as_str(), named),
        question.secret_id_check(&secret_id),
        timestamp_check,
        Check::text(
            CheckId::StringToSign,
            &reading.string_to_sign(),
            question.string_to_sign,
        ),
        Check::compared(CheckId::Signature, expected == given, expected, given),
    ];
    Diagnosis {
        verdict,
        deviations: deviations.unwrap_or_default(),
        checks,
        skew,
        refusal: question.refusal(&secret_id, verdict, parsed),
    }
}
