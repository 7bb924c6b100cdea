//! A real service on port 0 with a data folder of its own, called over HTTP with real signatures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lab::fake::{Behaviour, FakeFleet};
use serde_json::{Map, Value, json};
use server::api::action::Product;
use server::{Clock, Config, Entropy, Resolver, RootKey, Running, Service, StartError};
use wire::{SecretId, SecretKey, tc3};

/// The root key of every test.
pub const SECRET_ID: &str = "AKIDTESTTESTTESTTESTTESTTESTTESTTEST";
/// Its secret.
pub const SECRET_KEY: &str = "testtesttesttesttesttesttesttest";

/// Matches any value in an expected answer.
pub const ANY: &str = "<any>";

/// How long to wait for a condition before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running service.
pub struct TestServer {
    pub clock: Clock,
    pub config: Config,
    resolver: Resolver,
    running: Option<Running>,
    runtime: tokio::runtime::Runtime,
    folder: Option<tempfile::TempDir>,
}

impl TestServer {
    /// With nothing registered.
    pub fn start() -> Self {
        Self::configured(|_| {})
    }

    /// With a changed configuration.
    pub fn configured(change: impl FnOnce(&mut Config)) -> Self {
        Self::begun_before(0, change)
    }

    fn usual(folder: &tempfile::TempDir) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: folder.path().join("data"),
            // The documented limits have a test of their own; the others call as often as they like.
            rates: server::api::actions::ACTIONS
                .iter()
                .map(|entry| (entry.spec.name.to_owned(), 1_000_000))
                .collect(),
            ..Config::default()
        }
    }

    /// With a clock that begins this many seconds ago, so that it can pass without leaving the servers' behind.
    pub fn begun_before(seconds: i64, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Self::usual(&folder);
        change(&mut config);
        Self::at(lab::now() - seconds, config, Resolver::System, folder)
    }

    /// With a resolver for the names that are to be proven.
    pub fn resolving(resolver: Resolver, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Self::usual(&folder);
        change(&mut config);
        Self::at(lab::now(), config, resolver, folder)
    }

    fn at(now: i64, config: Config, resolver: Resolver, folder: tempfile::TempDir) -> Self {
        let mut server = Self {
            clock: Clock::fixed(now),
            config,
            resolver,
            running: None,
            runtime: tokio::runtime::Runtime::new().unwrap(),
            folder: Some(folder),
        };
        server.running = Some(server.run().unwrap());
        server
    }

    fn run(&self) -> Result<Running, StartError> {
        let root = RootKey {
            secret_id: SecretId::new(SECRET_ID).unwrap(),
            secret_key: SecretKey::new(SECRET_KEY.to_owned()),
        };
        self.runtime.block_on(Service::start_resolving(
            self.config.clone(),
            self.clock.clone(),
            Entropy::System,
            self.resolver.clone(),
            Some(root),
        ))
    }

    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }

    /// Stops and starts again on the same data.
    pub fn restart(&mut self) {
        self.stop();
        self.running = Some(self.run().unwrap());
    }

    /// Tries to start on the same data; the service must have been stopped.
    pub fn start_error(&self) -> String {
        self.run().err().expect("it must not start").to_string()
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address
    }

    /// What the service shares.
    pub fn service(&self) -> &Arc<Service> {
        &self.running.as_ref().unwrap().service
    }

    /// Waits for what the service is asked for without HTTP.
    pub fn wait<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    pub fn data(&self) -> &Path {
        &self.config.data
    }

    /// Moves the clock.
    pub fn pass(&self, seconds: i64) {
        let Clock::Fixed(time) = &self.clock else {
            unreachable!()
        };
        time.fetch_add(seconds, std::sync::atomic::Ordering::SeqCst);
    }

    /// Calls an action of either service with the root key.
    pub fn call(&self, action: &str, parameters: Value) -> Answer {
        self.call_with(SECRET_ID, SECRET_KEY, action, parameters)
    }

    pub fn call_with(
        &self,
        secret_id: &str,
        secret_key: &str,
        action: &str,
        parameters: Value,
    ) -> Answer {
        let entry = server::api::actions::ACTIONS
            .iter()
            .find(|entry| entry.spec.name == action);
        let version = entry.map_or("2017-03-20", |entry| entry.spec.product.version());
        let body = parameters.to_string();
        let mut request = Request::post(self, action, version, &body);
        request.sign(secret_id, secret_key);
        Answer::of(&request.send(self))
    }

    /// Registers a two-node instance and waits for both nodes to be seen or to have failed.
    pub fn register(&self, id: &str, nodes: &[String]) {
        let architecture = if nodes.len() == 3 {
            "three-node"
        } else {
            "two-node"
        };
        let parameters = json!({ "InstanceId": id, "InstanceName": "orders", "Architecture": architecture, "Nodes": nodes });
        self.call("RegisterInstance", parameters)
            .answers(json!({ "InstanceId": id }));
        self.call("ProbeNow", json!({ "InstanceId": id }))
            .answers(json!({ "Status": ANY }));
    }

    /// Waits for the end of a task. Answers its state and its text.
    #[track_caller]
    pub fn finish(&self, task: &str) -> (String, String) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let answer = self.call(
                "DescribeAsyncRequestInfo",
                json!({ "AsyncRequestId": task }),
            );
            let state = answer.text("Status");
            if matches!(state.as_str(), "SUCCESS" | "FAILED") {
                return (state, answer.text("Info"));
            }
            assert!(
                Instant::now() < deadline,
                "the task does not end: {}",
                answer.text("Info")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks until the answer is the expected one.
    #[track_caller]
    pub fn wait_for(&self, action: &str, parameters: &Value, expected: &Value) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.call(action, parameters.clone());
            match answer.mismatch(expected) {
                None => return,
                Some(mismatch) => assert!(Instant::now() < deadline, "{mismatch}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The audit log as values, once it has a line that fits.
    #[track_caller]
    pub fn audited(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(self.data().join("audit.jsonl")).unwrap();
            let lines: Vec<Value> = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            if let Some(line) = lines.iter().find(|line| fits(line)) {
                return line.clone();
            }
            assert!(
                Instant::now() < deadline,
                "no such line in the audit log:\n{text}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Fetches a path with GET: status, head, body.
    pub fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        split(
            &self.exchange(
                format!(
                    "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                    self.address()
                )
                .as_bytes(),
            ),
        )
    }

    /// Sends bytes on a fresh connection and returns all that comes back.
    pub fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            // What the server did not read before it closed makes a reset of the close.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            read => drop(read.unwrap()),
        }
        answer
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            eprintln!(
                "the data of the failed test is kept in {}",
                folder.keep().display()
            );
        }
    }
}

