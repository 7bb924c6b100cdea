use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Method};

use crate::headers::Headers;
use crate::parameters::{Parameters, dotted, json, multipart};
use crate::{Language, Refusal, form, host, tc3, v1};

/// The longest query string, in bytes: the vendor's limit for GET.
pub const MAX_QUERY: usize = 32 * 1024;
/// The largest body of a POST request signed with v1, in bytes.
pub const MAX_V1_BODY: usize = 1024 * 1024;
/// The largest body of a POST request signed with TC3, in bytes.
pub const MAX_TC3_BODY: usize = 10 * 1024 * 1024;
/// The services that share an endpoint, each with the one version that it has.
pub const SERVICES: [(&str, &str); 2] = [("cdb", "2017-03-20"), ("signet", "2026-11-24")];
/// How far a timestamp may be from the server's clock, in seconds, in both directions.
pub const MAX_SKEW: u64 = 300;

/// An HTTP request, as a server received it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The `Host` header as received, port and all (tccli sends `http://` before it), or `:authority` in HTTP/2.
    pub host: &'a str,
    /// What stood after `?`, raw, or `""`. Its exact bytes are signed.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The host's first label, port and all if it has no dot: what the Java, Node and Go SDKs name as the service.
    pub fn first_label(&self) -> Option<&'a str> {
        let host = self
            .host
            .rsplit_once('/')
            .map_or(self.host, |(_, host)| host);
        host.split('.').next()
    }
}

/// What a request says about itself, before anything of it is believed.
///
/// It has no `Debug`: it holds a token and a signature.
pub struct Envelope<'a> {
    /// The action to call.
    pub action: Cow<'a, str>,
    /// The version of the API, a date.
    pub version: Cow<'a, str>,
    /// The region, if one was named. An empty one counts as none: the Go SDK sends `Region=`.
    pub region: Option<Cow<'a, str>>,
    /// The language to answer in.
    pub language: Language,
    /// The token that goes with a temporary key.
    pub token: Option<Cow<'a, str>>,
    /// The client's own name and version, like `SDK_PYTHON_3.1.192`.
    pub client: Option<Cow<'a, str>>,
    /// When the request was signed, in Unix seconds.
    pub timestamp: i64,
    /// What shows that the request comes from the owner of a key.
    pub proof: Proof<'a>,
    carrier: Carrier<'a>,
}

/// The proof a request brings.
pub enum Proof<'a> {
    /// A `TC3-HMAC-SHA256` signature.
    Tc3(tc3::Proof<'a>),
    /// An `HmacSHA1` or `HmacSHA256` signature over the parameters.
    V1(v1::Proof<'a>),
    /// `Authorization: SKIP`: none, for actions that need none.
    Skip,
}

/// Where the business parameters are.
enum Carrier<'a> {
    Query(&'a str),
    Json(&'a [u8]),
    Multipart {
        content_type: &'a str,
        body: &'a [u8],
    },
    /// With the proof: in v1 everything is a parameter.
    Proof,
    /// `application/octet-stream`: the body is the data itself.
    Raw,
}

/// Reads what a request says about itself.
///
/// # Errors
/// In this order: another method than GET or POST, a `Host` that is not one, too many bytes, a repeated header, a content type that the method
/// does not take, a common parameter that is missing or has the wrong type, an `Authorization` header of another form.
pub fn parse<'a>(request: &'a Request<'a>) -> Result<Envelope<'a>, Refusal> {
    let get = request.method == Method::GET;
    if !get && request.method != Method::POST {
        return Err(Refusal::unsupported_protocol());
    }
    if !host::is_valid(request.host) {
        return Err(Refusal::invalid_host());
    }
    if request.query.len() > MAX_QUERY {
        return Err(Refusal::request_size_limit_exceeded(MAX_QUERY));
    }
    let headers = Headers::read(request.headers)?;
    if is_v1(request, &headers) {
        parse_v1(request, &headers)
    } else {
        parse_tc3(request, &headers)
    }
}

/// The language a request asks for, even where [`parse`] refuses it.
pub fn language(request: &Request<'_>) -> Language {
    let header = request
        .headers
        .get("x-tc-language")
        .map(HeaderValue::as_bytes)
        .filter(|name| !name.is_empty());
    let name = header.or_else(|| form::raw_value(parameter_text(request), "Language"));
    name.and_then(|name| str::from_utf8(name).ok())
        .map_or(Language::default(), Language::named)
}

/// Whether a request is a form with signature v1, which names its key, its time and its action in the body.
pub fn is_form(request: &Request<'_>) -> bool {
    request.method == Method::POST
        && Headers::read(request.headers).is_ok_and(|headers| is_v1(request, &headers))
}

/// The SecretId that a request names, even where [`parse`] refuses it.
pub fn secret_id<'a>(request: &Request<'a>) -> Option<&'a str> {
    let of_header = |header: &'a HeaderValue| {
        let text = str::from_utf8(header.as_bytes()).ok()?.trim_ascii();
        Some(tc3::Authorization::read(text).ok()?.secret_id)
    };
    match request.headers.get("authorization") {
        Some(header) => of_header(header),
        None => str::from_utf8(form::raw_value(parameter_text(request), "SecretId")?).ok(),
    }
}

