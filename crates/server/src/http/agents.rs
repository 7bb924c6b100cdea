//! The agents' own listener: TLS always, and a client certificate for everything but enrolling.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wire::agent::{
    DONE, Done, ENROL, MACHINE, MAX_BODY, NEXT, Next, RENEW, Received, Refused, Report,
};

use super::Reply;
use super::agents_tls::{self, Configs};
use crate::service::Service;
use crate::state::pki::AgentRecord;
use crate::work::enrolment::{self, Denied, Shown};
use crate::work::witness;

/// How long a handshake, a head or a body may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a connection may be idle: longer than an order is waited for.
const IDLE: Duration = Duration::from_secs(90);

/// Serves agents until it is told to stop. Agents that wait for an order are cut off then; they come again.
pub async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    configs: Arc<Configs>,
    stopped: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(service.config.max_connections));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped.cancelled() => return,
        };
        match accepted {
            Ok((stream, from)) => {
                let (service, configs) = (Arc::clone(&service), Arc::clone(&configs));
                let stopped = stopped.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = connection(&service, &configs, stream, from) => {}
                        () = stopped.cancelled() => {}
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "an agent's connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(
    service: &Arc<Service>,
    configs: &Configs,
    stream: TcpStream,
    from: SocketAddr,
) {
    let acceptor = match configs.acceptor(service).await {
        Ok(acceptor) => acceptor,
        Err(error) => {
            tracing::error!(%error, "the agents' listener has no certificate");
            return;
        }
    };
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::info!(%from, %error, "an agent's handshake failed");
            return;
        }
        Err(_) => return,
    };
    let shown = agents_tls::shown(stream.get_ref().1);
    let answer = service_fn(move |request| {
        let (service, shown) = (Arc::clone(service), shown.clone());
        async move {
            Ok::<_, std::convert::Infallible>(route(&service, from, shown.as_ref(), request).await)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%from, %error, "an agent's connection broke");
    }
}

/// Which route a request takes. `shown` is the client certificate.
async fn route(
    service: &Arc<Service>,
    from: SocketAddr,
    shown: Option<&Shown>,
    request: Request<Incoming>,
) -> Reply {
    if request.method() != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "only POST is supported");
    }
    let path = request.uri().path().to_owned();
    let answered = match path.as_str() {
        ENROL => enrol(service, from, request).await,
        NEXT | DONE | RENEW => known(service, from, shown, &path, request).await,
        _ => Err(Denied::Malformed("there is nothing here".into())),
    };
    answered.unwrap_or_else(|denied| deny(service, from, &path, &denied))
}

async fn enrol(
    service: &Arc<Service>,
    from: SocketAddr,
    request: Request<Incoming>,
) -> Result<Reply, Denied> {
    let machine = machine(&request)?;
    let enrolled = enrolment::enrol(service, from, machine, read(request).await?).await?;
    answer(&enrolled)
}

/// The machine that the agent says it runs on; `None` for a version that does not say.
fn machine(request: &Request<Incoming>) -> Result<Option<String>, Denied> {
    let Some(value) = request.headers().get(MACHINE) else {
        return Ok(None);
    };
    let is_hash = |text: &&str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let machine = value.to_str().ok().filter(is_hash);
    let wrong = || Denied::Malformed(format!("`{MACHINE}` must be 64 hexadecimal digits"));
    Ok(Some(machine.ok_or_else(wrong)?.to_ascii_lowercase()))
}

/// What only an agent may ask that is known and was not revoked.
async fn known(
    service: &Arc<Service>,
    from: SocketAddr,
    shown: Option<&Shown>,
    path: &str,
    request: Request<Incoming>,
) -> Result<Reply, Denied> {
    let machine = machine(&request)?;
    let agent = enrolment::identify(service, shown, machine.as_deref()).await?;
    let shown = shown.map(|shown| shown.sha256.as_str());
    match path {
        NEXT => {
            let next = next(service, &agent, read(request).await?).await;
            // It may have been revoked while it waited.
            enrolment::admit(service, shown).await?;
            answer(&next)
        }
        DONE => {
            let done: Done = read(request).await?;
            service.agents.done(agent.id, done);
            answer(&Received {})
        }
        _ => {
            let shown = shown.unwrap_or_default();
            let renewed =
                enrolment::renew(service, from, &agent, shown, read(request).await?).await?;
            answer(&renewed)
        }
    }
}

async fn next(service: &Service, agent: &AgentRecord, report: Report) -> Next {
    if let Some(said) = report
        .witness
        .and_then(|said| serde_json::from_value(said).ok())
    {
        witness::take(service, agent.subject, &agent.node, said);
    }
    Next {
        order: service.agents.next(agent.id).await,
    }
}

async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Denied> {
    let body = Limited::new(request.into_body(), MAX_BODY).collect();
    let malformed = |why: String| Denied::Malformed(why);
    let body = tokio::time::timeout(PATIENCE, body)
        .await
        .map_err(|_| malformed("the body took too long".into()))?
        .map_err(|error| malformed(error.to_string()))?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| malformed(error.to_string()))
}

fn answer(what: &impl Serialize) -> Result<Reply, Denied> {
    let body = serde_json::to_vec(what).map_err(|error| Denied::Malformed(error.to_string()))?;
    Ok(json(StatusCode::OK, body))
}

fn deny(service: &Service, from: SocketAddr, path: &str, denied: &Denied) -> Reply {
    let status = match denied {
        Denied::Unknown(_) => StatusCode::UNAUTHORIZED,
        Denied::Malformed(_) => StatusCode::BAD_REQUEST,
        Denied::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    enrolment::audit_denial(service, from, path, denied);
    refused(status, &denied.to_string())
}

fn refused(status: StatusCode, reason: &str) -> Reply {
    let body = Refused {
        reason: reason.to_owned(),
    };
    json(status, serde_json::to_vec(&body).unwrap_or_default())
}

fn json(status: StatusCode, body: Vec<u8>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
