//! The probe itself: connect, greeting, TLS, login, goodbye.

mod setbacks;

use std::{net::IpAddr, time::Duration};

use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};

use crate::{
    Conditions, Gate, Login, LoginOutcome, Observation, Reason, Status, Step, Target, Tls,
    auth::{self, Reveal},
    greeting::{self, Hello},
    handshake::{self, Failure, capabilities},
    obsolete, socket,
    target::Place,
    verifier,
};
use setbacks::Setbacks;

/// How long each step of a probe may take, and all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Resolving the name and connecting to one of its addresses.
    pub connect: Duration,
    /// Until the greeting is complete. A server may look our name up before it speaks.
    pub greeting: Duration,
    /// TLS.
    pub handshake: Duration,
    /// The login and the goodbye.
    pub login: Duration,
    /// The whole probe. A handshake that stalls can hold a server's reload of its certificates; so this should stay under 10 s.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let step = Duration::from_secs(4);
        Self {
            connect: step,
            greeting: step,
            handshake: step,
            login: step,
            total: Duration::from_secs(10),
        }
    }
}

/// Looks at servers. Cheap to use many times and from many tasks; the caller sees to it that one server is looked at once at a time.
pub struct Prober {
    limits: Limits,
    from: Option<IpAddr>,
    config: ClientConfig,
    setbacks: Setbacks,
}

impl Prober {
    /// Makes a prober.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            from: None,
            config: verifier::config(),
            setbacks: Setbacks::default(),
        }
    }

    /// Connects from this address of the host, to servers of the same address family.
    #[must_use]
    pub fn from_address(self, address: IpAddr) -> Self {
        Self {
            from: Some(address),
            ..self
        }
    }

    /// Looks at one server. `conditions` decide what the server gets to see of the probe account.
    ///
    /// A server whose handshakes fail counts them against our host. So what such a server showed is remembered, and told again while its
    /// greeting goes on to offer TLS: for a minute at first, at last for a day, and until it restarts. See [`Prober::forget`].
    pub async fn observe(
        &self,
        target: &Target,
        login: &Login,
        conditions: impl Into<Conditions>,
    ) -> Observation {
        let conditions = conditions.into();
        let started = Instant::now();
        let visit = Visit {
            prober: self,
            target,
            login,
            conditions: &conditions,
            end: started + self.limits.total,
        };
        let mut seen = Observation::unknown(None);
        if let Err(reason) = visit.run(&mut seen).await {
            match seen.status {
                Status::Unknown => seen.reason = Some(reason),
                Status::On | Status::Off => seen.login = LoginOutcome::Broken { reason },
            }
        }
        seen.took = started.elapsed();
        seen
    }

    /// Forgets that handshakes with this server failed, so that the next probe tries again.
    pub fn forget(&self, target: &Target) {
        self.setbacks.forget(target);
    }
}

/// One probe of one server.
struct Visit<'a> {
    prober: &'a Prober,
    target: &'a Target,
    login: &'a Login,
    conditions: &'a Conditions,
    end: Instant,
}

/// How a server was reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    UnixSocket,
    Loopback,
    Network,
}

/// How a first conversation ended, where it did not end well.
enum Trouble {
    Ended(Reason),
    /// The server and our library have no version or cipher in common.
    Incompatible {
        detail: String,
        hello: Hello,
    },
}

impl From<Reason> for Trouble {
    fn from(reason: Reason) -> Self {
        Self::Ended(reason)
    }
}

