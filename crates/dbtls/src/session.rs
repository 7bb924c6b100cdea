//! A SQL session: the same connection as a probe's, which goes on after the login.
//!
//! Small on purpose: statements as text, answers as text, one result each. What it does that libraries do not: it goes through
//! certificates that servers made for themselves, tells who could read along, and never sends a password where somebody could.

mod answer;
mod channel;

use std::{mem, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    Conditions, Greeting, Limits, Login, Password, Reason, Step, Target,
    auth::{self, Reveal, Verdict},
    greeting::{self, Hello},
    handshake::{self, Failure, capabilities},
    packet::{self, capability},
    socket,
    target::{Name, NameKind, Place},
    verifier,
};
pub(crate) use answer::ask;
pub use channel::Channel;

/// As whom a session logs in.
#[derive(Clone)]
pub struct Account {
    /// The user name.
    pub user: String,
    /// Its password; empty for an account that the server knows by the user of the Unix socket's other end.
    pub password: Password,
}

/// Rows of texts; `None` is SQL's NULL.
pub type Rows = Vec<Vec<Option<String>>>;

impl Account {
    /// A user and its password.
    pub fn new(user: impl Into<String>, password: Password) -> Self {
        Self {
            user: user.into(),
            password,
        }
    }
}

/// An open SQL session. Dropping it without [`Session::close`] is noted by the server as an aborted client.
pub struct Session {
    stream: Box<dyn Wire>,
    greeting: Greeting,
    channel: Channel,
    certificate: Option<Vec<u8>>,
    entrance: Entrance,
    /// False while an answer is outstanding, and for good when it never came.
    in_step: bool,
}

/// Why a session could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// There is no way to the server, or it refuses the host.
    #[error(transparent)]
    Unreachable(#[from] Reason),
    /// The server refuses the account.
    #[error("the server refuses the login of `{user}` ({code} {text}): {}", advice(*code))]
    Denied {
        /// The user name.
        user: String,
        /// The server's error number.
        code: u16,
        /// The server's text.
        text: String,
    },
    /// The account wants to be known in a way that we do not speak.
    #[error(
        "the server refuses the login of `{user}` ({code} {text}): the account uses `{plugin}`; give it `caching_sha2_password` or, over a Unix socket, `auth_socket` (MySQL), `mysql_native_password` or `unix_socket` (MariaDB)"
    )]
    Plugin {
        /// The user name.
        user: String,
        /// The server's error number.
        code: u16,
        /// The server's text.
        text: String,
        /// The account's plugin.
        plugin: String,
    },
    /// The server wants the password, and somebody else could read it.
    #[error(
        "the password of `{user}` is not sent: the server asks for it in full, and {channel}; give the CA certificates that the server's chain leads to (`CaCertificates`, for instance the server's own `ca.pem`), or reach it over loopback or its Unix socket"
    )]
    Withheld {
        /// The user name.
        user: String,
        /// Whom the connection could be shared with.
        channel: Channel,
    },
    /// The server proved nothing, and does not even get the answer to its challenge.
    #[error(
        "`{user}` was not logged in, for {channel}: a login needs TLS with a server whose chain leads to the registered CA certificates (`CaCertificates`, for instance the server's own `ca.pem`) or to Signet's own, or the server's Unix socket"
    )]
    Unverified {
        /// The user name.
        user: String,
        /// Whom the connection could be shared with.
        channel: Channel,
    },
    /// The first statement was refused.
    #[error("the session cannot be prepared: {0}")]
    Prepare(#[from] SqlError),
}

/// Why a statement has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// The server says no.
    #[error("{code} ({state}): {message}")]
    Server {
        /// MySQL's error number.
        code: u16,
        /// SQLSTATE.
        state: String,
        /// The server's words.
        message: String,
    },
    /// No answer in time. The statement may still be running.
    #[error(
        "no answer within {} s: check the server's load, and what `SHOW PROCESSLIST` says", limit.as_secs_f32()
    )]
    Timeout {
        /// How long it was waited for.
        limit: Duration,
    },
    /// The connection is gone, or the server broke the protocol.
    #[error("the connection broke: {detail}")]
    Io {
        /// How.
        detail: String,
    },
}

impl SqlError {
    /// The server's error number, if it is one of the server's.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Server { code, .. } => Some(*code),
            _ => None,
        }
    }
}

impl Session {
    /// Connects, through TLS where the server offers it (over a Unix socket it would protect nothing), and logs in.
    ///
    /// `conditions` decide whether the connection is private (see [`Channel`]) and what becomes of one that is not. Each step may take
    /// what `limits` says, the whole of it and later every statement `limits.total`.
    ///
    /// # Errors
    /// [`SessionError`], which says what to do.
    pub async fn open(
        target: &Target,
        account: &Account,
        conditions: impl Into<Conditions>,
        limits: Limits,
    ) -> Result<Self, SessionError> {
        let entrance = Entrance {
            target: target.clone(),
            at: None,
            account: account.clone(),
            conditions: conditions.into(),
            limits,
        };
        entrance.open().await
    }

