//! The control plane, as the agent reaches it: an address, a connection that is kept while it lasts, questions and answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use wire::agent::{MACHINE, MAX_BODY, Refused};

use crate::ambient;

/// Why a question has no answer.
mod error;
/// TLS on the way there: by a pinned root at first, by certificates on both ends later.
mod tls;

pub(crate) use error::ControlError;
pub(crate) use tls::{TlsError, for_enrolment, for_identity};

/// Where the control plane listens for agents: `https://HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Address {
    host: String,
    port: u16,
}

/// The port that is meant when an address names none.
const DEFAULT_PORT: u16 = 7781;

impl Address {
    /// The host, as its certificate names it.
    fn name(&self) -> Option<ServerName<'static>> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(bare.to_owned()).ok()
    }
}

impl std::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not the address of a control plane: expected https://HOST or https://HOST:PORT"
            )
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let https = uri.scheme_str() == Some("https")
            && uri.authority().is_some_and(|a| !a.as_str().contains('@'));
        let address = Self {
            host: uri.host().unwrap_or_default().to_owned(),
            port: uri.port_u16().unwrap_or(DEFAULT_PORT),
        };
        if bare && https && address.name().is_some() {
            Ok(address)
        } else {
            Err(wrong())
        }
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}:{}", self.host, self.port)
    }
}

/// An open connection.
type Way = SendRequest<Full<Bytes>>;

/// The way to the control plane. One question at a time.
pub(crate) struct Link {
    address: Address,
    tls: TlsConnector,
    /// The machine that this agent runs on, as every request names it.
    machine: Option<String>,
    kept: Option<Way>,
}

impl Link {
    /// Connects when there is something to ask.
    pub(crate) fn new(address: Address, tls: ClientConfig) -> Self {
        Self {
            address,
            tls: TlsConnector::from(Arc::new(tls)),
            machine: ambient::machine(),
            kept: None,
        }
    }

    /// Asks, and waits for the answer no longer than `limit`.
    ///
    /// # Errors
    /// [`ControlError`] says what the operator can do.
    pub(crate) async fn ask<A: DeserializeOwned>(
        &mut self,
        path: &'static str,
        question: &impl Serialize,
        limit: Duration,
    ) -> Result<A, ControlError> {
        let question = serde_json::to_vec(question).expect("the messages of the protocol are JSON");
        let asked = tokio::time::timeout(limit, self.exchange(path, question.into())).await;
        let (status, body) = asked.unwrap_or_else(|_| Err(self.late(limit)))?;
        if status != StatusCode::OK {
            return Err(self.refused(status, &body));
        }
        serde_json::from_slice(&body).map_err(|e| self.not_understood(e.to_string()))
    }

    /// Connects and asks nothing.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); but an agent that was refused learns so only when it asks.
    pub(crate) async fn try_out(&mut self) -> Result<(), ControlError> {
        let limit = Duration::from_secs(10);
        let connected = tokio::time::timeout(limit, self.connect()).await;
        self.kept = Some(connected.unwrap_or_else(|_| Err(self.late(limit)))?);
        Ok(())
    }

    async fn exchange(
        &mut self,
        path: &'static str,
        question: Bytes,
    ) -> Result<(StatusCode, Bytes), ControlError> {
        let (way, answer) = self.send(path, question).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|e| self.broken(&*e))?.to_bytes();
        self.kept = Some(way);
        Ok((status, body))
    }

    async fn send(
        &mut self,
        path: &'static str,
        question: Bytes,
    ) -> Result<(Way, Response<Incoming>), ControlError> {
        // The control plane may be closing a kept connection just now. To ask twice does no harm.
        if let Some(mut kept) = self.kept.take()
            && kept.ready().await.is_ok()
            && let Ok(answer) = kept
                .send_request(self.request(path, question.clone()))
                .await
        {
            return Ok((kept, answer));
        }
        let mut fresh = self.connect().await?;
        let answer = fresh.send_request(self.request(path, question)).await;
        Ok((fresh, answer.map_err(|e| self.broken(&e))?))
    }

    fn request(&self, path: &'static str, question: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::post(path)
            .header(HOST, format!("{}:{}", self.address.host, self.address.port))
            .header(CONTENT_TYPE, "application/json");
        if let Some(machine) = &self.machine {
            request = request.header(MACHINE, machine);
        }
        request
            .body(Full::new(question))
            .expect("a path that is a constant, and a host that was an address before")
    }

    async fn connect(&self) -> Result<Way, ControlError> {
        let bare = self
            .address
            .host
            .trim_start_matches('[')
            .trim_end_matches(']');
        let socket = TcpStream::connect((bare, self.address.port))
            .await
            .map_err(|e| self.broken(&e))?;
        let name = self
            .address
            .name()
            .expect("it was a name when the address was read");
        let stream = self
            .tls
            .connect(name, socket)
            .await
            .map_err(|e| self.broken(&e))?;
        let (way, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|e| self.broken(&e))?;
        tokio::spawn(async move { drop(connection.await) }); // whoever asks learns how it ended
        Ok(way)
    }

    fn broken(&self, cause: &(dyn std::error::Error + 'static)) -> ControlError {
        ControlError::of(&self.address, cause)
    }

    fn late(&self, limit: Duration) -> ControlError {
        let cause = format!("no answer within {} s", limit.as_secs());
        ControlError::Unreachable {
            address: self.address.to_string(),
            cause,
        }
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> ControlError {
        let reason = serde_json::from_slice::<Refused>(body)
            .map_or_else(|_| "it gave no reason".to_owned(), |r| r.reason);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ControlError::Refused { reason },
            _ => ControlError::Failed {
                address: self.address.to_string(),
                status: status.as_u16(),
                reason,
            },
        }
    }

    fn not_understood(&self, cause: String) -> ControlError {
        ControlError::NotUnderstood {
            address: self.address.to_string(),
            cause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_a_host() {
        for (text, read) in [
            (
                "https://signet.example.com",
                "https://signet.example.com:7781",
            ),
            (
                "https://signet.example.com:443/",
                "https://signet.example.com:443",
            ),
            ("https://192.0.2.1:7781", "https://192.0.2.1:7781"),
            ("https://[2001:db8::1]:7781", "https://[2001:db8::1]:7781"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), read);
            assert_eq!(read.parse(), Ok(address));
        }
        for text in [
            "",
            "signet.example.com",
            "http://a",
            "https://",
            "https://a/agent",
            "https://a?x",
            "https://u:p@a",
            "https://a b",
        ] {
            assert_eq!(
                text.parse::<Address>().unwrap_err(),
                format!(
                    "`{text}` is not the address of a control plane: expected https://HOST or https://HOST:PORT"
                )
            );
        }
    }
}
