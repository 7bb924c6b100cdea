//! What a signature may have been made over. The document says that names and values of signed headers are in lower case; the
//! SDKs leave `content-type` and `host` as they are; the Node SDK signs the host without its port. A server cannot know
//! which, so it tries: nearly always the first reading fits.

use http::{HeaderName, HeaderValue};

use super::Proof;

/// One way to read the signed headers.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    host: &'a str,
    case: Case,
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    /// `content-type` and `host` as they are, other values in lower case: the SDKs and the vendor's samples.
    Sdk,
    /// All values in lower case: the document.
    Document,
    /// All values as they are.
    Kept,
}

impl<'a> Reading<'a> {
    /// The reading that fits nearly every client.
    pub(super) fn as_sent(proof: &Proof<'a>) -> Self {
        Self {
            host: proof.request.host,
            case: Case::Sdk,
        }
    }

    /// Every other reading that differs from the first, the likely ones first.
    pub(super) fn others(proof: &Proof<'a>) -> impl Iterator<Item = Self> {
        let host = proof.request.host;
        let hosts = [Some(host), without_port(host)];
        let has_capitals = |text: &str| text.bytes().any(|byte| byte.is_ascii_uppercase());
        let document = has_capitals(host) || has_capitals(proof.content_type);
        let kept = proof.signed_headers != super::SIGNED_HEADERS;
        let cases = [
            Some(Case::Sdk),
            document.then_some(Case::Document),
            kept.then_some(Case::Kept),
        ];
        let cases = cases.into_iter().flatten();
        let readings = cases.flat_map(move |case| {
            hosts
                .into_iter()
                .flatten()
                .map(move |host| Self { host, case })
        });
        readings.skip(1) // the one as sent
    }

    /// The host, if this is the reading of a request that an SDK signed.
    pub(super) fn of_an_sdk(self, proof: &Proof<'_>) -> Option<&'a str> {
        let sdk = self.case == Case::Sdk && proof.signed_headers == super::SIGNED_HEADERS;
        sdk.then_some(self.host.trim_ascii())
    }

    /// Writes the value of a signed header, trimmed.
    pub(super) fn write_value(self, proof: &Proof<'_>, name: &[u8], sink: &mut impl FnMut(&[u8])) {
        let in_lower_case = self.case == Case::Document;
        match name {
            b"host" => write(self.host.as_bytes(), in_lower_case, sink),
            b"content-type" => write(proof.content_type.as_bytes(), in_lower_case, sink),
            other => {
                let name = HeaderName::from_bytes(other).ok();
                let value = name.and_then(|name| proof.request.headers.get(name));
                let value = value.map_or(&b""[..], HeaderValue::as_bytes);
                write(value, self.case != Case::Kept, sink);
            }
        }
    }
}

/// The host without `:port`, if it has one. `[::1]` has none.
pub(crate) fn without_port(host: &str) -> Option<&str> {
    let (name, port) = host.rsplit_once(':')?;
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

fn write(value: &[u8], in_lower_case: bool, sink: &mut impl FnMut(&[u8])) {
    let value = value.trim_ascii();
    if !in_lower_case {
        return sink(value);
    }
    for piece in value.chunks(64) {
        let mut lower = [0; 64];
        let lower = &mut lower[..piece.len()];
        lower.copy_from_slice(piece);
        lower.make_ascii_lowercase();
        sink(lower);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_digits_after_the_last_colon() {
        let hosts = [
            "a:80",
            "http://127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "a",
            "a:",
            "a:b",
        ];
        let names = [
            Some("a"),
            Some("http://127.0.0.1"),
            Some("[::1]"),
            None,
            None,
            None,
            None,
        ];
        assert_eq!(hosts.map(without_port), names);
    }
}
