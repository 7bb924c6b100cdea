use http::{HeaderMap, HeaderValue};

use crate::Refusal;

/// The headers that the protocol reads, found in one pass. An empty value counts as absent.
#[derive(Default)]
pub(crate) struct Headers<'a> {
    pub(crate) authorization: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) action: Option<&'a str>,
    pub(crate) version: Option<&'a str>,
    pub(crate) timestamp: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) token: Option<&'a str>,
    pub(crate) language: Option<&'a str>,
    pub(crate) client: Option<&'a str>,
    pub(crate) unsigned_payload: bool,
}

impl<'a> Headers<'a> {
    /// Names compare without regard to case (`HeaderMap` has them in lower case): Go sends `X-Tc-Action`.
    ///
    /// A header that decides what a request means must not come twice: which of the two was signed would be a guess.
    pub(crate) fn read(map: &'a HeaderMap) -> Result<Self, Refusal> {
        let mut headers = Self::default();
        let mut host = None;
        for (name, value) in map {
            match name.as_str() {
                "authorization" => set(&mut headers.authorization, "Authorization", value)?,
                "content-type" => set(&mut headers.content_type, "Content-Type", value)?,
                "host" => set(&mut host, "Host", value)?,
                "x-tc-action" => set(&mut headers.action, "Action", value)?,
                "x-tc-version" => set(&mut headers.version, "Version", value)?,
                "x-tc-timestamp" => set(&mut headers.timestamp, "Timestamp", value)?,
                "x-tc-region" => set(&mut headers.region, "Region", value)?,
                "x-tc-token" => set(&mut headers.token, "Token", value)?,
                "x-tc-language" => set(&mut headers.language, "Language", value)?,
                "x-tc-requestclient" => set(&mut headers.client, "RequestClient", value)?,
                // The SDKs send nothing else in it; a third party's real hash changes nothing, for we hash the body anyway.
                "x-tc-content-sha256" => headers.unsigned_payload |= value == "UNSIGNED-PAYLOAD",
                _ => {}
            }
        }
        Ok(headers)
    }
}

fn set<'a>(
    slot: &mut Option<&'a str>,
    name: &'static str,
    value: &'a HeaderValue,
) -> Result<(), Refusal> {
    // `HeaderValue::to_str` looks at each byte by itself, which costs more than all the rest of reading the headers.
    let text = str::from_utf8(value.as_bytes())
        .map_err(|_| Refusal::invalid_parameter_value(name))?
        .trim_ascii();
    if text.is_empty() {
        return Ok(());
    }
    match slot.replace(text) {
        None => Ok(()),
        Some(_) => Err(Refusal::repeated_parameter(name)),
    }
}