/// A request that a test can spoil before it is sent.
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn post(server: &TestServer, action: &str, version: &str, body: &str) -> Self {
        let headers = [
            ("Host", server.address().to_string()),
            ("Content-Type", "application/json".to_owned()),
            ("X-TC-Action", action.to_owned()),
            ("X-TC-Version", version.to_owned()),
            ("X-TC-Timestamp", server.clock.now().to_string()),
            ("X-Signet-Nonce", nonce()),
            ("Connection", "close".to_owned()),
        ];
        Self {
            method: "POST".into(),
            target: "/".into(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: body.as_bytes().to_vec(),
        }
    }

    pub fn header(&self, name: &str) -> String {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map_or_else(String::new, |(_, value)| value.clone())
    }

    /// Sets a header, or takes it away when the value is empty.
    pub fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Signs as our own clients do: action and version as well, and a nonce, so that no call is taken for another one again.
    pub fn sign(&mut self, secret_id: &str, secret_key: &str) {
        let version = self.header("X-TC-Version");
        let product = Product::ALL
            .into_iter()
            .find(|product| product.version() == version);
        let service = product.unwrap_or(Product::Cdb).name();
        let names = ["X-TC-Action", "X-TC-Version", "X-Signet-Nonce"];
        let headers = names.map(|name| (name, self.header(name)));
        let signed: Vec<_> = headers
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.sign_for(secret_id, secret_key, service, &signed);
    }

    /// Signs with this service in the credential scope, and these headers beside `content-type` and `host`.
    pub fn sign_for(
        &mut self,
        secret_id: &str,
        secret_key: &str,
        service: &str,
        headers: &[(&str, &str)],
    ) {
        let unsigned = tc3::Unsigned {
            method: &self.method.parse().unwrap(),
            host: &self.header("Host"),
            content_type: &self.header("Content-Type"),
            query: self.target.split_once('?').map_or("", |(_, query)| query),
            body: &self.body,
            service,
            timestamp: self.header("X-TC-Timestamp").parse().unwrap(),
            headers,
        };
        let authorization = tc3::authorization(
            &SecretId::new(secret_id).unwrap(),
            &SecretKey::new(secret_key.to_owned()),
            &unsigned,
        );
        self.set("Authorization", &authorization);
    }

    pub fn send(&self, server: &TestServer) -> Vec<u8> {
        server.exchange(&self.bytes())
    }

    /// Sends everything and leaves the answer unread. Dropping the connection hangs up.
    pub fn send_only(&self, server: &TestServer) -> TcpStream {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(&self.bytes()).unwrap();
        stream
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", self.body.len()).bytes());
        bytes.extend(&self.body);
        bytes
    }
}

