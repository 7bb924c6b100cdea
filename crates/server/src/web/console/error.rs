//! What a page can fail with, and the page that says so.

use askama::Template;
use hyper::StatusCode;

use super::page::{Layout, html_with};
use super::texts::Texts;
use super::visit::Visit;
use crate::api::error::ApiError;
use crate::http::Reply;

/// The answer of a page.
pub(super) type Answer = Result<Reply, Error>;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Error {
    /// There is nothing at this address.
    NotFound,
    /// A form came from another site.
    Foreign,
    /// A form came without the session's token.
    Csrf,
    /// The API refused.
    Api(ApiError),
    /// A template could not be rendered.
    Template(askama::Error),
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        Self::Template(error)
    }
}

#[derive(Template)]
#[template(path = "console/error.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    title: String,
    message: String,
}

impl Error {
    /// The page that says so.
    pub(super) fn page(&self, visit: &Visit<'_>) -> Reply {
        let t = visit.texts();
        let (status, title, message) = match self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                t.not_found.to_owned(),
                t.not_found_text.to_owned(),
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                t.refused.to_owned(),
                t.foreign_form.to_owned(),
            ),
            Self::Csrf => (
                StatusCode::FORBIDDEN,
                t.refused.to_owned(),
                t.csrf_form.to_owned(),
            ),
            Self::Api(error) => (
                status(error),
                error.code().as_str().to_owned(),
                error.message(visit.language).into_owned(),
            ),
            Self::Template(error) => {
                tracing::error!(%error, "a page could not be rendered");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    t.refused.to_owned(),
                    t.no_page.to_owned(),
                )
            }
        };
        let page = Page {
            t,
            layout: visit.layout(""),
            title,
            message,
        };
        match html_with(status, &page) {
            Ok(reply) => reply,
            Err(_) => crate::http::text(status, "The page could not be rendered.\n"),
        }
    }
}

/// The API answers errors with status 200; a page has no client that would stumble over a better one.
fn status(error: &ApiError) -> StatusCode {
    match error.code().family() {
        "ResourceNotFound" => StatusCode::NOT_FOUND,
        "InternalError" => StatusCode::INTERNAL_SERVER_ERROR,
        "AuthFailure" => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}
