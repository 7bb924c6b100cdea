//! The shape of an action's input, made once from its JSON Schema: which parameters there are, of which type, and
//! which are needed.
//!
//! The shape speaks first (unknown, missing, wrong type, each with its path); then serde and the `TryFrom` of the types
//! speak (a value that is not valid). Parameters that came as text are brought to their types on the way.

use std::collections::BTreeMap;
use std::fmt;

use schemars::Schema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wire::{Code, Parameters, Refusal};

use crate::api::error::ApiError;

/// The shape of one value.
#[derive(Debug)]
pub enum Shape {
    /// A text.
    Text,
    /// A whole number.
    Integer {
        /// Whether it may be negative. To the check it may: each action says itself what it takes.
        signed: bool,
    },
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Several values of one shape.
    List(Box<Shape>),
    /// Named values.
    Object(Structure),
}

/// Named values of a kind.
#[derive(Debug)]
pub struct Structure {
    /// Its name, where it has one: that of the vendor's structure if the action is the vendor's. An input has none.
    pub name: Option<String>,
    /// The values.
    pub fields: BTreeMap<String, Field>,
}

/// One named value.
#[derive(Debug)]
pub struct Field {
    /// Whether it must be there.
    pub required: bool,
    /// Whether it is a secret: taken, and never shown.
    pub secret: bool,
    /// Its shape.
    pub shape: Shape,
}

impl Shape {
    /// Reads a schema that `schemars` made. Panics on a schema that our inputs never have: the table's tests would see it.
    pub fn of(schema: &Schema) -> Self {
        let root = schema.as_value();
        Self::read(root, root.get("$defs").unwrap_or(&Value::Null))
    }

    fn read(schema: &Value, defs: &Value) -> Self {
        if let Some(name) = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix("#/$defs/"))
        {
            return match Self::read(&defs[name], defs) {
                Self::Object(structure) => Self::Object(Structure {
                    name: Some(name.to_owned()),
                    ..structure
                }),
                other => other,
            };
        }
        // `anyOf` is "or null", `oneOf` is an enumeration: every other branch has the same type.
        if let Some(options) = schema
            .get("anyOf")
            .or_else(|| schema.get("oneOf"))
            .and_then(Value::as_array)
        {
            let some = options
                .iter()
                .find(|option| option["type"] != "null")
                .expect("an option that is not null");
            return Self::read(some, defs);
        }
        match type_of(schema) {
            "string" => Self::Text,
            "integer" => Self::Integer {
                signed: !format_of(schema).starts_with('u'),
            },
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "array" => Self::List(Box::new(Self::read(&schema["items"], defs))),
            "object" => Self::Object(Structure {
                name: None,
                fields: fields(schema, defs),
            }),
            other => panic!("an input cannot have the type `{other}`: {schema}"),
        }
    }

    /// The fields of an input's shape.
    pub fn fields(&self) -> &BTreeMap<String, Field> {
        match self {
            Self::Object(structure) => &structure.fields,
            _ => unreachable!("an input is an object"),
        }
    }

    /// Checks the parameters against the shape and brings texts to their types.
    ///
    /// # Errors
    /// `UnknownParameter`, `MissingParameter`, or the code for a wrong type, with the path of the parameter.
    pub fn check(&self, parameters: Parameters) -> Result<Map<String, Value>, Refusal> {
        let walk = Walk {
            text: parameters.text,
        };
        walk.object(self.fields(), parameters.map, &Path::Root)
    }
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or("null"),
        _ => "nothing",
    }
}

fn format_of(schema: &Value) -> &str {
    schema["format"].as_str().unwrap_or_default()
}

fn fields(schema: &Value, defs: &Value) -> BTreeMap<String, Field> {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| {
            (
                name.clone(),
                Field {
                    required: required.contains(&name.as_str()),
                    secret: schema["writeOnly"] == true,
                    shape: Shape::read(schema, defs),
                },
            )
        })
        .collect()
}

/// Where in the parameters we are; printed only when something is wrong.
pub enum Path<'a> {
    /// At the parameters themselves.
    Root,
    /// At a name or a number in something.
    Under(&'a Path<'a>, &'a dyn fmt::Display),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Under(Self::Root, name) => name.fmt(f),
            Self::Under(parent, name) => write!(f, "{parent}.{name}"),
        }
    }
}