impl Visit<'_> {
    async fn run(&self, seen: &mut Observation) -> Result<(), Reason> {
        let connect_by = self.by(self.prober.limits.connect);
        let ended = match self.target.place() {
            Place::Tcp { host, port } => {
                let stream =
                    socket::tcp(host, *port, self.prober.from, self.gate(), connect_by).await?;
                let peer = stream.peer_addr().map(|peer| peer.ip().to_canonical());
                let way = match peer.is_ok_and(|peer| peer.is_loopback()) {
                    true => Way::Loopback,
                    false => Way::Network,
                };
                self.talk(stream, way, seen).await
            }
            Place::Unix(path) => {
                let stream = socket::unix(path, self.gate(), connect_by).await?;
                self.talk(stream, Way::UnixSocket, seen).await
            }
        };
        match ended {
            Ok(()) => Ok(()),
            Err(Trouble::Ended(reason)) => Err(reason),
            Err(Trouble::Incompatible { detail, hello }) => {
                self.look_for_obsolete(detail, &hello, seen).await
            }
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        way: Way,
        seen: &mut Observation,
    ) -> Result<(), Trouble> {
        let hello = greeting::read(&mut stream, self.by(self.prober.limits.greeting)).await?;
        seen.greeting = Some(hello.greeting.clone());
        if !hello.offers_tls() {
            seen.status = Status::Off;
            seen.login = self.log_in_plainly(&mut stream, &hello).await?;
            return Ok(());
        }
        if self
            .prober
            .setbacks
            .recall(self.target, hello.connection, seen)
        {
            // Already told; the login keeps this connection from counting as broken.
            seen.login = self
                .log_in_plainly(&mut stream, &hello)
                .await
                .unwrap_or_else(|reason| LoginOutcome::Broken { reason });
            return Ok(());
        }
        let capabilities = handshake::request(&mut stream, &hello).await?;
        let (host, by) = (self.target.host(), self.by(self.prober.limits.handshake));
        let shaken = handshake::shake_hands(stream, host, &self.prober.config, by).await;
        let (mut stream, tls) = match shaken {
            Ok(shaken) => shaken,
            Err(Failure::Ended(reason)) => {
                return Err(self.handshake_failed(reason, &hello).into());
            }
            Err(Failure::Incompatible(detail)) => {
                return Err(Trouble::Incompatible { detail, hello });
            }
        };
        self.prober.setbacks.forget(self.target);
        let reveal = self.reveal(way, &tls);
        // A server that may not get any answer sees a user that does not exist.
        let login = reveal.map_or(&Login::Nobody, |_| self.login);
        let login = auth::log_in(
            &mut stream,
            2,
            (&hello, capabilities),
            login,
            reveal.unwrap_or(Reveal::Nothing),
        );
        let outcome = within(self.by(self.prober.limits.login), Step::Login, login).await;
        (seen.status, seen.tls) = (Status::On, Some(tls));
        seen.login = match outcome? {
            LoginOutcome::Nobody if self.has_account() => LoginOutcome::Withheld,
            outcome => outcome,
        };
        Ok(())
    }

    /// How much a server behind TLS may learn of the account; `None` when it may not even get the answer to its challenge.
    fn reveal(&self, way: Way, tls: &Tls) -> Option<Reveal> {
        let conditions = self.conditions;
        if !self.has_account() {
            Some(Reveal::Nothing)
        } else if way == Way::UnixSocket || conditions.verify(tls, self.target.host()).is_ok() {
            Some(Reveal::Clear)
        } else if way == Way::Loopback && conditions.loopback_is_private {
            Some(Reveal::Hashed)
        } else {
            conditions.allow_unverified.then_some(Reveal::Nothing)
        }
    }

    fn has_account(&self) -> bool {
        matches!(self.login, Login::Account { .. })
    }

    fn gate(&self) -> Option<&dyn Gate> {
        self.conditions.gate.as_deref()
    }

    /// Over TCP a secret never goes out without TLS, not even hashed: the user that does not exist ends such a connection as well.
    async fn log_in_plainly<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        hello: &Hello,
    ) -> Result<LoginOutcome, Reason> {
        let login = if self.is_local() {
            self.login
        } else {
            &Login::Nobody
        };
        let reveal = match self.is_local() {
            true => Reveal::Clear,
            false => Reveal::Nothing,
        };
        let login = auth::log_in(stream, 1, (hello, capabilities(hello, 0)), login, reveal);
        within(self.by(self.prober.limits.login), Step::Login, login).await
    }

    /// Connects once more and reads in clear what a server with an old TLS chooses. It counts as a broken connection, so the outcome
    /// is remembered.
    async fn look_for_obsolete(
        &self,
        detail: String,
        first: &Hello,
        seen: &mut Observation,
    ) -> Result<(), Reason> {
        let connect_by = self.by(self.prober.limits.connect);
        let found = match self.target.place() {
            Place::Tcp { host, port } => {
                let stream =
                    socket::tcp(host, *port, self.prober.from, self.gate(), connect_by).await?;
                self.read_obsolete(stream).await
            }
            Place::Unix(path) => {
                self.read_obsolete(socket::unix(path, self.gate(), connect_by).await?)
                    .await
            }
        };
        match found {
            Ok(tls) => {
                seen.status = Status::On;
                seen.reason = Some(Reason::Obsolete {
                    version: tls.version.clone(),
                    cipher: tls.cipher.clone(),
                });
                seen.tls = Some(tls);
            }
            // However the second try ended, the first was a refusal, and tells more.
            Err(reason) if is_of_the_handshake(&reason) => {
                seen.reason = Some(Reason::HandshakeFailed { detail });
            }
            Err(reason) => return Err(reason),
        }
        self.prober
            .setbacks
            .remember(self.target, first.connection, seen);
        Ok(())
    }

    async fn read_obsolete<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
    ) -> Result<Tls, Reason> {
        let hello = greeting::read(&mut stream, self.by(self.prober.limits.greeting)).await?;
        handshake::request(&mut stream, &hello).await?;
        let random = ring::digest::digest(&ring::digest::SHA256, &hello.scramble);
        let random = random.as_ref().try_into().expect("SHA-256 has 32 bytes");
        within(
            self.by(self.prober.limits.handshake),
            Step::Handshake,
            obsolete::read(&mut stream, random),
        )
        .await
    }

    /// Remembers how a handshake failed: however it did, the server counted it.
    fn handshake_failed(&self, reason: Reason, hello: &Hello) -> Reason {
        if is_of_the_handshake(&reason) {
            let seen = Observation::unknown(Some(reason.clone()));
            self.prober
                .setbacks
                .remember(self.target, hello.connection, &seen);
        }
        reason
    }

    fn by(&self, limit: Duration) -> Instant {
        self.end.min(Instant::now() + limit)
    }

    fn is_local(&self) -> bool {
        self.target.socket().is_some()
    }
}

async fn within<T>(
    by: Instant,
    step: Step,
    future: impl Future<Output = Result<T, Reason>>,
) -> Result<T, Reason> {
    timeout_at(by, future)
        .await
        .map_err(|_| Reason::TimedOut { step })?
}

fn is_of_the_handshake(reason: &Reason) -> bool {
    const STEP: Step = Step::Handshake;
    matches!(
        reason,
        Reason::HandshakeFailed { .. }
            | Reason::Closed { step: STEP }
            | Reason::TimedOut { step: STEP }
            | Reason::Malformed { step: STEP, .. }
    )
}
