//! HTTP: the listener, its connections, and which door a request goes through.

pub mod agents;
pub mod agents_tls;
pub mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use wire::Refusal;
use wire::envelope::MAX_TC3_BODY;

use crate::api::call;
use crate::service::Service;
use crate::web;

/// How long a connection may take for a request's head, or be idle between two. Go's client drops idle
/// connections after 30 s and fails when the server is faster, so this is well above.
const HEAD: Duration = Duration::from_secs(90);
/// How long a body may take.
const BODY: Duration = Duration::from_secs(60);
/// How much of a body that is too large is still read: many clients send all of it before they look for an answer.
const DRAIN: usize = 64 << 20;
/// The first byte of a TLS record with a handshake in it.
const TLS_HANDSHAKE: u8 = 0x16;

/// The answer type of every door.
pub type Reply = Response<Full<Bytes>>;

/// Accepts connections until it is told to stop, then lets those under way finish.
pub async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    stopped: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(service.config.max_connections));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped.cancelled() => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let (service, acceptor, stopped) =
                    (Arc::clone(&service), acceptor.clone(), stopped.clone());
                tokio::spawn(async move {
                    connection(service, stream, from, acceptor, stopped).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: some will be free again soon.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let all = u32::try_from(service.config.max_connections).unwrap_or(u32::MAX);
    if tokio::time::timeout(service.config.shutdown_timeout, room.acquire_many(all))
        .await
        .is_err()
    {
        tracing::warn!("some connections were cut off at shutdown");
    }
}

async fn connection(
    service: Arc<Service>,
    stream: TcpStream,
    from: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    stopped: CancellationToken,
) {
    // Answers are one small write each; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        let greets_with_tls = tokio::select! {
            greets = greets_with_tls(&stream) => greets,
            () = stopped.cancelled() => return, // browsers open connections that they may never use
        };
        if greets_with_tls {
            tracing::warn!(%from, "a TLS handshake arrived on the plain HTTP port; the connection is closed. Use http:// in the client, or configure [tls]");
            return;
        }
        return converse(service, stream, from, stopped).await;
    };
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(HEAD, acceptor.accept(stream)) => accepted,
        () = stopped.cancelled() => return,
    };
    match accepted {
        Ok(Ok(stream)) => converse(service, stream, from, stopped).await,
        Ok(Err(error)) => tracing::debug!(%from, %error, "the TLS handshake failed"),
        Err(_) => tracing::debug!(%from, "the TLS handshake took too long"),
    }
}

/// Such a client would wait for its whole time-out if it were not told at once.
async fn greets_with_tls(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(tokio::time::timeout(HEAD, stream.peek(&mut first)).await, Ok(Ok(1)) if first[0] == TLS_HANDSHAKE)
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    service: Arc<Service>,
    stream: S,
    from: SocketAddr,
    stopped: CancellationToken,
) {
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, std::convert::Infallible>(route(&service, from, request).await) }
    });
    let mut connection = std::pin::pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(128 << 10) // a GET may be 32 KB; hyper answers 431 beyond this
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

/// Which door a request goes through.
async fn route(service: &Arc<Service>, from: SocketAddr, request: Request<Incoming>) -> Reply {
    let path = request.uri().path();
    let has_console = service.config.console.enabled;
    if path == "/" {
        return if has_console && comes_to_look(&request) {
            web::console::entrance()
        } else {
            api(service, from, request).await
        };
    }
    if has_console && (path == "/console" || path.starts_with(web::console::ROOT)) {
        return web::console::answer(service, from, request).await;
    }
    let is_reading = request.method() == Method::GET || request.method() == Method::HEAD;
    match path {
        _ if !is_reading => text(
            StatusCode::METHOD_NOT_ALLOWED,
            "Only GET and HEAD are supported here.\n",
        ),
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" => text(StatusCode::OK, "ready\n"), // nothing listens before the catalog is loaded
        "/metrics" => web::metrics(service),
        _ => match path.strip_prefix("/certificates/") {
            Some(file) if file.ends_with(web::revocations::EXTENSION) => {
                web::revocations::answer(service, file)
            }
            Some(rest) => web::download::answer(service, from, rest, &request).await,
            None => text(
                StatusCode::NOT_FOUND,
                "There is nothing here. The API is at /.\n",
            ),
        },
    }
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
async fn api(service: &Arc<Service>, from: SocketAddr, request: Request<Incoming>) -> Reply {
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
    let answer = match read(body, &parts.headers, MAX_TC3_BODY).await {
        Ok(body) => {
            request.body = &body;
            call::answer(service, from, &request).await
        }
        Err(refusal) => call::refuse(service, from, &request, refusal),
    };
    reply_of(answer)
}

/// The HTTP answer around an answer of the API.
pub fn reply_of(answer: Vec<u8>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(answer)));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(wire::CONTENT_TYPE));
    reply
}

/// Reads a body of at most so many bytes.
///
/// # Errors
/// When it is larger, breaks off, or takes too long.
pub async fn read(
    body: Incoming,
    headers: &hyper::HeaderMap,
    limit: usize,
) -> Result<Bytes, Refusal> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        drain(body).await;
        return Err(Refusal::request_size_limit_exceeded(limit));
    }
    let took_too_long = "The request body took too long to arrive.";
    let read = tokio::time::timeout(BODY, whole(body, limit)).await;
    read.unwrap_or_else(|_| Err(Refusal::malformed_parameters(took_too_long)))
}

/// All of a body. Nearly every one comes in one piece, which is then not copied.
async fn whole(mut body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let broken =
            |_| Refusal::malformed_parameters("The request body broke off before its end.");
        let Ok(piece) = frame.map_err(broken)?.into_data() else {
            continue; // trailers
        };
        if first.len() + all.len() + piece.len() > limit {
            drain(body).await;
            return Err(Refusal::request_size_limit_exceeded(limit));
        }
        if first.is_empty() && all.is_empty() {
            first = piece;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&piece);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

async fn drain(mut body: Incoming) {
    let mut left = DRAIN;
    let drained = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Either way the answer is the same.
    let _ = tokio::time::timeout(BODY, drained).await;
}
