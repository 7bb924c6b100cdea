//! Parameters as JSON text, for languages in which a program has no better way to write them.

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

/// One value, in one line.
pub(super) fn line(literal: &Literal) -> String {
    // Line breaks in texts are escaped, so these are of the layout.
    SYNTAX.value(literal).lines().map(str::trim_start).collect()
}
