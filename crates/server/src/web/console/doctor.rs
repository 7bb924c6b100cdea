//! The signature doctor: why is this signature wrong? It speaks of the visitor's own key alone, whose secret he has.

use askama::Template;
use hyper::StatusCode;
use wire::doctor::{self, Check, Deviation, Diagnosis, Outcome, Pasted, Question};
use wire::{Language, Refusal};

use super::error::Answer;
use super::page::{Layout, html, html_with};
use super::texts::Texts;
use super::times::Moment;
use super::visit::{Entered, Visit};
use crate::ambient::UnixTime;

#[derive(Template)]
#[template(path = "console/doctor.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    /// What was pasted.
    pasted: String,
    canonical_request: String,
    string_to_sign: String,
    request_id: String,
    /// How the service answered a call that it remembers: the code, the time, the caller's address.
    answered: Option<(&'static str, Moment, String)>,
    /// Why there is no finding.
    problem: String,
    finding: Option<Finding>,
}

/// What was found.
struct Finding {
    verdict: &'static str,
    /// For its colour.
    class: &'static str,
    deviations: Vec<&'static str>,
    refusal: String,
    skew: Option<i64>,
    checks: Vec<Row>,
}

/// One step.
struct Row {
    check: Check,
    title: &'static str,
    outcome: &'static str,
    class: &'static str,
    hint: &'static str,
    /// Whether it is a text of several lines.
    is_long: bool,
}

/// The longest request that is looked at. The work grows with it.
const LONGEST: usize = 256 << 10;

/// The form; filled in with a refused call if the address names one.
pub(super) fn page(visit: &Visit<'_>, entered: &Entered) -> Answer {
    match visit.query.get("RequestId").trim() {
        "" => html(&blank(visit)),
        id => refused(visit, entered, id),
    }
}

/// Looks at a refused call of the visitor's own key.
fn refused(visit: &Visit<'_>, entered: &Entered, id: &str) -> Answer {
    let page = Page {
        request_id: id.to_owned(),
        ..blank(visit)
    };
    let calls = &visit.service.refused;
    let Some(call) = calls.find(&entered.key.secret_id, id, visit.now) else {
        return page.without(visit.texts().no_such_call.to_owned());
    };
    let time = Moment::of(call.time, visit.now, visit.texts());
    let mut finding = look(visit, entered, &call.request, call.time);
    if finding.refusal.is_empty() {
        // The signature is right: it was refused as a replay, or by what the configuration asks for.
        finding.refusal = in_words(&call.refusal, visit.language);
    }
    html(&Page {
        answered: Some((call.refusal.code().as_str(), time, call.from.to_string())),
        finding: Some(finding),
        ..page
    })
}

/// Looks at what was pasted.
pub(super) fn examine(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let page = Page {
        pasted: visit.form.get("request").to_owned(),
        canonical_request: visit.form.get("canonical_request").to_owned(),
        string_to_sign: visit.form.get("string_to_sign").to_owned(),
        ..blank(visit)
    };
    if page.pasted.len() + page.canonical_request.len() + page.string_to_sign.len() > LONGEST {
        return page.without(visit.texts().too_long.to_owned());
    }
    // A browser sends every line end as CR LF.
    match Pasted::read(page.pasted.replace("\r\n", "\n").as_bytes()) {
        Ok(pasted) => html(&Page {
            finding: Some(look(visit, entered, &pasted, visit.now)),
            ..page
        }),
        Err(unreadable) => page.without(unreadable.to_string()),
    }
}

fn blank(visit: &Visit<'_>) -> Page {
    Page {
        t: visit.texts(),
        layout: visit.layout("doctor"),
        pasted: String::new(),
        canonical_request: String::new(),
        string_to_sign: String::new(),
        request_id: String::new(),
        answered: None,
        problem: String::new(),
        finding: None,
    }
}

impl Page {
    /// Says why nothing was found out.
    fn without(self, problem: String) -> Answer {
        html_with(StatusCode::BAD_REQUEST, &Self { problem, ..self })
    }
}

/// The client's own texts are those of the form, if there is one.
fn look(visit: &Visit<'_>, entered: &Entered, request: &Pasted, now: UnixTime) -> Finding {
    let own = |name| {
        visit
            .form
            .given(name)
            .filter(|text| !text.trim().is_empty())
    };
    let diagnosis = doctor::diagnose(&Question {
        request,
        secret_id: &entered.key.secret_id,
        secret_key: entered.key.secret_key(),
        now,
        canonical_request: own("canonical_request"),
        string_to_sign: own("string_to_sign"),
    });
    finding(diagnosis, visit)
}

fn finding(diagnosis: Diagnosis, visit: &Visit<'_>) -> Finding {
    let language = visit.language;
    let words = |deviation: Deviation| deviation.in_words(language);
    let row = |check: Check| Row {
        title: check.id.in_words(language),
        outcome: check.outcome.in_words(language),
        class: class(check.outcome),
        hint: check.hint.map_or("", |hint| hint.in_words(language)),
        is_long: check.expected.contains('\n') || check.given.contains('\n'),
        check,
    };
    Finding {
        verdict: diagnosis.verdict.in_words(language),
        class: match diagnosis.verdict {
            doctor::Verdict::Right => "ON",
            doctor::Verdict::Explained | doctor::Verdict::Unexplained => "OFF",
            doctor::Verdict::Unsigned => "UNKNOWN",
        },
        deviations: diagnosis.deviations.into_iter().map(words).collect(),
        refusal: diagnosis
            .refusal
            .map_or_else(String::new, |refusal| in_words(&refusal, language)),
        skew: diagnosis.skew,
        checks: diagnosis.checks.into_iter().map(row).collect(),
    }
}

fn in_words(refusal: &Refusal, language: Language) -> String {
    format!("{}: {}", refusal.code().as_str(), refusal.message(language))
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fits => "ON",
        Outcome::Differs => "OFF",
        Outcome::Unknown => "UNKNOWN",
    }
}
