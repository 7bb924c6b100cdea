use std::collections::HashMap;

use super::literal::Literal;
use super::tree::Syntax;

/// How a language fills the models of its SDK, where it has no expression for that.
pub(super) struct Setters {
    /// Its values.
    pub(super) syntax: &'static Syntax,
    /// Makes a model of this name and gives it to the variable.
    pub(super) declare: fn(&str, &str) -> String,
    /// Sets a field of the variable.
    pub(super) set: fn(&str, &str, &str) -> String,
    /// What its variables start with.
    pub(super) sigil: &'static str,
}

impl Setters {
    /// The statements that fill the variable, one a line. A model inside of a model gets a variable of its own before that.
    pub(super) fn statements(&self, variable: &str, fields: &[(String, Literal)]) -> String {
        let mut writer = Writer {
            of: self,
            lines: String::new(),
            named: HashMap::new(),
        };
        writer.fill(variable, fields);
        writer.lines
    }
}

struct Writer<'a> {
    of: &'a Setters,
    lines: String,
    /// How many variables there are for each model.
    named: HashMap<String, usize>,
}

impl Writer<'_> {
    fn fill(&mut self, variable: &str, fields: &[(String, Literal)]) {
        for (name, value) in fields {
            let value = self.value(value);
            self.line(&(self.of.set)(variable, name, &value));
        }
    }

    fn value(&mut self, literal: &Literal) -> String {
        match literal {
            Literal::Object(model, fields) => {
                let variable = self.variable(model);
                self.line(&(self.of.declare)(model, &variable));
                self.fill(&variable, fields);
                variable
            }
            Literal::List(kind, values) => {
                let values = values.iter().map(|value| self.value(value)).collect();
                let syntax = self.of.syntax;
                syntax.group(&(syntax.list)(kind), values)
            }
            plain => self.of.syntax.value(plain),
        }
    }

    /// `tag` for a `Tag`, `tag2` for the next.
    fn variable(&mut self, model: &str) -> String {
        let count = self.named.entry(model.to_owned()).or_default();
        *count += 1;
        let number = match *count {
            1 => String::new(),
            n => n.to_string(),
        };
        let (first, rest) = model.split_at(1.min(model.len()));
        let first = first.to_ascii_lowercase();
        format!("{}{first}{rest}{number}", self.of.sigil)
    }

    fn line(&mut self, line: &str) {
        self.lines.push_str(line);
        self.lines.push('\n');
    }
}