    /// Opens a session as [`open`](Self::open) does, but connects to `at`: for an address that is said to lead to the server at `target`.
    /// Whoever answers there has to be what the server at `target` would have to be, before it gets a password.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn open_at(
        target: &Target,
        at: SocketAddr,
        account: &Account,
        conditions: impl Into<Conditions>,
        limits: Limits,
    ) -> Result<Self, SessionError> {
        let entrance = Entrance {
            target: target.clone(),
            at: Some(at),
            account: account.clone(),
            conditions: conditions.into(),
            limits,
        };
        entrance.open().await
    }

    /// The certificate that the server showed, in DER; `None` without TLS.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }

    /// Opens one more session in the same way.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn another(&self) -> Result<Self, SessionError> {
        self.entrance.clone().open().await
    }

    /// The way in, for whoever needs it while this session is busy.
    pub(crate) fn entrance(&self) -> &Entrance {
        &self.entrance
    }

    /// Who could read along.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// How the server introduced itself.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// The user that it logged in as.
    pub fn user(&self) -> &str {
        &self.entrance.account.user
    }

    /// Runs a statement and leaves its rows.
    ///
    /// # Errors
    /// [`SqlError`]. After any but the server's own the session is of no use any more.
    pub async fn run(&mut self, sql: &str) -> Result<(), SqlError> {
        self.query(sql).await.map(drop)
    }

    /// Runs a statement and answers its rows; none for a statement that has no result.
    ///
    /// # Errors
    /// As [`Session::run`]; also when the result is larger than 4 MiB.
    pub async fn query(&mut self, sql: &str) -> Result<Rows, SqlError> {
        self.query_within(sql, self.entrance.limits.total).await
    }

    /// With a time limit of its own.
    pub(crate) async fn query_within(
        &mut self,
        sql: &str,
        limit: Duration,
    ) -> Result<Rows, SqlError> {
        if !mem::take(&mut self.in_step) {
            let detail = "an earlier statement was not answered in full".to_owned();
            return Err(SqlError::Io { detail });
        }
        let answer = timeout(limit, ask(&mut self.stream, sql)).await;
        let answer = answer.unwrap_or(Err(SqlError::Timeout { limit }));
        self.in_step = matches!(answer, Ok(_) | Err(SqlError::Server { .. }));
        answer
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        if self.in_step {
            // Whether or not the server hears it, it is over.
            let _ = packet::say_goodbye(&mut self.stream).await;
        }
    }
}

/// A text as a literal of SQL. Sessions run under `NO_BACKSLASH_ESCAPES`, so that the quote is the only character with a meaning.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What a session runs over. `Sync`, so that a task which holds a session can move between threads.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Wire for S {}

/// Everything that opens a session.
#[derive(Clone)]
pub(crate) struct Entrance {
    target: Target,
    /// Where to connect to instead of the target's own address.
    at: Option<SocketAddr>,
    account: Account,
    conditions: Conditions,
    limits: Limits,
}

impl Entrance {
    pub(crate) async fn open(self) -> Result<Session, SessionError> {
        let end = Instant::now() + self.limits.total;
        let connect_by = by(end, self.limits.connect);
        let gate = self.conditions.gate.as_deref();
        if let Some(at) = self.at {
            let host = Name(NameKind::Ip(at.ip()));
            let stream = socket::tcp(&host, at.port(), None, gate, connect_by).await?;
            let loopback = at.ip().to_canonical().is_loopback();
            return self.over_tcp(stream, loopback, end).await;
        }
        match self.target.place() {
            Place::Unix(path) => {
                let mut stream = socket::unix(path, gate, connect_by).await?;
                let hello = greeting::read(&mut stream, by(end, self.limits.greeting)).await?;
                let plain = Conversation::plain(stream, Channel::UnixSocket, &hello);
                self.log_in(plain, &hello, end).await
            }
            Place::Tcp { host, port } => {
                let stream = socket::tcp(host, *port, None, gate, connect_by).await?;
                let peer = stream.peer_addr().map(|peer| peer.ip().to_canonical());
                let loopback = peer.is_ok_and(|peer| peer.is_loopback());
                self.over_tcp(stream, loopback, end).await
            }
        }
    }

    async fn over_tcp(
        self,
        mut stream: TcpStream,
        loopback: bool,
        end: Instant,
    ) -> Result<Session, SessionError> {
        let hello = greeting::read(&mut stream, by(end, self.limits.greeting)).await?;
        let mut conversation = if hello.offers_tls() {
            self.encrypt(stream, loopback, &hello, end).await?
        } else {
            let channel = Channel::of_plaintext(&self.conditions, loopback);
            Conversation::plain(stream, channel, &hello)
        };
        if !conversation.channel.is_private() && !self.conditions.allow_unverified {
            return Err(self.turn_away(&mut conversation, &hello, end).await);
        }
        self.log_in(conversation, &hello, end).await
    }

