//! Where each request on a connection ends, read strictly and beside hyper.
//!
//! hyper follows RFC 9112 where a message is ambiguous: it drops a `Content-Length` that comes with a `Transfer-Encoding`, and a repeated one.
//! A proxy in front may choose otherwise, which is how requests are smuggled. So every head is looked at on its way into hyper, and what could
//! be read in two ways is marked; [`route`](super::route) answers it with 400 and closes the connection. After a chunked body the connection
//! is closed as well, so that nothing behind one is ever taken for a request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::bodies::Held;
use super::connections::Connection;

/// The longest head, in bytes. A query string may have 32 KiB.
pub const LONGEST_HEAD: usize = 64 << 10;

/// Why a head can be read in more than one way, for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ambiguity {
    /// A line ends in a bare LF, or is a continuation of the one before (`obs-fold`).
    Line = 1,
    /// More than one `Content-Length`, or one that is no number.
    Length,
    /// Anything but one `Transfer-Encoding: chunked`.
    Encoding,
    /// Both of them.
    Both,
    /// No `Host`, or several.
    Host,
}

impl Ambiguity {
    const ALL: [Self; 5] = [
        Self::Line,
        Self::Length,
        Self::Encoding,
        Self::Both,
        Self::Host,
    ];

    /// The one with this number.
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|known| *known as u8 == number)
    }

    /// What is wrong and what to send.
    pub fn text(self) -> &'static str {
        match self {
            Self::Line => "Header lines must end in CRLF and must not be folded.\n",
            Self::Length => "Send one Content-Length, a number of bytes.\n",
            Self::Encoding => "The only Transfer-Encoding is chunked, once, with HTTP/1.1.\n",
            Self::Both => "Send either Content-Length or Transfer-Encoding, not both.\n",
            Self::Host => "Send one Host header.\n",
        }
    }

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Length => "content_length",
            Self::Encoding => "transfer_encoding",
            Self::Both => "length_and_encoding",
            Self::Host => "host",
        }
    }
}

/// A stream whose requests are watched on their way in.
pub struct Framed<S> {
    stream: S,
    connection: Arc<Connection>,
    state: State,
    /// The beginning of a head that has not arrived whole.
    head: Vec<u8>,
    /// The room in the budget of bytes for it, here and in hyper's buffer.
    held: Held,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// A body of which so many bytes are missing.
    Body(u64),
    /// The rest of the connection: nothing behind is read as a request.
    Rest,
}

impl<S> Framed<S> {
    /// Watches a connection from its first byte.
    pub fn new(stream: S, connection: Arc<Connection>, held: Held) -> Self {
        Self {
            stream,
            connection,
            state: State::Head,
            head: Vec::new(),
            held,
        }
    }

    fn watch(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.state {
                State::Head => bytes = self.watch_head(bytes)?,
                State::Body(left) => {
                    let part = left.min(bytes.len() as u64);
                    bytes = &bytes[usize::try_from(part).unwrap_or(bytes.len())..];
                    self.state = if left == part {
                        State::Head
                    } else {
                        State::Body(left - part)
                    };
                }
                State::Rest => break,
            }
        }
        self.connection.set_whole(self.state == State::Head);
        Ok(())
    }

    /// Looks at a head, or a part of it. What follows it.
    fn watch_head<'b>(&mut self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        if self.head.is_empty() {
            let bytes = without_empty_lines(bytes);
            let Some(end) = end_of_head(bytes, 0) else {
                return self.keep(bytes);
            };
            self.judge(&bytes[..end]);
            return Ok(&bytes[end..]);
        }
        let before = self.head.len();
        let rest = self.keep(bytes)?;
        let Some(end) = end_of_head(&self.head, before.saturating_sub(3)) else {
            return Ok(rest);
        };
        let head = std::mem::take(&mut self.head);
        self.held.release();
        self.judge(&head[..end]);
        Ok(&bytes[end - before..])
    }

    /// Keeps a part of a head, for which there must be room.
    fn keep<'b>(&mut self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        self.connection.has_begun_head();
        let is_too_long = self.head.len() + bytes.len() > 2 * LONGEST_HEAD;
        if is_too_long || self.held.grow(2 * bytes.len()).is_err() {
            return Err(io::Error::other("no room for the head of a request"));
        }
        self.head.extend_from_slice(bytes);
        Ok(&[])
    }

    fn judge(&mut self, head: &[u8]) {
        self.state = match framing(head) {
            Ok(state) => state,
            Err(ambiguity) => {
                self.connection.mark(ambiguity);
                State::Rest
            }
        };
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.watch(&buffer.filled()[before..]))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Framed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Empty lines before a request are skipped, as hyper does.
fn without_empty_lines(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Where the head ends: behind the first empty line. `from` was looked at before.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut line = from;
    for at in memchr::memchr_iter(b'\n', &bytes[from..]) {
        let at = from + at;
        if matches!(&bytes[line..at], b"" | b"\r") && at > 0 && line > 0 && bytes[line - 1] == b'\n'
        {
            return Some(at + 1);
        }
        line = at + 1;
    }
    None
}

