//! What is published of the table: the contract as data, and the reference pages.

use serde_json::{Value, json};

use crate::api::action::{Effect, Entry, Product};
use crate::api::actions::ACTIONS;

/// The contract of one service, as it stands in `contract/{service}-{version}.json`.
pub fn of(product: Product) -> Value {
    let actions: Vec<_> = actions(product).map(action).collect();
    json!({ "service": product.name(), "version": product.version(), "actions": actions })
}

fn actions(product: Product) -> impl Iterator<Item = &'static Entry> {
    ACTIONS
        .iter()
        .filter(move |entry| entry.spec.product == product)
}

fn action(entry: &Entry) -> Value {
    let spec = entry.spec;
    json!({
        "name": spec.name,
        "summary": spec.summary,
        "limit": spec.limit,
        "effect": effect(spec.effect),
        "errors": spec.errors.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
        "input": (entry.input)(),
        "output": (entry.output)(),
    })
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Reads => "reads",
        Effect::Writes => "writes",
    }
}

/// The reference page of one service, in Markdown.
pub fn reference(product: Product) -> String {
    let mut page = format!(
        "# Reference: `{}` {}\n\nGenerated from the code by `make contract`. Every answer also has `RequestId`; \
         every action may also answer with the common codes of the gateway.\n",
        product.name(),
        product.version()
    );
    for entry in actions(product) {
        section(&mut page, entry);
    }
    page
}

fn section(page: &mut String, entry: &Entry) {
    let spec = entry.spec;
    page.push_str(&format!(
        "\n## {}\n\n{}\n\nIt {}. {} calls per second and key.\n",
        spec.name,
        spec.summary,
        effect(spec.effect),
        spec.limit
    ));
    tables(page, "Parameters", (entry.input)().as_value());
    tables(page, "Answer", (entry.output)().as_value());
    if !spec.errors.is_empty() {
        page.push_str("\n**Errors**\n\n| code | meaning |\n|---|---|\n");
        for code in spec.errors {
            page.push_str(&format!("| `{}` | {} |\n", code.as_str(), code.meaning()));
        }
    }
}

/// A table of a schema's fields, and one for each structure that they use.
fn tables(page: &mut String, title: &str, schema: &Value) {
    table(page, title, schema);
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        if definition["properties"].is_object() {
            table(page, &format!("`{name}`"), definition);
        }
    }
}

fn table(page: &mut String, title: &str, schema: &Value) {
    let fields = fields(schema);
    if fields.is_empty() {
        return;
    }
    page.push_str(&format!(
        "\n**{title}**\n\n| name | type | always | what |\n|---|---|---|---|\n"
    ));
    for field in fields {
        let always = if field.always { "yes" } else { "no" };
        let what = field.what.replace('|', "\\|");
        page.push_str(&format!(
            "| `{}` | {} | {always} | {what} |\n",
            field.name, field.type_name
        ));
    }
}

/// A field of a parameter list, an answer, or a structure in one.
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type, in Markdown.
    pub type_name: String,
    /// Whether it must be given, or is always there.
    pub always: bool,
    /// What it is.
    pub what: String,
}

/// The fields of a schema.
pub fn fields(schema: &Value) -> Vec<Field> {
    let required: Vec<_> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let field = |(name, field): (&String, &Value)| Field {
        name: name.clone(),
        type_name: type_name(field),
        always: required.iter().any(|known| **known == **name),
        what: field["description"]
            .as_str()
            .unwrap_or_default()
            .replace('\n', " "),
    };
    properties.map(field).collect()
}

fn type_name(field: &Value) -> String {
    if let Some(reference) = field["$ref"].as_str() {
        return format!("`{}`", reference.trim_start_matches("#/$defs/"));
    }
    if let Some(options) = field["oneOf"].as_array() {
        return options
            .iter()
            .filter_map(|option| option["const"].as_str())
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    if let Some(options) = field["anyOf"].as_array() {
        return options
            .iter()
            .filter(|option| option["type"] != "null")
            .map(type_name)
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let name = match &field["type"] {
        Value::String(name) => name.as_str(),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or_default(),
        _ => "string",
    };
    if name == "array" {
        format!("list of {}", type_name(&field["items"]))
    } else {
        name.to_owned()
    }
}
