//! A request from its bytes to its answer: envelope → region → gate → parameters → action.
//!
//! [`answer`] is the one outer function: it turns every outcome into a response, and writes the one log line, the
//! audit line and the counters of the request. Everything inside uses `?`.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::time::Instant;
use wire::{Code, Envelope, Language, Parameters, Refusal, Request, RequestId, answer as envelope};

use crate::ambient::UnixTime;
use crate::api::action::{Context, Effect, Entry, Running};
use crate::api::error::ApiError;
use crate::api::gate::{self, Arrival};
use crate::api::region;
use crate::api::table::Route;
use crate::service::Service;
use crate::state::audit::{self, Audit, Line, Outcome, changes};
use crate::state::keys::AccessKey;
use crate::state::refused::RefusedCall;
use crate::state::repeats::{self, Claim};
use crate::state::text::escaped;

/// How many characters of an error's text go into a log line.
const LOGGED: usize = 512;

/// What has become known of a request so far; a refusal at any stage is logged with it.
struct Call<'a> {
    service: &'a Arc<Service>,
    from: SocketAddr,
    request_id: RequestId,
    language: Language,
    now: UnixTime,
    action: String,
    secret_id: String,
    resource: String,
    route: Option<&'a Route>,
    key: Option<Arc<AccessKey>>,
    /// The signature's bytes and its timestamp; a session of the console has none.
    signature: Option<([u8; 32], UnixTime)>,
    /// It was answered from memory.
    is_repeated: bool,
    /// The audit lines of a write are written by [`audited`].
    is_audited: bool,
}

/// The answer to a request.
pub struct Answer {
    /// The body.
    pub body: Vec<u8>,
    /// Whether the request was signed by one of our keys, whatever it was answered.
    pub is_signed: bool,
}

/// Answers one request.
pub async fn answer(service: &Arc<Service>, from: SocketAddr, request: &Request<'_>) -> Answer {
    let started = Instant::now();
    let mut call = Call::begin(service, from, request);
    let outcome = call.run(request).await;
    if let Err(error) = &outcome {
        call.keep(request, error);
    }
    Answer {
        is_signed: call.key.is_some(),
        body: call.finish(outcome, started),
    }
}

/// Answers a request that HTTP had to refuse, with the same log line as the others.
pub fn refuse(
    service: &Arc<Service>,
    from: SocketAddr,
    request: &Request<'_>,
    refusal: Refusal,
) -> Vec<u8> {
    let mut call = Call::begin(service, from, request);
    if let Ok(envelope) = wire::parse(request) {
        call.introduce(&envelope);
        call.route = service.table.find(&envelope.action, &envelope.version).ok();
    }
    call.finish(Err(refusal.into()), Instant::now())
}

/// Does what a session of the console wants, as its key may. What it wants is checked, counted, logged and audited like a
/// request; only the signature is left out, which the sign-in stands for, and the rate, since people are slow.
///
/// # Errors
/// What the action answers to that key.
pub async fn on_behalf(
    service: &Arc<Service>,
    from: SocketAddr,
    key: Arc<AccessKey>,
    language: Language,
    entry: &Entry,
    parameters: Map<String, Value>,
) -> Result<Vec<u8>, ApiError> {
    let started = Instant::now();
    let mut call = Call::new(service, from, language);
    let outcome = call.run_for(key, entry, parameters).await;
    call.log(outcome.as_ref().err(), started);
    outcome
}

impl<'a> Call<'a> {
    fn begin(service: &'a Arc<Service>, from: SocketAddr, request: &Request<'_>) -> Self {
        Self::new(service, from, wire::language(request))
    }

    fn new(service: &'a Arc<Service>, from: SocketAddr, language: Language) -> Self {
        Self {
            service,
            from,
            request_id: RequestId::from_random(service.entropy.bytes()),
            language,
            now: service.clock.now(),
            action: String::new(),
            secret_id: String::new(),
            resource: String::new(),
            route: None,
            key: None,
            signature: None,
            is_repeated: false,
            is_audited: false,
        }
    }

    async fn run(&mut self, request: &Request<'_>) -> Result<Vec<u8>, ApiError> {
        let envelope = wire::parse(request)?;
        let outcome = self.admit_and_act(request, &envelope).await;
        if outcome.is_err() {
            self.introduce(&envelope);
        }
        outcome
    }

