//! Requests as bytes, signed as SDKs or as our own clients sign them, to be changed and sent over a raw socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use server::Clock;
use server::api::action::Product;
use wire::{SecretId, SecretKey, tc3, v1};

/// Who signs.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
}

/// The root key of the services under test.
pub(crate) const ROOT: Key<'static> = Key {
    id: crate::support::SECRET_ID,
    secret: crate::support::SECRET_KEY,
};

/// A request whose parts can be changed before and after it is signed.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A POST that is not signed yet.
    pub(crate) fn post(address: SocketAddr, product: Product, action: &str, body: &str) -> Self {
        let headers = [
            ("Host", address.to_string()),
            ("Content-Type", "application/json".to_owned()),
            ("X-TC-Action", action.to_owned()),
            ("X-TC-Version", product.version().to_owned()),
            ("X-TC-Timestamp", Clock::System.now().to_string()),
        ];
        Self {
            method: "POST".into(),
            target: "/".into(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: body.as_bytes().to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    /// Puts another value in the place of a header, or adds it.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        match self.headers.iter_mut().find(|(known, _)| known == name) {
            Some(header) => value.clone_into(&mut header.1),
            None => self.headers.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    #[must_use]
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// Signs `content-type` and `host`, as SDKs do.
    #[must_use]
    pub(crate) fn signed_by_sdk(self, key: Key<'_>) -> Self {
        self.signed_for(key, "cdb", &[])
    }

    /// Signs the action and its version as well.
    #[must_use]
    pub(crate) fn signed(self, key: Key<'_>) -> Self {
        let version = self.header("X-TC-Version").to_owned();
        let product = Product::ALL
            .into_iter()
            .find(|product| product.version() == version);
        let names = ["X-TC-Action", "X-TC-Version"];
        self.signed_for(key, product.unwrap().name(), &names)
    }

    /// Signs with a service in the scope and further headers.
    #[must_use]
    pub(crate) fn signed_for(self, key: Key<'_>, service: &str, names: &[&str]) -> Self {
        let further: Vec<_> = names
            .iter()
            .map(|name| (*name, self.header(name)))
            .collect();
        let authorization = tc3::authorization(
            &SecretId::new(key.id).unwrap(),
            &SecretKey::new(key.secret),
            &tc3::Unsigned {
                method: &self.method.parse().unwrap(),
                host: self.header("Host"),
                content_type: self.header("Content-Type"),
                query: self.target.split_once('?').map_or("", |(_, query)| query),
                body: &self.body,
                service,
                timestamp: self.header("X-TC-Timestamp").parse().unwrap(),
                headers: &further,
            },
        );
        self.with("Authorization", &authorization)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", self.body.len()).bytes());
        bytes.extend(&self.body);
        bytes
    }

    /// Sends it; the `Response` of the answer.
    pub(crate) fn send(&self, address: SocketAddr) -> Value {
        response(&exchange(address, &self.bytes()))
    }
}

/// A GET that is signed with v1, over these parameters and what every call has.
pub(crate) fn v1_get(
    address: SocketAddr,
    key: Key<'_>,
    host: &str,
    parameters: &[(&str, &str)],
) -> Request {
    let now = Clock::System.now().to_string();
    let common = [
        ("Nonce", "1234"),
        ("SecretId", key.id),
        ("SignatureMethod", "HmacSHA256"),
        ("Timestamp", &now),
    ];
    let all: Vec<_> = common
        .iter()
        .chain(parameters)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let query = v1::sign(
        &SecretKey::new(key.secret),
        &"GET".parse().unwrap(),
        host,
        &all,
    );
    Request {
        method: "GET".into(),
        target: format!("/?{query}"),
        headers: vec![("Host".to_owned(), address.to_string())],
        body: Vec::new(),
    }
}

/// How long to wait for an answer to a request that may be only half of one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends bytes on a connection of their own. The first answer, as far as it comes.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    exchange_on(&mut connect(address), bytes)
}

/// Sends requests one after the other on one connection; the `Response` of each answer.
pub(crate) fn on_one_connection(address: SocketAddr, requests: &[Request]) -> Vec<Value> {
    let mut stream = connect(address);
    let answers = requests
        .iter()
        .map(|request| response(&exchange_on(&mut stream, &request.bytes())));
    answers.collect()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn exchange_on(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    // A server that refuses the head may close before it has read the rest.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 16 << 10];
    while !is_whole(&answer) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
        }
    }
    answer
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    length
        .and_then(|length| length.trim().parse::<usize>().ok())
        .is_some_and(|length| answer.len() >= end + 4 + length)
}

/// The `Response` in a raw answer; null when there is none.
pub(crate) fn response(raw: &[u8]) -> Value {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n");
    let body = end.map_or(&b""[..], |end| &raw[end + 4..]);
    let mut answer: Value = serde_json::from_slice(body).unwrap_or_default();
    answer["Response"].take()
}

/// The answer must be this error.
#[track_caller]
pub(crate) fn fails(answer: &Value, code: &str, message: &str) {
    let error = &answer["Error"];
    assert_eq!(
        (error["Code"].as_str(), error["Message"].as_str()),
        (Some(code), Some(message)),
        "{answer}"
    );
}
