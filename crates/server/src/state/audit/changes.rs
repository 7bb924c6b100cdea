//! What a request changed in the store, for its audit line: fields with their old and new values, without secrets.

use std::cell::RefCell;

use serde::Serialize;
use serde_json::Value;

use crate::state::store::{self, Store, Write};

/// How many changes one line names; the rest is counted.
const MOST: usize = 24;
/// How many characters of a value are shown.
const LONGEST: usize = 64;
/// Fields whose values are secrets, wherever they are in a document.
const SECRET: &[&str] = &[
    "password",
    "secret_key",
    "key",
    "mac",
    "seal",
    "token",
    "secret",
];
/// Documents of which only their names are shown: their contents are public certificates, or the state of a task.
const NAMES_ONLY: &[&str] = &["c/", "t/", "l/"];

/// One change of a stored document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The document's key.
    pub document: String,
    /// The path of the field; empty for the whole document.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What it was; empty for a field that is new.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub old: String,
    /// What it is; empty for a field that is gone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub new: String,
}

tokio::task_local! {
    static CHANGES: RefCell<Vec<Change>>;
}

/// Runs a request, and answers with what it committed as well.
pub async fn of<T>(request: impl Future<Output = T>) -> (T, Vec<Change>) {
    CHANGES
        .scope(RefCell::default(), async {
            let outcome = request.await;
            (outcome, CHANGES.with(RefCell::take))
        })
        .await
}

/// What a commit will change; nothing outside of a request.
///
/// # Errors
/// When the store cannot be read.
pub async fn of_commit(store: &impl Store, writes: &[Write]) -> Result<Vec<Change>, store::Error> {
    let mut changes = Vec::new();
    if CHANGES.try_with(|_| ()).is_err() {
        return Ok(changes);
    }
    for write in writes {
        let before = store.get(&write.key).await?.map(|entry| entry.value);
        compare(
            &write.key,
            before.as_deref(),
            write.value.as_deref(),
            &mut changes,
        );
    }
    Ok(changes)
}

/// Adds what a commit has changed to the request under way.
pub fn record(mut changes: Vec<Change>) {
    // Outside of a request there are none.
    let _ = CHANGES.try_with(|all| {
        let mut all = all.borrow_mut();
        let room = MOST.saturating_sub(all.len());
        if changes.len() > room {
            let left_out = changes.len() - room;
            changes.truncate(room);
            changes.push(Change {
                document: format!("{left_out} further change(s)"),
                field: String::new(),
                old: String::new(),
                new: String::new(),
            });
        }
        all.append(&mut changes);
    });
}

fn compare(document: &str, old: Option<&[u8]>, new: Option<&[u8]>, changes: &mut Vec<Change>) {
    let read = |bytes: Option<&[u8]>| {
        let value = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok());
        value.unwrap_or(Value::Null)
    };
    if NAMES_ONLY.iter().any(|kind| document.starts_with(kind)) {
        let state = |bytes: Option<&[u8]>| bytes.map_or("", |_| "(present)").to_owned();
        if old != new {
            changes.push(Change {
                document: document.to_owned(),
                field: String::new(),
                old: state(old),
                new: state(new),
            });
        }
        return;
    }
    differ(
        document,
        &mut String::new(),
        &read(old),
        &read(new),
        changes,
    );
}

/// Goes down both values side by side.
fn differ(document: &str, path: &mut String, old: &Value, new: &Value, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let children = keys(old, new);
    if children.is_empty() {
        changes.push(Change {
            document: document.to_owned(),
            field: path.clone(),
            old: shown(path, old),
            new: shown(path, new),
        });
        return;
    }
    for key in children {
        let length = path.len();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&key);
        let of = |value: &Value| match value {
            Value::Array(items) => key
                .parse::<usize>()
                .ok()
                .and_then(|at| items.get(at).cloned()),
            other => other.get(&key).cloned(),
        };
        let (old, new) = (of(old), of(new));
        let (old, new) = (old.unwrap_or(Value::Null), new.unwrap_or(Value::Null));
        differ(document, path, &old, &new, changes);
        path.truncate(length);
    }
}

/// The names of what is inside of either; nothing for two plain values.
fn keys(old: &Value, new: &Value) -> Vec<String> {
    let mut keys = Vec::new();
    for value in [old, new] {
        let of: Vec<String> = match value {
            Value::Object(map) => map.keys().cloned().collect(),
            Value::Array(items) => (0..items.len()).map(|at| at.to_string()).collect(),
            _ => Vec::new(),
        };
        keys.extend(of);
    }
    keys.sort();
    keys.dedup();
    keys
}

fn shown(path: &str, value: &Value) -> String {
    let is_secret = path.split('.').any(|part| SECRET.contains(&part));
    match value {
        Value::Null => String::new(),
        _ if is_secret => "(secret)".to_owned(),
        Value::String(text) => super::escaped(text, LONGEST),
        other => super::escaped(&other.to_string(), LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(old: &Value, new: &Value) -> Vec<(String, String, String)> {
        let mut changes = Vec::new();
        let bytes = |value: &Value| (!value.is_null()).then(|| value.to_string().into_bytes());
        compare(
            "i/00/cdb-c1nl9rpv",
            bytes(old).as_deref(),
            bytes(new).as_deref(),
            &mut changes,
        );
        let flat = changes.into_iter().map(|c| (c.field, c.old, c.new));
        flat.collect()
    }

    fn triple(field: &str, old: &str, new: &str) -> (String, String, String) {
        (field.into(), old.into(), new.into())
    }

    #[test]
    fn the_fields_that_changed_are_named_and_secrets_are_not_shown() {
        let old = serde_json::json!({ "v": 1, "nodes": ["db1:3306"], "registration": { "driver": "observe", "sql": { "user": "a", "password": "AAAA" } } });
        let new = serde_json::json!({ "v": 1, "nodes": ["db1:3306", "db2:3306"], "registration": { "driver": "sql", "sql": { "user": "a", "password": "BBBB" } } });
        assert_eq!(
            difference(&old, &new),
            [
                triple("nodes.1", "", "db2:3306"),
                triple("registration.driver", "observe", "sql"),
                triple("registration.sql.password", "(secret)", "(secret)"),
            ]
        );
        assert_eq!(difference(&old, &old), []);
    }

    #[test]
    fn a_document_that_is_new_or_gone_is_shown_field_by_field() {
        let document = serde_json::json!({ "secret_id": "AKIDONE", "secret_key": "AAAA", "access": "ReadOnly" });
        assert_eq!(
            difference(&Value::Null, &document),
            [
                triple("access", "", "ReadOnly"),
                triple("secret_id", "", "AKIDONE"),
                triple("secret_key", "", "(secret)"),
            ]
        );
        assert_eq!(difference(&document, &Value::Null).len(), 3);
    }

    #[tokio::test]
    async fn a_line_names_so_many_changes_and_counts_the_rest() {
        let change = |number: usize| Change {
            document: "i/00/cdb-c1nl9rpv".into(),
            field: number.to_string(),
            old: String::new(),
            new: "x".into(),
        };
        let (answer, changes) = of(async {
            record((0..MOST + 5).map(change).collect());
            7
        })
        .await;
        assert_eq!((answer, changes.len()), (7, MOST + 1));
        assert_eq!(changes[MOST].document, "5 further change(s)");
    }
}
