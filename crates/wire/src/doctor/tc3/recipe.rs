use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::doctor::search;
use crate::doctor::{Body, Question};
use crate::hex;
use crate::tc3::Authorization;

/// How to make a TC3 signature, in small parts, each of which can go wrong.
#[derive(Clone)]
pub(super) struct Recipe<'a> {
    pub(super) secret: Zeroizing<String>,
    pub(super) prefix: &'static str,
    /// What the key is derived over, one after the other.
    pub(super) derivation: Vec<Cow<'a, str>>,
    pub(super) keys: Keys,
    /// Key and message exchanged: in the derivation, and at the end.
    pub(super) swapped: [bool; 2],
    pub(super) method: Cow<'a, str>,
    pub(super) path: Cow<'a, str>,
    pub(super) query: Cow<'a, str>,
    /// The signed headers, with their values as they were sent.
    pub(super) headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(super) case: Case,
    pub(super) colon: &'static str,
    pub(super) blank_line: bool,
    pub(super) signed_headers: Cow<'a, str>,
    /// The last line; none, not even an empty one, if it is left out.
    pub(super) payload: Option<Cow<'a, str>>,
    pub(super) canonical: Layout,
    /// The client's own.
    pub(super) canonical_request: Option<String>,
    pub(super) canonical_hash: Digested,
    pub(super) timestamp: Cow<'a, str>,
    pub(super) scope: &'a str,
    pub(super) string: Layout,
    /// The client's own.
    pub(super) string_to_sign: Option<String>,
    pub(super) encoding: Encoding,
}

/// In which case the values of signed headers are signed.
#[derive(Clone, Copy)]
pub(super) enum Case {
    /// `content-type` and `host` as they are, others in lower case.
    Sdk,
    /// All in lower case.
    Document,
    /// All as they are.
    Kept,
}

impl Case {
    fn apply<'v>(self, name: &str, value: &'v str) -> Cow<'v, str> {
        let is_usual = ["content-type", "host"]
            .iter()
            .any(|usual| name.eq_ignore_ascii_case(usual));
        match self {
            Self::Kept => value.into(),
            Self::Sdk if is_usual => value.into(),
            Self::Sdk | Self::Document => value.to_ascii_lowercase().into(),
        }
    }
}

/// What stands between the lines, and after the last one.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) between: &'static str,
    pub(super) after: &'static str,
}

/// In which form derived keys go on.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Keys {
    Bytes,
    /// All of them are text.
    Hex,
    /// The one that signs is text.
    LastHex,
}

/// What stands for the canonical request in the string to sign.
#[derive(Clone, Copy)]
pub(super) enum Digested {
    Hash,
    HashInCapitals,
    Itself,
}

/// How the signature is written.
#[derive(Clone, Copy)]
pub(super) enum Encoding {
    Hex,
    HexInCapitals,
    Base64,
}

impl<'a> Recipe<'a> {
    /// The right one, as the SDKs do it.
    pub(super) fn of(
        question: &Question<'a>,
        authorization: &Authorization<'a>,
        timestamp: &'a str,
    ) -> Self {
        let request = question.request;
        let headers = authorization.signed_headers.split(';').map(|name| {
            let value = match name {
                "host" => Cow::from(request.host.as_str()),
                _ => header(question, name),
            };
            (Cow::from(name), value)
        });
        Self {
            secret: Zeroizing::new(question.secret_key.expose().to_owned()),
            prefix: "TC3",
            derivation: vec![
                authorization.date.into(),
                authorization.service.into(),
                "tc3_request".into(),
            ],
            keys: Keys::Bytes,
            swapped: [false; 2],
            method: request.method.as_str().into(),
            path: "/".into(),
            query: request.query.as_str().into(),
            headers: headers.collect(),
            case: Case::Sdk,
            colon: ":",
            blank_line: true,
            signed_headers: authorization.signed_headers.into(),
            payload: Some(payload(question).into()),
            canonical: Layout::RIGHT,
            canonical_request: None,
            canonical_hash: Digested::Hash,
            timestamp: timestamp.into(),
            scope: authorization.scope,
            string: Layout::RIGHT,
            string_to_sign: None,
            encoding: Encoding::Hex,
        }
    }