/// What follows this head.
fn framing(head: &[u8]) -> Result<State, Ambiguity> {
    let (mut length, mut is_chunked, mut hosts) = (None, false, 0);
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let is_1_1 = first.trim_ascii_end().ends_with(b"HTTP/1.1");
    for line in std::iter::once(first).chain(lines.clone()) {
        if !line.ends_with(b"\r\n") {
            return Err(Ambiguity::Line);
        }
    }
    for line in lines {
        match line[0].to_ascii_lowercase() {
            b' ' | b'\t' => return Err(Ambiguity::Line),
            b'c' => {
                if let Some(value) = value_of(line, b"content-length") {
                    let number = number(value).ok_or(Ambiguity::Length)?;
                    if length.replace(number).is_some() {
                        return Err(Ambiguity::Length);
                    }
                }
            }
            b't' => {
                if let Some(value) = value_of(line, b"transfer-encoding") {
                    let is_first = !std::mem::replace(&mut is_chunked, true);
                    if !is_first || !is_1_1 || !value.eq_ignore_ascii_case(b"chunked") {
                        return Err(Ambiguity::Encoding);
                    }
                }
            }
            b'h' => hosts += usize::from(value_of(line, b"host").is_some()),
            _ => {}
        }
    }
    if hosts > 1 || (is_1_1 && hosts == 0) {
        return Err(Ambiguity::Host);
    }
    match (length, is_chunked) {
        (Some(_), true) => Err(Ambiguity::Both),
        (None, true) => Ok(State::Rest),
        (Some(0) | None, false) => Ok(State::Head),
        (Some(length), false) => Ok(State::Body(length)),
    }
}

/// The value of a header line with this name.
fn value_of<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (before, rest) = line.split_at_checked(name.len())?;
    if !before.eq_ignore_ascii_case(name) {
        return None;
    }
    rest.strip_prefix(b":").map(<[u8]>::trim_ascii)
}

/// Digits alone.
fn number(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| is_number)?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &str) -> Result<State, Ambiguity> {
        framing(format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes())
    }

    #[test]
    fn one_length_or_one_chunked() {
        assert_eq!(of(""), Ok(State::Head));
        assert_eq!(of("Content-Length: 0\r\n"), Ok(State::Head));
        assert_eq!(of("CONTENT-LENGTH:\t12 \r\n"), Ok(State::Body(12)));
        assert_eq!(of("Transfer-Encoding: Chunked\r\n"), Ok(State::Rest));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_ambiguous() {
        for (lines, expected) in [
            (
                "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                Ambiguity::Both,
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
                Ambiguity::Both,
            ),
            (
                "Content-Length: 1\r\nContent-Length: 1\r\n",
                Ambiguity::Length,
            ),
            ("Content-Length: 1, 1\r\n", Ambiguity::Length),
            ("Content-Length: +1\r\n", Ambiguity::Length),
            ("Content-Length: 0x1\r\n", Ambiguity::Length),
            ("Content-Length:\r\n", Ambiguity::Length),
            (
                "Content-Length: 99999999999999999999\r\n",
                Ambiguity::Length,
            ),
            ("Transfer-Encoding: gzip, chunked\r\n", Ambiguity::Encoding),
            ("Transfer-Encoding: xchunked\r\n", Ambiguity::Encoding),
            ("Transfer-Encoding: \"chunked\"\r\n", Ambiguity::Encoding),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Ambiguity::Encoding,
            ),
            ("X: a\r\n b\r\n", Ambiguity::Line),
            ("X: a\n", Ambiguity::Line),
            ("Host: b\r\n", Ambiguity::Host),
        ] {
            assert_eq!(of(lines), Err(expected), "{lines:?}");
        }
        let alone = |head: &[u8]| framing(head);
        assert_eq!(alone(b"GET / HTTP/1.1\r\n\r\n"), Err(Ambiguity::Host));
        assert_eq!(alone(b"GET / HTTP/1.0\r\n\r\n"), Ok(State::Head));
        assert_eq!(
            alone(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Err(Ambiguity::Encoding)
        );
    }

    #[test]
    fn a_head_ends_behind_its_first_empty_line() {
        for (bytes, end) in [
            (&b"GET / HTTP/1.1\r\nA: b\r\n\r\nrest"[..], Some(24)),
            (b"GET / HTTP/1.1\nA: b\n\nrest", Some(21)),
            (b"GET / HTTP/1.1\r\nA: b\r\n", None),
            (b"GET / HTTP/1.1\r\nA: b\r\n\r", None),
        ] {
            assert_eq!(end_of_head(bytes, 0), end);
            for cut in 0..bytes.len() {
                if let Some(end) = end.filter(|end| cut < *end) {
                    assert_eq!(
                        end_of_head(bytes, cut.saturating_sub(3)),
                        Some(end),
                        "{cut}"
                    );
                }
            }
        }
    }
}
