//! The signature doctor: why is this signature wrong? It speaks of the visitor's own key alone, whose secret he has.

use askama::Template;
use hyper::StatusCode;
use wire::doctor::{self, Check, Deviation, Diagnosis, Outcome, Pasted, Question};

use super::error::Answer;
use super::page::{Layout, html_with};
use super::texts::Texts;
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

/// The form; filled in with a refused call if the address names one.
pub(super) fn page(visit: &Visit<'_>, entered: &Entered) -> Answer {
    match visit.query.get("RequestId") {
        "" => show(visit, "", "", None),
        id => refused(visit, entered, id.trim()),
    }
}

/// Looks at a refused call of the visitor's own key.
fn refused(visit: &Visit<'_>, entered: &Entered, id: &str) -> Answer {
    let refused = &visit.service.refused;
    match refused.find(&entered.key.secret_id, id, visit.now) {
        Some(call) => {
            let finding = look(visit, entered, &call.request, call.time);
            show(visit, id, "", Some(finding))
        }
        None => show(visit, id, visit.texts().no_such_call, None),
    }
}

/// Looks at what was pasted.
pub(super) fn examine(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let id = visit.form.get("RequestId").trim();
    if !id.is_empty() {
        return refused(visit, entered, id);
    }
    // A browser sends every line end as CR LF.
    let text = visit.form.get("request").replace("\r\n", "\n");
    match Pasted::read(text.as_bytes()) {
        Ok(pasted) => {
            let finding = look(visit, entered, &pasted, visit.now);
            show(visit, "", "", Some(finding))
        }
        Err(unreadable) => show(visit, "", &unreadable.to_string(), None),
    }
}

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
        refusal: diagnosis.refusal.map_or_else(String::new, |refusal| {
            format!("{}: {}", refusal.code().as_str(), refusal.message(language))
        }),
        skew: diagnosis.skew,
        checks: diagnosis.checks.into_iter().map(row).collect(),
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fits => "ON",
        Outcome::Differs => "OFF",
        Outcome::Unknown => "UNKNOWN",
    }
}

fn show(visit: &Visit<'_>, id: &str, problem: &str, finding: Option<Finding>) -> Answer {
    let status = if problem.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    let page = Page {
        t: visit.texts(),
        layout: visit.layout("doctor"),
        pasted: visit.form.get("request").to_owned(),
        canonical_request: visit.form.get("canonical_request").to_owned(),
        string_to_sign: visit.form.get("string_to_sign").to_owned(),
        request_id: id.to_owned(),
        problem: problem.to_owned(),
        finding,
    };
    html_with(status, &page)
}
