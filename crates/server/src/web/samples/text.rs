use std::fmt::Write;

/// How a language writes a text between double quotes. `\\`, `\"`, `\n`, `\r` and `\t` mean the same in all of them.
pub(super) struct Quoting {
    /// What else means something between the quotes, and does not behind a backslash.
    pub(super) special: &'static str,
    /// Whether the source is ASCII.
    pub(super) ascii: bool,
    /// Writes what cannot be shown.
    pub(super) escape: fn(char, &mut String),
}

impl Quoting {
    /// The text as the language writes it.
    pub(super) fn quote(&self, text: &str) -> String {
        let mut quoted = String::from('"');
        for letter in text.chars() {
            match letter {
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                '"' | '\\' => quoted.extend(['\\', letter]),
                special if self.special.contains(special) => quoted.extend(['\\', special]),
                plain if can_be_shown(plain) && (plain.is_ascii() || !self.ascii) => {
                    quoted.push(plain);
                }
                other => (self.escape)(other, &mut quoted),
            }
        }
        quoted.push('"');
        quoted
    }
}

/// Not what is invisible, or changes the direction of what follows: a reader must see what a sample does.
pub(super) fn can_be_shown(letter: char) -> bool {
    matches!(letter, '\'' | '"' | '\\') || letter.escape_debug().len() == 1
}

/// `\u00e9`, `\U0001f600`: Python, Go, C#.
pub(super) fn code_point(letter: char, out: &mut String) {
    let code = u32::from(letter);
    let written = if code < 0x1_0000 {
        write!(out, "\\u{code:04x}")
    } else {
        write!(out, "\\U{code:08x}")
    };
    written.expect("a String takes everything");
}

/// `\u{e9}`: JavaScript, PHP, Ruby, Rust.
pub(super) fn braced(letter: char, out: &mut String) {
    write!(out, "\\u{{{:x}}}", u32::from(letter)).expect("a String takes everything");
}

/// `\ud83d\ude00`, in units of UTF-16: JSON.
pub(super) fn utf16(letter: char, out: &mut String) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        write!(out, "\\u{unit:04x}").expect("a String takes everything");
    }
}

/// `\303\251`, the bytes of UTF-8: C++, bash.
pub(super) fn octal_bytes(letter: char, out: &mut String) {
    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
        write!(out, "\\{byte:03o}").expect("a String takes everything");
    }
}

/// Java reads `\u` before anything else, also where a line ends or a quote closes: not for ASCII.
pub(super) fn java(letter: char, out: &mut String) {
    if letter.is_ascii() {
        octal_bytes(letter, out);
    } else {
        utf16(letter, out);
    }
}

/// One word of bash.
pub(super) fn word(text: &str) -> String {
    let is_safe = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+,".contains(&b);
    if !text.is_empty() && text.bytes().all(is_safe) {
        return text.to_owned();
    }
    if text.chars().all(can_be_shown) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let mut word = String::from("$'");
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => word.extend(['\\', letter]),
            '\n' => word.push_str("\\n"),
            plain if can_be_shown(plain) => word.push(plain),
            other => octal_bytes(other, &mut word),
        }
    }
    word.push('\'');
    word
}

/// Every line of it further in.
pub(super) fn indented(text: &str, indent: &str) -> String {
    text.lines()
        .map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                format!("{indent}{line}")
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Quoting = Quoting {
        special: "",
        ascii: false,
        escape: code_point,
    };

    #[test]
    fn what_can_be_shown_is() {
        assert_eq!(PLAIN.quote("it's 数据库 é 😀"), r#""it's 数据库 é 😀""#);
    }

    #[test]
    fn what_means_something_is_escaped() {
        assert_eq!(PLAIN.quote("\"\\\n\r\t$"), r#""\"\\\n\r\t$""#);
        let special = Quoting {
            special: "$#",
            ..PLAIN
        };
        assert_eq!(special.quote("$a #{b}"), r##""\$a \#{b}""##);
    }

    #[test]
    fn what_cannot_be_seen_is_written_by_number() {
        // A byte of nothing, a change of direction, a character outside of the first 65,536.
        let text = "\0\u{202e}\u{e0001}";
        let with = |escape| Quoting { escape, ..PLAIN }.quote(text);
        assert_eq!(with(code_point), r#""\u0000\u202e\U000e0001""#);
        assert_eq!(with(braced), r#""\u{0}\u{202e}\u{e0001}""#);
        assert_eq!(with(utf16), r#""\u0000\u202e\udb40\udc01""#);
        assert_eq!(with(octal_bytes), r#""\000\342\200\256\363\240\200\201""#);
        assert_eq!(with(java), r#""\000\u202e\udb40\udc01""#);
        let ascii = Quoting {
            ascii: true,
            ..PLAIN
        };
        assert_eq!(ascii.quote("é"), r#""\u00e9""#);
    }

    #[test]
    fn a_word_of_bash_is_one_word() {
        assert_eq!(word("cdb-c1nl9rpv"), "cdb-c1nl9rpv");
        assert_eq!(word(""), "''");
        assert_eq!(word("a b"), "'a b'");
        assert_eq!(word("it's $(x) `y` \\"), r"'it'\''s $(x) `y` \'");
        assert_eq!(word("a'\n\\\u{7f}"), r"$'a\'\n\\\177'");
    }
}
