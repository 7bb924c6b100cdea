//! The load: one thread, epoll, keep-alive connections, one request at a time on each; two system calls a request.
//!
//! A client that costs more than the server under test would measure itself, so this one does the least: it writes bytes that
//! were made beforehand, reads an answer, looks whether it is the right one, and writes the next.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use memchr::memmem;
use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};

use crate::process::cpu_time;

/// The largest answer that is read, in bytes.
const LARGEST: usize = 64 << 10;
/// When nothing comes for so long, the server under test is stuck.
const STUCK: Duration = Duration::from_secs(20);

/// What is to be sent, and what must come back.
pub struct Load<'a> {
    /// The server under test.
    pub address: SocketAddr,
    /// Whole HTTP requests, sent one after the other and then from the first on.
    pub requests: &'a [Vec<u8>],
    /// How many connections have a request under way at a time.
    pub connections: usize,
    /// Load before measuring begins.
    pub warm_up: Duration,
    /// How long is measured at most.
    pub duration: Duration,
    /// Ends it before that.
    pub enough: &'a AtomicBool,
    /// What every answer must contain.
    pub wanted: &'a str,
    /// What no answer may contain.
    pub unwanted: &'a str,
    /// The process whose processor time is measured, if any.
    pub server: Option<u32>,
}

/// What was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Answers while it was measured.
    pub answers: u64,
    /// Answers that were not what they must be, the warm-up's included.
    pub wrong: u64,
    /// The first of those.
    pub first_wrong: Option<String>,
    /// How long was measured, in seconds.
    pub seconds: f64,
    /// Processor time that the server used meanwhile, in seconds.
    pub server_cpu: f64,
    /// How long an answer took, in microseconds: half of them less.
    pub p50: u32,
    /// As above, 99 of 100.
    pub p99: u32,
    /// Connections that the server closed and that were opened anew.
    pub reconnections: u64,
    /// The size of the last answer with its head, in bytes.
    pub size: usize,
}

impl Outcome {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    /// Processor time of the server for one answer, in microseconds.
    pub fn cpu_micros(&self) -> f64 {
        self.server_cpu * 1e6 / self.answers as f64
    }

    /// How much of its one core the server had.
    pub fn busy(&self) -> f64 {
        self.server_cpu / self.seconds
    }

    /// Whether it had nine tenths of its core. If not, something else ran there as well, or the client was the limit.
    pub fn is_whole(&self) -> bool {
        self.busy() >= 0.9
    }
}

impl Load<'_> {
    /// Applies the load.
    ///
    /// # Errors
    /// When the server cannot be reached, stops answering, or answers what is no HTTP with a length.
    pub fn run(&self) -> anyhow::Result<Outcome> {
        let mut client = Client::connect(self)?;
        client.go_on_until(Instant::now() + self.warm_up)?;
        client.took.clear();
        let (began, cpu) = (Instant::now(), self.server_cpu()?);
        client.go_on_until(began + self.duration)?;
        let (seconds, server_cpu) = (began.elapsed(), self.server_cpu()? - cpu);
        ensure!(
            !client.took.is_empty(),
            "no answer came while it was measured"
        );
        client.took.sort_unstable();
        let percentile = |part: f64| client.took[(client.took.len() as f64 * part) as usize];
        Ok(Outcome {
            answers: client.took.len() as u64,
            wrong: client.wrong,
            first_wrong: client.first_wrong.take(),
            seconds: seconds.as_secs_f64(),
            server_cpu: server_cpu.as_secs_f64(),
            p50: percentile(0.50),
            p99: percentile(0.99),
            reconnections: client.reconnections,
            size: client.size,
        })
    }

    fn server_cpu(&self) -> anyhow::Result<Duration> {
        self.server.map_or(Ok(Duration::ZERO), cpu_time)
    }
}

struct Client<'a> {
    load: &'a Load<'a>,
    wanted: memmem::Finder<'a>,
    unwanted: memmem::Finder<'a>,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    /// How many requests were sent.
    sent: usize,
    /// How long each answer took, in microseconds.
    took: Vec<u32>,
    wrong: u64,
    first_wrong: Option<String>,
    reconnections: u64,
    size: usize,
}

