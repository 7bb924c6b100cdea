//! Parameters as JSON text, for languages in which a program has no better way to write them.

use super::Call;
use super::literal::Literal;
use super::text::{Quoting, utf16};
use super::tree::{Brackets, Syntax, digits, lower_case};

const SYNTAX: Syntax = Syntax {
    text: |text| {
        const QUOTING: Quoting = Quoting {
            special: "",
            ascii: false,
            escape: utf16,
        };
        QUOTING.quote(text)
    },
    indent: "  ",
    // Only to show where it belongs: what is sent is put there by the program.
    secret: |variable| format!("\"${variable}\""),
    integer: digits,
    boolean: lower_case,
    list: |_| Brackets::tight("[", "]"),
    object: |_| Brackets::tight("{", "}"),
    pair: |name, value| format!("\"{name}\": {value}"),
    last_comma: false,
};

/// The parameters that are not secrets, as an object.
pub(super) fn without_secrets(fields: &[(String, Literal)]) -> String {
    let is_secret = |value: &Literal| matches!(value, Literal::Secret(_));
    let pairs = fields
        .iter()
        .filter(|(_, value)| !is_secret(value))
        .map(|(name, value)| (SYNTAX.pair)(name, &SYNTAX.value(value)));
    SYNTAX.group(&(SYNTAX.object)(""), pairs.collect())
}

/// All parameters as an expression of a language that has no JSON of its own: a text, in the language's quotes, with each secret
/// put into it by what `secret` makes of its variable.
pub(super) fn expression(
    call: &Call<'_>,
    quote: impl Fn(&str) -> String,
    secret: impl Fn(&str) -> String,
) -> String {
    let plain = without_secrets(&call.parameters);
    let mut text = "{".to_owned();
    let mut expression = String::new();
    for (name, variable) in call.secrets() {
        text.push_str(&format!("\"{name}\": "));
        expression.push_str(&format!("{} + {} + ", quote(&text), secret(variable)));
        ", ".clone_into(&mut text);
    }
    if expression.is_empty() {
        return quote(&plain);
    }
    let rest = plain.strip_prefix('{').unwrap_or(&plain);
    let rest = if rest == "}" {
        rest.to_owned()
    } else {
        format!("{text}{rest}")
    };
    expression + &quote(&rest)
}

/// One value, in one line.
pub(super) fn line(literal: &Literal) -> String {
    // Line breaks in texts are escaped, so these are of the layout.
    SYNTAX.value(literal).lines().map(str::trim_start).collect()
}
