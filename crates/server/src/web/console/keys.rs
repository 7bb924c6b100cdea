//! The access keys of the account.

use askama::Template;
use serde_json::{Map, Value};

use super::error::{Answer, Error};
use super::page::{Layout, html, see};
use super::texts::Texts;
use super::times::Moment;
use super::visit::{Entered, Visit};
use crate::api::action::Product;
use crate::api::actions;
use crate::state::keys::AccessKey;
use crate::state::records::Access;

#[derive(Template)]
#[template(path = "console/keys.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    keys: Vec<Row>,
    /// A key that was just made, and its secret, which is not shown again.
    made: Option<(String, String)>,
}

struct Row {
    secret_id: String,
    access: &'static str,
    enabled: bool,
    is_own: bool,
    note: String,
    created: Moment,
}

/// The keys, the oldest first.
pub(super) fn page(visit: &Visit<'_>, entered: &Entered) -> Answer {
    show(visit, entered, None)
}

fn show(visit: &Visit<'_>, entered: &Entered, made: Option<(String, String)>) -> Answer {
    let mut keys = visit.service.catalog.keys();
    keys.retain(|key| key.account == entered.key.account);
    keys.sort_by(|a, b| (a.created, &a.secret_id).cmp(&(b.created, &b.secret_id)));
    html(&Page {
        t: visit.texts(),
        layout: visit.layout("keys"),
        keys: keys.iter().map(|key| row(key, visit, entered)).collect(),
        made,
    })
}

fn row(key: &AccessKey, visit: &Visit<'_>, entered: &Entered) -> Row {
    Row {
        secret_id: key.secret_id.clone(),
        access: match key.access {
            Access::Full => "Full",
            Access::ReadOnly => "ReadOnly",
        },
        enabled: key.enabled,
        is_own: key.secret_id == entered.key.secret_id,
        note: key.note.clone(),
        created: Moment::of(key.created, visit.now, visit.texts()),
    }
}

/// Makes a key, and shows its secret this once.
pub(super) async fn create(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let parameters = Map::from_iter([
        ("Access".to_owned(), Value::from(visit.form.get("access"))),
        (
            "Note".to_owned(),
            Value::from(visit.form.get("note").trim()),
        ),
    ]);
    let answer = call(visit, entered, "CreateAccessKey", parameters).await?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    show(visit, entered, Some((text("SecretId"), text("SecretKey"))))
}

#[derive(Template)]
#[template(path = "console/disable_key.html")]
struct Question {
    t: &'static Texts,
    layout: Layout,
    key: Row,
}

/// Asks before a key is disabled: there is no way back.
pub(super) fn ask(visit: &Visit<'_>, entered: &Entered, secret_id: &str) -> Answer {
    let key = visit.service.catalog.key(secret_id);
    let key = key.filter(|key| key.enabled && key.account == entered.key.account);
    html(&Question {
        t: visit.texts(),
        layout: visit.layout("keys"),
        key: row(&*key.ok_or(Error::NotFound)?, visit, entered),
    })
}

/// Disables a key.
pub(super) async fn disable(visit: &Visit<'_>, entered: &Entered, secret_id: &str) -> Answer {
    let parameters = Map::from_iter([("SecretId".to_owned(), Value::from(secret_id))]);
    call(visit, entered, "DisableAccessKey", parameters).await?;
    Ok(see("/console/keys"))
}

async fn call(
    visit: &Visit<'_>,
    entered: &Entered,
    action: &str,
    parameters: Map<String, Value>,
) -> Result<Value, Error> {
    let entry = actions::named(Product::Signet, action).ok_or(Error::NotFound)?;
    Ok(visit.call(entered, entry, parameters).await?)
}
