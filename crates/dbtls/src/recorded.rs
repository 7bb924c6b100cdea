//! What servers sent, read from memory instead of a connection: for recorded connections, and for tests with any bytes.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use tokio::io::join;

use crate::{
    Greeting, Login, LoginOutcome, Reason, Rows, SqlError, Tls,
    auth::{self, Reveal, Verdict},
    greeting, handshake, obsolete, session,
};

/// Reads the payload of a server's first packet.
///
/// # Errors
/// What it is instead of a greeting.
pub fn greeting(payload: &[u8]) -> Result<Greeting, Reason> {
    greeting::parse(payload).map(|hello| hello.greeting)
}

/// Reads the first handshake messages of a server whose TLS is 1.2 or older, without their records; `None` until they are complete.
///
/// # Errors
/// [`Reason::HandshakeFailed`] when they are none.
pub fn first_flight(messages: &[u8]) -> Result<Option<Tls>, Reason> {
    obsolete::parse(messages)
}

/// Logs in to a server that greeted like this and sends these packets, whatever it is answered. The second part is what it was sent.
/// Where it asks for the password itself, it gets it encrypted by its own key if `by_key`, else not at all.
///
/// # Errors
/// In the first part: how the login broke.
pub fn login(
    greeting: &[u8],
    packets: &[u8],
    login: &Login,
    by_key: bool,
) -> (Result<LoginOutcome, Reason>, Vec<u8>) {
    let mut sent = Vec::new();
    let hello = match greeting::parse(greeting) {
        Ok(hello) => hello,
        Err(reason) => return (Err(reason), sent),
    };
    let to = (&hello, handshake::capabilities(&hello, 0));
    let reveal = if by_key {
        Reveal::ByKey
    } else {
        Reveal::Nothing
    };
    let mut stream = join(packets, &mut sent);
    let verdict = at_once(auth::authenticate(&mut stream, 1, to, login, reveal));
    let outcome = verdict.map(|verdict| match verdict {
        Verdict::Accepted => LoginOutcome::Accepted,
        Verdict::Denied { code, text, .. } => LoginOutcome::Denied { code, text },
        Verdict::Withheld => LoginOutcome::Withheld,
    });
    (outcome, sent)
}

/// Reads the packets of the answer to a SQL statement.
///
/// # Errors
/// The server's own error, or how it broke the protocol.
pub fn answer(packets: &[u8]) -> Result<Rows, SqlError> {
    let mut stream = join(packets, tokio::io::sink());
    at_once(session::ask(&mut stream, "SELECT 1"))
}

/// What comes of reading from memory, which never has to wait.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("all of it is in memory"),
    }
}
