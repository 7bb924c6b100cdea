//! The agents' own listener: TLS always, and a client certificate for everything but enrolling.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wire::agent::{
    DONE, Done, ENROL, MACHINE, MAX_BODY, NEXT, Next, RENEW, Received, Refused, Report,
};

use super::agents_tls::{self, Configs};
use super::bodies::{Reader, UNPROVEN, Unread};
use super::connections::Connections;
use super::framing::{Framed, LONGEST_HEAD};
use super::listener::{self, Accepted, Caller};
use super::{Reply, refuse_ambiguous};
use crate::service::Service;
use crate::state::pki::AgentRecord;
use crate::work::enrolment::{self, Denied, Shown};
use crate::work::witness;

/// Serves agents until it is stopped. Agents that wait for an order are cut off then; they come again.
pub async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    configs: Arc<Configs>,
    stopped: CancellationToken,
) {
    let metrics = service.edge.metrics.listener("agents");
    let (limits, most) = (&service.config.limits, service.config.max_connections);
    let connections = Connections::new(limits, most, metrics);
    let each = {
        let (service, stopped) = (Arc::clone(&service), stopped.clone());
        move |accepted: Accepted| {
            let (service, configs) = (Arc::clone(&service), Arc::clone(&configs));
            let stopped = stopped.clone();
            async move {
                tokio::select! {
                    () = connection(&service, &configs, accepted) => {}
                    () = stopped.cancelled() => {}
                }
            }
        }
    };
    listener::serve(
        service,
        listener,
        connections,
        stopped,
        Duration::from_secs(1),
        each,
    )
    .await;
}

async fn connection(service: &Arc<Service>, configs: &Configs, accepted: Accepted) {
    let Accepted {
        stream,
        from,
        place,
    } = accepted;
    let acceptor = match configs.acceptor(service).await {
        Ok(acceptor) => acceptor,
        Err(error) => {
            tracing::error!(%error, "the agents' listener has no certificate");
            return;
        }
    };
    let stream = match acceptor.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::info!(%from, %error, "an agent's handshake failed");
            return;
        }
    };
    place.connection().is_open();
    let caller = Arc::new(Caller {
        from,
        connection: Arc::clone(place.connection()),
    });
    let shown = agents_tls::shown(stream.get_ref().1);
    let held = service.edge.bodies.held_for(from);
    let stream = Framed::new(stream, Arc::clone(&caller.connection), held);
    let answer = service_fn(move |request| {
        let (service, shown) = (Arc::clone(service), shown.clone());
        let caller = Arc::clone(&caller);
        async move {
            caller.connection.is_busy();
            let reply = route(&service, &caller, shown.as_ref(), request).await;
            caller.connection.is_idle();
            Ok::<_, std::convert::Infallible>(reply)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%from, %error, "an agent's connection broke");
    }
}

/// Which route a request takes. `shown` is the client certificate.
async fn route(
    service: &Arc<Service>,
    caller: &Caller,
    shown: Option<&Shown>,
    request: Request<Incoming>,
) -> Reply {
    if let Some(reply) = refuse_ambiguous(service, caller, request.method()) {
        return reply;
    }
    if request.method() != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "only POST is supported");
    }
    let path = request.uri().path().to_owned();
    let answered = match path.as_str() {
        ENROL => enrol(service, caller, request).await,
        NEXT | DONE | RENEW => known(service, caller, shown, &path, request).await,
        _ => Err(Denied::Malformed("there is nothing here".into())),
    };
    answered.unwrap_or_else(|denied| deny(service, caller.from, &path, &denied))
}

async fn enrol(
    service: &Arc<Service>,
    caller: &Caller,
    request: Request<Incoming>,
) -> Result<Reply, Denied> {
    let machine = machine(&request)?;
    let asked = read(service, caller, request, UNPROVEN).await?;
    let enrolled = enrolment::enrol(service, caller.from, machine, asked).await?;
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
    caller: &Caller,
    shown: Option<&Shown>,
    path: &str,
    request: Request<Incoming>,
) -> Result<Reply, Denied> {
    let machine = machine(&request)?;
    let agent = enrolment::identify(service, shown, machine.as_deref()).await?;
    caller.connection.prove();
    let shown = shown.map(|shown| shown.sha256.as_str());
    match path {
        NEXT => {
            let next = next(
                service,
                &agent,
                read(service, caller, request, MAX_BODY).await?,
            )
            .await;
            // It may have been revoked while it waited.
            enrolment::admit(service, shown).await?;
            answer(&next)
        }
        DONE => {
            let done: Done = read(service, caller, request, MAX_BODY).await?;
            service.agents.done(agent.id, done);
            answer(&Received {})
        }
        _ => {
            let shown = shown.unwrap_or_default();
            let request = read(service, caller, request, MAX_BODY).await?;
            let renewed = enrolment::renew(service, caller.from, &agent, shown, request).await?;
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

async fn read<T: DeserializeOwned>(
    service: &Service,
    caller: &Caller,
    request: Request<Incoming>,
    limit: usize,
) -> Result<T, Denied> {
    let (parts, body) = request.into_parts();
    let held = service.edge.bodies.held_for(caller.from);
    let is_here = caller.connection.has_whole_request();
    caller.connection.awaits_body();
    let reader = Reader::new(body, &parts.headers, held, is_here);
    let (body, _held) = reader.whole(limit).await.map_err(unread)?;
    caller.connection.is_busy();
    serde_json::from_slice(&body).map_err(|error| Denied::Malformed(error.to_string()))
}

fn unread(why: Unread) -> Denied {
    Denied::Malformed(match why {
        Unread::TooLarge(limit) => format!("the body has more than {limit} bytes"),
        Unread::NoRoom => "too many bytes of unfinished requests are under way".into(),
        Unread::TookTooLong => "the body took too long".into(),
        Unread::BrokeOff => "the body broke off".into(),
    })
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
