//! `multipart/form-data`, which the SDKs use for actions with binary parameters.
//!
//! Names are not dotted here: a structure is one part of the type `application/json`. A binary part (one with a file name or
//! of the type `application/octet-stream`) becomes Base64, the form that binary parameters have in a JSON body.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem;
use serde_json::{Map, Value};

use super::{MAX_VALUES, json, too_many};
use crate::Refusal;

/// Reads the parts of a body whose `Content-Type` names the boundary.
pub(crate) fn read(content_type: &str, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let boundary =
        parameter(content_type, "boundary").filter(|boundary| (1..=70).contains(&boundary.len()));
    let boundary = boundary.ok_or_else(|| {
        Refusal::invalid_request("the Content-Type has no boundary of 1 to 70 characters.")
    })?;
    let mut map = Map::new();
    let mut values = 0;
    for part in split(body, &boundary)? {
        let (name, value) = read_part(part, &mut values)?;
        if map.contains_key(&name) {
            return Err(Refusal::repeated_parameter(name));
        }
        map.insert(name, value);
    }
    Ok(map)
}

/// The bytes between the delimiters: headers, an empty line, content.
fn split<'b>(body: &'b [u8], boundary: &str) -> Result<Vec<&'b [u8]>, Refusal> {
    let unfinished = || Refusal::invalid_request("the closing delimiter is missing.");
    let delimiter = format!("\r\n--{boundary}");
    let first = delimiter.trim_ascii_start().as_bytes();
    let mut rest = body
        .strip_prefix(first)
        .ok_or_else(|| Refusal::invalid_request("it does not start with the delimiter."))?;
    let finder = memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        rest = rest
            .strip_prefix(b"\r\n")
            .ok_or_else(|| Refusal::invalid_request("a delimiter is not a line of its own."))?;
        let end = finder.find(rest).ok_or_else(unfinished)?;
        parts.push(&rest[..end]);
        rest = &rest[end + delimiter.len()..];
        if parts.len() > MAX_VALUES {
            return Err(too_many());
        }
    }
    Ok(parts)
}

/// Reads a part; `values` counts those of all parts together.
fn read_part(part: &[u8], values: &mut usize) -> Result<(String, Value), Refusal> {
    let end = memmem::find(part, b"\r\n\r\n")
        .ok_or_else(|| Refusal::invalid_request("a part has no headers."))?;
    let headers = str::from_utf8(&part[..end])
        .map_err(|_| Refusal::invalid_request("the headers of a part are not UTF-8."))?;
    let disposition = header(headers, "content-disposition").unwrap_or_default();
    let name = parameter(disposition, "name")
        .ok_or_else(|| Refusal::invalid_request("a part has no name."))?;
    let media_type = header(headers, "content-type").unwrap_or_default();
    let binary = parameter(disposition, "filename").is_some()
        || media_type.starts_with("application/octet-stream");
    let content = &part[end + 4..];
    *values += 1;
    if *values > MAX_VALUES {
        return Err(too_many());
    }
    let value = if media_type.starts_with("application/json") {
        json::value(content, values)?
    } else if binary {
        Value::from(BASE64_STANDARD.encode(content))
    } else {
        let text = str::from_utf8(content).map_err(|_| Refusal::invalid_parameter_type(&name))?;
        Value::from(text)
    };
    Ok((name, value))
}

fn header<'h>(headers: &'h str, wanted: &str) -> Option<&'h str> {
    let mut lines = headers
        .split("\r\n")
        .filter_map(|line| line.split_once(':'));
    lines.find_map(|(name, value)| {
        name.trim()
            .eq_ignore_ascii_case(wanted)
            .then(|| value.trim())
    })
}

/// The value of `; wanted=value` or `; wanted="quoted"` in a header.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = header.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = token(after.trim_start())?;
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after.trim_start().strip_prefix(';')?;
    }
}

/// A token or a quoted string, and what follows it.
fn token(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(lines: &[&str]) -> Vec<u8> {
        lines.join("\r\n").into_bytes()
    }

    fn refused(content_type: &str, body: &[u8]) -> String {
        read(content_type, body).unwrap_err().to_string()
    }

    const TYPE: &str = "multipart/form-data; boundary=B";

    #[test]
    fn parts_are_text_structure_or_binary() {
        let body = body(&[
            "--B",
            "Content-Disposition: form-data; name=\"InstanceId\"",
            "",
            "cdb-je5dfmdl",
            "--B",
            "content-disposition: form-data; filename=\"a;\\\"b\"; name=\"File\"",
            "",
            "\0\x01",
            "--B",
            "Content-Disposition: form-data; name=Tags",
            "Content-Type: application/json",
            "",
            "[{\"k\":1}]",
            "--B--",
            "",
        ]);
        let expected =
            json!({ "InstanceId": "cdb-je5dfmdl", "File": "AAE=", "Tags": [{ "k": 1 }] });
        assert_eq!(
            read("multipart/form-data; charset=utf-8; boundary=\"B\"", &body).map(Value::Object),
            Ok(expected)
        );
    }

    #[test]
    fn a_body_of_the_closing_delimiter_alone_has_no_parts() {
        assert_eq!(read(TYPE, b"--B--\r\n"), Ok(Map::new()));
    }

    #[test]
    fn each_malformed_body_is_told_apart() {
        let malformed =
            |why: &str| format!("InvalidRequest: The multipart body is malformed: {why}");
        assert_eq!(
            refused("multipart/form-data", b"--B--"),
            malformed("the Content-Type has no boundary of 1 to 70 characters.")
        );
        assert_eq!(
            refused(TYPE, b"x"),
            malformed("it does not start with the delimiter.")
        );
        assert_eq!(
            refused(TYPE, b"--Bx"),
            malformed("a delimiter is not a line of its own.")
        );
        assert_eq!(
            refused(TYPE, b"--B\r\nx"),
            malformed("the closing delimiter is missing.")
        );
        assert_eq!(
            refused(TYPE, b"--B\r\nx\r\n--B--"),
            malformed("a part has no headers.")
        );
        assert_eq!(
            refused(TYPE, b"--B\r\nX: y\r\n\r\nv\r\n--B--"),
            malformed("a part has no name.")
        );
    }

    #[test]
    fn a_name_that_comes_twice_is_refused() {
        let part = "--B\r\nContent-Disposition: form-data; name=\"A\"\r\n\r\nx\r\n";
        let body = format!("{part}{part}--B--");
        assert_eq!(
            refused(TYPE, body.as_bytes()),
            "InvalidParameter: The parameter `A` is given more than once."
        );
    }

    #[test]
    fn text_that_is_not_utf8_has_the_wrong_type() {
        let body = b"--B\r\nContent-Disposition: form-data; name=\"A\"\r\n\r\n\xff\r\n--B--";
        assert_eq!(
            refused(TYPE, body),
            "InvalidParameter: The value type of parameter `A` is not valid."
        );
    }
}
