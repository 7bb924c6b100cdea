//! What goes wrong in both kinds of signature.

use http::Method;
use zeroize::Zeroizing;

use super::{Deviation, Question};
use crate::tc3::without_port;

/// Other keys than the SecretKey.
pub(super) fn secrets(question: &Question<'_>) -> Vec<(Deviation, Zeroizing<String>)> {
    let secret = question.secret_key.expose();
    let with = |before: &str, after: &str| Zeroizing::new([before, secret, after].concat());
    let around = [
        ("", "\n"),
        ("", " "),
        (" ", ""),
        ("", "\r"),
        ("", "\r\n"),
        ("", "\t"),
        (" ", " "),
        ("\n", ""),
    ];
    let mut secrets: Vec<_> = around
        .iter()
        .map(|(before, after)| (Deviation::SecretWithWhitespace, with(before, after)))
        .collect();
    secrets.push((Deviation::SecretInQuotes, with("\"", "\"")));
    secrets.push((Deviation::SecretInQuotes, with("'", "'")));
    secrets.push((
        Deviation::SecretIdAsKey,
        Zeroizing::new(question.secret_id.to_owned()),
    ));
    secrets
}

/// Other hosts than the one that was called, for `service` of the vendor.
pub(super) fn hosts(question: &Question<'_>, service: &str) -> Vec<(Deviation, String)> {
    let request = question.request;
    let host = request.host.as_str();
    let name = without_port(host).unwrap_or(host);
    let header = |name| Some(request.headers.get(name)?.to_str().ok()?.to_owned());
    let mut hosts: Vec<_> = ["80", "443", "7780"]
        .map(|port| (Deviation::HostPort, format!("{name}:{port}")))
        .into();
    let forwarded = [header("x-forwarded-host"), header("x-original-host")];
    let region = header("x-tc-region").unwrap_or_default();
    let others = [
        format!("{service}.tencentcloudapi.com"),
        format!("{service}.{region}.tencentcloudapi.com"),
        format!("{service}.intl.tencentcloudapi.com"),
        format!("http://{host}"),
        format!("https://{host}"),
        format!("{host}/"),
        String::new(),
    ];
    let others = forwarded.into_iter().flatten().chain(others);
    hosts.extend(others.map(|host| (Deviation::OtherHost, host)));
    hosts
}

/// Other paths than `/`.
pub(super) fn paths(question: &Question<'_>) -> [String; 3] {
    [
        String::new(),
        question.request.path.clone(),
        "/v2/index.php".to_owned(),
    ]
}

/// GET for POST, and the other way round.
pub(super) fn other_method(question: &Question<'_>) -> &'static str {
    if question.request.method == Method::GET {
        "POST"
    } else {
        "GET"
    }
}
