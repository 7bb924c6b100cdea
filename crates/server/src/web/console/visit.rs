//! A request for a page: who asks, for what, in which language.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ACCEPT_LANGUAGE, COOKIE, HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};
use serde_json::{Map, Value};
use wire::{Language, Refusal, RequestId};

use super::error::Error;
use super::fields::Fields;
use super::page::{Layout, Theme};
use super::texts::{self, Texts};
use crate::ambient::UnixTime;
use crate::api::action::{Context, Entry};
use crate::api::call;
use crate::api::error::ApiError;
use crate::http::bodies::{Reader, UNPROVEN, Unread};
use crate::http::listener::Caller;
use crate::http::{Reply, text};
use crate::service::Service;
use crate::state::audit::{self, Line, Outcome};
use crate::state::keys::AccessKey;
use crate::state::sessions::Session;

/// The cookie with the token of a session.
const SESSION: &str = "signet_session";
/// The same behind TLS.
const SECURE_SESSION: &str = "__Host-signet_session";
/// The cookie with the chosen language.
pub(super) const LANGUAGE: &str = "signet_language";
/// The cookie with the chosen theme.
pub(super) const THEME: &str = "signet_theme";

/// The largest form, in bytes: a quarter of it is what the doctor looks at, escaped.
const LARGEST_FORM: usize = 1 << 20;

/// A request for a page.
pub(super) struct Visit<'a> {
    pub(super) service: &'a Arc<Service>,
    pub(super) from: SocketAddr,
    pub(super) method: Method,
    /// What follows `/console/`.
    pub(super) path: String,
    pub(super) query: Fields,
    pub(super) form: Fields,
    pub(super) language: Language,
    pub(super) theme: Theme,
    pub(super) now: UnixTime,
    headers: HeaderMap,
}

/// Who is signed in.
pub(super) struct Entered {
    pub(super) session: Arc<Session>,
    pub(super) key: Arc<AccessKey>,
}

impl<'a> Visit<'a> {
    /// Reads it, with the body of a form.
    pub(super) async fn read(
        service: &'a Arc<Service>,
        caller: &Caller,
        request: Request<Incoming>,
    ) -> Result<Self, Box<Reply>> {
        let (parts, body) = request.into_parts();
        let is_signed_in = entered(service, &parts.headers).is_some();
        if is_signed_in {
            caller.connection.prove();
        }
        let form = match parts.method {
            Method::GET | Method::HEAD => Fields::default(),
            Method::POST => match read(service, caller, body, &parts.headers, is_signed_in).await {
                Ok(form) => form,
                Err(unread) => {
                    let refusal = Refusal::from(unread);
                    let message = format!("{}\n", refusal.message(Language::EnUs));
                    return Err(Box::new(text(StatusCode::BAD_REQUEST, message)));
                }
            },
            _ => {
                return Err(Box::new(text(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "Only GET, HEAD and POST are supported here.\n",
                )));
            }
        };
        let path = parts.uri.path();
        Ok(Self {
            service,
            from: caller.from,
            path: path
                .strip_prefix(super::ROOT)
                .unwrap_or_default()
                .to_owned(),
            query: Fields::read(parts.uri.query().unwrap_or_default().as_bytes()),
            form,
            language: language(&parts.headers),
            theme: Theme::named(cookie(&parts.headers, THEME).unwrap_or_default()),
            now: service.clock.now(),
            method: parts.method,
            headers: parts.headers,
        })
    }

