//! In and out.

use askama::Template;
use hyper::StatusCode;
use subtle::ConstantTimeEq;
use wire::SecretKey;

use super::error::Answer;
use super::fields::Fields;
use super::page::{self, Layout, html_with, see, set_cookie};
use super::texts::Texts;
use super::visit::{self, Visit};
use crate::api::error::ApiError;
use crate::http::Reply;
use crate::state::audit::Outcome;

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    /// Where to go afterwards.
    next: String,
    /// What was typed before.
    secret_id: String,
    problem: String,
}

/// The form.
pub(super) fn page(visit: &Visit<'_>) -> Answer {
    let is_over = visit.query.given("over").is_some();
    let problem = if is_over {
        visit.texts().session_over
    } else {
        ""
    };
    form(visit, StatusCode::OK, visit.query.get("next"), problem)
}

fn form(visit: &Visit<'_>, status: StatusCode, next: &str, problem: &str) -> Answer {
    let page = Page {
        t: visit.texts(),
        layout: visit.layout("sign-in"),
        next: page::local(next).to_owned(),
        secret_id: visit.form.get("secret_id").to_owned(),
        problem: problem.to_owned(),
    };
    html_with(status, &page)
}

/// Sends somebody without a session to the form, to come back to a page. Forms that were sent are not repeated.
pub(super) fn ask(visit: &Visit<'_>) -> Reply {
    let is_page = visit.method != hyper::Method::POST && !visit.path.ends_with("/progress");
    let next = if is_page {
        visit.address()
    } else {
        String::new()
    };
    let mut query = Fields::default().with("next", &next);
    if visit.token().is_some() {
        query = query.with("over", "1");
    }
    see(&format!("{}sign-in{}", super::ROOT, query.query()))
}

/// Signs in.
pub(super) fn enter(visit: &Visit<'_>) -> Answer {
    let t = visit.texts();
    let (sessions, from, now) = (&visit.service.sessions, visit.from.ip(), visit.now);
    let secret_id = visit.form.get("secret_id").trim();
    let next = visit.form.get("next");
    let wait = sessions.wait(from, secret_id, now);
    if wait > 0 {
        visit.audit_refusal("SignInTooOften", secret_id);
        let problem = format!("{} {wait} {}", t.too_often, t.seconds);
        return form(visit, StatusCode::TOO_MANY_REQUESTS, next, &problem);
    }
    if !is_right(visit, secret_id) {
        sessions.fail(from, secret_id, now);
        visit.audit_refusal("SignInFailed", secret_id);
        return form(visit, StatusCode::FORBIDDEN, next, t.wrong_key);
    }
    if let Some(before) = visit.token() {
        sessions.end(before);
    }
    let token = sessions
        .begin(secret_id, from, now, &visit.service.entropy)
        .map_err(ApiError::internal)?;
    visit
        .service
        .audit
        .note(&visit.line(Outcome::Done, "", secret_id));
    let mut reply = see(page::local(next));
    let name = visit::session_cookie(visit.service);
    set_cookie(visit, &mut reply, name, &token, None);
    Ok(reply)
}

/// Whether the form has a key that is accepted, and its secret.
fn is_right(visit: &Visit<'_>, secret_id: &str) -> bool {
    let given = SecretKey::new(visit.form.get("secret_key").trim().to_owned());
    let key = visit.service.catalog.key(secret_id);
    let known = key.as_ref().filter(|key| key.enabled);
    let secret = known.map_or("", |key| key.secret_key().expose());
    let is_equal = bool::from(secret.as_bytes().ct_eq(given.expose().as_bytes()));
    is_equal && known.is_some()
}

/// Signs out.
pub(super) fn leave(visit: &Visit<'_>) -> Reply {
    if let Some(token) = visit.token() {
        visit.service.sessions.end(token);
    }
    let mut reply = see("/console/sign-in");
    let name = visit::session_cookie(visit.service);
    set_cookie(visit, &mut reply, name, "", Some(0));
    reply
}
