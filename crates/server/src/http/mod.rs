//! HTTP: the listener, its connections, and which door a request goes through.

pub mod agents;
pub mod agents_tls;
pub mod bodies;
pub mod connections;
pub mod framing;
pub mod hosts;
pub mod listener;
pub mod proxies;
pub mod receiving;
pub mod side;
pub mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::api::call;
use crate::config::Config;
use crate::metrics::EdgeMetrics;
use crate::service::Service;
use crate::state::text::escaped;
use crate::web;
use bodies::Bodies;
use connections::Connections;
use framing::{Ambiguity, Framed, LONGEST_HEAD};
use listener::{Accepted, Caller};

/// The first byte of a TLS record with a handshake in it.
const TLS_HANDSHAKE: u8 = 0x16;
/// Tells browsers to come by TLS for a year.
const HSTS: &str = "max-age=31536000";

/// The answer type of every door.
pub type Reply = Response<Full<Bytes>>;

/// What the doors share.
pub struct Edge {
    /// The address that the main listener is bound to.
    pub bound: SocketAddr,
    /// The budget of bytes.
    pub bodies: Arc<Bodies>,
    /// The state of the budgets.
    pub metrics: EdgeMetrics,
    /// What `/metrics` asks for.
    pub metrics_token: Option<web::Token>,
}

/// Accepts connections until it is stopped, then lets those under way finish.
pub async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    tls: Option<Arc<tls::Reloading>>,
    stopped: CancellationToken,
) {
    let Config {
        limits,
        max_connections,
        shutdown_timeout: patience,
        ..
    } = &service.config;
    let metrics = service.edge.metrics.listener("api");
    let connections = Connections::new(limits, *max_connections, metrics);
    let each = {
        let (service, stopped) = (Arc::clone(&service), stopped.clone());
        move |accepted: Accepted| {
            connection(Arc::clone(&service), accepted, tls.clone(), stopped.clone())
        }
    };
    let patience = *patience;
    listener::serve(service, listener, connections, stopped, patience, each).await;
}

async fn connection(
    service: Arc<Service>,
    accepted: Accepted,
    tls: Option<Arc<tls::Reloading>>,
    stopped: CancellationToken,
) {
    let Accepted {
        stream,
        from,
        place,
    } = accepted;
    let caller = Caller {
        from,
        connection: Arc::clone(place.connection()),
    };
    let Some(tls) = tls else {
        let greets_with_tls = tokio::select! {
            greets = greets_with_tls(&stream) => greets,
            () = stopped.cancelled() => return, // browsers open connections that they may never use
        };
        if greets_with_tls {
            tracing::warn!(%from, "a TLS handshake arrived on the plain HTTP port; the connection is closed. Use http:// in the client, or configure [tls]");
            return;
        }
        return converse(service, stream, caller, stopped).await;
    };
    let accepted = tokio::select! {
        accepted = tls.acceptor().accept(stream) => accepted,
        () = stopped.cancelled() => return,
    };
    match accepted {
        Ok(stream) => {
            caller.connection.is_open();
            converse(service, stream, caller, stopped).await;
        }
        Err(error) => tracing::debug!(%from, %error, "the TLS handshake failed"),
    }
}

/// Such a client would wait for its whole time-out if it were not told at once.
async fn greets_with_tls(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1) if first[0] == TLS_HANDSHAKE)
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    service: Arc<Service>,
    stream: S,
    caller: Caller,
    stopped: CancellationToken,
) {
    let from = caller.from;
    let held = service.edge.bodies.held_for(from);
    let stream = Framed::new(stream, Arc::clone(&caller.connection), held);
    let answer = service_fn(move |request: Request<Incoming>| {
        let service = Arc::clone(&service);
        let caller = Caller {
            from: service.config.http.caller(caller.from, request.headers()),
            connection: Arc::clone(&caller.connection),
        };
        async move { Ok::<_, std::convert::Infallible>(answer(&service, &caller, request).await) }
    });
    // Times are watched by `connections`, hyper's own would cost a timer for each request.
    let mut connection = std::pin::pin!(
        hyper::server::conn::http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(LONGEST_HEAD) // hyper answers 431 beyond this
            .serve_connection(TokioIo::new(stream), answer)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%from, %error, "a connection broke");
    }
}

/// Answers a request, unless it can be read in two ways.
async fn answer(service: &Arc<Service>, caller: &Caller, request: Request<Incoming>) -> Reply {
    caller.connection.is_busy();
    if let Some(reply) = refuse_ambiguous(service, caller, request.method()) {
        return reply;
    }
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let mut reply = route(service, caller, request).await;
    if is_chunked {
        close_after(&mut reply); // see `framing`
    }
    if service.config.tls.is_some() {
        let headers = reply.headers_mut();
        headers.insert("strict-transport-security", HeaderValue::from_static(HSTS));
    }
    caller.connection.is_idle();
    reply
}

