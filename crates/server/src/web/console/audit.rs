//! The audit log's newest lines, as far as they are the account's own.

use std::sync::Arc;

use askama::Template;
use serde_json::Value;

use super::error::Answer;
use super::fields::Fields;
use super::page::{Layout, html};
use super::texts::Texts;
use super::times::Moment;
use super::visit::{Entered, Visit};
use crate::api::error::ApiError;

/// How many lines a page has.
const ROWS: usize = 200;

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    rows: Vec<Row>,
    filter: Fields,
}

struct Row {
    at: Moment,
    outcome: String,
    action: String,
    resource: String,
    code: String,
    secret_id: String,
    from: String,
    request_id: String,
}

/// The page.
pub(super) async fn page(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let audit = Arc::clone(&visit.service.audit);
    let lines = tokio::task::spawn_blocking(move || audit.newest())
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)?;
    let (search, outcome) = (visit.query.get("search"), visit.query.get("outcome"));
    let rows = lines
        .iter()
        .filter(|line| is_own(line, visit, entered))
        .filter(|line| outcome.is_empty() || line["outcome"] == outcome)
        .filter(|line| search.is_empty() || line.to_string().contains(search))
        .take(ROWS)
        .map(|line| row(line, visit));
    html(&Page {
        t: visit.texts(),
        layout: visit.layout("audit"),
        rows: rows.collect(),
        filter: visit.query.clone(),
    })
}

/// What was done by the account, or was refused to somebody who named one of its keys.
fn is_own(line: &Value, visit: &Visit<'_>, entered: &Entered) -> bool {
    let account = entered.key.account;
    let named = line["secret_id"].as_str().unwrap_or_default();
    line["account"] == account.0
        || visit
            .service
            .catalog
            .key(named)
            .is_some_and(|key| key.account == account)
}

fn row(line: &Value, visit: &Visit<'_>) -> Row {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let time = line["time"].as_i64().unwrap_or_default();
    Row {
        at: Moment::of(time, visit.now, visit.texts()),
        outcome: text("outcome"),
        action: text("action"),
        resource: text("resource"),
        code: text("code"),
        secret_id: text("secret_id"),
        from: text("from"),
        request_id: text("request_id"),
    }
}
