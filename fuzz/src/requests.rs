use http::{HeaderMap, HeaderName, HeaderValue, Method};
use wire::doctor::{Pasted, Question, Verdict, diagnose};
use wire::parameters::{MAX_VALUES, Parameters};
use wire::{Proof, Request, SecretKey, parameters, tc3};

/// The first line is the query, the lines up to an empty one are headers, the rest is the body.
pub(crate) fn request(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let query = lines.next().map(String::from_utf8_lossy);
    let query = query.unwrap_or_default();
    let mut headers = HeaderMap::new();
    let mut read = query.len() + 1;
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        read += line.len() + 1;
        let Some(at) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..at]);
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let body = data.get(read..).unwrap_or_default();
    let host = headers.get(http::header::HOST).cloned();
    let host = host.as_ref().and_then(|host| host.to_str().ok());
    for method in [Method::GET, Method::POST] {
        let request = Request {
            method: &method,
            host: host.unwrap_or("127.0.0.1:7780"),
            query: &query,
            headers: &headers,
            body,
        };
        let Ok(envelope) = wire::parse(&request) else {
            continue;
        };
        let key = SecretKey::new("secret".to_owned());
        let verified = match &envelope.proof {
            Proof::Tc3(proof) => {
                proof.verify(&tc3::SigningKey::derive(&key, proof.date, proof.service))
            }
            Proof::V1(proof) => proof.verify(&key),
            Proof::Skip => false,
        };
        assert!(!verified, "nobody signed this");
        if let Ok(parameters) = envelope.parameters() {
            check_bounds(&parameters);
        }
    }
}

/// A request that somebody pasted.
pub(crate) fn pasted(data: &[u8]) {
    let Ok(request) = Pasted::read(data) else {
        return;
    };
    let own = String::from_utf8_lossy(data);
    let diagnosis = diagnose(&Question {
        request: &request,
        secret_id: "AKIDEXAMPLE",
        secret_key: &SecretKey::new("secret"),
        now: 1_700_000_000,
        canonical_request: Some(&own),
        string_to_sign: Some(&own),
    });
    assert_ne!(diagnosis.verdict, Verdict::Right, "nobody signed this");
}

/// The body of a JSON request.
pub(crate) fn json(data: &[u8]) {
    let read = parameters_of("application/json", data);
    let simple = serde_json::from_slice::<serde_json::Map<_, _>>(data);
    if let Some(Parameters { map, text }) = read {
        assert!(!text);
        assert_eq!(Some(map), simple.ok(), "both readers read the same");
    }
}

/// The body of a multipart request with the boundary `x`.
pub(crate) fn multipart(data: &[u8]) {
    parameters_of("multipart/form-data; boundary=x", data);
}

/// The query of a GET request: dotted names.
pub(crate) fn dotted(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    let headers = headers_of("application/x-www-form-urlencoded");
    let request = Request {
        method: &Method::GET,
        host: "127.0.0.1:7780",
        query: &query,
        headers: &headers,
        body: b"",
    };
    let envelope = wire::parse(&request);
    let Some(read) = envelope.ok().and_then(|e| e.parameters().ok()) else {
        return;
    };
    check_bounds(&read);
    let again = parameters::dotted::rebuild(&parameters::dotted::flatten(&read.map));
    assert_eq!(again.as_ref(), Ok(&read.map), "flattened and rebuilt");
}

/// The form of a request with the older signature.
pub(crate) fn form(data: &[u8]) {
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(http::header::CONTENT_TYPE, kind);
    let request = Request {
        method: &Method::POST,
        host: "127.0.0.1:7780",
        query: "",
        headers: &headers,
        body: data,
    };
    let Ok(envelope) = wire::parse(&request) else {
        return;
    };
    if let Proof::V1(proof) = &envelope.proof {
        let key = SecretKey::new("secret".to_owned());
        assert!(!proof.verify(&key), "nobody signed this");
    }
    if let Ok(parameters) = envelope.parameters() {
        check_bounds(&parameters);
    }
}

/// The business parameters of a POST request with this body; `None` when it is refused.
fn parameters_of(content_type: &'static str, body: &[u8]) -> Option<Parameters> {
    let headers = headers_of(content_type);
    let request = Request {
        method: &Method::POST,
        host: "127.0.0.1:7780",
        query: "",
        headers: &headers,
        body,
    };
    let envelope = wire::parse(&request).expect("the headers are right");
    let parameters = envelope.parameters().ok()?;
    check_bounds(&parameters);
    Some(parameters)
}

/// Everything that a TC3 request needs besides its body.
fn headers_of(content_type: &'static str) -> HeaderMap {
    let authorization = concat!(
        "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2023-11-14/signet/tc3_request, SignedHeaders=content-type;host;x-tc-action;x-tc-version, ",
        "Signature=0000000000000000000000000000000000000000000000000000000000000000"
    );
    let headers = [
        ("content-type", content_type),
        ("authorization", authorization),
        ("x-tc-action", "DescribeFleet"),
        ("x-tc-version", "2026-11-24"),
        ("x-tc-timestamp", "1700000000"),
    ];
    headers
        .into_iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

fn check_bounds(parameters: &Parameters) {
    assert!(values(&parameters.map.clone().into()) <= MAX_VALUES + 1);
}

fn values(of: &serde_json::Value) -> usize {
    1 + match of {
        serde_json::Value::Array(items) => items.iter().map(values).sum(),
        serde_json::Value::Object(fields) => fields.values().map(values).sum(),
        _ => 0,
    }
}