    async fn admit_and_act(
        &mut self,
        request: &Request<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Vec<u8>, ApiError> {
        let arrival = Arrival {
            service: self.service,
            request,
            from: self.from,
            now: self.now,
        };
        let route = self
            .find(envelope)
            .inspect_err(|_| gate::spend(&arrival, envelope))?;
        let admitted = gate::admit(&arrival, envelope, route, &self.request_id)?;
        self.key = Some(Arc::clone(&admitted.key));
        self.signature = Some((admitted.mac, envelope.timestamp));
        let parameters = self.parameters(envelope, route)?;
        self.act(route, admitted.key, parameters).await
    }

    fn find(&mut self, envelope: &Envelope<'_>) -> Result<&'a Route, Refusal> {
        let table = &self.service.table;
        let route = table.find(&envelope.action, &envelope.version)?;
        self.route = Some(route);
        region::check(envelope, &self.service.config.regions)?;
        Ok(route)
    }

    async fn run_for(
        &mut self,
        key: Arc<AccessKey>,
        entry: &Entry,
        map: Map<String, Value>,
    ) -> Result<Vec<u8>, ApiError> {
        let spec = entry.spec;
        let route = self.service.table.find(spec.name, spec.product.version())?;
        self.route = Some(route);
        self.key = Some(Arc::clone(&key));
        gate::permit(&key, spec, &self.request_id)?;
        let parameters = self.checked(Parameters { map, text: false }, route)?;
        self.act(route, key, parameters).await
    }

    /// Keeps what a refusal will name. An answer names nothing, so nothing is copied for it.
    fn introduce(&mut self, envelope: &Envelope<'_>) {
        self.action = audit::short(&envelope.action);
        let named = envelope.secret_id().unwrap_or_default();
        self.secret_id = self.service.shown_key(named);
    }

    /// Keeps a copy for the owner of the key that the request names, who may ask what is wrong with its signature.
    fn keep(&self, request: &Request<'_>, error: &ApiError) {
        let code = error.code();
        // What the key may not do was signed rightly.
        if code.family() != "AuthFailure" || code == Code::AuthFailureUnauthorizedOperation {
            return;
        }
        let named = wire::secret_id(request).filter(|id| self.service.catalog.key(id).is_some());
        if let Some(secret_id) = named {
            let call = RefusedCall::of(
                request,
                self.request_id,
                self.now,
                error.refusal().clone(),
                self.from,
            );
            self.service.refused.keep(secret_id, call);
        }
    }

    fn parameters(
        &mut self,
        envelope: &Envelope<'_>,
        route: &Route,
    ) -> Result<Map<String, Value>, Refusal> {
        self.checked(envelope.parameters()?, route)
    }

    fn checked(
        &mut self,
        parameters: Parameters,
        route: &Route,
    ) -> Result<Map<String, Value>, Refusal> {
        let named = ["InstanceId", "RoGroupId", "SecretId"]
            .iter()
            .find_map(|name| parameters.map.get(*name).and_then(Value::as_str));
        self.resource = audit::short(named.unwrap_or_default());
        route.shape.check(parameters)
    }

    /// Runs the action. A write is audited before it is done and after, and goes on to its end even if the caller hangs up.
    async fn act(
        &mut self,
        route: &'a Route,
        key: Arc<AccessKey>,
        parameters: Map<String, Value>,
    ) -> Result<Vec<u8>, ApiError> {
        let context = Context {
            service: Arc::clone(self.service),
            account: key.account,
            key,
            from: self.from,
            request_id: self.request_id,
            language: self.language,
            now: self.now,
        };
        let running = (route.entry.run)(parameters, context);
        match route.entry.spec.effect {
            Effect::Reads => running.await,
            Effect::Writes => self.write_once(route, running).await,
        }
    }

    /// Does a write, unless it was sent before: then it has the answer that it had.
    async fn write_once(&mut self, route: &Route, running: Running) -> Result<Vec<u8>, ApiError> {
        let Some((mac, signed)) = self.signature else {
            return self.write(running).await;
        };
        let write = (mac, route.index);
        match self.service.repeats.claim(write, signed, self.now) {
            Claim::First(ticket) => {
                let is_secret = route.entry.answers_secret;
                let once = async move {
                    let outcome = running.await;
                    let answer = outcome.as_deref().map_err(ApiError::refusal);
                    ticket.finish(answer, is_secret);
                    outcome
                };
                self.write(Box::pin(once)).await
            }
            Claim::Repeat(write) => {
                self.is_repeated = true;
                Ok(repeats::answer_of(write).await?)
            }
            Claim::Full => Err(Refusal::too_many_writes(repeats::MOST).into()),
        }
    }

    async fn write(&mut self, running: Running) -> Result<Vec<u8>, ApiError> {
        let audit = Arc::clone(&self.service.audit);
        let line = self.line(Outcome::Attempt, "");
        self.is_audited = true;
        tokio::spawn(audited(audit, line, running))
            .await
            .map_err(ApiError::internal)?
    }

    fn line(&self, outcome: Outcome, code: &'static str) -> Line {
        Line {
            time: self.now,
            request_id: self.request_id.as_str().to_owned(),
            outcome,
            account: self.key.as_ref().map(|key| key.account.0),
            secret_id: self
                .key
                .as_ref()
                .map_or_else(|| self.secret_id.clone(), |key| key.secret_id.clone()),
            from: self.from,
            action: self.route.map_or_else(
                || self.action.clone(),
                |route| route.entry.spec.name.to_owned(),
            ),
            resource: self.resource.clone(),
            code,
            changes: Vec::new(),
        }
    }

    fn finish(&self, outcome: Result<Vec<u8>, ApiError>, started: Instant) -> Vec<u8> {
        self.log(outcome.as_ref().err(), started);
        match outcome {
            Ok(object) => envelope::success(&object, &self.request_id),
            Err(error) => envelope::failure(error.refusal(), self.language, &self.request_id),
        }
    }

    fn log(&self, error: Option<&ApiError>, started: Instant) {
        let took = started.elapsed();
        let spec = self.route.map(|route| route.entry.spec);
        if let Some(route) = self.route {
            route.metrics.seconds.observe(took.as_secs_f64());
        }
        match error {
            None => {
                if let Some(route) = self.route {
                    route.metrics.answered.inc();
                }
                if self.is_repeated {
                    self.service.audit.note(&self.line(Outcome::Repeated, ""));
                } else if self.service.config.audit.reads && !self.is_audited {
                    self.service.audit.note(&self.line(Outcome::Done, ""));
                }
                tracing::debug!(request_id = %self.request_id, from = %self.from, action = spec.map(|spec| spec.name), took_us = took.as_micros(), "answered");
            }
            Some(error) => {
                let (service, action) =
                    spec.map_or(("", ""), |spec| (spec.product.name(), spec.name));
                self.service
                    .metrics
                    .refused(service, action, error.code().as_str());
                if !self.is_audited {
                    self.service
                        .audit
                        .note(&self.line(Outcome::Refused, error.code().as_str()));
                }
                self.log_refusal(error);
            }
        }
    }

    /// Whether the budget of the log has room for a line about a refusal.
    fn may_log(&self, error: &ApiError) -> bool {
        let texts = self.action.len() + self.secret_id.len() + error.to_string().len();
        self.service
            .log_budget
            .admit(self.from.ip(), texts, self.now)
    }

    fn log_refusal(&self, error: &ApiError) {
        let (request_id, from, action, secret_id) =
            (&self.request_id, self.from, &self.action, &self.secret_id);
        let code = error.code().as_str();
        match error.cause() {
            Some(cause) => {
                tracing::error!(%request_id, %from, action, secret_id, code, cause = format!("{cause:#}"), "failed")
            }
            None if self.may_log(error) => {
                tracing::info!(%request_id, %from, action, secret_id, code, message = escaped(&error.to_string(), LOGGED), "refused")
            }
            None => {}
        }
    }
}

/// Runs a write between its two audit lines. If the first one cannot be written, nothing is done.
async fn audited(audit: Arc<Audit>, line: Line, running: Running) -> Result<Vec<u8>, ApiError> {
    let (first, attempt) = (Arc::clone(&audit), line.clone());
    let recorded = tokio::task::spawn_blocking(move || first.record(&attempt))
        .await
        .map_err(ApiError::internal)?;
    recorded.map_err(|error| {
        ApiError::internal(
            anyhow::Error::new(error).context("a change that cannot be audited is not made"),
        )
    })?;
    let (outcome, changes) = changes::of(running).await;
    audit.note(&match &outcome {
        Ok(_) => Line {
            outcome: Outcome::Done,
            changes,
            ..line
        },
        Err(error) => Line {
            outcome: Outcome::Refused,
            code: error.code().as_str(),
            ..line
        },
    });
    outcome
}
