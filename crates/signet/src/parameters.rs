use clap::Parser;
use serde_json::{Map, Value};
use server::api::action::{Entry, Product};
use server::api::actions::ACTIONS;

use crate::failure::Failure;
use crate::show;

/// Parameters in the order of their first occurrence, each with its values.
pub(crate) type Given = Vec<(String, Vec<String>)>;

/// Takes `--Param value` and `--Param=value` out of the words, and reads what is left as a command line of its own. Nothing
/// when that asked for its help, which is then printed.
pub(crate) fn split<Rest: Parser>(
    command: &str,
    words: &[String],
) -> Result<Option<(Given, Rest)>, Failure> {
    let (given, rest) = take(words)?;
    match Rest::try_parse_from(std::iter::once(command.to_owned()).chain(rest)) {
        Ok(rest) => Ok(Some((given, rest))),
        Err(help) if !help.use_stderr() => {
            show::out(help.to_string().trim_end())?;
            Ok(None)
        }
        Err(error) => {
            let error = error.to_string();
            let message = error.trim_start_matches("error: ").trim_end();
            Err(Failure::Usage(message.to_owned()))
        }
    }
}

/// The service of this name.
pub(crate) fn product(name: &str) -> Result<Product, Failure> {
    Product::ALL
        .into_iter()
        .find(|product| product.name() == name)
        .ok_or_else(|| {
            Failure::Usage(format!(
                "no service is called `{name}`: there are cdb and signet"
            ))
        })
}

/// What is known of an action.
pub(crate) fn entry(product: Product, action: &str) -> Option<&'static Entry> {
    ACTIONS
        .iter()
        .find(|entry| entry.spec.product == product && entry.spec.name == action)
}

/// All parameters: those in the JSON object, and those that were given by name.
pub(crate) fn read(
    entry: Option<&Entry>,
    json: Option<&str>,
    given: Given,
) -> Result<Map<String, Value>, Failure> {
    let mut parameters = object(json)?;
    for (name, texts) in given {
        let value = value(entry, &name, &texts);
        parameters.insert(name, value);
    }
    Ok(parameters)
}

fn take(words: &[String]) -> Result<(Given, Vec<String>), Failure> {
    let (mut given, mut rest) = (Given::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(parameter) = word
            .strip_prefix("--")
            .filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
        else {
            rest.push(word.clone());
            continue;
        };
        let (name, text) = match parameter.split_once('=') {
            Some((name, text)) => (name, text.to_owned()),
            None => {
                let text = words.next().ok_or_else(|| {
                    Failure::Usage(format!("the parameter --{parameter} has no value"))
                })?;
                (parameter, text.clone())
            }
        };
        match given.iter_mut().find(|(known, _)| known == name) {
            Some((_, texts)) => texts.push(text),
            None => given.push((name.to_owned(), vec![text])),
        }
    }
    Ok((given, rest))
}

/// The JSON object of `--json`; `-` is standard input, where no other user of the machine sees a password.
fn object(json: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let json = match json {
        Some("-") => Some(std::io::read_to_string(std::io::stdin()).map_err(Failure::failed)?),
        other => other.map(str::to_owned),
    };
    match json.as_deref().map(serde_json::from_str) {
        None => Ok(Map::new()),
        Some(Ok(Value::Object(object))) => Ok(object),
        Some(Ok(_)) => Err(Failure::Usage("--json is not a JSON object".to_owned())),
        Some(Err(error)) => Err(Failure::Usage(format!("--json: {error}"))),
    }
}

/// A parameter's value, by the type that the action gives it. What the action does not have goes out as it looks, for
/// the service to refuse.
fn value(entry: Option<&Entry>, name: &str, texts: &[String]) -> Value {
    let single = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| text.clone().into());
    match (
        entry.and_then(|entry| type_of(entry, name)).as_deref(),
        texts,
    ) {
        (Some("string"), [text]) => text.clone().into(),
        (Some("array"), [text]) => match single(text) {
            list @ Value::Array(_) => list,
            other => Value::Array(vec![element(entry, name, other, text)]),
        },
        (Some("array"), texts) => texts
            .iter()
            .map(|text| element(entry, name, single(text), text))
            .collect(),
        (_, [text]) => single(text),
        (_, texts) => texts.iter().map(single).collect(),
    }
}

/// One element of a list; a text stays a text, also when it looks like a number.
fn element(entry: Option<&Entry>, name: &str, value: Value, text: &str) -> Value {
    let schema = entry.map(|entry| (entry.input)());
    let items = schema
        .as_ref()
        .map(|schema| &schema.as_value()["properties"][name]["items"]["type"]);
    if items.is_some_and(|items| items == "string") {
        text.into()
    } else {
        value
    }
}

/// The JSON type that the action's schema gives a parameter.
fn type_of(entry: &Entry, name: &str) -> Option<String> {
    let schema = (entry.input)();
    let schema = schema.as_value();
    let mut field = &schema["properties"][name];
    if let Some(options) = field["anyOf"].as_array() {
        field = options.iter().find(|option| option["type"] != "null")?;
    }
    if let Some(name) = field["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix("#/$defs/"))
    {
        field = &schema["$defs"][name];
    }
    let kind = match &field["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null")?,
        kind => kind,
    };
    kind.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn parameters_are_told_from_flags_by_their_capital_letter() {
        let (given, rest) = take(&words(
            "cdb X --InstanceId cdb-1 --format json --Nodes a --Nodes=b",
        ))
        .unwrap();
        assert_eq!(rest, words("cdb X --format json"));
        assert_eq!(
            given,
            [
                ("InstanceId".to_owned(), words("cdb-1")),
                ("Nodes".to_owned(), words("a b"))
            ]
        );
    }

    #[test]
    fn values_have_the_type_of_their_parameter() {
        let entry = entry(Product::Signet, "RegisterInstance");
        let register = |name, text: &str| value(entry, name, &words(text));
        assert_eq!(register("InstanceName", "42"), json!("42"));
        assert_eq!(register("Vport", "3306"), json!(3306));
        assert_eq!(register("Nodes", "a:1"), json!(["a:1"]));
        assert_eq!(register("Nodes", "a:1 b:2"), json!(["a:1", "b:2"]));
        assert_eq!(register("Nodes", r#"["a:1","b:2"]"#), json!(["a:1", "b:2"]));
        assert_eq!(register("NoSuch", "7"), json!(7));
        assert_eq!(
            register("Tags", r#"{"Key":"a","Value":"b"}"#),
            json!([{ "Key": "a", "Value": "b" }])
        );
    }
}
