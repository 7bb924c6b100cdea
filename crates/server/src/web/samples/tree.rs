use super::literal::{Kind, Literal};
use super::text::indented;

/// What is longer goes onto lines of its own.
const WIDTH: usize = 90;

/// How a language writes values as expressions.
pub(super) struct Syntax {
    /// A text.
    pub(super) text: fn(&str) -> String,
    /// One step further in.
    pub(super) indent: &'static str,
    /// Reads a variable of the environment.
    pub(super) secret: fn(&str) -> String,
    /// A whole number.
    pub(super) integer: fn(i64) -> String,
    /// True and false.
    pub(super) boolean: fn(bool) -> &'static str,
    /// What a list of such values stands between.
    pub(super) list: fn(&Kind) -> Brackets,
    /// What a structure of this name stands between.
    pub(super) object: fn(&str) -> Brackets,
    /// One of its values, by name.
    pub(super) pair: fn(&str, &str) -> String,
    /// Whether a comma may stand behind the last of several lines.
    pub(super) last_comma: bool,
}

/// What several values stand between.
pub(super) struct Brackets {
    /// In front of them.
    pub(super) open: String,
    /// Behind them.
    pub(super) close: &'static str,
    /// What is between a bracket and values in the same line.
    pub(super) padding: &'static str,
}

impl Brackets {
    /// Brackets that stand close to what is in them.
    pub(super) fn tight(open: impl Into<String>, close: &'static str) -> Self {
        Self {
            open: open.into(),
            close,
            padding: "",
        }
    }

    /// Brackets with a space inside.
    pub(super) fn spaced(open: impl Into<String>, close: &'static str) -> Self {
        Self {
            padding: " ",
            ..Self::tight(open, close)
        }
    }
}

impl Syntax {
    /// A value as an expression.
    pub(super) fn value(&self, literal: &Literal) -> String {
        match literal {
            Literal::Text(text) => (self.text)(text),
            Literal::Secret(variable) => (self.secret)(variable),
            Literal::Integer { value, .. } => (self.integer)(*value),
            Literal::Number(number) => number.to_string(),
            Literal::Boolean(value) => (self.boolean)(*value).to_owned(),
            Literal::List(kind, values) => {
                let values = values.iter().map(|value| self.value(value)).collect();
                self.group(&(self.list)(kind), values)
            }
            Literal::Object(name, fields) => self.object(name, fields),
        }
    }

    /// Named values as an expression.
    pub(super) fn object(&self, name: &str, fields: &[(String, Literal)]) -> String {
        let pairs = fields
            .iter()
            .map(|(name, value)| (self.pair)(name, &self.value(value)));
        self.group(&(self.object)(name), pairs.collect())
    }

    /// Expressions between brackets, in one line if they fit.
    pub(super) fn group(&self, brackets: &Brackets, values: Vec<String>) -> String {
        let Brackets {
            open,
            close,
            padding,
        } = brackets;
        if values.is_empty() {
            return format!("{open}{close}");
        }
        let line = format!("{open}{padding}{}{padding}{close}", values.join(", "));
        if line.chars().count() <= WIDTH && !line.contains('\n') {
            return line;
        }
        let lines = indented(&values.join(",\n"), self.indent);
        let comma = if self.last_comma { "," } else { "" };
        format!("{open}\n{lines}{comma}\n{close}")
    }
}

/// The digits alone.
pub(super) fn digits(value: i64) -> String {
    value.to_string()
}

/// `true` and `false`.
pub(super) fn lower_case(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
