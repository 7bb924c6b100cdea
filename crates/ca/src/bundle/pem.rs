//! PEM (RFC 7468): one block for each certificate, in order, and above it a comment that says whose it is.
//!
//! Readers skip text outside the blocks. It must not be able to pass for one, though: a subject is
//! whatever the server's administrator, or whoever answered in its place, wrote into the certificate.

use super::Anchor;
use der::pem::{LineEnding, encode_string};

/// What a reader may cut a line at. OpenSSL reads 254 bytes at a time and takes the rest for a new line.
const COMMENT_CHARS: usize = 200;

pub(super) fn write(anchors: &[Anchor]) -> Result<Vec<u8>, der::pem::Error> {
    let mut text = String::new();
    for anchor in anchors {
        text.push_str(&comment(anchor));
        text.push_str(&encode_string("CERTIFICATE", LineEnding::LF, &anchor.der)?);
    }
    Ok(text.into_bytes())
}

/// `# subject, expires YYYY-MM-DD`: one line of printable ASCII without a `--` in it.
fn comment(anchor: &Anchor) -> String {
    let subject = if anchor.subject.is_empty() {
        "(no subject)"
    } else {
        &anchor.subject
    };
    let mut line = String::from("# ");
    for c in subject.chars().take(COMMENT_CHARS) {
        match c {
            '-' if line.ends_with('-') => {}
            ' '..='~' => line.push(c),
            _ => line.push('?'),
        }
    }
    format!("{line}, expires {}\n", anchor.expires)
}
