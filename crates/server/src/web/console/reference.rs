//! The generated documentation of every action.

use askama::Template;
use serde_json::Value;

use super::error::{Answer, Error};
use super::page::{Layout, html};
use super::texts::Texts;
use super::visit::{Entered, Visit};
use crate::api::action::{Effect, Entry, Product};
use crate::api::actions::ACTIONS;
use crate::api::contract::{Field, fields};

#[derive(Template)]
#[template(path = "console/reference.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    service: &'static str,
    version: &'static str,
    actions: Vec<Described>,
}

struct Described {
    name: &'static str,
    summary: &'static str,
    writes: bool,
    limit: u32,
    /// Parameters, answer, and the structures in them.
    tables: Vec<(String, Vec<Field>)>,
    errors: Vec<(&'static str, &'static str)>,
}

/// The page of one service.
pub(super) fn page(visit: &Visit<'_>, _: &Entered, service: &str) -> Answer {
    let mut products = Product::ALL.into_iter();
    let product = products
        .find(|product| product.name() == service)
        .ok_or(Error::NotFound)?;
    let actions = ACTIONS.iter().filter(|entry| entry.spec.product == product);
    html(&Page {
        t: visit.texts(),
        layout: visit.layout("reference"),
        service: product.name(),
        version: product.version(),
        actions: actions
            .map(|entry| described(entry, visit.texts()))
            .collect(),
    })
}

fn described(entry: &Entry, t: &Texts) -> Described {
    let spec = entry.spec;
    let mut tables = tables(t.parameters, (entry.input)().as_value());
    tables.extend(self::tables(t.answer, (entry.output)().as_value()));
    Described {
        name: spec.name,
        summary: spec.summary,
        writes: spec.effect == Effect::Writes,
        limit: spec.limit,
        tables,
        errors: spec
            .errors
            .iter()
            .map(|code| (code.as_str(), code.meaning()))
            .collect(),
    }
}

fn tables(title: &str, schema: &Value) -> Vec<(String, Vec<Field>)> {
    let defs = schema["$defs"].as_object().into_iter().flatten();
    let named = defs.map(|(name, definition)| (name.clone(), fields(definition)));
    std::iter::once((title.to_owned(), fields(schema)))
        .chain(named)
        .filter(|(_, fields)| !fields.is_empty())
        .collect()
}
