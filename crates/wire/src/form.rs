//! `name=value&…`, percent-encoded: query strings and form bodies.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::Refusal;

/// A decoded name and its decoded value.
pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Decodes pairs in the order of the wire. `+` and `%20` are both a space: the SDKs differ, and each is signed as it is sent
/// or after decoding, never re-encoded. Hexadecimal digits may be in either case.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<Pair<'_>>, Refusal> {
    let pieces = text
        .split(|byte| *byte == b'&')
        .filter(|piece| !piece.is_empty());
    pieces.map(pair).collect()
}

fn pair(piece: &[u8]) -> Result<Pair<'_>, Refusal> {
    let Some(equals) = piece.iter().position(|byte| *byte == b'=') else {
        return Err(Refusal::malformed_parameters(
            "Url key and value should be splited by `=`.",
        )); // the vendor's, sic
    };
    Ok((
        component(&piece[..equals])?,
        component(&piece[equals + 1..])?,
    ))
}

fn component(text: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let not_utf8 = |_| Refusal::malformed_parameters("The parameters are not valid UTF-8.");
    if !text.contains(&b'+') {
        return percent_decode(text).decode_utf8().map_err(not_utf8);
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded = percent_decode(&spaced).decode_utf8().map_err(not_utf8)?;
    Ok(Cow::Owned(decoded.into_owned()))
}

/// The encoded value of one name, without decoding the rest. For text that may be anything.
pub(crate) fn raw_value<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut pieces = text.split(|byte| *byte == b'&');
    pieces.find_map(|piece| piece.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// Encodes pairs as RFC 3986 asks, which every server decodes alike.
pub(crate) fn encode<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&encoded(name.as_ref()));
        text.push('=');
        text.push_str(&encoded(value.as_ref()));
    }
    text
}

/// One name or value, encoded.
pub(crate) fn encoded(text: &str) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plus_and_percent_20_are_both_a_space_and_hex_digits_have_any_case() {
        let pairs = decode(b"a=x+y&b=x%20y&c=%E5%90%8d&d=%2B").unwrap();
        let expected = [("a", "x y"), ("b", "x y"), ("c", "名"), ("d", "+")];
        assert_eq!(
            pairs,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
    }

    #[test]
    fn a_name_without_an_equals_sign_is_refused_in_the_vendors_words() {
        let refusal = decode(b"a=1&b").unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "InvalidParameter: Url key and value should be splited by `=`."
        );
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        let refusal = decode(b"a=%ff").unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "InvalidParameter: The parameters are not valid UTF-8."
        );
    }

    #[test]
    fn empty_pieces_are_nothing() {
        assert_eq!(decode(b"&a=&&").unwrap(), [("a".into(), "".into())]);
    }

    #[test]
    fn what_is_encoded_decodes_again() {
        let pairs = [("Name", "名 a+b&c=~*'\"/"), ("Empty", "")];
        let text = encode(pairs);
        assert_eq!(text, "Name=%E5%90%8D%20a%2Bb%26c%3D~%2A%27%22%2F&Empty=");
        assert_eq!(
            decode(text.as_bytes()).unwrap(),
            pairs.map(|(name, value)| (name.into(), value.into()))
        );
    }
}
