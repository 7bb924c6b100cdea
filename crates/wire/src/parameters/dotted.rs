//! Nested parameters in query strings and forms: `Filters.0.Name=zone` for `{"Filters":[{"Name":"zone"}]}`.
//!
//! Indices count from zero. A client leaves out nulls and empty lists, so an index may be missing; the rest moves up.

use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::{MAX_DEPTH, MAX_VALUES, too_deep, too_many};
use crate::Refusal;

/// The largest index of an array.
pub const MAX_INDEX: usize = 9_999;

/// Rebuilds the nesting from dotted names. Leaves stay strings.
///
/// # Errors
/// `InvalidParameter` when a name comes twice, is both a value and a structure, mixes indices and names, has an empty part,
/// an index over [`MAX_INDEX`], or more than [`MAX_DEPTH`] parts.
pub fn rebuild<'p, N, V>(
    pairs: impl IntoIterator<Item = &'p (N, V)>,
) -> Result<Map<String, Value>, Refusal>
where
    N: AsRef<str> + 'p,
    V: AsRef<str> + 'p,
{
    let mut map = Map::new();
    let mut values = 0;
    for (name, value) in pairs {
        values += name.as_ref().split('.').count();
        if values > MAX_VALUES {
            return Err(too_many());
        }
        insert(&mut map, name.as_ref(), value.as_ref())?;
    }
    for (name, value) in &mut map {
        settle(value, name)?;
    }
    Ok(map)
}

/// Takes nested parameters apart, as the SDKs do for GET and for signature v1. Nulls, empty lists and empty objects vanish.
pub fn flatten(map: &Map<String, Value>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in map {
        flatten_value(name.clone(), value, &mut pairs);
    }
    pairs
}

fn flatten_value(name: String, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::String(text) => pairs.push((name, text.clone())),
        Value::Bool(_) | Value::Number(_) => pairs.push((name, value.to_string())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten_value(format!("{name}.{index}"), item, pairs);
            }
        }
        Value::Object(fields) => {
            for (field, item) in fields {
                flatten_value(format!("{name}.{field}"), item, pairs);
            }
        }
    }
}

/// Everything is an object at first; [`settle`] turns those with indices for names into arrays.
fn insert(map: &mut Map<String, Value>, name: &str, value: &str) -> Result<(), Refusal> {
    if name.split('.').any(str::is_empty) {
        return Err(Refusal::malformed_parameters(format!(
            "The parameter name `{name}` has an empty part."
        )));
    }
    if name.split('.').count() > MAX_DEPTH {
        return Err(too_deep());
    }
    let (path, leaf) = name
        .rsplit_once('.')
        .map_or((None, name), |(path, leaf)| (Some(path), leaf));
    let mut map = map;
    for part in path.iter().flat_map(|path| path.split('.')) {
        let Value::Object(fields) = map.entry(part).or_insert_with(|| Value::Object(Map::new()))
        else {
            return Err(contradiction(name));
        };
        map = fields;
    }
    put(map.entry(leaf), name, value)
}

fn put(entry: Entry<'_>, name: &str, value: &str) -> Result<(), Refusal> {
    match entry {
        Entry::Vacant(entry) => {
            entry.insert(Value::from(value));
            Ok(())
        }
        Entry::Occupied(entry) if entry.get().is_object() => Err(contradiction(name)),
        Entry::Occupied(_) => Err(Refusal::repeated_parameter(name)),
    }
}

fn contradiction(name: &str) -> Refusal {
    Refusal::malformed_parameters(format!(
        "The parameter `{name}` contradicts another: one is a value, the other a structure."
    ))
}

fn settle(value: &mut Value, path: &str) -> Result<(), Refusal> {
    let Value::Object(fields) = value else {
        return Ok(());
    };
    for (name, field) in fields.iter_mut() {
        settle(field, &format!("{path}.{name}"))?;
    }
    let indices = fields
        .keys()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .count();
    if indices == 0 {
        return Ok(());
    }
    if indices < fields.len() {
        let why = format!("The parameter `{path}` is both a list and a structure.");
        return Err(Refusal::malformed_parameters(why));
    }
    *value = Value::Array(list(std::mem::take(fields), path)?);
    Ok(())
}

