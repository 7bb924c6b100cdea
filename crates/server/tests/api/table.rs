//! The table of actions as a whole: what holds for each of them, also for those that come later.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use server::api::action::{Effect, Entry};
use server::api::actions::ACTIONS;

use crate::support::TestServer;

/// Every field of an entry's input, with its schema.
fn parameters(entry: &Entry) -> Vec<(String, Value)> {
    let schema = (entry.input)().to_value();
    schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, field)| (name.clone(), field.clone()))
        .collect()
}

/// Every field of a schema and of the structures that it uses.
fn every_property(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let structures = schema["$defs"].as_object().into_iter().flatten();
    std::iter::once(schema)
        .chain(structures.map(|(_, structure)| structure))
        .flat_map(|structure| structure["properties"].as_object().into_iter().flatten())
}

#[test]
fn names_are_unique_and_spelled_as_the_vendor_spells() {
    let names: BTreeSet<_> = ACTIONS.iter().map(|entry| entry.spec.name).collect();
    assert_eq!(names.len(), ACTIONS.len());
    for name in names {
        assert!(
            name.starts_with(|c: char| c.is_ascii_uppercase())
                && name.chars().all(|c| c.is_ascii_alphanumeric()),
            "{name}"
        );
    }
}

#[test]
fn everything_is_documented() {
    for entry in ACTIONS {
        let spec = entry.spec;
        assert!(
            spec.summary.ends_with('.') && spec.summary.len() > 20,
            "{} has no summary",
            spec.name
        );
        for schema in [(entry.input)().to_value(), (entry.output)().to_value()] {
            for (name, field) in every_property(&schema) {
                let described = field["description"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('.'));
                assert!(
                    described,
                    "{}: `{name}` has no description: {field}",
                    spec.name
                );
            }
        }
        for (name, field) in parameters(entry) {
            assert!(
                name.starts_with(|c: char| c.is_ascii_uppercase()),
                "{}: `{name}`",
                spec.name
            );
            let has_example = !field["examples"].is_null()
                || ["enum", "oneOf"]
                    .iter()
                    .any(|word| field.to_string().contains(word))
                || field["type"] == "boolean"
                || field["type"] == json!(["boolean", "null"]);
            assert!(
                has_example || field.to_string().contains("$ref"),
                "{}: `{name}` has no example: {field}",
                spec.name
            );
        }
        assert!(spec.limit > 0);
    }
}

/// Pages that show forms and code samples go by this mark, and keep what it is on to themselves.
#[test]
fn every_secret_is_marked_as_one() {
    for entry in ACTIONS {
        for (name, field) in every_property(&(entry.input)().to_value()) {
            let is_secret = ["Password", "Secret", "Token"]
                .iter()
                .any(|word| name.contains(word))
                && !name.ends_with("Id");
            assert_eq!(
                field["writeOnly"] == true,
                is_secret,
                "{}: `{name}`",
                entry.spec.name
            );
        }
    }
}

/// An answer with a secret is not repeated from memory.
#[test]
fn every_answer_with_a_secret_is_marked() {
    for entry in ACTIONS {
        let output = (entry.output)().to_value();
        let mut names = every_property(&output).map(|(name, _)| name.as_str());
        let is_secret =
            |name: &str| matches!(name, "SecretKey" | "Token") || name.contains("Password");
        assert_eq!(
            names.any(is_secret),
            entry.answers_secret,
            "{}",
            entry.spec.name
        );
    }
}

#[test]
fn every_action_refuses_an_unknown_parameter() {
    let server = TestServer::start();
    for entry in ACTIONS {
        server
            .call(entry.spec.name, json!({ "NoSuchParameter": 1 }))
            .fails(
                "UnknownParameter",
                "The parameter `NoSuchParameter` is not recognized.",
            );
    }
}

#[test]
fn every_action_refuses_who_has_no_key() {
    let server = TestServer::start();
    for entry in ACTIONS {
        server
            .call_with("AKIDNOBODY", "nothing", entry.spec.name, json!({}))
            .fails(
                "AuthFailure.SecretIdNotFound",
                "The SecretId is not found, please ensure that your SecretId is correct.",
            );
    }
}

#[test]
fn every_action_that_writes_refuses_a_read_only_key() {
    let server = TestServer::start();
    let key = server.call("CreateAccessKey", json!({ "Access": "ReadOnly" }));
    let (id, secret) = (key.text("SecretId"), key.text("SecretKey"));
    for entry in ACTIONS {
        let answer = server.call_with(
            &id,
            &secret,
            entry.spec.name,
            json!({ "NoSuchParameter": 1 }),
        );
        let expected = match entry.spec.effect {
            Effect::Reads => "UnknownParameter",
            Effect::Writes => "AuthFailure.UnauthorizedOperation",
        };
        assert_eq!(
            answer.fields["Error"]["Code"], expected,
            "{}",
            entry.spec.name
        );
    }
}

#[test]
fn every_parameter_refuses_a_wrong_type() {
    let server = TestServer::start();
    for entry in ACTIONS {
        for (name, field) in parameters(entry) {
            // No parameter takes an object at its top.
            let answer = server.call(entry.spec.name, json!({ name.clone(): { "a": 1 } }));
            let code = answer.fields["Error"]["Code"].as_str().unwrap_or_default();
            assert!(
                matches!(
                    code,
                    "InvalidParameter.JsonUnmarshalError" | "MissingParameter"
                ),
                "{} {name} {field}: {code}",
                entry.spec.name
            );
        }
    }
}

#[test]
fn every_limit_stops_where_its_spec_says() {
    let server = TestServer::configured(|config| config.rates.clear());
    for entry in ACTIONS {
        let wrong = json!({ "NoSuchParameter": 1 });
        for _ in 0..entry.spec.limit {
            assert_eq!(
                server.call(entry.spec.name, wrong.clone()).fields["Error"]["Code"],
                "UnknownParameter"
            );
        }
        let (limit, count) = (entry.spec.limit, entry.spec.limit + 1);
        server.call(entry.spec.name, wrong).fails(
            "RequestLimitExceeded",
            &format!("Your current request times equals to `{count}` in a second, which exceeds the frequency limit `{limit}` for a second. Please reduce the frequency of calls."),
        );
    }
}

/// A file of the repository, by its path from the root.
fn kept(path: &str) -> String {
    let full = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&full).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_contract_and_the_reference_in_the_repository_are_these() {
    for product in server::api::action::Product::ALL {
        let path = format!("contract/{}-{}.json", product.name(), product.version());
        let contract: Value = serde_json::from_str(&kept(&path)).unwrap();
        // Without the two texts, which fill several screens.
        assert!(
            contract == server::api::contract::of(product),
            "{path} is out of date: run `make contract`"
        );
        let path = format!("docs/src/reference/{}.md", product.name());
        assert!(
            kept(&path) == server::api::contract::reference(product),
            "{path} is out of date: run `make contract`"
        );
    }
}