struct Walk {
    /// Leaves came as texts.
    text: bool,
}

impl Walk {
    fn object(
        &self,
        fields: &BTreeMap<String, Field>,
        mut map: Map<String, Value>,
        at: &Path<'_>,
    ) -> Result<Map<String, Value>, Refusal> {
        map.retain(|_, value| !value.is_null()); // null is the same as absent: SDKs send either
        if let Some(unknown) = map.keys().find(|name| !fields.contains_key(*name)) {
            return Err(Refusal::unknown_parameter(Path::Under(at, unknown)));
        }
        for (name, field) in fields {
            match map.get_mut(name) {
                None if field.required => {
                    return Err(Refusal::missing_parameter(Path::Under(at, name)));
                }
                None => {}
                Some(value) => {
                    *value =
                        self.value(&field.shape, std::mem::take(value), &Path::Under(at, name))?
                }
            }
        }
        Ok(map)
    }

    fn value(&self, shape: &Shape, value: Value, at: &Path<'_>) -> Result<Value, Refusal> {
        match (shape, value) {
            (Shape::Text, value @ Value::String(_))
            | (Shape::Number, value @ Value::Number(_))
            | (Shape::Boolean, value @ Value::Bool(_)) => Ok(value),
            (Shape::Integer { .. }, Value::Number(number))
                if number.is_i64() || number.is_u64() =>
            {
                Ok(Value::Number(number))
            }
            (Shape::Object(structure), Value::Object(map)) => {
                Ok(Value::Object(self.object(&structure.fields, map, at)?))
            }
            (Shape::List(shape), Value::Array(values)) => {
                let each = values
                    .into_iter()
                    .enumerate()
                    .map(|(n, value)| self.value(shape, value, &Path::Under(at, &n)));
                Ok(Value::Array(each.collect::<Result<_, _>>()?))
            }
            (shape, Value::String(text)) if self.text => {
                from_text(shape, &text).ok_or_else(|| wrong_type(shape, at))
            }
            (shape, _) => Err(wrong_type(shape, at)),
        }
    }
}

/// A value that came as text. Python writes booleans as `True` and `False`.
fn from_text(shape: &Shape, text: &str) -> Option<Value> {
    match shape {
        Shape::Integer { .. } => text.parse::<i64>().ok().map(Value::from),
        Shape::Number => text.parse::<f64>().ok().map(Value::from),
        Shape::Boolean => match text {
            "true" | "True" | "TRUE" => Some(Value::Bool(true)),
            "false" | "False" | "FALSE" => Some(Value::Bool(false)),
            _ => None,
        },
        Shape::Text | Shape::List(_) | Shape::Object(_) => None,
    }
}

/// A parameter that has another type than its shape. The vendor documents `JsonUnmarshalError` for a body whose field has the wrong type.
pub fn wrong_type(expected: &Shape, at: &Path<'_>) -> Refusal {
    let expected = expected.name();
    Refusal::new(
        Code::InvalidParameterJsonUnmarshalError,
        format!("The value type of parameter `{at}` is not valid: {expected} was expected."),
    )
    .in_chinese(format!(
        "参数 `{at}` 取值类型错误。参数类型应为 {expected}。"
    ))
}