fn list(fields: Map<String, Value>, path: &str) -> Result<Vec<Value>, Refusal> {
    let mut items = Vec::with_capacity(fields.len());
    for (name, item) in fields {
        items.push((index(&name, path)?, item));
    }
    items.sort_by_key(|(index, _)| *index);
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

/// Reads an index as clients write it, without leading zeros.
fn index(name: &str, path: &str) -> Result<usize, Refusal> {
    let canonical = name == "0" || !name.starts_with('0');
    let index = name
        .parse()
        .ok()
        .filter(|index| canonical && *index <= MAX_INDEX);
    index.ok_or_else(|| {
        Refusal::malformed_parameters(format!(
            "The index of the parameter `{path}.{name}` is not one of 0 to {MAX_INDEX}."
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rebuilt(pairs: &[(&str, &str)]) -> Value {
        Value::Object(rebuild(pairs).unwrap())
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        rebuild(pairs).unwrap_err().to_string()
    }

    #[test]
    fn dotted_names_become_lists_and_structures() {
        let pairs = [
            ("InstanceIds.1", "cdb-b"),
            ("InstanceIds.0", "cdb-a"),
            ("Filters.0.Name", "zone"),
            ("Filters.0.Values.0", "z1"),
            ("Empty", ""),
        ];
        let expected = json!({
            "InstanceIds": ["cdb-a", "cdb-b"],
            "Filters": [{ "Name": "zone", "Values": ["z1"] }],
            "Empty": "",
        });
        assert_eq!(rebuilt(&pairs), expected);
    }

    #[test]
    fn indices_sort_as_numbers() {
        let pairs: Vec<_> = (0..12)
            .map(|index| (format!("L.{index}"), index.to_string()))
            .collect();
        let expected: Vec<_> = (0..12).map(|index| index.to_string()).collect();
        assert_eq!(
            Value::Object(rebuild(&pairs).unwrap()),
            json!({ "L": expected })
        );
    }

    #[test]
    fn an_index_that_a_dropped_null_left_open_is_closed() {
        assert_eq!(
            rebuilt(&[("L.0", "a"), ("L.2", "c")]),
            json!({ "L": ["a", "c"] })
        );
    }

    #[test]
    fn a_list_of_999999999_is_not_made() {
        let message =
            "InvalidParameter: The index of the parameter `A.999999999` is not one of 0 to 9999.";
        assert_eq!(refused(&[("A.999999999", "x")]), message);
        let message =
            "InvalidParameter: The index of the parameter `A.01` is not one of 0 to 9999.";
        assert_eq!(refused(&[("A.01", "x"), ("A.1", "y")]), message);
        let message =
            "InvalidParameter: The index of the parameter `A.00` is not one of 0 to 9999.";
        assert_eq!(refused(&[("A.00", "x")]), message);
    }

    #[test]
    fn nesting_has_a_limit() {
        let deepest = ["a"; 16].join(".");
        assert!(rebuild(&[(deepest.as_str(), "x")]).is_ok());
        let deeper = ["a"; 17].join(".");
        let message = "InvalidParameter: The parameters are nested more than 16 levels deep.";
        assert_eq!(refused(&[(deeper.as_str(), "x")]), message);
    }

    #[test]
    fn the_number_of_values_has_a_limit() {
        let pairs: Vec<_> = (0..40_000)
            .map(|number| (format!("a{number}.b"), "x"))
            .collect();
        let message = "InvalidParameter: The request has more than 65536 parameter values.";
        assert_eq!(rebuild(&pairs).unwrap_err().to_string(), message);
    }

    #[test]
    fn names_that_come_twice_or_contradict_are_refused() {
        assert_eq!(
            refused(&[("A", "1"), ("A", "2")]),
            "InvalidParameter: The parameter `A` is given more than once."
        );
        let contradiction = "InvalidParameter: The parameter `A.0` contradicts another: one is a value, the other a structure.";
        assert_eq!(refused(&[("A", "1"), ("A.0", "2")]), contradiction);
        let contradiction = "InvalidParameter: The parameter `A` contradicts another: one is a value, the other a structure.";
        assert_eq!(refused(&[("A.0", "1"), ("A", "2")]), contradiction);
        let both = "InvalidParameter: The parameter `A` is both a list and a structure.";
        assert_eq!(refused(&[("A.0", "1"), ("A.b", "2")]), both);
    }

    #[test]
    fn a_name_with_an_empty_part_is_refused() {
        for name in ["", ".", "A.", ".A", "A..B"] {
            let message =
                format!("InvalidParameter: The parameter name `{name}` has an empty part.");
            assert_eq!(refused(&[(name, "x")]), message);
        }
    }

    #[test]
    fn flattening_drops_what_a_form_cannot_say() {
        let Value::Object(map) =
            json!({ "N": null, "L": [], "B": true, "I": 5, "F": [{ "K": "v" }, "w"], "S": "" })
        else {
            unreachable!("an object")
        };
        let expected = [
            ("B", "true"),
            ("F.0.K", "v"),
            ("F.1", "w"),
            ("I", "5"),
            ("S", ""),
        ];
        assert_eq!(
            flatten(&map),
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