    pub(super) fn canonical_request(&self) -> String {
        if let Some(own) = &self.canonical_request {
            return own.clone();
        }
        let headers = self.headers.iter().map(|(name, value)| {
            let value = self.case.apply(name, value.trim_ascii());
            format!("{name}{}{value}", self.colon)
        });
        let mut lines = vec![
            self.method.to_string(),
            self.path.to_string(),
            self.query.to_string(),
        ];
        lines.extend(headers);
        lines.extend(self.blank_line.then(String::new));
        lines.push(self.signed_headers.to_string());
        lines.extend(self.payload.as_ref().map(ToString::to_string));
        self.canonical.join(&lines)
    }

    pub(super) fn string_to_sign(&self) -> String {
        if let Some(own) = &self.string_to_sign {
            return own.clone();
        }
        let canonical = self.canonical_request();
        let canonical = match self.canonical_hash {
            Digested::Hash => sha256(canonical.as_bytes()),
            Digested::HashInCapitals => sha256(canonical.as_bytes()).to_ascii_uppercase(),
            Digested::Itself => canonical,
        };
        self.string.join(&[
            super::SCHEME.to_owned(),
            self.timestamp.to_string(),
            self.scope.to_owned(),
            canonical,
        ])
    }

    fn signing_key(&self) -> Zeroizing<Vec<u8>> {
        let secret = [self.prefix, &self.secret].concat();
        let mut key = Zeroizing::new(secret.into_bytes());
        for (step, part) in self.derivation.iter().enumerate() {
            let is_last = step + 1 == self.derivation.len();
            key = mac(&key, part.as_bytes(), self.swapped[0]);
            if self.keys == Keys::Hex || (self.keys == Keys::LastHex && is_last) {
                key = Zeroizing::new(digits(&key).into_bytes());
            }
        }
        key
    }
}

impl search::Recipe for Recipe<'_> {
    fn signature(&self) -> String {
        let mac = mac(
            &self.signing_key(),
            self.string_to_sign().as_bytes(),
            self.swapped[1],
        );
        match self.encoding {
            Encoding::Hex => digits(&mac),
            Encoding::HexInCapitals => digits(&mac).to_ascii_uppercase(),
            Encoding::Base64 => BASE64_STANDARD.encode(&*mac),
        }
    }
}

impl Layout {
    const RIGHT: Self = Self {
        between: "\n",
        after: "",
    };

    fn join(self, lines: &[String]) -> String {
        lines.join(self.between) + self.after
    }
}

/// The value of a header as it was sent; empty if it was not.
pub(super) fn header<'a>(question: &Question<'a>, name: &str) -> Cow<'a, str> {
    let value = question.request.headers.get(name);
    String::from_utf8_lossy(value.map_or(&b""[..], HeaderValue::as_bytes))
}

/// The last line of the canonical request.
fn payload(question: &Question<'_>) -> String {
    let is_unsigned = header(question, "x-tc-content-sha256") == "UNSIGNED-PAYLOAD";
    match &question.request.body {
        _ if is_unsigned => sha256(b"UNSIGNED-PAYLOAD"),
        Body::Whole(body) => sha256(body),
        Body::Hash(hash) => hash.clone(),
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    digits(&<[u8; 32]>::from(Sha256::digest(bytes)))
}

fn mac(key: &[u8], message: &[u8], swapped: bool) -> Zeroizing<Vec<u8>> {
    let (key, message) = if swapped {
        (message, key)
    } else {
        (key, message)
    };
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    Zeroizing::new(mac.chain_update(message).finalize().into_bytes().to_vec())
}

/// 32 bytes as digits.
fn digits(bytes: &[u8]) -> String {
    let bytes = bytes.try_into().expect("a SHA-256 or a MAC of it");
    String::from_utf8_lossy(&hex::lower(bytes)).into_owned()
}
