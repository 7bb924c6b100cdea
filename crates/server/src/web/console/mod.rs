//! The console under `/console/`: pages for people, rendered here, that work without scripts wherever a form can do.
//!
//! It is a client of the API like any other: a session stands for an access key, and can do what that key can.

mod assets;
mod audit;
mod change;
mod chart;

mod doctor;
mod error;
mod explorer;
mod fields;
mod fleet;
mod instance;
mod keys;
mod page;
mod reference;
mod sign_in;
mod tasks;
mod texts;
mod times;
mod visit;

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request};
use tokio::task::block_in_place;

use crate::http::Reply;
use crate::http::listener::Caller;
use crate::service::Service;
use error::{Answer, Error};
use visit::{Entered, Visit};

/// Where the console begins.
pub const ROOT: &str = "/console/";

/// Sends a browser to where the console begins.
pub fn entrance() -> Reply {
    page::see(ROOT)
}

/// Answers a request for a page, a form or an asset.
pub async fn answer(service: &Arc<Service>, caller: &Caller, request: Request<Incoming>) -> Reply {
    let path = request.uri().path();
    if path == "/console" {
        return entrance();
    }
    if path.starts_with(assets::ROOM) {
        return assets::answer(path);
    }
    let visit = match Visit::read(service, caller, request).await {
        Ok(visit) => visit,
        Err(reply) => return *reply,
    };
    match open(&visit).await {
        Ok(reply) => reply,
        Err(error) => error.page(&visit),
    }
}

/// The doors that are open to everybody, and the one that needs a session.
async fn open(visit: &Visit<'_>) -> Answer {
    visit.refuse_foreign_forms()?;
    let is_get = visit.method == Method::GET || visit.method == Method::HEAD;
    match (is_get, visit.path.as_str()) {
        (true, "sign-in") => sign_in::page(visit),
        (false, "sign-in") => sign_in::enter(visit),
        (false, "preferences") => page::keep_preferences(visit),
        _ => {
            let Some(entered) = visit.entered() else {
                return Ok(sign_in::ask(visit));
            };
            if is_get {
                visit.audit_read(&entered);
                show(visit, &entered).await
            } else {
                visit.require_csrf(&entered)?;
                act(visit, &entered).await
            }
        }
    }
}

/// The pages.
async fn show(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let path: Vec<&str> = visit.path.split('/').collect();
    match path[..] {
        [""] => block_in_place(|| fleet::page(visit, entered)), // it counts everything
        ["fleet.csv"] => fleet::csv(visit, entered),
        ["fleet.json"] => fleet::json(visit, entered),
        ["instances", id] => instance::page(visit, entered, id).await,
        ["instances", id, change] => change::page(visit, entered, id, change),
        ["tasks"] => tasks::list(visit, entered),
        ["tasks", id] => tasks::page(visit, entered, id),
        ["tasks", id, "progress"] => tasks::progress(visit, entered, id),
        ["explorer"] => explorer::index(visit, entered),
        ["explorer", service, action] => explorer::page(visit, entered, service, action),
        ["doctor"] => doctor::page(visit, entered),
        ["keys"] => keys::page(visit, entered),
        ["keys", secret_id, "disable"] => keys::ask(visit, entered, secret_id),
        ["audit"] => audit::page(visit, entered).await,
        ["reference", service] => reference::page(visit, entered, service),
        _ => Err(Error::NotFound),
    }
}

/// The forms that change something or make a call.
async fn act(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let path: Vec<&str> = visit.path.split('/').collect();
    match path[..] {
        ["sign-out"] => Ok(sign_in::leave(visit)),
        ["instances", id, change] => change::start(visit, entered, id, change).await,
        ["explorer", service, action] => explorer::call(visit, entered, service, action).await,
        ["doctor"] => doctor::examine(visit, entered),
        ["keys"] => keys::create(visit, entered).await,
        ["keys", secret_id, "disable"] => keys::disable(visit, entered, secret_id).await,
        _ => Err(Error::NotFound),
    }
}
