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
use crate::service::Service;
use crate::state::ids::Account;

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
    let service = Arc::clone(visit.service);
    let (account, query) = (entered.key.account, visit.query.clone());
    let lines = tokio::task::spawn_blocking(move || newest(&service, account, &query))
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)?;
    html(&Page {
        t: visit.texts(),
        layout: visit.layout("audit"),
        rows: lines.iter().map(|line| row(line, visit)).collect(),
        filter: visit.query.clone(),
    })
}

/// The newest lines of an account that fit a query.
fn newest(service: &Service, account: Account, query: &Fields) -> std::io::Result<Vec<Value>> {
    let (search, outcome) = (query.get("search"), query.get("outcome"));
    let mut lines = service.audit.newest()?;
    lines.retain(|line| {
        is_own(line, service, account)
            && (outcome.is_empty() || line["outcome"] == outcome)
            && (search.is_empty() || line.to_string().contains(search))
    });
    lines.truncate(ROWS);
    Ok(lines)
}

/// What was done by the account, or was refused to somebody who named one of its keys.
fn is_own(line: &Value, service: &Service, account: Account) -> bool {
    let named = line["secret_id"].as_str().unwrap_or_default();
    let of_named = service.catalog.key(named).map(|key| key.account);
    line["account"] == account.0 || of_named == Some(account)
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
