//! Texts side by side.

/// The first line in which two texts differ, with what cannot be seen made visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Counted from 1.
    pub line: usize,
    /// The line as it should be; none where there should be none.
    pub expected: Option<String>,
    /// The line as it was given; none where it is missing.
    pub given: Option<String>,
}

/// Where two texts differ, if they do.
pub(super) fn difference(expected: &str, given: &str) -> Option<Difference> {
    let (mut should, mut is) = (expected.split('\n'), given.split('\n'));
    (1..).find_map(|line| match (should.next(), is.next()) {
        (None, None) => Some(None),
        (expected, given) if expected == given => None,
        (expected, given) => Some(Some(Difference {
            line,
            expected: expected.map(visible),
            given: given.map(visible),
        })),
    })?
}

/// A text as a browser or an editor hands it over: with CR LF all through, or a line end at its end, which are its own.
pub(super) fn without_editing(text: &str) -> String {
    let all_crlf = text.matches('\n').count() == text.matches("\r\n").count();
    let text = if all_crlf {
        text.replace("\r\n", "\n")
    } else {
        text.to_owned()
    };
    text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
}

/// A text as it came, and as it was before an editor or a browser had it.
pub(super) fn texts(own: &str) -> [String; 2] {
    [own.to_owned(), without_editing(own)]
}

/// A line in which `␍`, `⇥`, `⍽` (a no-break space), `·` (a space at an end) and `<U+200B>` stand for what cannot be seen.
pub(super) fn visible(line: &str) -> String {
    let end = line.trim_end_matches(is_blank).len();
    let start = line.len() - line.trim_start_matches(is_blank).len();
    let mut text = String::new();
    for (at, character) in line.char_indices() {
        match character {
            '\r' => text.push('␍'),
            '\t' => text.push('⇥'),
            '\u{a0}' => text.push('⍽'),
            ' ' if at < start || at >= end => text.push('·'),
            hidden if hidden.is_control() || is_zero_width(hidden) => {
                text.push_str(&format!("<U+{:04X}>", u32::from(hidden)));
            }
            other => text.push(other),
        }
    }
    text
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\r' | '\t' | '\u{a0}')
}

fn is_zero_width(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        let cases = [
            ("host:a b", "host:a b"),
            ("host:a \r", "host:a·␍"),
            (" host:\ta\u{a0}b", "·host:⇥a⍽b"),
            ("\u{feff}POST\u{7}", "<U+FEFF>POST<U+0007>"),
        ];
        for (line, shown) in cases {
            assert_eq!(visible(line), shown);
        }
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        let of = |line, expected: Option<&str>, given: Option<&str>| {
            Some(Difference {
                line,
                expected: expected.map(str::to_owned),
                given: given.map(str::to_owned),
            })
        };
        assert_eq!(difference("a\nb", "a\nb"), None);
        assert_eq!(difference("a\nb", "a\nb "), of(2, Some("b"), Some("b·")));
        assert_eq!(difference("a\nb", "a"), of(2, Some("b"), None));
        assert_eq!(difference("a", "a\nb"), of(2, None, Some("b")));
        assert_eq!(difference("a\nb", "a\r\nb"), of(1, Some("a"), Some("a␍")));
    }

    #[test]
    fn what_an_editor_adds_is_taken_away() {
        let cases = [
            ("a\r\nb\r\n", "a\nb"),
            ("a\nb\n", "a\nb"),
            ("a\r\nb\n", "a\r\nb"),
            ("a\n\n", "a\n"),
        ];
        for (text, meant) in cases {
            assert_eq!(without_editing(text), meant);
        }
    }
}