struct Connection {
    stream: mio::net::TcpStream,
    /// Which request is under way.
    request: usize,
    since: Instant,
    buffer: Box<[u8]>,
    filled: usize,
}

impl<'a> Client<'a> {
    fn connect(load: &'a Load<'a>) -> anyhow::Result<Self> {
        ensure!(!load.requests.is_empty(), "there is nothing to send");
        let mut client = Self {
            load,
            wanted: memmem::Finder::new(load.wanted),
            unwanted: memmem::Finder::new(load.unwanted),
            poll: Poll::new()?,
            events: Events::with_capacity(load.connections),
            connections: Vec::with_capacity(load.connections),
            sent: 0,
            took: Vec::with_capacity(1 << 20),
            wrong: 0,
            first_wrong: None,
            reconnections: 0,
            size: 0,
        };
        for index in 0..load.connections {
            let stream = client.open(index)?;
            client.connections.push(Connection {
                stream,
                request: 0,
                since: Instant::now(),
                buffer: vec![0; LARGEST].into(),
                filled: 0,
            });
            client.send_next(index)?;
        }
        Ok(client)
    }

    fn open(&self, index: usize) -> anyhow::Result<mio::net::TcpStream> {
        let stream = std::net::TcpStream::connect(self.load.address)
            .with_context(|| format!("cannot connect to {}", self.load.address))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        self.poll
            .registry()
            .register(&mut stream, Token(index), Interest::READABLE)?;
        Ok(stream)
    }

    /// Never sleeps: a sleeping client would have to be woken by the server, which on a virtual machine costs the server as much as
    /// half a request, and the slower of two servers more often.
    fn go_on_until(&mut self, end: Instant) -> anyhow::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let mut last = Instant::now();
        while last < end && !self.load.enough.load(Ordering::Relaxed) {
            self.poll
                .poll(&mut events, Some(Duration::ZERO))
                .context("epoll")?;
            for event in &events {
                self.receive(event.token().0)?;
            }
            let now = Instant::now();
            ensure!(
                !events.is_empty() || now - last < STUCK,
                "no answer for {} s",
                STUCK.as_secs()
            );
            if !events.is_empty() || now >= end {
                last = now;
            }
        }
        self.events = events;
        Ok(())
    }

    fn receive(&mut self, index: usize) -> anyhow::Result<()> {
        loop {
            let connection = &mut self.connections[index];
            let room = &mut connection.buffer[connection.filled..];
            ensure!(!room.is_empty(), "an answer is larger than {LARGEST} bytes");
            match connection.stream.read(room) {
                Ok(0) => return self.reconnect(index),
                Ok(count) => connection.filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return self.reconnect(index);
                }
                Err(error) => return Err(error).context("reading an answer"),
            }
            if let Some(answer) = Answer::read(&connection.buffer[..connection.filled])? {
                let is_closing = answer.is_closing;
                self.take(index);
                return if is_closing {
                    self.reconnect(index)
                } else {
                    self.send_next(index)
                };
            }
        }
    }

    /// Counts the answer that the buffer holds.
    fn take(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let bytes = &connection.buffer[..connection.filled];
        if self.wanted.find(bytes).is_none() || self.unwanted.find(bytes).is_some() {
            self.wrong += 1;
            self.first_wrong
                .get_or_insert_with(|| String::from_utf8_lossy(bytes).into_owned());
        }
        self.size = connection.filled;
        connection.filled = 0;
        let took = connection.since.elapsed().as_micros();
        self.took.push(u32::try_from(took).unwrap_or(u32::MAX));
    }

    fn send_next(&mut self, index: usize) -> anyhow::Result<()> {
        let request = self.sent % self.load.requests.len();
        self.sent += 1;
        let connection = &mut self.connections[index];
        connection.request = request;
        connection.since = Instant::now();
        // A request is far smaller than an empty socket buffer, so it goes out whole.
        connection
            .stream
            .write_all(&self.load.requests[request])
            .context("sending a request")
    }

    /// The server closed the connection, as servers of HTTP/1.0 do after each answer.
    fn reconnect(&mut self, index: usize) -> anyhow::Result<()> {
        self.reconnections += 1;
        let stream = self.open(index)?;
        let connection = &mut self.connections[index];
        (connection.stream, connection.filled) = (stream, 0);
        self.send_next(index)
    }
}

