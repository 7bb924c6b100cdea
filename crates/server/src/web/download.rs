//! `/certificates/{instance or group}/{file}?expires=…&signature=…`: the CA bundle, by a signed link.

use std::net::SocketAddr;

use bytes::Bytes;
use ca::bundle::{Bundle, Format};
use http_body_util::Full;
use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
};
use hyper::{Request, Response, StatusCode};
use sha2::{Digest, Sha256};
use wire::RequestId;

use crate::http::{Reply, text};
use crate::service::Service;
use crate::state::audit::{Line, Outcome};
use crate::state::link::Refused;
use crate::state::observed;
use crate::state::subject::Subject;
use crate::web::readme;

/// Answers a download. `rest` is the path behind `/certificates/`.
pub async fn answer<B>(
    service: &Service,
    from: SocketAddr,
    rest: &str,
    request: &Request<B>,
) -> Reply {
    let Some((id, file)) = rest.split_once('/') else {
        return nothing();
    };
    let query = Query::of(request.uri().query().unwrap_or_default());
    if let Err(refused) =
        service
            .links
            .check(id, query.expires, query.signature, service.clock.now())
    {
        return refuse(service, from, id, refused);
    }
    // From here on the link is ours; what it names may have been deregistered since.
    let (Some(format), Some(subject)) = (Format::from_file_name(file), named(service, id)) else {
        return nothing();
    };
    match build(service, &subject, format).await {
        Ok(Some(bytes)) => reply(request, format, bytes),
        Ok(None) => nothing(),
        Err(error) => {
            tracing::error!(
                id,
                file,
                error = format!("{error:#}"),
                "a bundle could not be made"
            );
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The bundle could not be made. The log of the server has the reason.\n",
            )
        }
    }
}

/// What the link is for, whoever's it is: a link is its own permission.
fn named(service: &Service, id: &str) -> Option<Subject> {
    Subject::of(&service.catalog, id.parse().ok()?)
}

/// The file's bytes; `None` when no certificate is known.
async fn build(
    service: &Service,
    subject: &Subject,
    format: Format,
) -> anyhow::Result<Option<Vec<u8>>> {
    let anchors = observed::anchors(&service.catalog, subject.common()).await?;
    if anchors.certificates.is_empty() {
        return Ok(None);
    }
    let readme = readme::of(subject, anchors.complete);
    Ok(Some(
        Bundle::new(anchors.certificates)?.file(format, &readme)?,
    ))
}

/// The same certificates make the same bytes, so their hash is the version.
fn reply<B>(request: &Request<B>, format: Format, bytes: Vec<u8>) -> Reply {
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&bytes)[..16]));
    let is_known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags == "*" || tags.contains(&tag));
    let (status, body) = if is_known {
        (StatusCode::NOT_MODIFIED, Bytes::new())
    } else {
        (StatusCode::OK, Bytes::from(bytes))
    };
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    for (name, value) in [
        (ETAG, tag),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", format.file_name()),
        ),
    ] {
        headers.insert(name, HeaderValue::from_str(&value).expect("made of ASCII"));
    }
    reply
}

fn nothing() -> Reply {
    text(StatusCode::NOT_FOUND, "There is no such file.\n")
}

fn refuse(service: &Service, from: SocketAddr, id: &str, refused: Refused) -> Reply {
    let code = match refused {
        Refused::Signature => "LinkSignature",
        Refused::Expired => "LinkExpired",
    };
    service.audit.note(&Line {
        time: service.clock.now(),
        request_id: RequestId::from_random(service.entropy.bytes()).to_string(),
        outcome: Outcome::Refused,
        account: None,
        secret_id: String::new(),
        from,
        action: "download".into(),
        resource: id.chars().take(64).collect(),
        code,
        changes: Vec::new(),
    });
    text(StatusCode::FORBIDDEN, format!("{refused}\n"))
}

/// The two parameters of a link; others are none of our business.
struct Query<'a> {
    expires: &'a str,
    signature: &'a str,
}

impl<'a> Query<'a> {
    fn of(query: &'a str) -> Self {
        let value = |name| {
            query
                .split('&')
                .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
                .map_or("", |(_, value)| value)
        };
        Self {
            expires: value("expires"),
            signature: value("signature"),
        }
    }
}
