//! Forms and query strings: named texts in the order in which they came.

/// How many fields are read; no form here has as many.
const MOST: usize = 200;

/// The fields of a form or a query string. They may hold a secret, so they cannot be printed.
#[derive(Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads the text behind `?`, or the body of a form.
    pub(super) fn read(text: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(text).into_owned();
        Self(pairs.take(MOST).collect())
    }

    /// The first field of this name; empty when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    /// The first field of this name.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }

    /// The first field of this name that is not empty, as another type; `None` as well when it is none.
    pub(super) fn parsed<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name).parse().ok()
    }

    /// The same with one field changed; an empty value takes it away.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let others = self.0.iter().filter(|(known, _)| known != name);
        let mut fields: Vec<_> = others.cloned().collect();
        if !value.is_empty() {
            fields.push((name.to_owned(), value.to_owned()));
        }
        Self(fields)
    }

    /// As a query string, without what is empty; with its question mark unless nothing is left.
    pub(super) fn query(&self) -> String {
        let given = self.0.iter().filter(|(_, value)| !value.is_empty());
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(given);
        match text.finish() {
            text if text.is_empty() => text,
            text => format!("?{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_and_written() {
        let fields = Fields::read(b"search=a%26b&status=&page=2&page=3");
        assert_eq!(
            (fields.get("search"), fields.get("page"), fields.get("no")),
            ("a&b", "2", "")
        );
        assert_eq!(fields.parsed::<usize>("page"), Some(2));
        assert_eq!(fields.parsed::<usize>("search"), None);
        assert_eq!(fields.with("page", "").query(), "?search=a%26b");
        assert_eq!(fields.with("page", "4").query(), "?search=a%26b&page=4");
        assert_eq!(Fields::read(b"").query(), "");
    }
}