/// The head of an answer that has arrived whole.
struct Answer {
    is_closing: bool,
}

impl Answer {
    /// `None` while there is more to come.
    fn read(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
            return Ok(None);
        };
        let (mut length, mut is_closing) = (None, bytes.starts_with(b"HTTP/1.0"));
        for line in bytes[..end].split(|byte| *byte == b'\n').skip(1) {
            if let Some(value) = value_of(line, b"content-length") {
                length = std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.trim().parse::<usize>().ok());
            } else if let Some(value) = value_of(line, b"connection") {
                is_closing = value.trim_ascii().eq_ignore_ascii_case(b"close");
            }
        }
        let length = length.context("an answer without a length")?;
        Ok((bytes.len() >= end + 4 + length).then_some(Self { is_closing }))
    }
}

fn value_of<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (before, after) = line.split_at_checked(name.len())?;
    before
        .eq_ignore_ascii_case(name)
        .then(|| after.strip_prefix(b":"))
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that answers each request on each connection with this text, `answers` times a connection.
    fn server(answer: &'static str, answers: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                std::thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    for _ in 0..answers {
                        if !matches!(stream.read(&mut buffer), Ok(1..))
                            || stream.write_all(answer.as_bytes()).is_err()
                        {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn load(address: SocketAddr) -> anyhow::Result<Outcome> {
        let requests = [b"POST / HTTP/1.1\r\n\r\n".to_vec()];
        let load = Load {
            address,
            requests: &requests,
            connections: 4,
            warm_up: Duration::from_millis(20),
            duration: Duration::from_millis(100),
            enough: &AtomicBool::new(false),
            wanted: "\"Status\"",
            unwanted: "\"Error\"",
            server: Some(std::process::id()),
        };
        load.run()
    }

    #[test]
    fn right_answers_are_counted() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"Status\":\"ON\"}";
        let address = server(answer, usize::MAX);
        let outcome = load(address).unwrap();
        assert_eq!(
            (outcome.wrong, outcome.reconnections, outcome.size),
            (0, 0, answer.len()),
            "{outcome:?}"
        );
        assert!(
            outcome.answers > 0 && outcome.server_cpu > 0.0 && outcome.p99 >= outcome.p50,
            "{outcome:?}"
        );
    }

    #[test]
    fn an_error_is_a_wrong_answer_although_it_is_quick() {
        let address = server(
            "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"Error\":{\"Code\":\"Over\"}}     ",
            usize::MAX,
        );
        let outcome = load(address).unwrap();
        assert!(outcome.wrong >= outcome.answers, "{outcome:?}");
        assert!(
            outcome
                .first_wrong
                .unwrap()
                .ends_with("{\"Error\":{\"Code\":\"Over\"}}     ")
        );
    }

    #[test]
    fn a_server_that_closes_is_connected_to_again() {
        let address = server(
            "HTTP/1.0 200 OK\r\nContent-Length: 15\r\n\r\n{\"Status\":\"ON\"}",
            1,
        );
        let outcome = load(address).unwrap();
        assert_eq!(outcome.wrong, 0, "{outcome:?}");
        assert!(outcome.reconnections >= outcome.answers, "{outcome:?}");
    }

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd";
        for cut in 0..text.len() {
            assert!(Answer::read(&text[..cut]).unwrap().is_none(), "{cut}");
        }
        assert!(Answer::read(text).unwrap().unwrap().is_closing);
        let error = Answer::read(b"HTTP/1.1 200 OK\r\n\r\n").err().unwrap();
        assert_eq!(error.to_string(), "an answer without a length");
    }
}
