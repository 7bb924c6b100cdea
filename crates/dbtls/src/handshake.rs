//! TLS with a MySQL server: SSLRequest, the handshake, what it showed.

use std::{net::IpAddr, sync::Arc};

use rustls::{AlertDescription, ClientConfig, ClientConnection, Error, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    Name, Reason, Step, Tls,
    greeting::Hello,
    obsolete::{cipher_name, version_name},
    packet::{self, broken, capability},
    report::server_name,
    verifier::Recorder,
};

/// How a handshake failed.
pub(crate) enum Failure {
    /// In a way that tells nothing about the server's TLS.
    Ended(Reason),
    /// The server and our library have no version or cipher in common.
    Incompatible(String),
}

/// SSLRequest. Answers the capabilities that the login must repeat.
pub(crate) async fn request<S: AsyncWrite + Unpin>(
    stream: &mut S,
    hello: &Hello,
) -> Result<u32, Reason> {
    let capabilities = capabilities(hello, capability::SSL);
    packet::write(
        stream,
        1,
        &packet::client_header(capabilities),
        Step::Handshake,
    )
    .await?;
    Ok(capabilities)
}

/// What we ask of a server; `tls` is [`capability::SSL`] or 0.
pub(crate) fn capabilities(hello: &Hello, tls: u32) -> u32 {
    let ours = capability::LONG_PASSWORD | capability::PROTOCOL_41 | capability::SECURE_CONNECTION;
    ours | tls | hello.capabilities & capability::PLUGIN_AUTH
}

/// The handshake, until `by`: never refused by us, whatever the server shows.
pub(crate) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: Option<&Name>,
    config: &ClientConfig,
    by: Instant,
) -> Result<(TlsStream<S>, Tls), Failure> {
    let recorder = Recorder::new();
    let mut config = config.clone();
    config
        .dangerous()
        .set_certificate_verifier(Arc::clone(&recorder) as _);
    let connected = TlsConnector::from(Arc::new(config)).connect(sni(host), stream);
    let step = Step::Handshake;
    let stream = timeout_at(by, connected)
        .await
        .map_err(|_| Failure::Ended(Reason::TimedOut { step }))?
        .map_err(|error| failure(&error))?;
    let tls = negotiated(stream.get_ref().1, &recorder);
    Ok((stream, tls))
}

/// The name for SNI. An IP address stands for "none": it is never sent.
fn sni(host: Option<&Name>) -> ServerName<'static> {
    host.and_then(server_name)
        .unwrap_or(ServerName::IpAddress(IpAddr::from([127, 0, 0, 1]).into()))
}

fn failure(error: &std::io::Error) -> Failure {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    match cause {
        Some(cause) if has_nothing_in_common(cause) => Failure::Incompatible(cause.to_string()),
        Some(cause) => Failure::Ended(Reason::HandshakeFailed {
            detail: cause.to_string(),
        }),
        None => Failure::Ended(broken(error, Step::Handshake)),
    }
}

fn has_nothing_in_common(error: &Error) -> bool {
    use AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};
    matches!(
        error,
        Error::PeerIncompatible(_)
            | Error::AlertReceived(ProtocolVersion | HandshakeFailure | InsufficientSecurity)
    )
}

fn negotiated(connection: &ClientConnection, recorder: &Recorder) -> Tls {
    Tls {
        version: connection
            .protocol_version()
            .map(|version| version_name(version.into()))
            .unwrap_or_default(),
        cipher: connection
            .negotiated_cipher_suite()
            .map(|suite| cipher_name(suite.suite()))
            .unwrap_or_default(),
        chain: connection
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|der| der.to_vec())
            .collect(),
        signature_checked: recorder.signature_checked(),
    }
}
