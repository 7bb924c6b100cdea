use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::doctor::{Question, search};
use crate::form::{self, Pair};
use crate::v1::Algorithm;

/// How to make a v1 signature, in small parts, each of which can go wrong.
#[derive(Clone)]
pub(super) struct Recipe<'a> {
    pub(super) secret: Zeroizing<String>,
    pub(super) algorithm: Algorithm,
    pub(super) swapped: bool,
    pub(super) method: Cow<'a, str>,
    pub(super) host: Cow<'a, str>,
    pub(super) path: Cow<'a, str>,
    pub(super) mark: &'static str,
    /// The signed parameters, in the order in which they are signed.
    pub(super) pairs: Vec<Pair<'a>>,
    /// The client's own.
    pub(super) string_to_sign: Option<String>,
    pub(super) encoding: Encoding,
}

/// How the signature is written.
#[derive(Clone, Copy)]
pub(super) enum Encoding {
    Base64,
    /// With a space for `+`, as a form is read.
    Spaced,
    Hex,
    /// The digits in Base64.
    HexInBase64,
}

impl<'a> Recipe<'a> {
    /// The right one. `text` is the query string or the form.
    pub(super) fn of(question: &Question<'a>, algorithm: Algorithm, text: &'a [u8]) -> Self {
        let mut pairs = form::decode(text).unwrap_or_default();
        pairs.retain(|(name, _)| name != "Signature");
        pairs.sort_unstable();
        Self {
            secret: Zeroizing::new(question.secret_key.expose().to_owned()),
            algorithm,
            swapped: false,
            method: question.request.method.as_str().into(),
            host: question.request.host.as_str().into(),
            path: "/".into(),
            mark: "?",
            pairs,
            string_to_sign: None,
            encoding: Encoding::Base64,
        }
    }

    pub(super) fn string_to_sign(&self) -> String {
        if let Some(own) = &self.string_to_sign {
            return own.clone();
        }
        let pairs = self.pairs.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        [
            &*self.method,
            &*self.host,
            &*self.path,
            self.mark,
            &*pairs.join("&"),
        ]
        .concat()
    }
}

impl search::Recipe for Recipe<'_> {
    fn signature(&self) -> String {
        let to_sign = self.string_to_sign();
        let (key, message) = if self.swapped {
            (to_sign.as_bytes(), self.secret.as_bytes())
        } else {
            (self.secret.as_bytes(), to_sign.as_bytes())
        };
        let mac = match self.algorithm {
            Algorithm::HmacSha1 => mac::<Hmac<Sha1>>(key, message),
            Algorithm::HmacSha256 => mac::<Hmac<Sha256>>(key, message),
        };
        let digits = || {
            mac.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        match self.encoding {
            Encoding::Base64 => BASE64_STANDARD.encode(&mac),
            Encoding::Spaced => BASE64_STANDARD.encode(&mac).replace('+', " "),
            Encoding::Hex => digits(),
            Encoding::HexInBase64 => BASE64_STANDARD.encode(digits()),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}
