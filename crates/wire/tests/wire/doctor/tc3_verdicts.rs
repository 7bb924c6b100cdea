//! What a diagnosis of a TC3 signature says beside the mistake.

use wire::doctor::{Body, Check, CheckId, Deviation as D, Diagnosis, Hint, Outcome, Verdict};
use wire::{Code, Refusal};

use super::tc3::{
    BODY, PARTS, canonical, canonical_of, checks, derived, hex, hmac, key, keyed, sha256, to_sign,
    with_signature,
};
use super::{diagnosis, diagnosis_with, differs, explained, pasted};
use crate::signer::{NOW, SECRET_ID, SECRET_KEY, signed, unsigned};

#[test]
fn a_right_signature_is_called_right() {
    let received = signed();
    let (_, given) = received.headers["Authorization"]
        .to_str()
        .unwrap()
        .rsplit_once('=')
        .unwrap();
    let expected = explained(
        &[],
        checks(&received, "content-type;host", &canonical(), given),
    );
    assert_eq!(diagnosis(&received), expected);
    let own = [canonical(), to_sign(&canonical())];
    let found = diagnosis_with(
        &pasted(&received),
        own.each_ref().map(|own| Some(own.as_str())),
    );
    let outcomes: Vec<_> = found.checks.iter().map(|check| check.outcome).collect();
    assert_eq!(outcomes, [Outcome::Fits; 10]);
}

#[test]
fn with_another_key_no_mistake_fits() {
    let case = keyed(D::Prefix, derived("TC3another key", &PARTS));
    let expected = Diagnosis {
        verdict: Verdict::Unexplained,
        deviations: Vec::new(),
        ..case.expected
    };
    assert_eq!(diagnosis(&case.received), expected);
}

#[test]
fn two_mistakes_at_once_are_found() {
    let both = [
        (
            derived(SECRET_KEY, &PARTS),
            canonical().replace(":8080", ""),
            vec![D::HostWithoutPort, D::Prefix],
        ),
        (
            derived(SECRET_KEY, &PARTS),
            canonical_of(""),
            vec![D::Prefix, D::PayloadEmpty],
        ),
        (
            key(),
            canonical_of("").replace("\n/\n", "\n\n"),
            vec![D::PayloadEmpty, D::Path],
        ),
        (
            hex(key()).into_bytes(),
            canonical().replace("json", "json; charset=utf-8"),
            vec![D::Charset, D::HexKeys],
        ),
    ];
    for (key, canonical, deviations) in both {
        let signature = hex(hmac(key, to_sign(&canonical)));
        let found = diagnosis(&with_signature(unsigned(), "content-type;host", &signature));
        assert_eq!(
            (found.verdict, found.deviations),
            (Verdict::Explained, deviations)
        );
    }
}

#[test]
fn a_timestamp_that_is_off_is_told_beside_a_right_signature() {
    let mut question = pasted(&signed());
    let found = wire::doctor::diagnose(&wire::doctor::Question {
        request: &question,
        secret_id: SECRET_ID,
        secret_key: &wire::SecretKey::new(SECRET_KEY),
        now: NOW + 301,
        canonical_request: None,
        string_to_sign: None,
    });
    assert_eq!((found.verdict, found.skew), (Verdict::Right, Some(-301)));
    assert_eq!(
        found.refusal.map(|refusal| refusal.code()),
        Some(Code::AuthFailureSignatureExpire)
    );
    assert_eq!(found.checks[3].outcome, Outcome::Differs);

    question
        .headers
        .insert("X-TC-Timestamp", "1700000000123".parse().unwrap());
    let found = diagnosis_with(&question, [None, None]);
    assert_eq!(
        found.checks[3],
        Check {
            hint: Some(Hint::Milliseconds),
            ..differs(CheckId::Timestamp, &NOW.to_string(), "1700000000123")
        }
    );
}

#[test]
fn without_a_readable_signature_the_form_is_shown() {
    let form = "TC3-HMAC-SHA256 Credential=<SecretId>/<date>/<service>/tc3_request, SignedHeaders=<names>, Signature=<digits>";
    let cases = [
        (unsigned(), "", "", "the header is missing."),
        (
            unsigned().with("Authorization", "HMAC abc"),
            "HMAC abc",
            "HMAC",
            "the scheme is not `TC3-HMAC-SHA256`.",
        ),
    ];
    for (received, header, scheme, why) in cases {
        let expected = Diagnosis {
            verdict: Verdict::Unsigned,
            deviations: Vec::new(),
            checks: vec![
                differs(CheckId::Authorization, form, header),
                differs(CheckId::Algorithm, "TC3-HMAC-SHA256", scheme),
            ],
            skew: None,
            refusal: Some(Refusal::invalid_authorization(why)),
        };
        assert_eq!(diagnosis(&received), expected);
    }
    let cut = signed().instead("Authorization", "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE");
    let found = diagnosis(&cut);
    assert_eq!(
        found.refusal,
        Some(Refusal::invalid_authorization(
            "`SignedHeaders` is missing."
        ))
    );
    assert_eq!(found.checks[1].outcome, Outcome::Fits);
}

#[test]
fn a_clients_own_text_may_be_any_that_is_accepted() {
    let node = canonical().replace(":8080", "");
    let signature = hex(hmac("another key", to_sign(&node)));
    let received = with_signature(unsigned(), "content-type;host", &signature);
    let own = [node.clone(), to_sign(&node)];
    let found = diagnosis_with(
        &pasted(&received),
        own.each_ref().map(|own| Some(own.as_str())),
    );
    assert_eq!(found.verdict, Verdict::Unexplained);
    let outcomes: Vec<_> = found.checks[7..]
        .iter()
        .map(|check| check.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Fits, Outcome::Fits, Outcome::Differs]);
}

#[test]
fn a_hash_in_the_place_of_a_body_is_enough() {
    let mut request = pasted(&signed());
    request.body = Body::Hash(sha256(BODY));
    let found = diagnosis_with(&request, [None, None]);
    assert_eq!((found.verdict, found.refusal), (Verdict::Right, None));
}
