//! What every page has: its frame, its headers, and the preferences of who looks at it.

use askama::Template;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, SET_COOKIE};
use hyper::{Response, StatusCode};
use wire::Language;

use super::assets::{ADDRESSES, Addresses};
use super::error::{Answer, Error};
use super::visit::{self, Visit};
use crate::http::Reply;

/// Nothing from anywhere but here, no script or style within a page, and in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the system has it.
    System,
    Light,
    Dark,
}

impl Theme {
    /// What a cookie or a form says.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// What every page has around it.
pub(super) struct Layout {
    pub(super) assets: &'static Addresses,
    pub(super) language: &'static str,
    pub(super) theme: &'static str,
    /// The part of the navigation that is open.
    pub(super) room: &'static str,
    /// The SecretId that is signed in; empty when nobody is.
    pub(super) user: String,
    /// What every form has to bring.
    pub(super) csrf: String,
    /// This page, to come back to.
    pub(super) here: String,
}

impl Layout {
    /// The frame of a page.
    pub(super) fn of(visit: &Visit<'_>, room: &'static str) -> Self {
        let entered = visit.entered();
        let session = entered.as_ref().map(|entered| &entered.session);
        Self {
            assets: &ADDRESSES,
            language: visit.language.as_str(),
            theme: visit.theme.name(),
            room,
            user: session.map_or_else(String::new, |session| session.secret_id.clone()),
            csrf: session.map_or_else(String::new, |session| session.csrf().to_owned()),
            here: visit.address(),
        }
    }
}

/// A page.
pub(super) fn html(page: &impl Template) -> Answer {
    html_with(StatusCode::OK, page)
}

/// A page with another status.
pub(super) fn html_with(status: StatusCode, page: &impl Template) -> Answer {
    Ok(reply(status, "text/html; charset=utf-8", page.render()?))
}

/// Something that is shown to who is signed in, and kept by nobody.
pub(super) fn reply(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE.as_str(), media_type),
        (CACHE_CONTROL.as_str(), "no-store"),
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// Sends the browser to another page of ours, to be fetched with GET.
pub(super) fn see(address: &str) -> Reply {
    let mut reply = reply(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    let address = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static(super::ROOT));
    reply.headers_mut().insert(LOCATION, address);
    reply
}

/// Sets a cookie that only we are sent. Without `seconds` it ends with the browser.
pub(super) fn set_cookie(
    visit: &Visit<'_>,
    reply: &mut Reply,
    name: &str,
    value: &str,
    seconds: Option<i64>,
) {
    let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let secure = if visit.is_secure() { "; Secure" } else { "" };
    // Browsers take a name with this prefix with the path `/` only.
    let path = if name.starts_with("__Host-") {
        "/"
    } else {
        "/console"
    };
    let cookie = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Strict{age}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        reply.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// A page of ours that a form or a link names; the first page for anything else, so that nobody is led astray.
pub(super) fn local(address: &str) -> &str {
    let is_ours = address.starts_with(super::ROOT)
        && !address.contains("..")
        && address
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours { address } else { super::ROOT }
}

/// A sentence of the documentation as HTML: what stands between backticks is code, everything is escaped.
pub(super) fn marked(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    for (place, part) in text.split('`').enumerate() {
        let part = part
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        if place % 2 == 1 {
            html.push_str(&format!("<code>{part}</code>"));
        } else {
            html.push_str(&part);
        }
    }
    html
}

/// How long a preference is kept: a year.
const KEPT: i64 = 365 * 86_400;

/// Keeps language and theme in cookies. Everybody may: there is nothing in it for anybody else.
pub(super) fn keep_preferences(visit: &Visit<'_>) -> Result<Reply, Error> {
    let mut reply = see(local(visit.form.get("next")));
    if let Some(language) = visit.form.given("language") {
        let language = Language::named(language).as_str();
        set_cookie(visit, &mut reply, visit::LANGUAGE, language, Some(KEPT));
    }
    if let Some(theme) = visit.form.given("theme") {
        let theme = Theme::named(theme).name();
        set_cookie(visit, &mut reply, visit::THEME, theme, Some(KEPT));
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code() {
        assert_eq!(
            marked("Like `a<b>&\"c\"`, or <i>none</i>."),
            "Like <code>a&lt;b&gt;&amp;&quot;c&quot;</code>, or &lt;i&gt;none&lt;/i&gt;."
        );
    }

    #[test]
    fn nobody_is_led_to_another_site() {
        for astray in [
            "https://example.com/",
            "//example.com/",
            "/\\example.com",
            "/console/../metrics",
            "/console/\nSet-Cookie: a=b",
            "",
        ] {
            assert_eq!(local(astray), "/console/", "{astray:?}");
        }
        assert_eq!(local("/console/tasks?page=2"), "/console/tasks?page=2");
    }
}
