//! The form of an action, made from the schema of its parameters, and the parameters made of what was filled in.

use serde_json::{Map, Value};

use crate::api::action::Entry;
use crate::web::console::fields::Fields;

/// How a parameter is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Boolean,
    /// One of a few words.
    Choice(Vec<String>),
    /// One value a line.
    Lines,
    /// Anything else, as JSON.
    Json,
}

/// A parameter of an action. Its value may be a secret, so it cannot be printed.
#[derive(Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) required: bool,
    /// It is typed unseen, and shown nowhere.
    pub(super) secret: bool,
    pub(super) description: String,
    pub(super) example: String,
    /// What was filled in.
    pub(super) value: String,
    /// The values of a list are numbers.
    of_integers: bool,
}

impl Parameter {
    /// What it is called in a tooltip.
    pub(super) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Text | Kind::Choice(_) => "string",
            Kind::Integer => "integer",
            Kind::Boolean => "boolean",
            Kind::Lines => "list",
            Kind::Json => "JSON",
        }
    }

    /// What was filled in, as JSON; `None` when nothing was. What cannot be read goes as it is, for the API to say what is wrong.
    fn json(&self) -> Option<Value> {
        let text = self.value.as_str();
        if text.trim().is_empty() {
            return None;
        }
        let as_text = || Value::from(text);
        Some(match &self.kind {
            Kind::Text | Kind::Choice(_) => as_text(),
            Kind::Integer => integer(text),
            Kind::Boolean => text.parse::<bool>().map_or_else(|_| as_text(), Value::from),
            Kind::Lines => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                let one = |line: &str| match self.of_integers {
                    true => integer(line),
                    false => Value::from(line),
                };
                lines.map(one).collect()
            }
            Kind::Json => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
        })
    }
}

fn integer(text: &str) -> Value {
    let number = text.trim().parse::<i64>();
    number.map_or_else(|_| Value::from(text), Value::from)
}

/// The parameters of an action, those that are needed first, filled in from `given`.
pub(super) fn parameters(entry: &Entry, given: &Fields) -> Vec<Parameter> {
    let schema = (entry.input)();
    let root = schema.as_value();
    let required: Vec<_> = root["required"].as_array().into_iter().flatten().collect();
    let properties = root["properties"].as_object().into_iter().flatten();
    let parameter = |(name, property): (&String, &Value)| {
        let resolved = resolve(property, &root["$defs"]);
        let kind = kind(resolved, &root["$defs"]);
        Parameter {
            required: required.iter().any(|known| **known == **name),
            secret: property["writeOnly"] == true,
            description: text(&property["description"]),
            example: example(property),
            value: given.get(name).replace("\r\n", "\n"),
            of_integers: resolved["items"]["type"] == "integer",
            name: name.clone(),
            kind,
        }
    };
    let mut parameters: Vec<_> = properties.map(parameter).collect();
    parameters.sort_by_key(|parameter| !parameter.required);
    parameters
}

/// The parameters as JSON, without those that were left empty.
pub(super) fn filled(parameters: &[Parameter]) -> Map<String, Value> {
    let filled = parameters
        .iter()
        .filter_map(|parameter| Some((parameter.name.clone(), parameter.json()?)));
    filled.collect()
}

/// Where a schema leads, without what says that it may be absent.
fn resolve<'s>(schema: &'s Value, defs: &'s Value) -> &'s Value {
    if let Some(path) = schema["$ref"].as_str() {
        return resolve(&defs[path.trim_start_matches("#/$defs/")], defs);
    }
    let options = schema["anyOf"].as_array().into_iter().flatten();
    let mut others = options.filter(|option| option["type"] != "null");
    match others.next() {
        Some(option) => resolve(option, defs),
        None => schema,
    }
}

fn kind(schema: &Value, defs: &Value) -> Kind {
    if let Some(words) = words(schema) {
        return Kind::Choice(words);
    }
    let is = |name: &str| {
        schema["type"] == name
            || schema["type"]
                .as_array()
                .is_some_and(|names| names.iter().any(|known| known == name))
    };
    if is("integer") || is("number") {
        Kind::Integer
    } else if is("boolean") {
        Kind::Boolean
    } else if is("array") {
        let of = resolve(&schema["items"], defs);
        match of["type"].as_str() {
            Some("string" | "integer") => Kind::Lines,
            _ => Kind::Json,
        }
    } else if is("object") {
        Kind::Json
    } else {
        Kind::Text
    }
}

/// The words of an enumeration.
fn words(schema: &Value) -> Option<Vec<String>> {
    let listed = schema["enum"].as_array().map(|words| {
        words
            .iter()
            .filter(|word| !word.is_null())
            .map(text)
            .collect()
    });
    let described = || {
        let options = schema["oneOf"].as_array()?;
        Some(
            options
                .iter()
                .map(|option| text(&option["const"]))
                .collect(),
        )
    };
    listed.or_else(described)
}

/// The first example, as it would be typed.
fn example(schema: &Value) -> String {
    match &schema["examples"][0] {
        Value::Array(values) if values.iter().all(|value| !value.is_object()) => {
            values.iter().map(text).collect::<Vec<_>>().join("\n")
        }
        value => text(value),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::action::Product;
    use crate::api::actions::{ACTIONS, named};
    use serde_json::json;

    fn of(product: Product, action: &str, query: &str) -> Vec<Parameter> {
        parameters(
            named(product, action).unwrap(),
            &Fields::read(query.as_bytes()),
        )
    }

    #[test]
    fn a_parameter_is_of_the_type_that_its_schema_says() {
        let all = of(Product::Signet, "RegisterInstance", "");
        let kind = |name: &str| all.iter().find(|p| p.name == name).unwrap().kind.clone();
        assert_eq!(kind("InstanceName"), Kind::Text);
        assert_eq!(kind("Nodes"), Kind::Lines);
        assert_eq!(kind("Vport"), Kind::Integer);
        assert_eq!(kind("Tags"), Kind::Json);
        assert!(
            matches!(kind("Architecture"), Kind::Choice(words) if words.contains(&"two-node".to_owned()))
        );
        assert!(all.iter().find(|p| p.name == "SqlPassword").unwrap().secret);
    }

    #[test]
    fn what_is_filled_in_becomes_json() {
        let query = "InstanceName=orders&Nodes=a%3A1%0D%0Ab%3A2%0D%0A&Vport=3306&Tags=%5B%7B%22Key%22%3A%22env%22%7D%5D&Vip=";
        let filled = filled(&of(Product::Signet, "RegisterInstance", query));
        let expected = json!({ "InstanceName": "orders", "Nodes": ["a:1", "b:2"], "Vport": 3306, "Tags": [{ "Key": "env" }] });
        assert_eq!(Value::from(filled), expected);
    }

    #[test]
    fn what_cannot_be_read_goes_as_it_is() {
        let filled = filled(&of(
            Product::Cdb,
            "DescribeTasks",
            "Limit=ten&TaskTypes=1%0Atwo",
        ));
        assert_eq!(
            Value::from(filled),
            json!({ "Limit": "ten", "TaskTypes": [1, "two"] })
        );
    }

    #[test]
    fn every_parameter_of_every_action_is_described() {
        for entry in ACTIONS {
            for parameter in parameters(entry, &Fields::default()) {
                assert!(
                    !parameter.description.is_empty(),
                    "{} {}",
                    entry.spec.name,
                    parameter.name
                );
            }
        }
    }
}
