use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use lab::{Kind, Options, Server};
use serde_json::{Map, Value, json};
use server::Clock;
use server::api::action::Product;
use server::api::actions::ACTIONS;
use tempfile::TempDir;
use wire::{SecretId, SecretKey, tc3};

pub(crate) const SECRET_ID: &str = "AKIDTESTTESTTESTTESTTESTTESTTESTTEST";
const SECRET_KEY: &str = "testtesttesttesttesttesttesttest";

/// The instance that the tests register.
pub(crate) const ID: &str = "cdb-c1nl9rpv";

/// How long to wait for a line or an answer before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program: the one that was built with the tests, or another build of it that `SIGNET_PROGRAM` names.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("SIGNET_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_signet").into(), PathBuf::from)
}

/// The folder of a service, with its configuration, its data and its log. It is kept when the test fails.
pub(crate) struct Place {
    folder: Option<TempDir>,
    path: PathBuf,
}

impl Place {
    /// With a configuration under which everybody may call as often as he likes.
    pub(crate) fn new() -> Self {
        Self::configured("")
    }

    /// The same with more of a configuration.
    pub(crate) fn configured(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self {
            path: folder.path().to_owned(),
            folder: Some(folder),
        };
        let rates: Vec<_> = ACTIONS
            .iter()
            .map(|entry| format!("{} = 1000000", entry.spec.name))
            .collect();
        let configuration = format!("{more}\n[rates]\n{}\n", rates.join("\n"));
        fs::write(place.path("signet.toml"), configuration).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(program());
        command
            .args(line.split(' '))
            .current_dir(&self.path)
            .env_clear()
            .env("SIGNET_ALLOW_ROOT", "1") // the tests make namespaces, and so are root
            .env("SIGNET_ROOT_SECRET_ID", SECRET_ID)
            .env("SIGNET_ROOT_SECRET_KEY", SECRET_KEY)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed. What it writes, without the newline.
    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim_end().to_owned()
    }

    /// Starts the service on a free port of loopback, and waits until it listens.
    pub(crate) fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    /// The same with more in its environment.
    pub(crate) fn serve_with(&self, environment: &[(&str, &str)]) -> Served {
        self.serve_on(Ipv4Addr::LOCALHOST.into(), environment)
    }

    /// The same on an address of a [`lab::Host`]; call it inside [`lab::Host::run`], with `allow_plaintext = true` or `[tls]`.
    pub(crate) fn serve_on(&self, address: IpAddr, environment: &[(&str, &str)]) -> Served {
        let mut starting = self.start_serving_on(address, environment);
        let first = starting.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let log = fs::read_to_string(self.path("serve.log")).unwrap();
            panic!("the service did not start; its log:\n{log}")
        });
        let address = first.strip_prefix("Signet listens on http://");
        starting.address = address.and_then(|text| text.parse().ok());
        starting
    }

    /// The same without waiting.
    pub(crate) fn start_serving(&self) -> Served {
        self.start_serving_on(Ipv4Addr::LOCALHOST.into(), &[])
    }

    /// The same on another address, with more in its environment.
    pub(crate) fn start_serving_on(&self, address: IpAddr, environment: &[(&str, &str)]) -> Served {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("serve.log"))
            .unwrap();
        let mut child = self
            .command(&format!(
                "serve --listen {} --data data",
                SocketAddr::new(address, 0)
            ))
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        Served {
            lines: lines_of(child.stdout.take().unwrap()),
            child,
            address: None,
        }
    }
}

impl Place {
    /// Begins the service's log anew, and keeps what it has said so far in `earlier.log`.
    pub(crate) fn turn_log_over(&self) {
        let said = fs::read(self.path("serve.log")).unwrap();
        let mut earlier = File::options()
            .create(true)
            .append(true)
            .open(self.path("earlier.log"))
            .unwrap();
        earlier.write_all(&said).unwrap();
        fs::write(self.path("serve.log"), "").unwrap();
    }

    /// Writes what clients need to trust into a file.
    pub(crate) fn keep_authority(&self, connection: &mut Connection) -> PathBuf {
        let authorities = connection.call("DescribeAuthorities", &json!({})).unwrap();
        let chain = authorities["Items"][0]["Certificates"].as_str().unwrap();
        let file = self.path("ca.pem");
        fs::write(&file, chain).unwrap();
        file
    }

