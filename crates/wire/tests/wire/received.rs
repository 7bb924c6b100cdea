//! A request as an HTTP server would hand it over, made of bytes, of a vector, or by hand.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use wire::{Envelope, Parameters, Proof, Refusal, Request, SecretKey, tc3};

/// An owned request.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) host: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// A request without headers.
    pub(crate) fn new(method: Method, host: &str) -> Self {
        Self {
            method,
            host: host.to_owned(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
        self
    }

    /// Replaces a header.
    pub(crate) fn instead(mut self, name: &str, value: &str) -> Self {
        self.headers.remove(name);
        self.with(name, value)
    }

    /// Takes a header away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name).expect("it was there");
        self
    }

    /// Sets the query string.
    pub(crate) fn query(mut self, query: &str) -> Self {
        self.query = query.to_owned();
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Reads the bytes of a capture.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("headers end in an empty line");
        let head = str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap().split(' ');
        let method: Method = words.next().unwrap().parse().unwrap();
        let target = words.next().unwrap();
        let mut received = Self::new(method, "").body(&bytes[end + 4..]);
        received.query = target.strip_prefix("/?").unwrap_or_default().to_owned();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            received = received.with(name, value.trim());
        }
        received.host = received.headers["host"].to_str().unwrap().to_owned();
        received
    }

    /// The borrowed form that the crate reads.
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            host: &self.host,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// Parses and hands the envelope to `look`.
    #[track_caller]
    pub(crate) fn parsed<T>(&self, look: impl FnOnce(&Envelope<'_>) -> T) -> T {
        look(&wire::parse(&self.request()).expect("the request parses"))
    }

    /// The business parameters, or what they are refused with.
    #[track_caller]
    pub(crate) fn parameters(&self) -> Result<Parameters, Refusal> {
        wire::parse(&self.request())
            .expect("the request parses")
            .parameters()
    }

    /// What a request is refused with, before or while its signature is verified.
    #[track_caller]
    pub(crate) fn refusal(&self) -> Refusal {
        wire::parse(&self.request())
            .err()
            .expect("the request is refused")
    }
}

/// Verifies whatever proof there is; `SKIP` proves nothing.
pub(crate) fn verify(envelope: &Envelope<'_>, key: &str) -> bool {
    let key = SecretKey::new(key);
    match &envelope.proof {
        Proof::Tc3(proof) => {
            proof.verify(&tc3::SigningKey::derive(&key, proof.date, proof.service))
        }
        Proof::V1(proof) => proof.verify(&key),
        Proof::Skip => false,
    }
}

/// A file of the test data.
pub(crate) fn testdata(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}
