use std::borrow::Cow;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use sha2::{Digest, Sha256};

use crate::envelope::Request;
use crate::hex;

/// A request to be diagnosed: as somebody pasted it, or as a server kept it.
///
/// It has no `Debug`: its body may hold a password.
#[derive(Clone)]
pub struct Pasted {
    /// The method.
    pub method: Method,
    /// The `Host` header, or the authority of the URL where there is none.
    pub host: String,
    /// The path of the URL.
    pub path: String,
    /// What stood after `?`, raw.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// The body, or what is left of one that was too large to be kept.
#[derive(Clone)]
pub enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// Its SHA-256, in lower-case hexadecimal digits.
    Hash(String),
}

/// The text is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing but white space.
    #[error("there is no request: paste its headers, a blank line, and its body")]
    Empty,
    /// The head is not UTF-8.
    #[error("line {0} of the headers is not UTF-8")]
    NotText(usize),
    /// A line before the first blank one that is no header.
    #[error(
        "line {line} is no header like `Name: value`: `{text}`. A blank line must stand between the headers and the body"
    )]
    NotAHeader {
        /// Counted from 1.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// Nothing says which host was called.
    #[error("there is no `Host` header: it is signed, so it must be here")]
    NoHost,
}

impl Pasted {
    /// Reads what people paste: a request line (which may be missing, or hold a whole URL), headers in any case, a blank line,
    /// and the body, byte for byte. What `curl -v` prints will do, too.
    ///
    /// Without a request line, a request with a body is a POST. Line ends after the length that `Content-Length` gives are the
    /// editor's and not the body's.
    ///
    /// # Errors
    /// Where a request cannot be made of it, with what is missing.
    pub fn read(text: &[u8]) -> Result<Self, Unreadable> {
        let text = of_curl(text);
        let (lines, body) = split(&text)?;
        let (line, headers) = match lines.split_first() {
            None => return Err(Unreadable::Empty),
            Some((first, rest)) => match RequestLine::read(first.text) {
                Some(line) => (line, rest),
                None => (RequestLine::default(), &lines[..]),
            },
        };
        let headers = headers
            .iter()
            .map(Line::header)
            .collect::<Result<HeaderMap, _>>()?;
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .or(line.authority);
        let body = without_added_line_ends(body, &headers);
        let method = line.method.unwrap_or(if body.is_empty() {
            Method::GET
        } else {
            Method::POST
        });
        Ok(Self {
            method,
            host: host.ok_or(Unreadable::NoHost)?.to_owned(),
            path: line.path.to_owned(),
            query: line.query.to_owned(),
            body: Body::Whole(body.to_vec()),
            headers,
        })
    }

    /// A copy of a request that came to a server. Of a body beyond `largest` bytes the hash is kept, which is enough for TC3.
    pub fn of(request: &Request<'_>, largest: usize) -> Self {
        let body = request.body;
        Self {
            method: request.method.clone(),
            host: request.host.to_owned(),
            path: "/".to_owned(), // the API has no other
            query: request.query.to_owned(),
            headers: request.headers.clone(),
            body: if body.len() <= largest {
                Body::Whole(body.to_vec())
            } else {
                let hash = hex::lower(&Sha256::digest(body).into());
                Body::Hash(String::from_utf8_lossy(&hash).into_owned())
            },
        }
    }

    /// How many bytes it takes, roughly.
    pub fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.as_str().len() + value.len());
        let body = match &self.body {
            Body::Whole(body) => body.len(),
            Body::Hash(hash) => hash.len(),
        };
        self.host.len() + self.path.len() + self.query.len() + headers.sum::<usize>() + body
    }

    /// The form that a server reads. Of a body that was not kept, nothing.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            host: &self.host,
            query: &self.query,
            headers: &self.headers,
            body: match &self.body {
                Body::Whole(body) => body,
                Body::Hash(_) => b"",
            },
        }
    }
}

/// What a request line says.
#[derive(Default)]
struct RequestLine<'a> {
    method: Option<Method>,
    authority: Option<&'a str>,
    path: &'a str,
    query: &'a str,
}

