//! What every listener does: accepts connections within their budget, finds out who calls, and lets those under way finish at the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::{Connection, Connections, Place};
use super::proxies;
use crate::service::Service;

/// A connection that was accepted.
pub struct Accepted {
    /// The bytes; a PROXY header was taken off.
    pub stream: TcpStream,
    /// The caller: the peer, or whom a trusted proxy names.
    pub from: SocketAddr,
    /// Its place among the connections, until it is dropped.
    pub place: Place,
}

/// Who makes a request, and over what.
pub struct Caller {
    /// The caller's address; its port is 0 when only the address is known.
    pub from: SocketAddr,
    /// The connection.
    pub connection: Arc<Connection>,
}

/// Serves each connection by `each` until it is stopped, then waits for those under way, at most `patience`.
pub async fn serve<F, S>(
    service: Arc<Service>,
    listener: TcpListener,
    connections: Arc<Connections>,
    stopped: CancellationToken,
    patience: Duration,
    each: F,
) where
    F: Fn(Accepted) -> S + Clone + Send + 'static,
    S: Future<Output = ()> + Send,
{
    let under_way = TaskTracker::new();
    under_way.spawn(Arc::clone(&connections).watch(stopped.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = connections.admit() else {
                    continue;
                };
                let connection = Arc::clone(place.connection());
                let (service, each) = (Arc::clone(&service), each.clone());
                let task = under_way.spawn(async move {
                    if let Some(accepted) = identify(&service, stream, peer, place).await {
                        each(accepted).await;
                    }
                });
                connection.is_served_by(task.abort_handle());
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted; idle ones are closed. Raise the limit of open files if this goes on");
                connections.relieve();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    under_way.close();
    if tokio::time::timeout(patience, under_way.wait())
        .await
        .is_err()
    {
        tracing::warn!("some connections were cut off at shutdown");
    }
}

/// Finds out who calls. `None` when the connection is to be closed.
async fn identify(
    service: &Service,
    mut stream: TcpStream,
    peer: SocketAddr,
    place: Place,
) -> Option<Accepted> {
    // Answers are one small write each; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let http = &service.config.http;
    let is_proxy = !http.trusted_proxies.is_empty() && http.trusts(peer.ip());
    let named = if is_proxy && http.proxy_protocol {
        let header = proxies::read_header(&mut stream).await;
        header
            .inspect_err(|error| tracing::warn!(%peer, %error, "a connection was closed"))
            .ok()?
    } else {
        None
    };
    // A proxy's own connections carry many callers and are not limited by its address.
    let counted = if is_proxy { named } else { Some(peer) };
    if counted.is_some_and(|caller| !place.belongs_to(caller)) {
        return None;
    }
    Some(Accepted {
        stream,
        from: named.unwrap_or(peer),
        place,
    })
}