/// The answer to a request whose end, or whose host, can be read in two ways.
pub fn refuse_ambiguous(service: &Service, caller: &Caller, method: &Method) -> Option<Reply> {
    let ambiguity = caller.connection.ambiguity();
    let (name, why) = match ambiguity.map(|known: Ambiguity| (known.name(), known.text())) {
        None if method == Method::CONNECT => ("connect", "This is no proxy.\n"),
        known => known?,
    };
    service.edge.metrics.ambiguous(name);
    tracing::info!(from = %caller.from, reason = name, "an HTTP request was refused");
    let mut reply = text(StatusCode::BAD_REQUEST, why);
    close_after(&mut reply);
    Some(reply)
}

fn close_after(reply: &mut Reply) {
    let headers = reply.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Which door a request goes through.
async fn route(service: &Arc<Service>, caller: &Caller, request: Request<Incoming>) -> Reply {
    let path = request.uri().path();
    let has_console = service.config.console.enabled;
    if path == "/" && !(has_console && comes_to_look(&request)) {
        return api(service, caller, request).await;
    }
    if let Some(reply) = health(service, path).filter(|_| is_reading(&request)) {
        return reply;
    }
    let needs_host = path != "/metrics" || service.edge.metrics_token.is_none();
    if needs_host && !hosts::is_allowed(&service.config, service.edge.bound, host(&request)) {
        return text(
            StatusCode::MISDIRECTED_REQUEST,
            "This host is not served. Use the address that Signet listens on, or add the host name to [http] allowed_hosts.\n",
        );
    }
    if path == "/" {
        return web::console::entrance();
    }
    if has_console && (path == "/console" || path.starts_with(web::console::ROOT)) {
        return web::console::answer(service, caller, request).await;
    }
    match path {
        _ if !is_reading(&request) => text(
            StatusCode::METHOD_NOT_ALLOWED,
            "Only GET and HEAD are supported here.\n",
        ),
        "/metrics" => web::metrics_beside_the_api(service, request.headers()),
        _ => match path.strip_prefix("/certificates/") {
            Some(file) if file.ends_with(web::revocations::EXTENSION) => {
                web::revocations::answer(service, file)
            }
            Some(rest) => web::download::answer(service, caller.from, rest, &request).await,
            None => text(
                StatusCode::NOT_FOUND,
                "There is nothing here. The API is at /.\n",
            ),
        },
    }
}

fn is_reading(request: &Request<Incoming>) -> bool {
    request.method() == Method::GET || request.method() == Method::HEAD
}

/// The `Host` header, or that of an absolute target.
fn host(request: &Request<Incoming>) -> &str {
    let target = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let header = request.headers().get(HOST);
    target.unwrap_or_else(|| {
        header
            .map_or(Ok(""), HeaderValue::to_str)
            .unwrap_or_default()
    })
}

/// The answer to a health check. Nothing listens before the catalog is loaded.
pub fn health(service: &Service, path: &str) -> Option<Reply> {
    match path {
        "/healthz" => Some(text(StatusCode::OK, "ok\n")),
        "/readyz" => Some(text(StatusCode::OK, readiness(service))),
        _ => None,
    }
}

/// It is ready also when documents are set aside: everything else is served.
fn readiness(service: &Service) -> String {
    let set_aside = service.catalog.set_aside();
    let mut said = "ready\n".to_owned();
    for document in set_aside {
        said += &format!(
            "set aside: {}: {}\n",
            document.key,
            escaped(&document.cause, 200)
        );
    }
    said
}

/// A browser that was given the address alone, and no client of the API, which always names an action.
fn comes_to_look(request: &Request<Incoming>) -> bool {
    let accepted = request.headers().get(ACCEPT);
    let wants_page = accepted.is_some_and(|types| {
        types
            .to_str()
            .is_ok_and(|types| types.contains("text/html"))
    });
    request.method() == Method::GET && request.uri().query().is_none() && wants_page
}

/// A plain answer for people and machines that look at the status.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    reply
}

/// The API: always HTTP status 200, always exactly `application/json`, since clients insist on both.
async fn api(service: &Arc<Service>, caller: &Caller, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    // HTTP/1.1 has the host in a header; with an absolute target it may be there as well.
    let host = parts
        .headers
        .get(HOST)
        .map_or(Ok(""), HeaderValue::to_str)
        .unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let mut request = wire::Request {
        method: &parts.method,
        host,
        query,
        headers: &parts.headers,
        body: &[],
    };
    match receiving::receive(service, caller, &request, body).await {
        Ok((body, _held)) => {
            caller.connection.is_busy();
            request.body = &body;
            let answer = call::answer(service, caller.from, &request).await;
            if answer.is_signed {
                caller.connection.prove();
            }
            reply_of(answer.body)
        }
        Err(refusal) => reply_of(call::refuse(service, caller.from, &request, refusal)),
    }
}

/// The HTTP answer around an answer of the API.
pub fn reply_of(answer: Vec<u8>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(answer)));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(wire::CONTENT_TYPE));
    reply
}
