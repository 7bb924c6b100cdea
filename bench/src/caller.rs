//! The service as a caller has it: one action after the other, each on a connection of its own.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use server::api::action::Product;

use crate::request::{Call, Signer};

/// How long a task may take.
const TASK_LIMIT: Duration = Duration::from_secs(120);

/// Somebody with a key.
pub struct Caller {
    address: SocketAddr,
    signer: Signer,
}

impl Caller {
    /// Calls the service at this address.
    pub const fn new(address: SocketAddr, signer: Signer) -> Self {
        Self { address, signer }
    }

    /// Calls an action and answers its `Response`.
    ///
    /// # Errors
    /// When it is refused.
    pub fn call(
        &self,
        product: Product,
        action: &str,
        parameters: &Value,
    ) -> anyhow::Result<Value> {
        let call = Call {
            service: product.name(),
            version: product.version(),
            action,
            body: &parameters.to_string(),
        };
        let request = self
            .signer
            .sign(&self.address.to_string(), &call, lab::now());
        let mut answer: Value = serde_json::from_str(&ask(self.address, &request)?)?;
        let response = answer["Response"].take();
        let error = &response["Error"];
        ensure!(error.is_null(), "{action} {parameters}: {error}");
        Ok(response)
    }

    /// Registers an instance of these nodes that the `sql` driver may change, and waits until it was seen to be OFF.
    ///
    /// # Errors
    /// When it is refused, or has TLS.
    pub fn register(&self, nodes: &[String], user: &str, password: &str) -> anyhow::Result<String> {
        let instance = json!({
            "InstanceName": "bench", "Architecture": "two-node", "Nodes": nodes,
            "Driver": "sql", "SqlUser": user, "SqlPassword": password,
        });
        let answer = self.call(Product::Signet, "RegisterInstance", &instance)?;
        let id = answer["InstanceId"].as_str().context("no InstanceId")?;
        let id = json!({ "InstanceId": id });
        self.call(Product::Signet, "ProbeNow", &id)?;
        let answer = self.call(Product::Cdb, "DescribeSSLStatus", &id)?;
        ensure!(answer["Status"] == "OFF", "{nodes:?}: {answer}");
        Ok(id["InstanceId"].as_str().unwrap_or_default().to_owned())
    }

    /// Starts a task: `OpenSSL` or `CloseSSL`. Answers its ID.
    ///
    /// # Errors
    /// When it is refused.
    pub fn start(&self, action: &str, instance: &str) -> anyhow::Result<String> {
        let answer = self.call(Product::Cdb, action, &json!({ "InstanceId": instance }))?;
        let task = answer["AsyncRequestId"].as_str();
        Ok(task.context("no AsyncRequestId")?.to_owned())
    }

    fn has_ended(&self, task: &str) -> anyhow::Result<bool> {
        let task = json!({ "AsyncRequestId": task });
        let answer = self.call(Product::Cdb, "DescribeAsyncRequestInfo", &task)?;
        ensure!(answer["Status"] != "FAILED", "{task}: {answer}");
        Ok(answer["Status"] == "SUCCESS")
    }

    /// Waits for a task's end, with so much time between two questions how it stands.
    ///
    /// # Errors
    /// When it fails, or takes longer than two minutes.
    pub fn finish(&self, task: &str, pause: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + TASK_LIMIT;
        while !self.has_ended(task)? {
            ensure!(Instant::now() < end, "the task {task} does not end");
            std::thread::sleep(pause);
        }
        Ok(())
    }

    /// How many seconds all tasks so far have spent on each of their steps, as `/metrics` tells it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn step_seconds(&self) -> anyhow::Result<HashMap<String, f64>> {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        let text = ask(self.address, request.as_bytes())?;
        let sums = text.lines().filter_map(|line| {
            let rest = line.strip_prefix("signet_task_step_seconds_sum{step=\"")?;
            let (step, seconds) = rest.split_once("\"} ")?;
            Some((step.to_owned(), seconds.parse().ok()?))
        });
        Ok(sums.collect())
    }
}

/// Sends one request and reads the body of its answer.
///
/// # Errors
/// When there is none.
pub fn ask(address: SocketAddr, request: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer)?;
        answer.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if length.is_some_and(|length| body.len() >= length) {
            return Ok(body.to_owned());
        }
        ensure!(
            count > 0,
            "the connection was closed in the middle of an answer: {text}"
        );
    }
}