/// A number that no other call of this program has.
fn nonce() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

/// Status, head and body of a raw answer.
pub fn split(raw: &[u8]) -> (u16, String, Vec<u8>) {
    let at = raw
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no HTTP answer: {:?}", String::from_utf8_lossy(raw)));
    let head = String::from_utf8_lossy(&raw[..at]).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap();
    (status, head, raw[at + 4..].to_vec())
}

/// An answer of the API.
pub struct Answer {
    pub request_id: String,
    pub fields: Map<String, Value>,
}

impl Answer {
    /// Checks what every answer must have: status 200, exactly `application/json`, one key `Response`, a RequestId.
    #[track_caller]
    pub fn of(raw: &[u8]) -> Self {
        let (status, head, body) = split(raw);
        assert_eq!(status, 200, "{head}");
        assert!(
            head.to_ascii_lowercase()
                .contains("\r\ncontent-type: application/json\r\n"),
            "{head}"
        );
        let Value::Object(mut envelope) = serde_json::from_slice(&body).unwrap() else {
            panic!("no object")
        };
        let Some(Value::Object(mut fields)) = envelope.remove("Response") else {
            panic!("no Response")
        };
        assert!(envelope.is_empty(), "beside Response: {envelope:?}");
        let Some(Value::String(request_id)) = fields.remove("RequestId") else {
            panic!("no RequestId")
        };
        assert!(
            request_id.len() == 36 && request_id.as_bytes()[14] == b'4',
            "{request_id}"
        );
        Self { request_id, fields }
    }

    /// The whole answer must be this one.
    #[track_caller]
    pub fn answers(&self, expected: Value) {
        if let Some(mismatch) = self.mismatch(&expected) {
            panic!("{mismatch}");
        }
    }

    fn mismatch(&self, expected: &Value) -> Option<String> {
        let got = Value::Object(self.fields.clone());
        (!fits(&got, expected)).then(|| format!("expected {expected:#}\ngot {got:#}"))
    }

    /// It must be an error with this code and this message.
    #[track_caller]
    pub fn fails(&self, code: &str, message: &str) {
        self.answers(json!({ "Error": { "Code": code, "Message": message } }));
    }

    pub fn text(&self, name: &str) -> String {
        self.fields
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no text `{name}` in {:?}", self.fields))
            .to_owned()
    }
}

fn fits(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (_, Value::String(any)) if any == ANY => true,
        (Value::Object(got), Value::Object(expected)) => {
            got.len() == expected.len()
                && expected
                    .iter()
                    .all(|(name, value)| got.get(name).is_some_and(|got| fits(got, value)))
        }
        (Value::Array(got), Value::Array(expected)) => {
            got.len() == expected.len()
                && got
                    .iter()
                    .zip(expected)
                    .all(|(got, expected)| fits(got, expected))
        }
        (got, expected) => got == expected,
    }
}

/// Fakes of these behaviours, and their addresses.
pub fn fakes(behaviours: &[Behaviour]) -> (FakeFleet, Vec<String>) {
    let mix: Vec<_> = behaviours.iter().map(|behaviour| (*behaviour, 1)).collect();
    let fleet = FakeFleet::start(&mix).unwrap();
    let addresses = fleet
        .targets()
        .iter()
        .map(|target| target.address.to_string())
        .collect();
    (fleet, addresses)
}

/// An address that nobody listens on.
pub fn nobody() -> String {
    lab::nobody().to_string()
}
