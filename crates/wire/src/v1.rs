//! Signature v1: every parameter travels in the query string or a form, sorted and signed as
//! `METHOD host/?name=value&…` with raw values, and the MAC goes along in Base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use sha1::Sha1;
use sha2::Sha256;

use crate::envelope::Request;
use crate::form::{self, Pair};
use crate::tc3::without_port;
use crate::{Refusal, SecretKey};

/// The hash under the MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `HmacSHA1`, the default.
    HmacSha1,
    /// `HmacSHA256`
    HmacSha256,
}

impl Algorithm {
    /// Only `HmacSHA256`, spelled exactly so, selects SHA-256; anything else, or nothing, is SHA-1 (the vendor's document).
    pub fn named(name: &str) -> Self {
        if name == "HmacSHA256" {
            Self::HmacSha256
        } else {
            Self::HmacSha1
        }
    }

    /// The value of `SignatureMethod`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HmacSHA1",
            Self::HmacSha256 => "HmacSHA256",
        }
    }

    fn sign(
        self,
        key: &SecretKey,
        method: &Method,
        host: &str,
        pairs: &[(Cow<'_, str>, &str)],
    ) -> String {
        match self {
            Self::HmacSha1 => sign_with::<Hmac<Sha1>>(key, method, host, pairs),
            Self::HmacSha256 => sign_with::<Hmac<Sha256>>(key, method, host, pairs),
        }
    }
}

/// A v1 signature and what it is a signature of.
pub struct Proof<'a> {
    algorithm: Algorithm,
    secret_id: Cow<'a, str>,
    signature: Cow<'a, str>,
    method: &'a Method,
    host: &'a str,
    parameters: Sorted<'a>,
}

impl<'a> Proof<'a> {
    pub(crate) fn read(request: &Request<'a>, parameters: Sorted<'a>) -> Result<Self, Refusal> {
        Ok(Self {
            algorithm: Algorithm::named(&parameters.given("SignatureMethod").unwrap_or_default()),
            secret_id: parameters.required("SecretId")?,
            signature: parameters.required("Signature")?,
            method: request.method,
            host: request.host,
            parameters,
        })
    }

    /// The SecretId the request names.
    pub fn secret_id(&self) -> &str {
        &self.secret_id
    }

    /// The hash that the request chose.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// True when `key` made this signature of this request. Signatures are compared in constant time.
    pub fn verify(&self, key: &SecretKey) -> bool {
        self.reading(key).is_some()
    }

    /// The way of spelling names and host in which the signature is right.
    fn reading(&self, key: &SecretKey) -> Option<(Naming, &'a str)> {
        // Ruby's Base64 ends in a newline.
        let signature = BASE64_STANDARD
            .decode(self.signature.trim_ascii_end())
            .ok()?;
        match self.algorithm {
            Algorithm::HmacSha1 => self.reading_with::<Hmac<Sha1>>(key, &signature),
            Algorithm::HmacSha256 => self.reading_with::<Hmac<Sha256>>(key, &signature),
        }
    }

    /// A parameter that makes the string to sign ambiguous, which has names and values raw: `Note=x&Access=Full` could be one
    /// parameter or two.
    pub fn ambiguous(&self) -> Option<&str> {
        let mut signed = self
            .parameters
            .0
            .iter()
            .filter(|(name, _)| name != "Signature");
        let found = signed.find(|(name, value)| {
            let is_list = value
                .split_once('&')
                .is_some_and(|(_, rest)| rest.contains('='));
            is_list || name.contains(['&', '='])
        });
        found.map(|(name, _)| &**name)
    }

    /// The bytes of the signature, filled up with zeros; `None` when its text is not one that a key verifies.
    pub(crate) fn mac(&self) -> Option<[u8; 32]> {
        let bytes = BASE64_STANDARD
            .decode(self.signature.trim_ascii_end())
            .ok()?;
        let mut mac = [0; 32];
        mac.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        Some(mac)
    }

    /// The string to sign, as most SDKs build it, with the host as received.
    pub fn string_to_sign(&self) -> String {
        let mut text = Vec::new();
        write_string_to_sign(
            self.method,
            self.host,
            &self.signed(Naming::AsSent),
            &mut |bytes| text.extend_from_slice(bytes),
        );
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What is signed and with what result, in the way of spelling names and host that the signature was made with; as sent
    /// where it is right in none.
    pub(crate) fn explained(&self, key: &SecretKey) -> Explained {
        let (naming, host) = self.reading(key).unwrap_or((Naming::AsSent, self.host));
        let pairs = self.signed(naming);
        let mut text = Vec::new();
        write_string_to_sign(self.method, host, &pairs, &mut |bytes| {
            text.extend_from_slice(bytes);
        });
        let signature = self.algorithm.sign(key, self.method, host, &pairs);
        let sent = self.parameters.0.iter().map(|(name, value)| {
            let value = if name == "Signature" {
                &signature
            } else {
                &**value
            };
            (&**name, value)
        });
        Explained {
            parameters: pairs
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
            string_to_sign: String::from_utf8_lossy(&text).into_owned(),
            encoded: form::encode(sent),
            signature,
        }
    }

    /// The parameters that are not the protocol's own.
    pub(crate) fn business(&self) -> impl Iterator<Item = &Pair<'a>> {
        self.parameters
            .0
            .iter()
            .filter(|(name, _)| !COMMON.contains(&&**name))
    }