impl Envelope<'_> {
    /// Checks the timestamp against `now`, in Unix seconds.
    ///
    /// # Errors
    /// `AuthFailure.SignatureExpire` when they are more than [`MAX_SKEW`] apart.
    pub fn check_time(&self, now: i64) -> Result<(), Refusal> {
        if self.timestamp.abs_diff(now) > MAX_SKEW {
            Err(Refusal::signature_expire(now))
        } else {
            Ok(())
        }
    }

    /// The SecretId the request names; none with `Authorization: SKIP`.
    pub fn secret_id(&self) -> Option<&str> {
        match &self.proof {
            Proof::Tc3(proof) => Some(proof.secret_id),
            Proof::V1(proof) => Some(proof.secret_id()),
            Proof::Skip => None,
        }
    }

    /// True when the signature covers action and version: always with v1, where both are parameters.
    pub fn signs_action(&self) -> bool {
        match &self.proof {
            Proof::Tc3(proof) => proof.signs_action(),
            Proof::V1(_) => true,
            Proof::Skip => false,
        }
    }

    /// The bytes of the signature, however they are spelled; shorter ones are filled up with zeros. `None` when there is no
    /// signature that a key could verify.
    pub fn mac(&self) -> Option<[u8; 32]> {
        match &self.proof {
            Proof::Tc3(proof) => proof.mac(),
            Proof::V1(proof) => proof.mac(),
            Proof::Skip => None,
        }
    }

    /// Reads the business parameters: only now is the body looked into.
    ///
    /// # Errors
    /// `InvalidParameter.JsonUnmarshalError` for a body that is no JSON object, `InvalidRequest` for a malformed multipart
    /// body, `InvalidParameter` for parameters that come twice, contradict each other, or are built to exhaust the reader.
    pub fn parameters(&self) -> Result<Parameters, Refusal> {
        match (&self.carrier, &self.proof) {
            (Carrier::Query(query), _) => {
                let pairs = form::decode(query.as_bytes())?;
                Ok(Parameters {
                    map: dotted::rebuild(&pairs)?,
                    text: true,
                })
            }
            (Carrier::Json(body), _) => Ok(Parameters {
                map: json::object(body)?,
                text: false,
            }),
            (Carrier::Multipart { content_type, body }, _) => Ok(Parameters {
                map: multipart::read(content_type, body)?,
                text: true,
            }),
            (Carrier::Proof, Proof::V1(proof)) => Ok(Parameters {
                map: dotted::rebuild(proof.business())?,
                text: true,
            }),
            (Carrier::Raw | Carrier::Proof, _) => Err(Refusal::malformed_parameters(
                "A body of the type `application/octet-stream` has no parameters.",
            )),
        }
    }
}

/// Without an `Authorization` header or an `X-TC-Action`, parameters in a query string or a form are signature v1.
///
/// Everything else is TC3, so that whoever forgot the header is told so, and whoever sent nothing usable is told that
/// `Action` is missing, as the vendor's gateway does.
pub(crate) fn is_v1(request: &Request<'_>, headers: &Headers<'_>) -> bool {
    let tc3 = headers.authorization.is_some() || headers.action.is_some();
    !tc3 && (request.method == Method::GET
        || media_type(headers.content_type).eq_ignore_ascii_case(FORM))
}