impl<'a> RequestLine<'a> {
    /// `POST / HTTP/1.1`, `POST https://host/?query`, or the URL alone.
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next()?;
        let (method, target) = if first.contains("://") {
            (None, first)
        } else {
            (Some(method(first)?), words.next()?)
        };
        let (authority, target) = match target.split_once("://") {
            Some((_, rest)) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                (Some(&rest[..end]), &rest[end..])
            }
            None if target.starts_with('/') => (None, target),
            None => return None,
        };
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Self {
            method,
            authority,
            path,
            query,
        })
    }
}

fn method(word: &str) -> Option<Method> {
    let is_one = word.bytes().all(|byte| byte.is_ascii_uppercase());
    is_one.then(|| word.parse().ok())?
}

/// A line of the head.
struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl Line<'_> {
    fn header(&self) -> Result<(HeaderName, HeaderValue), Unreadable> {
        let parts = self.text.split_once(':').and_then(|(name, value)| {
            let name = name.trim_ascii().parse().ok()?;
            Some((name, HeaderValue::from_str(value.trim_ascii()).ok()?))
        });
        parts.ok_or_else(|| Unreadable::NotAHeader {
            line: self.number,
            text: self.text.chars().take(60).collect(),
        })
    }
}

/// The lines before the first blank one, and all that comes after it. Blank lines at the very beginning are nothing.
fn split(text: &[u8]) -> Result<(Vec<Line<'_>>, &[u8]), Unreadable> {
    let (mut lines, mut rest, mut number) = (Vec::new(), text, 0);
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].trim_ascii_end();
        rest = rest.get(end + 1..).unwrap_or_default();
        number += 1;
        let text = str::from_utf8(line).map_err(|_| Unreadable::NotText(number))?;
        match (text.is_empty(), lines.is_empty()) {
            (false, _) => lines.push(Line { number, text }),
            (true, true) => {}
            (true, false) => break,
        }
    }
    Ok((lines, rest))
}

/// Takes the request out of what `curl -v` prints: `> ` stands before its lines, other signs before what it says of itself.
///
/// It does not print the body. That stands where it belongs, or behind all the rest, unless there is the answer's.
fn of_curl(text: &[u8]) -> Cow<'_, [u8]> {
    let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let is_sent = |line: &&[u8]| line.first() == Some(&b'>');
    let Some(begin) = lines.iter().position(is_sent) else {
        return Cow::Borrowed(text);
    };
    let (head, rest) = lines[begin..].split_at(
        lines[begin..]
            .iter()
            .take_while(|line| is_sent(line))
            .count(),
    );
    let answer = rest.iter().position(|line| line.first() == Some(&b'<'));
    let (before, after) = rest.split_at(answer.unwrap_or(rest.len()));
    let body = |lines: &[&[u8]]| -> Vec<u8> {
        let said = lines.iter().filter(|line| !is_talk(line));
        said.flat_map(|line| line.iter().copied()).collect()
    };
    let (before, after) = (body(before), body(after));
    let is_answer = after.starts_with(br#"{"Response":"#);
    let body = if before.is_empty() && !is_answer {
        after
    } else {
        before
    };
    let head = head
        .iter()
        .flat_map(|line| line[1..].strip_prefix(b" ").unwrap_or(&line[1..]));
    Cow::Owned(head.copied().chain(body).collect())
}

/// A line in which curl tells what it does or receives. `{ "a": 1 }` is none.
fn is_talk(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line == b"<"
        || line == b"*"
        || [&b"* "[..], b"< ", b"{ [", b"} ["]
            .iter()
            .any(|sign| line.starts_with(sign))
}

fn without_added_line_ends<'a>(body: &'a [u8], headers: &HeaderMap) -> &'a [u8] {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    match length.and_then(|length: usize| body.split_at_checked(length)) {
        Some((body, added)) if added.iter().all(|byte| matches!(byte, b'\r' | b'\n')) => body,
        _ => body,
    }
}
