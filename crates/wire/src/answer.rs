use std::fmt;
use std::str::FromStr;

use crate::{Language, Refusal};

/// The `Content-Type` of every answer, without a charset: with one, the Python SDK and tccli take an error for a success.
pub const CONTENT_TYPE: &str = "application/json";

/// Wraps a serialised JSON object: `{"Response":{…,"RequestId":"…"}}`.
///
/// # Panics
/// When `object` is not a JSON object: every output is serialised from a struct.
pub fn success(object: &[u8], request_id: &RequestId) -> Vec<u8> {
    let fields = object
        .trim_ascii()
        .strip_prefix(b"{")
        .and_then(|rest| rest.strip_suffix(b"}"));
    let fields = fields.expect("an output is serialised from a struct, so it is a JSON object");
    let mut answer = Vec::with_capacity(object.len() + 72);
    answer.extend_from_slice(br#"{"Response":{"#);
    answer.extend_from_slice(fields);
    if !fields.trim_ascii().is_empty() {
        answer.push(b',');
    }
    close(&mut answer, request_id);
    answer
}

/// Words a refusal: `{"Response":{"Error":{"Code":"…","Message":"…"},"RequestId":"…"}}`. It is sent with HTTP status 200.
pub fn failure(refusal: &Refusal, language: Language, request_id: &RequestId) -> Vec<u8> {
    let mut answer = Vec::with_capacity(256);
    answer.extend_from_slice(br#"{"Response":{"Error":{"Code":""#);
    answer.extend_from_slice(refusal.code().as_str().as_bytes());
    answer.extend_from_slice(br#"","Message":"#);
    serde_json::to_writer(&mut answer, &*refusal.message(language))
        .expect("a string always serialises");
    answer.extend_from_slice(b"},");
    close(&mut answer, request_id);
    answer
}

fn close(answer: &mut Vec<u8>, request_id: &RequestId) {
    answer.extend_from_slice(br#""RequestId":""#);
    answer.extend_from_slice(request_id.as_str().as_bytes());
    answer.extend_from_slice(br#""}}"#);
}

/// Names one request, in the answer, the log and the audit: a UUID in lower case, as the vendor's gateway sends it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 36]);

/// The text is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a RequestId is a UUID such as 6ef60bec-0242-43af-bb20-270359fb54a7")]
pub struct InvalidRequestId;

impl RequestId {
    /// Makes a version 4 UUID of 16 random bytes, without a heap allocation.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = [b'-'; 36];
        let mut place = 0;
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                place += 1; // the dash is there already
            }
            text[place] = DIGITS[usize::from(byte >> 4)];
            text[place + 1] = DIGITS[usize::from(byte & 15)];
            place += 2;
        }
        Self(text)
    }

    /// The id as text, 36 characters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits and dashes")
    }
}

const DASHES: [usize; 4] = [8, 13, 18, 23];
const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    /// Reads any UUID; upper-case digits (the vendor's documents print them) become lower-case.
    fn from_str(text: &str) -> Result<Self, InvalidRequestId> {
        let mut bytes: [u8; 36] = text.as_bytes().try_into().map_err(|_| InvalidRequestId)?;
        bytes.make_ascii_lowercase();
        let fits = bytes
            .iter()
            .enumerate()
            .all(|(place, byte)| match DASHES.contains(&place) {
                true => *byte == b'-',
                false => byte.is_ascii_hexdigit(),
            });
        if fits {
            Ok(Self(bytes))
        } else {
            Err(InvalidRequestId)
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn id() -> RequestId {
        RequestId::from_random([0xff; 16])
    }

    #[test]
    fn a_success_ends_in_the_request_id() {
        let answer = success(br#"{"Status":"ON","Url":""}"#, &id());
        let expected = r#"{"Response":{"Status":"ON","Url":"","RequestId":"ffffffff-ffff-4fff-bfff-ffffffffffff"}}"#;
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
    }

    #[test]
    fn a_success_without_fields_has_the_request_id_alone() {
        let expected = r#"{"Response":{"RequestId":"ffffffff-ffff-4fff-bfff-ffffffffffff"}}"#;
        assert_eq!(success(b"{}", &id()), expected.as_bytes());
    }

    #[test]
    fn a_failure_starts_with_the_error_and_escapes_its_message() {
        let refusal = Refusal::new(Code::InvalidParameter, "a \"quoted\"\nline").in_chinese("参数");
        let words = [Language::EnUs, Language::ZhCn]
            .map(|language| String::from_utf8(failure(&refusal, language, &id())).unwrap());
        let wrapped = |message: &str| {
            format!(
                r#"{{"Response":{{"Error":{{"Code":"InvalidParameter","Message":"{message}"}},"RequestId":"ffffffff-ffff-4fff-bfff-ffffffffffff"}}}}"#
            )
        };
        assert_eq!(words, [wrapped(r#"a \"quoted\"\nline"#), wrapped("参数")]);
    }

    #[test]
    fn a_request_id_is_a_version_4_uuid_and_reads_back() {
        let id = RequestId::from_random([0; 16]);
        assert_eq!(id.to_string(), "00000000-0000-4000-8000-000000000000");
        assert_eq!(id.as_str().parse(), Ok(id));
        let document = "6EF60BEC-0242-43AF-BB20-270359FB54A7".parse::<RequestId>();
        assert_eq!(
            document.map(|id| id.to_string()),
            Ok("6ef60bec-0242-43af-bb20-270359fb54a7".to_owned())
        );
    }

    #[test]
    fn what_is_no_uuid_is_no_request_id() {
        for text in [
            "",
            "6ef60bec024243afbb20270359fb54a7",
            "6ef60bec-0242-43af-bb20-270359fb54ag",
            "6ef60bec-0242-43af-bb200-70359fb54a7",
        ] {
            assert_eq!(text.parse::<RequestId>(), Err(InvalidRequestId), "{text}");
        }
    }
}