fn parse_tc3<'a>(request: &'a Request<'a>, headers: &Headers<'a>) -> Result<Envelope<'a>, Refusal> {
    if request.body.len() > MAX_TC3_BODY {
        return Err(Refusal::request_size_limit_exceeded(MAX_TC3_BODY));
    }
    let action = headers
        .action
        .ok_or_else(|| Refusal::missing_parameter("Action"))?;
    let version = headers
        .version
        .ok_or_else(|| Refusal::missing_parameter("Version"))?;
    let timestamp = headers
        .timestamp
        .ok_or_else(|| Refusal::missing_parameter("Timestamp"))?;
    let seconds = natural(timestamp).ok_or_else(|| Refusal::invalid_parameter_type("Timestamp"))?;
    let proof = match headers.authorization {
        None => return Err(Refusal::invalid_authorization("the header is missing.")),
        Some("SKIP") => Proof::Skip,
        Some(_) => Proof::Tc3(tc3::Proof::read(request, headers, seconds)?),
    };
    Ok(Envelope {
        action: action.into(),
        version: version.into(),
        region: headers.region.map(Cow::from),
        language: headers
            .language
            .map_or(Language::default(), Language::named),
        token: headers.token.map(Cow::from),
        client: headers.client.map(Cow::from),
        timestamp: seconds,
        proof,
        carrier: carrier(request, headers)?,
    })
}

fn carrier<'a>(request: &Request<'a>, headers: &Headers<'a>) -> Result<Carrier<'a>, Refusal> {
    if request.method == Method::GET {
        return Ok(Carrier::Query(request.query)); // whatever the content type: Python, Go, Java send that of a form
    }
    let content_type = headers.content_type.unwrap_or_default();
    let media_type = media_type(headers.content_type);
    let is = |name: &str| media_type.eq_ignore_ascii_case(name);
    if is("application/json") {
        Ok(Carrier::Json(request.body))
    } else if is("multipart/form-data") {
        Ok(Carrier::Multipart {
            content_type,
            body: request.body,
        })
    } else if is("application/octet-stream") {
        Ok(Carrier::Raw)
    } else {
        Err(Refusal::malformed_parameters(format!(
            "The `Content-Type` `{media_type}` cannot be used for a POST request with TC3-HMAC-SHA256; use `application/json`."
        )))
    }
}

fn parse_v1<'a>(request: &'a Request<'a>, headers: &Headers<'a>) -> Result<Envelope<'a>, Refusal> {
    if request.body.len() > MAX_V1_BODY {
        return Err(Refusal::signature_failure_by_size());
    }
    let parameters = v1::Sorted::read(parameter_text(request))?;
    let action = parameters.required("Action")?;
    let version = parameters.required("Version")?;
    let timestamp = parameters.required("Timestamp")?;
    let seconds =
        natural(&timestamp).ok_or_else(|| Refusal::invalid_parameter_type("Timestamp"))?;
    let nonce = parameters.required("Nonce")?;
    natural(&nonce).ok_or_else(|| Refusal::invalid_parameter_type("Nonce"))?;
    let language = parameters
        .given("Language")
        .or(headers.language.map(Cow::from));
    Ok(Envelope {
        action,
        version,
        region: parameters.given("Region"),
        language: language.map_or(Language::default(), |name| Language::named(&name)),
        token: parameters.given("Token"),
        client: parameters.given("RequestClient"),
        timestamp: seconds,
        proof: Proof::V1(v1::Proof::read(request, parameters)?),
        carrier: Carrier::Proof,
    })
}

/// The text that holds the parameters when they are not JSON: the query string of a GET, the form of a POST.
pub(crate) fn parameter_text<'a>(request: &Request<'a>) -> &'a [u8] {
    if request.method == Method::GET {
        return request.query.as_bytes();
    }
    let content_type = request
        .headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    let form =
        media_type(content_type).eq_ignore_ascii_case(FORM) && request.body.len() <= MAX_V1_BODY;
    if form { request.body } else { b"" }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn media_type(content_type: Option<&str>) -> &str {
    let content_type = content_type.unwrap_or_default();
    content_type
        .split_once(';')
        .map_or(content_type, |(media_type, _)| media_type)
        .trim_ascii()
}

/// Digits alone: `str::parse` would take a sign too. Python's Nonce goes up to 2^63-1.
fn natural(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}
