use std::time::Duration;

use ca::key::KeyKind;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};
use wire::agent::{DONE, HOLD, NEXT, Next, Order, RENEW, Received, RenewRequest, Renewed, Report};

use crate::VERSION;
use crate::ambient::random;
use crate::backoff::Backoff;
use crate::certificate::{CertificateError, Chain, check_roots, date};
use crate::control::{self, ControlError, Link, TlsError};
use crate::database::Database;
use crate::files::FileError;
use crate::host::Host;
use crate::identity::Identity;
use crate::key::{self, KeyError};

/// How long the control plane may take to answer, beside the time that it holds a question on purpose.
const LIMIT: Duration = Duration::from_secs(30);
/// How long the database server may take to say what it loaded.
const WITNESS_LIMIT: Duration = Duration::from_secs(5);
/// An answer that came sooner was not held: then the agent paces itself.
const PACE: Duration = Duration::from_secs(1);
/// How long until a renewal that failed is tried again.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);

/// The agent at work: asks for orders, does them, keeps its own certificate fresh.
pub(crate) struct Agent {
    host: Host,
    identity: Identity,
    link: Link,
    backoff: Backoff,
    /// When a renewal may be tried again.
    renew_after: Option<Instant>,
    /// Whether the database server answered the last time, so that the log says it once.
    database_answers: bool,
}

/// Why a certificate was not renewed.
#[derive(Debug, thiserror::Error)]
enum RenewError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    File(#[from] FileError),
}

impl Agent {
    /// Ready to run.
    pub(crate) fn new(host: Host, identity: Identity) -> Result<Self, TlsError> {
        let link = Link::new(identity.server.clone(), control::for_identity(&identity)?);
        Ok(Self {
            host,
            identity,
            link,
            backoff: Backoff::default(),
            renew_after: None,
            database_answers: true,
        })
    }

    /// Works until it is asked to end. An order under way is finished first.
    pub(crate) async fn run(mut self) -> std::io::Result<()> {
        let mut end = Ends::new()?;
        tracing::info!(agent = self.identity.agent_id, node = self.identity.node, server = %self.identity.server, "signet-agent {VERSION} runs");
        self.host.resume().await;
        loop {
            let order = tokio::select! {
                () = end.asked() => break,
                order = self.next() => order,
            };
            let done = match order {
                Ok(None) => Ok(()),
                Ok(Some(order)) => self.obey(order).await,
                Err(e) => Err(e),
            };
            let pause = self.judge(done);
            tokio::select! {
                () = end.asked() => break,
                () = sleep(pause) => {}
            }
        }
        tracing::info!("signet-agent ends");
        Ok(())
    }

    /// How long to wait before the next question.
    fn judge(&mut self, done: Result<(), ControlError>) -> Duration {
        let Err(error) = done else {
            self.backoff.reset();
            return Duration::ZERO;
        };
        let pause = self.backoff.next(random());
        tracing::warn!(next_try_in_ms = pause.as_millis(), "{error}");
        self.warn_of_expiry();
        pause
    }

    async fn next(&mut self) -> Result<Option<Order>, ControlError> {
        self.renew_if_due().await;
        let report = Report {
            version: VERSION.to_owned(),
            node: self.identity.node.clone(),
            witness: self.witness().await,
        };
        let asked = Instant::now();
        let next: Next = self.link.ask(NEXT, &report, HOLD + LIMIT).await?;
        if next.order.is_none() && asked.elapsed() < PACE {
            sleep(PACE).await;
        }
        Ok(next.order)
    }

    async fn obey(&mut self, order: Order) -> Result<(), ControlError> {
        let (id, name) = (order.id.clone(), order.work.name());
        tracing::info!(order = id.as_str(), work = name, "received");
        let done = self.host.perform(order).await;
        match &done.outcome {
            wire::agent::Outcome::Failed { reason } => {
                tracing::warn!(order = id.as_str(), work = name, "failed: {reason}");
            }
            _ => tracing::info!(order = id.as_str(), work = name, "done"),
        }
        // If this does not arrive, the control plane gives the order again, and it is answered from memory.
        let Received {} = self.link.ask(DONE, &done, LIMIT).await?;
        Ok(())
    }

    /// What the server says that it loaded; nothing when it does not answer.
    async fn witness(&mut self) -> Option<serde_json::Value> {
        let asked = timeout(WITNESS_LIMIT, async {
            let mut database = Database::open(&self.host.config).await?;
            let witness = database.witness().await?;
            database.close().await;
            Ok::<_, crate::database::DatabaseError>(witness)
        });
        let problem = match asked.await {
            Ok(Ok(witness)) => {
                if !std::mem::replace(&mut self.database_answers, true) {
                    tracing::info!("the database server answers again");
                }
                return serde_json::to_value(witness).ok();
            }
            Ok(Err(e)) => e.to_string(),
            Err(_) => format!(
                "the database server does not answer within {} s",
                WITNESS_LIMIT.as_secs()
            ),
        };
        if std::mem::replace(&mut self.database_answers, false) {
            tracing::warn!("{problem}");
        }
        None
    }

    async fn renew_if_due(&mut self) {
        let due = self
            .identity
            .facts()
            .is_ok_and(|facts| (self.host.clock)() >= facts.renewal_due());
        if !due || self.renew_after.is_some_and(|after| Instant::now() < after) {
            return;
        }
        match self.renew().await {
            Ok(()) => {
                self.renew_after = None;
                tracing::info!("the agent's certificate was renewed");
            }
            Err(e) => {
                self.renew_after = Some(Instant::now() + RENEWAL_PAUSE);
                tracing::warn!("the agent's certificate could not be renewed: {e}");
            }
        }
    }

    /// Gets a certificate for a new key. The old pair is kept until the new one is stored.
    async fn renew(&mut self) -> Result<(), RenewError> {
        let made = key::make(KeyKind::EcdsaP256, &self.identity.agent_id)?;
        let renewed: Renewed = self
            .link
            .ask(RENEW, &RenewRequest { csr: made.csr }, LIMIT)
            .await?;
        Chain::from_pem(&renewed.certificate)?
            .facts()?
            .check_key(&made.key.public_key_der())?;
        let (known, now) = (&self.identity.roots, (self.host.clock)());
        check_roots(known, &renewed.roots, &renewed.vouchers, now)?;
        let identity = Identity {
            certificate: renewed.certificate,
            roots: renewed.roots,
            key: made.key.to_pem(),
            ..self.identity.clone()
        };
        let tls = control::for_identity(&identity)?;
        identity.store(&self.host.state)?;
        self.link = Link::new(identity.server.clone(), tls);
        self.identity = identity;
        Ok(())
    }

    fn warn_of_expiry(&self) {
        let now = (self.host.clock)();
        if let Ok(facts) = self.identity.facts()
            && now > facts.not_after
        {
            tracing::warn!(
                "the agent's own certificate expired at {}: enrol again, with a new token and --force",
                date(facts.not_after)
            );
        }
    }
}

/// SIGTERM and SIGINT.
struct Ends(Signal, Signal);

impl Ends {
    fn new() -> std::io::Result<Self> {
        Ok(Self(
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        ))
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}