    async fn encrypt(
        &self,
        mut stream: TcpStream,
        loopback: bool,
        hello: &Hello,
        end: Instant,
    ) -> Result<Conversation, SessionError> {
        let capabilities = handshake::request(&mut stream, hello).await?;
        let by = by(end, self.limits.handshake);
        let shaken =
            handshake::shake_hands(stream, self.target.host(), &verifier::config(), by).await;
        let (stream, tls) = shaken.map_err(|failure| match failure {
            Failure::Ended(reason) => reason,
            Failure::Incompatible(detail) => Reason::HandshakeFailed { detail },
        })?;
        Ok(Conversation {
            stream: Box::new(stream),
            channel: Channel::of_tls(&tls, self.target.host(), &self.conditions, loopback),
            certificate: tls.chain.into_iter().next(),
            sequence: 2,
            capabilities,
        })
    }

    /// Ends a connection without the account: as a user that does not exist, for one that just breaks off counts against our host.
    async fn turn_away(
        &self,
        conversation: &mut Conversation,
        hello: &Hello,
        end: Instant,
    ) -> SessionError {
        let nobody = auth::log_in(
            &mut conversation.stream,
            conversation.sequence,
            (hello, conversation.capabilities),
            &Login::Nobody,
            Reveal::Nothing,
        );
        // However that ends, the account was not used.
        let _ = timeout_at(by(end, self.limits.login), nobody).await;
        SessionError::Unverified {
            user: self.account.user.clone(),
            channel: conversation.channel.clone(),
        }
    }

    async fn log_in(
        self,
        mut conversation: Conversation,
        hello: &Hello,
        end: Instant,
    ) -> Result<Session, SessionError> {
        let login = Login::Account {
            user: self.account.user.clone(),
            password: self.account.password.clone(),
        };
        let reveal = conversation.channel.reveal(conversation.is_encrypted());
        let verdict = auth::authenticate(
            &mut conversation.stream,
            conversation.sequence,
            (hello, conversation.capabilities),
            &login,
            reveal,
        );
        let step = Step::Login;
        let verdict = timeout_at(by(end, self.limits.login), verdict)
            .await
            .map_err(|_| Reason::TimedOut { step })??;
        self.admitted(verdict, &conversation.channel)?;
        let mut session = Session {
            stream: conversation.stream,
            greeting: hello.greeting.clone(),
            channel: conversation.channel,
            certificate: conversation.certificate,
            entrance: self,
            in_step: true,
        };
        session
            .run("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")
            .await?;
        Ok(session)
    }

    fn admitted(&self, verdict: Verdict, channel: &Channel) -> Result<(), SessionError> {
        let user = self.account.user.clone();
        Err(match verdict {
            Verdict::Accepted => return Ok(()),
            Verdict::Withheld => SessionError::Withheld {
                user,
                channel: channel.clone(),
            },
            Verdict::Denied {
                code,
                text,
                plugin: None,
            } => SessionError::Denied { user, code, text },
            Verdict::Denied {
                code,
                text,
                plugin: Some(plugin),
            } => SessionError::Plugin {
                user,
                code,
                text,
                plugin,
            },
        })
    }
}

/// A connection up to the login.
struct Conversation {
    stream: Box<dyn Wire>,
    channel: Channel,
    certificate: Option<Vec<u8>>,
    sequence: u8,
    capabilities: u32,
}

impl Conversation {
    fn plain<S: Wire + 'static>(stream: S, channel: Channel, hello: &Hello) -> Self {
        Self {
            stream: Box::new(stream),
            channel,
            certificate: None,
            sequence: 1,
            capabilities: capabilities(hello, 0),
        }
    }

    fn is_encrypted(&self) -> bool {
        self.capabilities & capability::SSL != 0
    }
}

fn by(end: Instant, limit: Duration) -> Instant {
    end.min(Instant::now() + limit)
}

/// What an operator can do about a refused login.
fn advice(code: u16) -> &'static str {
    match code {
        1045 | 1698 => {
            "check the user name and the password, from which hosts the account may log in (`SELECT user, host FROM mysql.user`), and whether it requires TLS or a client certificate"
        }
        1040 | 1203 | 1226 => {
            "the server's or the account's limit of connections is reached: raise it, or try again"
        }
        1820 | 1862 => "the password has expired: set it anew (`ALTER USER … IDENTIFIED BY …`)",
        3118 | 4151 => "the account is locked: `ALTER USER … ACCOUNT UNLOCK`",
        3159 => {
            "the server takes secure connections only and offers no TLS: use its Unix socket, or set `require_secure_transport` OFF"
        }
        _ => "the server's error log may say more",
    }
}

#[cfg(test)]
mod tests;
