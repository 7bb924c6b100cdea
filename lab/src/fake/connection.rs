//! What happens on one connection to a fake.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::fleet::Tally;
use super::switch::Switch;
use super::{Behaviour, mysql, tls11};

/// The user that the fakes with TLS let in, with any password.
pub const ACCOUNT: &str = "probe";

/// Between two portions of garbage: for ever, but not for all of the CPU.
const GARBAGE_PAUSE: Duration = Duration::from_millis(10);

/// One address of the fleet: its behaviour and what that needs.
pub(super) struct Fake {
    pub(super) behaviour: Behaviour,
    pub(super) tally: Arc<Tally>,
    /// For [`Behaviour::Tls`].
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// For [`Behaviour::Tls11Only`]: its certificate in DER.
    pub(super) old_certificate: Arc<[u8]>,
    /// For [`Behaviour::Switchable`].
    pub(super) switch: Switch,
}

impl Fake {
    /// Serves one connection to its end. An error is the peer's doing, and only ends the connection.
    pub(super) async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let peer = "127.0.0.1";
        match self.behaviour {
            Behaviour::Tls => self.greet(stream, self.tls.clone()).await,
            Behaviour::NoTls => self.greet(stream, None).await,
            Behaviour::Switchable => self.greet(stream, self.switch.config()).await,
            Behaviour::Blocked => {
                let text = format!(
                    "Host '{peer}' is blocked because of many connection errors; unblock with 'mysqladmin flush-hosts'"
                );
                stream.write_all(&mysql::refusal(1129, &text)).await
            }
            Behaviour::TooMany => {
                stream
                    .write_all(&mysql::refusal(1040, "Too many connections"))
                    .await
            }
            Behaviour::NotAllowed => {
                let text = format!("Host '{peer}' is not allowed to connect to this MySQL server");
                stream.write_all(&mysql::refusal(1130, &text)).await
            }
            Behaviour::Silent => until_closed(&mut stream).await,
            Behaviour::Garbage => send_garbage(&mut stream).await,
            Behaviour::Http => answer_http(&mut stream).await,
            Behaviour::ClosesAtOnce => Ok(()),
            Behaviour::StallsInHandshake => {
                self.greet_and_read_ssl_request(&mut stream).await?;
                until_closed(&mut stream).await
            }
            Behaviour::Tls11Only => {
                self.greet_and_read_ssl_request(&mut stream).await?;
                if tls11::answer(&mut stream, &self.old_certificate).await? {
                    self.tally.handshake();
                }
                Ok(())
            }
        }
    }

    /// Offers TLS if there is a configuration for it, and demands it of nobody.
    async fn greet(&self, mut stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
        stream.write_all(&mysql::greeting(tls.is_some())).await?;
        let first = mysql::read_packet(&mut stream).await?;
        let Some(config) = tls.filter(|_| mysql::is_ssl_request(&first.1)) else {
            return self.answer_login(&mut stream, first).await;
        };
        let mut stream = TlsAcceptor::from(config).accept(stream).await?;
        self.tally.handshake();
        let login = mysql::read_packet(&mut stream).await?;
        self.answer_login(&mut stream, login).await?;
        stream.shutdown().await
    }

    async fn greet_and_read_ssl_request(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(&mysql::greeting(true)).await?;
        match mysql::read_packet(stream).await? {
            (_, request) if mysql::is_ssl_request(&request) => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Lets [`ACCOUNT`] in where there is one, or refuses the login.
    async fn answer_login<S>(
        &self,
        stream: &mut S,
        (sequence, login): (u8, Vec<u8>),
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.tally.login();
        let (user, sequence) = (mysql::user(&login), sequence.wrapping_add(1));
        if self.behaviour == Behaviour::NoTls || user != ACCOUNT {
            stream
                .write_all(&mysql::access_denied(sequence, &user))
                .await?;
            return stream.flush().await;
        }
        stream.write_all(&mysql::ok(sequence)).await?;
        stream.flush().await?;
        self.answer_commands(stream).await
    }

    /// Waits for `COM_QUIT`; answers statements meanwhile if it knows any.
    async fn answer_commands<S>(&self, stream: &mut S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let (_, command) = mysql::read_packet(stream).await?;
            match command.as_slice() {
                [3, sql @ ..] if self.behaviour == Behaviour::Switchable => {
                    let answer = self.switch.answer(&String::from_utf8_lossy(sql));
                    stream.write_all(&mysql::answer(&answer)).await?;
                    stream.flush().await?;
                }
                command => {
                    if command == [1] {
                        self.tally.quit();
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// Reads whatever comes, until the peer closes.
async fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// The first four bytes, taken for a packet header, promise 15 MB; and no part of it is text.
async fn send_garbage(stream: &mut TcpStream) -> io::Result<()> {
    let mut state = 0x9e37_79b9_u32;
    loop {
        let portion: Vec<u8> = (0..4096)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8 | 0x80
            })
            .collect();
        stream.write_all(&portion).await?;
        tokio::time::sleep(GARBAGE_PAUSE).await;
    }
}

async fn answer_http(stream: &mut TcpStream) -> io::Result<()> {
    let mut request = [0; 1024];
    if stream.read(&mut request).await? == 0 {
        return Ok(());
    }
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\nServer: lab-fake\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await
}
