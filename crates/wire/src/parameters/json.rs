//! JSON bodies. `serde_json` keeps the last of two fields with one name and would build whatever it is sent; here a repeated
//! field, a deep nesting and too many values are refused while reading.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{MAX_DEPTH, MAX_VALUES, too_deep, too_many};
use crate::Refusal;

/// Reads a body that must be a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match value(body, &mut 0)? {
        Value::Object(map) => Ok(map),
        other => Err(Refusal::json_unmarshal_error(format_args!(
            "the body is {}, not an object.",
            kind(&other)
        ))),
    }
}

/// Reads any JSON value, within the limits. `values` counts those of the whole request.
pub(crate) fn value(text: &[u8], values: &mut usize) -> Result<Value, Refusal> {
    let state = RefCell::new(State {
        values: *values,
        ..State::default()
    });
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Reader {
        state: &state,
        depth: 0,
    }
    .deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    let state = state.into_inner();
    *values = state.values;
    match read {
        Ok(value) => Ok(value),
        Err(error) => Err(state.refusal.unwrap_or_else(|| unreadable(&error))),
    }
}

fn unreadable(error: &serde_json::Error) -> Refusal {
    let place = format_args!("line {} column {}", error.line(), error.column()).to_string();
    if error.is_eof() {
        Refusal::json_unmarshal_error(format_args!("the body ends too early, at {place}."))
    } else {
        Refusal::json_unmarshal_error(format_args!("the body is not valid JSON at {place}."))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What all readers of one body share.
#[derive(Default)]
struct State {
    values: usize,
    /// The dotted name of the place being read.
    path: String,
    /// Why reading stopped, if it was we who stopped it.
    refusal: Option<Refusal>,
}

/// Reads one value.
#[derive(Clone, Copy)]
struct Reader<'s> {
    state: &'s RefCell<State>,
    depth: usize,
}

impl<'s> Reader<'s> {
    /// The reader of a value inside this one, called `part`.
    fn inside(self, part: &str) -> Inside<'s> {
        let mut state = self.state.borrow_mut();
        let outer = state.path.len();
        if outer > 0 {
            state.path.push('.');
        }
        state.path.push_str(part);
        Inside {
            reader: Self {
                depth: self.depth + 1,
                ..self
            },
            outer,
        }
    }

    fn refuse<E: serde::de::Error>(self, refusal: Refusal) -> E {
        self.state.borrow_mut().refusal = Some(refusal);
        E::custom("refused")
    }
}

/// A reader that is one level further in, and steps out again when it is done.
struct Inside<'s> {
    reader: Reader<'s>,
    outer: usize,
}

impl<'de> DeserializeSeed<'de> for Inside<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let value = self.reader.deserialize(deserializer)?;
        self.reader.state.borrow_mut().path.truncate(self.outer);
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.state.borrow_mut().values += 1;
        if self.state.borrow().values > MAX_VALUES {
            return Err(self.refuse(too_many()));
        }
        if self.depth > MAX_DEPTH {
            return Err(self.refuse(too_deep()));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.inside(&items.len().to_string()))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let inside = self.inside(&name);
            if map.contains_key(&name) {
                let path = self.state.borrow().path.clone();
                return Err(self.refuse(Refusal::repeated_parameter(path)));
            }
            map.insert(name, access.next_value_seed(inside)?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(body: &str) -> String {
        object(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_object_is_read_as_it_is() {
        let text = r#"{"S":"\u540d\ud83d\ude00","I":-1,"U":18446744073709551615,"F":1.5,"B":true,"N":null,"L":[{"a":[]}]}"#;
        let expected = json!({ "S": "名😀", "I": -1, "U": u64::MAX, "F": 1.5, "B": true, "N": null, "L": [{ "a": [] }] });
        assert_eq!(object(text.as_bytes()).map(Value::Object), Ok(expected));
    }

    #[test]
    fn what_is_no_object_is_named() {
        let message = |what| {
            format!(
                "InvalidParameter.JsonUnmarshalError: Failed to deserialize JSON: the body is {what}, not an object."
            )
        };
        assert_eq!(refused("[1]"), message("an array"));
        assert_eq!(refused("\"x\""), message("a string"));
        assert_eq!(refused("null"), message("null"));
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        let message = |why| {
            format!(
                "InvalidParameter.JsonUnmarshalError: Failed to deserialize JSON: the body {why}."
            )
        };
        assert_eq!(refused(""), message("ends too early, at line 1 column 0"));
        assert_eq!(
            refused(r#"{"a":"#),
            message("ends too early, at line 1 column 5")
        );
        assert_eq!(
            refused(r#"{"a":1,}"#),
            message("is not valid JSON at line 1 column 8")
        );
        assert_eq!(
            refused("{} {}"),
            message("is not valid JSON at line 1 column 4")
        );
        assert_eq!(
            refused(r#"{"a":"\ud800"}"#),
            message("is not valid JSON at line 1 column 13")
        );
        assert_eq!(
            refused(r#"{"a":1e999}"#),
            message("is not valid JSON at line 1 column 10")
        );
    }

    #[test]
    fn a_field_that_comes_twice_is_named_by_its_path() {
        let repeated =
            |path| format!("InvalidParameter: The parameter `{path}` is given more than once.");
        assert_eq!(refused(r#"{"A":1,"B":2,"A":3}"#), repeated("A"));
        assert_eq!(
            refused(r#"{"L":[0,{"x":[1],"k":1,"k":1}]}"#),
            repeated("L.1.k")
        );
    }

    #[test]
    fn nesting_and_number_of_values_have_limits() {
        let nested =
            |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(object(nested(16).as_bytes()).is_ok());
        assert_eq!(
            refused(&nested(17)),
            "InvalidParameter: The parameters are nested more than 16 levels deep."
        );
        assert_eq!(
            refused(&nested(5_000_000)),
            "InvalidParameter: The parameters are nested more than 16 levels deep."
        );
        let many = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(70_000));
        assert_eq!(
            refused(&many),
            "InvalidParameter: The request has more than 65536 parameter values."
        );
    }
}