    fn reading_with<M: Mac + KeyInit + Clone>(
        &self,
        key: &SecretKey,
        signature: &[u8],
    ) -> Option<(Naming, &'a str)> {
        let keyed = <M as KeyInit>::new_from_slice(key.expose().as_bytes())
            .expect("HMAC takes a key of any length");
        let underscores = self.parameters.0.iter().any(|(name, _)| name.contains('_'));
        let namings = if underscores {
            &[Naming::AsSent, Naming::Python, Naming::Java][..]
        } else {
            &[Naming::AsSent]
        };
        namings.iter().find_map(|naming| {
            let pairs = self.signed(*naming);
            let hosts = [Some(self.host), without_port(self.host)];
            let mut hosts = hosts.into_iter().flatten();
            let host = hosts.find(|host| {
                let mut mac = keyed.clone();
                write_string_to_sign(self.method, host, &pairs, &mut |bytes| mac.update(bytes));
                mac.verify_slice(signature).is_ok()
            })?;
            Some((*naming, host))
        })
    }

    fn signed(&self, naming: Naming) -> Vec<(Cow<'_, str>, &str)> {
        let pairs = self
            .parameters
            .0
            .iter()
            .filter(|(name, _)| name != "Signature");
        let mut pairs: Vec<_> = pairs
            .map(|(name, value)| (naming.apply(name), &**value))
            .collect();
        if naming == Naming::Python {
            pairs.sort();
        }
        pairs
    }
}

/// The steps of a signature.
pub(crate) struct Explained {
    pub(crate) parameters: Vec<String>,
    pub(crate) string_to_sign: String,
    pub(crate) signature: String,
    pub(crate) encoded: String,
}

/// How an SDK spells names in the string to sign. Values stay as they are.
#[derive(Clone, Copy, PartialEq)]
enum Naming {
    AsSent,
    /// `_` becomes `.`, then names are sorted.
    Python,
    /// Names are sorted, then `_` becomes `.`.
    Java,
}

impl Naming {
    fn apply(self, name: &str) -> Cow<'_, str> {
        if self == Self::AsSent || !name.contains('_') {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(name.replace('_', "."))
        }
    }
}

/// The parameters that belong to the protocol, not to the action.
const COMMON: [&str; 11] = [
    "Action",
    "Language",
    "Nonce",
    "Region",
    "RequestClient",
    "SecretId",
    "Signature",
    "SignatureMethod",
    "Timestamp",
    "Token",
    "Version",
];

/// Parameters sorted by name, in the order of bytes: `InstanceIds.12` comes before `InstanceIds.2`.
pub(crate) struct Sorted<'a>(Vec<Pair<'a>>);

impl<'a> Sorted<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Refusal> {
        let mut pairs = form::decode(text)?;
        pairs.sort_unstable();
        match pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            Some(two) => Err(Refusal::repeated_parameter(&two[0].0)),
            None => Ok(Self(pairs)),
        }
    }

    /// A parameter's value; an empty one counts as absent, for the Go SDK sends `Region=`.
    pub(crate) fn given(&self, name: &str) -> Option<Cow<'a, str>> {
        let place = self
            .0
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()?;
        Some(self.0[place].1.clone()).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &str) -> Result<Cow<'a, str>, Refusal> {
        self.given(name)
            .ok_or_else(|| Refusal::missing_parameter(name))
    }
}

/// Signs `parameters` (all of them, `SignatureMethod` included) and encodes them together with their `Signature`: the query
/// string of a GET or the form of a POST.
pub fn sign(
    key: &SecretKey,
    method: &Method,
    host: &str,
    parameters: &[(String, String)],
) -> String {
    let mut pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (Cow::from(name), value.as_str()))
        .collect();
    pairs.sort();
    let named = pairs
        .iter()
        .find(|(name, _)| name == "SignatureMethod")
        .map_or("", |(_, value)| value);
    let signature = Algorithm::named(named).sign(key, method, host, &pairs);
    let sent = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    form::encode(sent.chain([("Signature", signature.as_str())]))
}

fn sign_with<M: Mac + KeyInit>(
    key: &SecretKey,
    method: &Method,
    host: &str,
    pairs: &[(Cow<'_, str>, &str)],
) -> String {
    let mut mac = <M as KeyInit>::new_from_slice(key.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    write_string_to_sign(method, host, pairs, &mut |bytes| mac.update(bytes));
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

fn write_string_to_sign(
    method: &Method,
    host: &str,
    pairs: &[(Cow<'_, str>, &str)],
    sink: &mut impl FnMut(&[u8]),
) {
    sink(method.as_str().as_bytes());
    sink(host.as_bytes());
    sink(b"/");
    for (index, (name, value)) in pairs.iter().enumerate() {
        sink(if index == 0 { b"?" } else { b"&" });
        sink(name.as_bytes());
        sink(b"=");
        sink(value.as_bytes());
    }
}
