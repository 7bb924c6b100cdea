//! Texts that callers chose, as they may be kept and shown.

/// Whether a character changes what a terminal or a page shows around it: control characters, and those that set the direction of text.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first so many characters of a text, the hidden ones as `\u{…}`.
pub fn escaped(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for character in text.chars().take(most) {
        if is_hidden(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}