impl Shape {
    fn name(&self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Integer { .. } => "an integer",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Makes an action's input of checked parameters.
///
/// # Errors
/// `InvalidParameterValue`, naming the parameter and what was expected.
pub fn decode<T: DeserializeOwned>(parameters: Map<String, Value>) -> Result<T, ApiError> {
    let value = Value::Object(parameters);
    // The path costs time to keep, and almost every call is right: it is found by a second reading.
    T::deserialize(&value).map_err(|_| match serde_path_to_error::deserialize::<_, T>(&value) {
        Err(error) => invalid_value(&error),
        Ok(_) => ApiError::internal(anyhow::anyhow!(
            "a second reading of the same parameters came out differently"
        )),
    })
}

fn invalid_value(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let path = error.path().to_string().replace('[', ".").replace(']', "");
    let why = error.inner();
    Refusal::new(
        Code::InvalidParameterValue,
        format!("The value of parameter `{path}` is not valid: {why}."),
    )
    .in_chinese(format!("参数 `{path}` 取值错误：{why}。"))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "PascalCase")]
    #[allow(dead_code)] // read by Debug
    struct Input {
        instance_id: crate::state::ids::InstanceId,
        limit: Option<i64>,
        deep: Option<bool>,
        #[serde(default)]
        filters: Vec<Filter>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "PascalCase")]
    #[allow(dead_code)]
    struct Filter {
        name: String,
        #[serde(default)]
        values: Vec<i64>,
    }

    fn read(parameters: Value, text: bool) -> Result<String, String> {
        let shape = Shape::of(&schemars::schema_for!(Input));
        let Value::Object(map) = parameters else {
            panic!("an object")
        };
        let map = shape
            .check(Parameters { map, text })
            .map_err(|refusal| refusal.to_string())?;
        decode::<Input>(map)
            .map(|input| format!("{input:?}"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn good_parameters_become_the_input() {
        let parameters = json!({ "InstanceId": "cdb-c1nl9rpv", "Limit": 5, "Deep": null, "Filters": [{ "Name": "a", "Values": [1] }] });
        assert_eq!(
            read(parameters, false).unwrap(),
            "Input { instance_id: cdb-c1nl9rpv, limit: Some(5), deep: None, filters: [Filter { name: \"a\", values: [1] }] }"
        );
    }

    #[test]
    fn texts_become_what_the_input_wants() {
        let parameters = json!({ "InstanceId": "cdb-c1nl9rpv", "Limit": "5", "Deep": "True", "Filters": [{ "Name": "7", "Values": ["1", "2"] }] });
        assert_eq!(
            read(parameters, true).unwrap(),
            "Input { instance_id: cdb-c1nl9rpv, limit: Some(5), deep: Some(true), filters: [Filter { name: \"7\", values: [1, 2] }] }"
        );
    }

    #[test]
    fn each_mistake_names_the_parameter() {
        let id = "cdb-c1nl9rpv";
        for (parameters, expected) in [
            (
                json!({}),
                "MissingParameter: The request is missing a required parameter `InstanceId`.",
            ),
            (
                json!({ "InstanceId": id, "Filters": [{}] }),
                "MissingParameter: The request is missing a required parameter `Filters.0.Name`.",
            ),
            (
                json!({ "InstanceId": id, "Colour": 1 }),
                "UnknownParameter: The parameter `Colour` is not recognized.",
            ),
            (
                json!({ "InstanceId": id, "Filters": [{ "Name": "a", "Nam": 1 }] }),
                "UnknownParameter: The parameter `Filters.0.Nam` is not recognized.",
            ),
            (
                json!({ "InstanceId": 7 }),
                "InvalidParameter.JsonUnmarshalError: The value type of parameter `InstanceId` is not valid: a string was expected.",
            ),
            (
                json!({ "InstanceId": id, "Limit": "5" }),
                "InvalidParameter.JsonUnmarshalError: The value type of parameter `Limit` is not valid: an integer was expected.",
            ),
            (
                json!({ "InstanceId": id, "Limit": 5.5 }),
                "InvalidParameter.JsonUnmarshalError: The value type of parameter `Limit` is not valid: an integer was expected.",
            ),
            (
                json!({ "InstanceId": id, "Filters": {} }),
                "InvalidParameter.JsonUnmarshalError: The value type of parameter `Filters` is not valid: an array was expected.",
            ),
            (
                json!({ "InstanceId": "c1nl9rpv" }),
                "InvalidParameterValue: The value of parameter `InstanceId` is not valid: an instance ID is `cdb-` and eight of a-z0-9, like `cdb-c1nl9rpv`.",
            ),
        ] {
            assert_eq!(read(parameters, false).unwrap_err(), expected);
        }
        let text = json!({ "InstanceId": id, "Limit": "many" });
        assert_eq!(
            read(text, true).unwrap_err(),
            "InvalidParameter.JsonUnmarshalError: The value type of parameter `Limit` is not valid: an integer was expected."
        );
    }
}
