//! Connecting: names, several addresses, a source address.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use tokio::{
    net::{TcpSocket, TcpStream, UnixStream, lookup_host},
    time::{Instant, timeout_at},
};

use crate::{
    Gate, Reason, Step,
    target::{Name, NameKind},
};

/// Connects to one of the host's addresses that the gate lets pass, until `by`. They are tried in turn; each gets its share of the time that is left.
pub(crate) async fn tcp(
    host: &Name,
    port: u16,
    from: Option<IpAddr>,
    gate: Option<&dyn Gate>,
    by: Instant,
) -> Result<TcpStream, Reason> {
    let addresses = timeout_at(by, resolve(host, port))
        .await
        .map_err(|_| Reason::TimedOut {
            step: Step::Connect,
        })??;
    let mut reason = Reason::NotResolved {
        detail: "no address".to_owned(),
    };
    for (index, address) in addresses.iter().enumerate() {
        if let Err(why) = gate.map_or(Ok(()), |gate| gate.address(*address)) {
            reason = forbidden(address.to_string(), why);
            continue;
        }
        let left = u32::try_from(addresses.len() - index).expect("a host has few addresses");
        let share = by.saturating_duration_since(Instant::now()) / left;
        match timeout_at(Instant::now() + share, connect(*address, from)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => reason = unreachable(address.to_string(), &error),
            Err(_) => {
                reason = Reason::TimedOut {
                    step: Step::Connect,
                }
            }
        }
    }
    Err(reason)
}

/// Connects to a Unix socket, until `by`: it can block when the server's backlog is full.
pub(crate) async fn unix(
    path: &Path,
    gate: Option<&dyn Gate>,
    by: Instant,
) -> Result<UnixStream, Reason> {
    let path = match gate {
        Some(gate) => &*gate
            .socket(path)
            .map_err(|why| forbidden(path.display().to_string(), why))?,
        None => path,
    };
    let connected = timeout_at(by, UnixStream::connect(path))
        .await
        .map_err(|_| Reason::TimedOut {
            step: Step::Connect,
        })?;
    connected.map_err(|error| unreachable(path.display().to_string(), &error))
}

async fn resolve(host: &Name, port: u16) -> Result<Vec<SocketAddr>, Reason> {
    match &host.0 {
        NameKind::Ip(ip) => Ok(vec![SocketAddr::new(*ip, port)]),
        NameKind::Dns(host) => {
            let found =
                lookup_host((host.as_str(), port))
                    .await
                    .map_err(|e| Reason::NotResolved {
                        detail: e.to_string(),
                    })?;
            // A handful is enough: each further one would only shorten the others' time.
            Ok(found.take(8).collect())
        }
    }
}

async fn connect(address: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    if let Some(from) = from.filter(|from| from.is_ipv4() == address.is_ipv4()) {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn forbidden(address: String, why: String) -> Reason {
    Reason::Forbidden { address, why }
}

fn unreachable(address: String, error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::Refused { address },
        _ => Reason::Unreachable {
            address,
            detail: error.to_string(),
        },
    }
}
