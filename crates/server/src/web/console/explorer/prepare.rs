//! The request that a filled-in form makes, signed with the session's key, as any client would send it.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};
use wire::{SecretId, tc3, v1};

use crate::ambient::UnixTime;
use crate::api::action::Spec;
use crate::state::keys::AccessKey;

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// `TC3-HMAC-SHA256`, POST.
    Tc3,
    /// Version 1 with SHA-256, GET.
    HmacSha256,
    /// Version 1 with SHA-1, GET.
    HmacSha1,
}

impl Signature {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Tc3, Self::HmacSha256, Self::HmacSha1];

    /// The algorithm's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tc3 => "TC3-HMAC-SHA256",
            Self::HmacSha256 => "HmacSHA256",
            Self::HmacSha1 => "HmacSHA1",
        }
    }

    /// What a form says; TC3 unless it is one of the others.
    pub(super) fn named(name: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|signature| signature.name() == name)
            .unwrap_or(Self::Tc3)
    }
}

/// What a request is made of.
pub(super) struct Wish<'a> {
    pub(super) spec: &'a Spec,
    pub(super) parameters: &'a Map<String, Value>,
    pub(super) signature: Signature,
    /// Empty for none.
    pub(super) region: &'a str,
    pub(super) language: &'a str,
    pub(super) host: &'a str,
    pub(super) now: UnixTime,
    pub(super) nonce: u32,
}

/// A signed request.
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) host: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Prepared {
    /// Signs what is wished.
    pub(super) fn sign(wish: &Wish<'_>, key: &AccessKey) -> Self {
        match wish.signature {
            Signature::Tc3 => Self::sign_tc3(wish, key),
            Signature::HmacSha1 | Signature::HmacSha256 => Self::sign_v1(wish, key),
        }
    }

    fn sign_tc3(wish: &Wish<'_>, key: &AccessKey) -> Self {
        let body = serde_json::to_vec(wish.parameters).unwrap_or_default();
        let nonce = wish.nonce.to_string();
        let signed = [
            ("x-tc-action", wish.spec.name),
            ("x-tc-version", wish.spec.product.version()),
            ("x-signet-nonce", &nonce),
        ];
        let unsigned = tc3::Unsigned {
            method: &Method::POST,
            host: wish.host,
            content_type: wire::CONTENT_TYPE,
            query: "",
            body: &body,
            service: wish.spec.product.name(),
            timestamp: wish.now,
            headers: &signed,
        };
        let authorization = SecretId::new(&*key.secret_id)
            .map(|id| tc3::authorization(&id, key.secret_key(), &unsigned))
            .unwrap_or_default();
        let timestamp = wish.now.to_string();
        let headers = [
            ("host", wish.host),
            ("content-type", wire::CONTENT_TYPE),
            ("x-tc-action", wish.spec.name),
            ("x-tc-version", wish.spec.product.version()),
            ("x-signet-nonce", &nonce),
            ("x-tc-timestamp", &timestamp),
            ("x-tc-region", wish.region),
            ("x-tc-language", wish.language),
            ("authorization", &authorization),
        ];
        Self {
            method: Method::POST,
            host: wish.host.to_owned(),
            query: String::new(),
            headers: map(&headers),
            body,
        }
    }

    fn sign_v1(wish: &Wish<'_>, key: &AccessKey) -> Self {
        let mut parameters: Vec<(String, String)> = [
            ("Action", wish.spec.name),
            ("Version", wish.spec.product.version()),
            ("Timestamp", &wish.now.to_string()),
            ("Nonce", &wish.nonce.to_string()),
            ("SecretId", &key.secret_id),
            ("SignatureMethod", wish.signature.name()),
            ("Region", wish.region),
            ("Language", wish.language),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        for (name, value) in wish.parameters {
            flatten(name.clone(), value, &mut parameters);
        }
        Self {
            query: v1::sign(key.secret_key(), &Method::GET, wish.host, &parameters),
            method: Method::GET,
            host: wish.host.to_owned(),
            headers: map(&[("host", wish.host)]),
            body: Vec::new(),
        }
    }

    /// As the API reads it.
    pub(super) fn request(&self) -> wire::Request<'_> {
        wire::Request {
            method: &self.method,
            host: &self.host,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// As it goes over the wire, with its body laid out.
    pub(super) fn text(&self) -> String {
        let target = if self.query.is_empty() {
            "/".to_owned()
        } else {
            format!("/?{}", self.query)
        };
        let mut text = format!("{} {target} HTTP/1.1\n", self.method);
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            text.push_str(&format!("{}: {value}\n", spelled(name.as_str())));
        }
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(&self.body));
        text
    }
}

fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
    let given = headers.iter().filter(|(_, value)| !value.is_empty());
    let valid = given.filter_map(|(name, value)| {
        Some((
            HeaderName::from_static(name),
            HeaderValue::from_str(value).ok()?,
        ))
    });
    valid.collect()
}

/// `x-tc-action` → `X-TC-Action`.
fn spelled(name: &str) -> String {
    let capital = |part: &str| match part {
        "tc" => "TC".to_owned(),
        part => part[..1].to_ascii_uppercase() + &part[1..],
    };
    let parts: Vec<_> = name.split('-').map(capital).collect();
    parts.join("-")
}

/// Nested values as the query string has them: `Filters.0.Name=…`.
fn flatten(name: String, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                flatten(format!("{name}.{place}"), value, into);
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                flatten(format!("{name}.{field}"), value, into);
            }
        }
        Value::String(text) => into.push((name, text.clone())),
        other => into.push((name, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_values_are_flattened() {
        let mut pairs = Vec::new();
        let value = json!([{ "Name": "a", "Values": [1, true] }]);
        flatten("Filters".into(), &value, &mut pairs);
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(
            pairs,
            [
                "Filters.0.Name=a",
                "Filters.0.Values.0=1",
                "Filters.0.Values.1=true"
            ]
        );
    }

    #[test]
    fn headers_are_spelled_as_the_vendor_does() {
        assert_eq!(spelled("x-tc-action"), "X-TC-Action");
        assert_eq!(spelled("content-type"), "Content-Type");
    }
}