    /// The texts in the visitor's language.
    pub(super) fn texts(&self) -> &'static Texts {
        texts::of(self.language)
    }

    /// The token of the visitor's session, whether there is such a session or not.
    pub(super) fn token(&self) -> Option<&str> {
        session_token(self.service, &self.headers)
    }

    /// Who is signed in. A key that was disabled is out at once.
    pub(super) fn entered(&self) -> Option<Entered> {
        entered(self.service, &self.headers)
    }

    /// What every page has around it. `room` is the one of the navigation that is open.
    pub(super) fn layout(&self, room: &'static str) -> Layout {
        Layout::of(self, room)
    }

    /// The same page's address, for coming back to it.
    pub(super) fn address(&self) -> String {
        format!("{}{}{}", super::ROOT, self.path, self.query.query())
    }

    /// The host that the browser asked for.
    pub(super) fn host(&self) -> &str {
        header(&self.headers, HOST.as_str())
    }

    /// Where the API is, as the browser reaches it.
    pub(super) fn endpoint(&self) -> String {
        let scheme = if self.is_secure() { "https" } else { "http" };
        format!("{scheme}://{}", self.host())
    }

    /// Whether the browser came by TLS: to us, or to what stands before us.
    pub(super) fn is_secure(&self) -> bool {
        is_secure(self.service)
    }

    /// Browsers say where a form comes from; one of another site is none of ours, whatever cookies came with it.
    pub(super) fn refuse_foreign_forms(&self) -> Result<(), Error> {
        if self.method != Method::POST {
            return Ok(());
        }
        let origin = header(&self.headers, ORIGIN.as_str());
        let of_origin = origin.split_once("://").map_or("", |(_, host)| host);
        let is_foreign = match header(&self.headers, "sec-fetch-site") {
            "" => !origin.is_empty() && !of_origin.eq_ignore_ascii_case(self.host()),
            site => site != "same-origin",
        };
        if is_foreign {
            self.audit_refusal("ForeignForm", "");
            return Err(Error::Foreign);
        }
        Ok(())
    }

    /// A form has to bring the token of its session.
    pub(super) fn require_csrf(&self, entered: &Entered) -> Result<(), Error> {
        if entered.session.admits(self.form.get("csrf")) {
            return Ok(());
        }
        self.audit_refusal("CsrfToken", &entered.session.secret_id);
        Err(Error::Csrf)
    }

    /// Writes a refusal of the console's own into the audit log.
    pub(super) fn audit_refusal(&self, code: &'static str, secret_id: &str) {
        self.service
            .audit
            .note(&self.line(Outcome::Refused, code, secret_id));
    }

    /// Writes down that a page was read, if reads are audited. What a script fetches again and again is no reading.
    pub(super) fn audit_read(&self, entered: &Entered) {
        if self.service.config.audit.reads && !self.path.ends_with("/progress") {
            let line = self.line(Outcome::Done, "", &entered.session.secret_id);
            self.service.audit.note(&Line {
                account: Some(entered.key.account.0),
                resource: audit::short(&self.path),
                ..line
            });
        }
    }

    /// A line of the audit log about this visit.
    pub(super) fn line(&self, outcome: Outcome, code: &'static str, secret_id: &str) -> Line {
        let room = self.path.split('/').next().unwrap_or_default();
        Line {
            time: self.now,
            request_id: RequestId::from_random(self.service.entropy.bytes()).to_string(),
            outcome,
            account: None,
            secret_id: self.service.shown_key(secret_id),
            from: self.from,
            action: format!("console/{}", audit::short(room)),
            resource: String::new(),
            code,
            changes: Vec::new(),
        }
    }

    /// What a reading action is called with.
    pub(super) fn context(&self, entered: &Entered) -> Context {
        Context {
            service: Arc::clone(self.service),
            account: entered.key.account,
            key: Arc::clone(&entered.key),
            from: self.from,
            request_id: RequestId::from_random(self.service.entropy.bytes()),
            language: self.language,
            now: self.now,
        }
    }

    /// Does what the session wants, as its key may.
    pub(super) async fn call(
        &self,
        entered: &Entered,
        entry: &Entry,
        parameters: Map<String, Value>,
    ) -> Result<Value, ApiError> {
        let key = Arc::clone(&entered.key);
        let answer = call::on_behalf(
            self.service,
            self.from,
            key,
            self.language,
            entry,
            parameters,
        );
        serde_json::from_slice(&answer.await?).map_err(ApiError::internal)
    }
}

fn is_secure(service: &Service) -> bool {
    let config = &service.config;
    config.tls.is_some() || config.public_url.starts_with("https://")
}

/// The cookie of the session. Behind TLS its name has the prefix that browsers take from this host alone, and by TLS alone.
pub(super) fn session_cookie(service: &Service) -> &'static str {
    if is_secure(service) {
        SECURE_SESSION
    } else {
        SESSION
    }
}

fn session_token<'h>(service: &Service, headers: &'h HeaderMap) -> Option<&'h str> {
    cookie(headers, session_cookie(service))
}

fn entered(service: &Service, headers: &HeaderMap) -> Option<Entered> {
    let token = session_token(service, headers)?;
    let session = service.sessions.find(token, service.clock.now())?;
    let key = service.catalog.key(&session.secret_id)?;
    key.enabled.then_some(Entered { session, key })
}

/// Reads a form. Whoever is not signed in has little to say.
async fn read(
    service: &Service,
    caller: &Caller,
    body: Incoming,
    headers: &HeaderMap,
    is_signed_in: bool,
) -> Result<Fields, Unread> {
    let held = service.edge.bodies.held_for(caller.from);
    let is_here = caller.connection.has_whole_request();
    let limit = if is_signed_in { LARGEST_FORM } else { UNPROVEN };
    caller.connection.awaits_body();
    let reader = Reader::new(body, headers, held, is_here);
    let (body, _held) = reader.whole(limit).await?;
    caller.connection.is_busy();
    Ok(Fields::read(&body))
}

/// What was chosen, else what the browser prefers.
fn language(headers: &HeaderMap) -> Language {
    match cookie(headers, LANGUAGE) {
        Some(name) => Language::named(name),
        None if prefers_chinese(header(headers, ACCEPT_LANGUAGE.as_str())) => Language::ZhCn,
        None => Language::EnUs,
    }
}

/// Whether the first language of the header is Chinese. Browsers send them in the order of preference.
fn prefers_chinese(accepted: &str) -> bool {
    accepted.trim_start().to_ascii_lowercase().starts_with("zh")
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .map_or(Ok(""), HeaderValue::to_str)
        .unwrap_or_default()
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).into_iter();
    let mut pairs = cookies
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}
