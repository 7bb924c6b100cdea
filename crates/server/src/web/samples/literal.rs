use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};
use wire::{Code, Refusal};

use crate::api::action::Entry;
use crate::api::shape::{Field, Path, Shape, Structure, wrong_type};

/// Named values, in the order in which they are written.
pub(super) type Fields = Vec<(String, Literal)>;

/// A value of a parameter, with what a program in a typed language has to know of it.
#[derive(Debug)]
pub(super) enum Literal {
    /// A text.
    Text(String),
    /// A text that nobody is to see: the variable of the environment that it is read from.
    Secret(String),
    /// A whole number.
    Integer {
        /// Itself.
        value: i64,
        /// Whether its type has negative numbers.
        signed: bool,
    },
    /// Another number.
    Number(Number),
    /// True or false.
    Boolean(bool),
    /// Several values.
    List(Kind, Vec<Literal>),
    /// Named values, and the name of their structure.
    Object(String, Fields),
}

/// What the values of a list are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Texts.
    Text,
    /// Whole numbers.
    Integer {
        /// Whether their type has negative numbers.
        signed: bool,
    },
    /// Numbers.
    Number,
    /// True or false.
    Boolean,
    /// Lists; no action has a list of them.
    List,
    /// Structures of this name.
    Object(String),
}

/// The parameters of an action. What is null is left out, as it is the same as absent.
///
/// # Errors
/// A parameter that the action does not have, or that has another type.
pub(super) fn parameters(entry: &Entry, given: &Map<String, Value>) -> Result<Fields, Refusal> {
    let shape = Shape::of(&(entry.input)());
    fields(shape.fields(), given, &Path::Root)
}

fn fields(
    known: &BTreeMap<String, Field>,
    given: &Map<String, Value>,
    at: &Path<'_>,
) -> Result<Fields, Refusal> {
    let given = given.iter().filter(|(_, value)| !value.is_null());
    given
        .map(|(name, value)| {
            let at = Path::Under(at, name);
            let field = known
                .get(name)
                .ok_or_else(|| Refusal::unknown_parameter(&at))?;
            let literal = match (field.secret, value) {
                (true, Value::String(_)) => Literal::Secret(variable(name)),
                (_, value) => literal(&field.shape, value, &at)?,
            };
            Ok((name.clone(), literal))
        })
        .collect()
}

fn literal(shape: &Shape, value: &Value, at: &Path<'_>) -> Result<Literal, Refusal> {
    Ok(match (shape, value) {
        (Shape::Text, Value::String(text)) => Literal::Text(text.clone()),
        (Shape::Boolean, Value::Bool(value)) => Literal::Boolean(*value),
        (Shape::Number, Value::Number(number)) => Literal::Number(number.clone()),
        (&Shape::Integer { signed }, Value::Number(number))
            if number.is_i64() || number.is_u64() =>
        {
            Literal::Integer {
                value: fitting(number, signed, at)?,
                signed,
            }
        }
        (Shape::List(element), Value::Array(values)) => {
            let values = values.iter().enumerate();
            let values = values.map(|(n, value)| literal(element, value, &Path::Under(at, &n)));
            Literal::List(kind(element), values.collect::<Result<_, _>>()?)
        }
        (Shape::Object(structure), Value::Object(given)) => {
            Literal::Object(name(structure), fields(&structure.fields, given, at)?)
        }
        (shape, _) => return Err(wrong_type(shape, at)),
    })
}

fn kind(element: &Shape) -> Kind {
    match element {
        Shape::Text => Kind::Text,
        &Shape::Integer { signed } => Kind::Integer { signed },
        Shape::Number => Kind::Number,
        Shape::Boolean => Kind::Boolean,
        Shape::List(_) => Kind::List,
        Shape::Object(structure) => Kind::Object(name(structure)),
    }
}

fn name(structure: &Structure) -> String {
    structure.name.clone().unwrap_or_default()
}

/// A number that a program in every typed language can say. No action takes another.
fn fitting(number: &Number, signed: bool, at: &Path<'_>) -> Result<i64, Refusal> {
    let why = match number.as_i64() {
        Some(value) if signed || value >= 0 => return Ok(value),
        Some(_) => "it cannot be negative",
        None => "it is too large",
    };
    Err(Refusal::new(
        Code::InvalidParameterValue,
        format!("The value of parameter `{at}` is not valid: {why}."),
    ))
}

/// `SqlPassword` → `SIGNET_SQL_PASSWORD`.
fn variable(parameter: &str) -> String {
    let mut name = String::from("SIGNET");
    for letter in parameter.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Puts the names of the structures that the values are made of into the set.
pub(super) fn collect_models(fields: &Fields, models: &mut BTreeSet<String>) {
    for (_, value) in fields {
        value.collect_models(models);
    }
}

impl Literal {
    fn collect_models(&self, models: &mut BTreeSet<String>) {
        match self {
            Self::Object(model, fields) => {
                models.insert(model.clone());
                collect_models(fields, models);
            }
            Self::List(kind, values) => {
                if let Kind::Object(model) = kind {
                    models.insert(model.clone());
                }
                values.iter().for_each(|value| value.collect_models(models));
            }
            _ => {}
        }
    }
}