    /// Waits until the service's log has a line with this text.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !fs::read_to_string(self.path("serve.log"))
            .unwrap()
            .contains(text)
        {
            assert!(Instant::now() < deadline, "the log never says `{text}`");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            let path = folder.keep();
            eprintln!("the folder of the failed test is kept: {}", path.display());
        }
    }
}

/// A `signet serve`; killed when it is dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) lines: Receiver<String>,
    address: Option<SocketAddr>,
}

impl Served {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("the service has said where it listens")
    }

    /// SIGKILL. Afterwards the process is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Nothing can be done about a process that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a program writes, as they come; the end when it ends.
fn lines_of(out: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// A connection that stays open for many calls.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        Self::open_for(address, PATIENCE)
    }

    /// The same, with so much time for each answer.
    pub(crate) fn open_for(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Self {
            stream: BufReader::new(stream),
            host: address.to_string(),
        })
    }

    /// Calls an action with the root key. What it answers, without the RequestId; an error
    /// when the connection breaks before the whole answer is there.
    pub(crate) fn call(
        &mut self,
        action: &str,
        parameters: &Value,
    ) -> io::Result<Map<String, Value>> {
        let request = self.request(action, &parameters.to_string());
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut envelope: Value = serde_json::from_slice(&self.answer()?)?;
        let Value::Object(mut response) = envelope["Response"].take() else {
            panic!("no Response: {envelope}")
        };
        response.remove("RequestId").expect("a RequestId");
        Ok(response)
    }

    /// Waits for the end of a task. Answers its state and its text.
    #[track_caller]
    pub(crate) fn finish(&mut self, task: &str) -> (String, String) {
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            let parameters = json!({ "AsyncRequestId": task });
            let answer = self.call("DescribeAsyncRequestInfo", &parameters).unwrap();
            let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
            if matches!(text("Status").as_str(), "SUCCESS" | "FAILED") {
                return (text("Status"), text("Info"));
            }
            assert!(
                Instant::now() < deadline,
                "the task does not end: {answer:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn request(&self, action: &str, body: &str) -> String {
        let product = ACTIONS
            .iter()
            .find(|entry| entry.spec.name == action)
            .map_or(Product::Signet, |entry| entry.spec.product);
        let timestamp = Clock::System.now();
        let content_type = "application/json";
        let authorization = tc3::authorization(
            &SecretId::new(SECRET_ID).unwrap(),
            &SecretKey::new(SECRET_KEY.to_owned()),
            &tc3::Unsigned {
                method: &"POST".parse().unwrap(),
                host: &self.host,
                content_type,
                query: "",
                body: body.as_bytes(),
                service: product.name(),
                timestamp,
            },
        );
        format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\nX-TC-Action: {action}\r\nX-TC-Version: {}\r\n\
             X-TC-Timestamp: {timestamp}\r\nAuthorization: {authorization}\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            product.version(),
            body.len()
        )
    }

    /// The body of the next answer.
    fn answer(&mut self) -> io::Result<Vec<u8>> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }
}

/// A MySQL with the account that changes it by SQL.
pub(crate) fn mysql() -> Server {
    let server = Server::start(Kind::MySql, Options::new()).unwrap();
    let grants = dbtls::switch::grants("signet", "%");
    server
        .sql(&grants.replace("RANDOM PASSWORD", "'secret'"))
        .unwrap();
    server
}

/// Registers both as one instance, changed by SQL.
pub(crate) fn register(address: SocketAddr, servers: &[Server; 2]) {
    let nodes = servers
        .each_ref()
        .map(|s| format!("{}:{}", s.host(), s.port()));
    let mut connection = Connection::open(address).unwrap();
    let registered = connection.call(
        "RegisterInstance",
        &json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes,
            "DnsNames": ["localhost"], "Driver": "sql", "SqlUser": "signet", "SqlPassword": "secret",
        }),
    );
    assert_eq!(registered.unwrap()["InstanceId"], ID);
}

/// The lines of a file of JSON lines; the last one may still be under way.
pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
