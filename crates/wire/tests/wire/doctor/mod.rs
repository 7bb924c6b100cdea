//! Why a signature is wrong: every known mistake, made on purpose.

mod pasted;
mod tc3;
mod tc3_verdicts;
mod v1;

use std::collections::HashSet;

use wire::doctor::{
    Body, Check, CheckId, Deviation, Diagnosis, Outcome, Pasted, Question, Verdict, diagnose,
};
use wire::{Refusal, SecretKey};

use crate::received::{Received, verify};
use crate::signer::{NOW, SECRET_ID, SECRET_KEY};
use crate::vectors::{tc3_request, text, v1_request, vectors};

/// A request that somebody signed in some way.
struct Case {
    deviations: Vec<Deviation>,
    received: Received,
    /// The client's own canonical request and string to sign.
    own: [Option<String>; 2],
    expected: Diagnosis,
}

fn pasted(received: &Received) -> Pasted {
    Pasted {
        method: received.method.clone(),
        host: received.host.clone(),
        path: "/".to_owned(),
        query: received.query.clone(),
        headers: received.headers.clone(),
        body: Body::Whole(received.body.clone()),
    }
}

fn diagnosis(received: &Received) -> Diagnosis {
    diagnosis_with(&pasted(received), [None, None])
}

fn diagnosis_with(request: &Pasted, own: [Option<&str>; 2]) -> Diagnosis {
    diagnose(&Question {
        request,
        secret_id: SECRET_ID,
        secret_key: &SecretKey::new(SECRET_KEY),
        now: NOW,
        canonical_request: own[0],
        string_to_sign: own[1],
    })
}

fn fits(id: CheckId, expected: &str, given: &str) -> Check {
    Check {
        id,
        outcome: Outcome::Fits,
        expected: expected.to_owned(),
        given: given.to_owned(),
        hint: None,
        difference: None,
    }
}

fn differs(id: CheckId, expected: &str, given: &str) -> Check {
    Check {
        outcome: Outcome::Differs,
        ..fits(id, expected, given)
    }
}

fn unknown(id: CheckId, expected: &str) -> Check {
    Check {
        outcome: Outcome::Unknown,
        ..fits(id, expected, "")
    }
}

/// The diagnosis of a request that is right but for what `checks` say.
fn explained(deviations: &[Deviation], checks: Vec<Check>) -> Diagnosis {
    let is_right = deviations.iter().all(|deviation| deviation.is_accepted());
    Diagnosis {
        verdict: if is_right {
            Verdict::Right
        } else {
            Verdict::Explained
        },
        deviations: deviations.to_vec(),
        checks,
        skew: Some(0),
        refusal: (!is_right).then(Refusal::signature_failure),
    }
}

#[track_caller]
fn check(cases: Vec<Case>) {
    for case in cases {
        let own = case.own.each_ref().map(Option::as_deref);
        let found = diagnosis_with(&pasted(&case.received), own);
        assert_eq!(found, case.expected, "{:?}", case.deviations);
    }
}

#[test]
fn there_is_a_case_for_every_deviation() {
    let cases = tc3::cases().into_iter().chain(v1::cases());
    let covered: HashSet<_> = cases.flat_map(|case| case.deviations).collect();
    let missing: Vec<_> = Deviation::ALL
        .iter()
        .filter(|deviation| !covered.contains(deviation))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn names_are_stable_and_each_is_used_once() {
    let names: HashSet<_> = Deviation::ALL
        .iter()
        .map(|deviation| deviation.as_str())
        .collect();
    assert_eq!(names.len(), Deviation::ALL.len());
    assert_eq!(Deviation::HostWithoutPort.as_str(), "host-without-port");
}

#[test]
fn the_verdict_on_every_vector_is_that_of_the_server() {
    let of = |vector: &serde_json::Value, received: &Received| {
        let key = text(vector, "/secret_key");
        let verified = received.parsed(|envelope| verify(envelope, key));
        let found = diagnose(&Question {
            request: &pasted(received),
            secret_id: received
                .parsed(|envelope| envelope.secret_id().unwrap().to_owned())
                .as_str(),
            secret_key: &SecretKey::new(key),
            now: received.parsed(|envelope| envelope.timestamp),
            canonical_request: None,
            string_to_sign: None,
        });
        let id = text(vector, "/id");
        assert_eq!(found.verdict == Verdict::Right, verified, "{id}: {found:?}");
        assert_eq!(
            found.refusal,
            (!verified).then(Refusal::signature_failure),
            "{id}"
        );
    };
    for vector in vectors("vectors/tc3.json") {
        of(&vector, &tc3_request(&vector));
    }
    for vector in vectors("vectors/v1.json") {
        of(&vector, &v1_request(&vector));
    }
}
