//! The same JSON in the ways that other libraries write it. Numbers, escapes and the order of names stay as they are, which a
//! reader and writer of values could not promise.

use serde::de::IgnoredAny;
use serde_json::Value;

/// Indenting makes a deeply nested text many times as long.
const LONGEST: usize = 64 << 10;

/// Other ways to write a JSON text; none for what is no JSON, or too long.
pub(super) fn other_ways(body: &[u8]) -> Vec<String> {
    let Some(text) = text_of_json(body) else {
        return Vec::new();
    };
    let spaced = respaced(text, &SPACED);
    let mut ways = vec![
        respaced(text, &COMPACT),
        escaped(text),
        escaped(&spaced),
        escaped(&respaced(text, &COMPACT)),
        spaced,
        respaced(text, &indented("  ")),
        respaced(text, &indented("    ")),
    ];
    // A map of this library is sorted by name.
    ways.extend(serde_json::from_str::<Value>(text).map(|sorted| sorted.to_string()));
    ways
}

fn text_of_json(body: &[u8]) -> Option<&str> {
    let text = str::from_utf8(body)
        .ok()
        .filter(|text| text.len() <= LONGEST)?;
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    Some(text)
}

/// What stands after a comma and a colon, and how deep what is inside is indented.
struct Spacing {
    comma: &'static str,
    colon: &'static str,
    indent: Option<&'static str>,
}

const COMPACT: Spacing = Spacing {
    comma: "",
    colon: "",
    indent: None,
};

/// Python's `json.dumps`.
const SPACED: Spacing = Spacing {
    comma: " ",
    colon: " ",
    indent: None,
};

fn indented(indent: &'static str) -> Spacing {
    Spacing {
        comma: "",
        colon: " ",
        indent: Some(indent),
    }
}

fn respaced(json: &str, spacing: &Spacing) -> String {
    let (mut text, mut depth) = (String::with_capacity(json.len()), 0usize);
    let (mut in_string, mut is_escaped) = (false, false);
    let mut characters = json.chars().peekable();
    let line = |text: &mut String, depth: usize| {
        if let Some(indent) = spacing.indent {
            text.push('\n');
            text.push_str(&indent.repeat(depth));
        }
    };
    while let Some(character) = characters.next() {
        if in_string {
            in_string = is_escaped || character != '"';
            is_escaped = !is_escaped && character == '\\';
            text.push(character);
            continue;
        }
        let mut next_is_end = || {
            while characters.next_if(char::is_ascii_whitespace).is_some() {}
            matches!(characters.peek(), Some('}' | ']'))
        };
        match character {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                text.push(character);
                depth += 1;
                if !next_is_end() {
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !text.ends_with(['{', '[']) {
                    line(&mut text, depth);
                }
                text.push(character);
            }
            ',' => {
                text.push(',');
                text.push_str(spacing.comma);
                line(&mut text, depth);
            }
            ':' => {
                text.push(':');
                text.push_str(spacing.colon);
            }
            other => {
                in_string = other == '"';
                text.push(other);
            }
        }
    }
    text
}

/// What is not ASCII as `\uXXXX`, as Python writes it.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_json_is_written_in_other_ways() {
        let ways = other_ways(r#"{"b": [1.50, "x, \"y\": 名😀"],"a":{}}"#.as_bytes());
        assert_eq!(
            ways,
            [
                r#"{"b":[1.50,"x, \"y\": 名😀"],"a":{}}"#,
                r#"{"b": [1.50, "x, \"y\": \u540d\ud83d\ude00"],"a":{}}"#,
                r#"{"b": [1.50, "x, \"y\": \u540d\ud83d\ude00"], "a": {}}"#,
                r#"{"b":[1.50,"x, \"y\": \u540d\ud83d\ude00"],"a":{}}"#,
                r#"{"b": [1.50, "x, \"y\": 名😀"], "a": {}}"#,
                "{\n  \"b\": [\n    1.50,\n    \"x, \\\"y\\\": 名😀\"\n  ],\n  \"a\": {}\n}",
                "{\n    \"b\": [\n        1.50,\n        \"x, \\\"y\\\": 名😀\"\n    ],\n    \"a\": {}\n}",
                r#"{"a":{},"b":[1.5,"x, \"y\": 名😀"]}"#,
            ]
        );
    }

    #[test]
    fn what_is_no_json_has_no_other_ways() {
        assert!(other_ways(b"{").is_empty());
        assert!(other_ways(b"\xff").is_empty());
    }
}
