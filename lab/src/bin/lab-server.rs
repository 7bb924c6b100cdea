//! `lab-server`: one real server for tests and scripts that are not written in Rust.
//!
//! When the server answers, one JSON line says where it is. Then each line on stdin is run as SQL by `root`,
//! or is one of `!restart [TLS]`, `!stop`, `!kill`, and gets one JSON line: `{"Output": …}` or `{"Error":
//! …}`. It ends with stdin, or by SIGTERM or SIGINT.

use std::io::BufRead as _;
use std::path::Path;
use std::process::ExitCode;

use lab::pki::{Authority, Issued, Leaf};
use lab::{Kind, Options, Server};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
usage: lab-server mysql|mariadb|mariadb11 [--tls MODE] [--port PORT] [--ipv6] [--set LINE]...

  --tls MODE   off (default), auto, ec, rsa, expired, intermediate
  --set LINE   one more line for the [mysqld] section of my.cnf";

const DAY: i64 = 86_400;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let order = match Order::parse(std::env::args().skip(1)) {
        Ok(order) => order,
        Err(message) => {
            eprintln!("lab-server: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match serve(&order).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for.
struct Order {
    kind: Kind,
    mode: Mode,
    port: Option<u16>,
    ipv6: bool,
    settings: Vec<String>,
}

impl Order {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let kind = arguments.next().unwrap_or_default();
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind);
        let kind = kind.ok_or("which kind of server?")?;
        let mut order = Self {
            kind,
            mode: Mode::Off,
            port: None,
            ipv6: false,
            settings: vec![],
        };
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{option} needs a value"));
            match option.as_str() {
                "--tls" => order.mode = Mode::parse(&value()?)?,
                "--port" => order.port = Some(parse_port(&value()?)?),
                "--ipv6" => order.ipv6 = true,
                "--set" => order.settings.push(value()?),
                _ => return Err(format!("unknown option {option}")),
            }
        }
        Ok(order)
    }

    /// The options with TLS of this mode; its files are made in `dir`.
    fn options(&self, mode: Mode, dir: &Path) -> Result<Options, lab::Error> {
        let mut options = Options::new();
        for line in &self.settings {
            options = options.set(line);
        }
        if self.ipv6 {
            options = options.ipv6();
        }
        if let Some(port) = self.port {
            options = options.port(port);
        }
        match mode {
            Mode::Off => Ok(options),
            Mode::Auto => Ok(options.tls_auto()),
            mode => Ok(options.tls(mode.issue()?.write_to(dir)?)),
        }
    }
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("not a port: {text}"))
}

/// What TLS the server has.
#[derive(Clone, Copy)]
enum Mode {
    Off,
    Auto,
    Ec,
    Rsa,
    Expired,
    Intermediate,
}

impl Mode {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "auto" => Ok(Self::Auto),
            "ec" => Ok(Self::Ec),
            "rsa" => Ok(Self::Rsa),
            "expired" => Ok(Self::Expired),
            "intermediate" => Ok(Self::Intermediate),
            _ => Err(format!("no such mode: {text}")),
        }
    }

    /// A new root and a certificate for loopback under it.
    fn issue(self) -> Result<Issued, lab::Error> {
        let now = lab::now();
        let (root, leaf) = (Authority::root("Lab root", now)?, Leaf::for_loopback(now));
        match self {
            Self::Rsa => root.issue(&leaf.rsa()),
            Self::Expired => root.issue(&leaf.valid(now - 2 * DAY, now - DAY)),
            Self::Intermediate => root.intermediate("Lab intermediate")?.issue(&leaf),
            Self::Off | Self::Auto | Self::Ec => root.issue(&leaf),
        }
    }
}

async fn serve(order: &Order) -> Result<(), lab::Error> {
    let files = tempfile::tempdir().map_err(io("create a directory for the certificate"))?;
    let mut terminated = signal(SignalKind::terminate()).map_err(io("listen to SIGTERM"))?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(io("listen to SIGINT"))?;
    let mut server = Server::start(order.kind, order.options(order.mode, files.path())?)?;
    println!("{}", description(&server));
    let mut lines = lines_of_stdin();
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = terminated.recv() => None,
            _ = interrupted.recv() => None,
        };
        let Some(line) = line else { return Ok(()) };
        match obey(&mut server, order, files.path(), line.trim()) {
            Ok(output) => println!("{}", json!({ "Output": output })),
            Err(message) => println!("{}", json!({ "Error": message })),
        }
    }
}

fn io(what: &str) -> impl FnOnce(std::io::Error) -> lab::Error {
    let what = what.to_owned();
    move |source| lab::Error::Io { what, source }
}

fn obey(server: &mut Server, order: &Order, files: &Path, line: &str) -> Result<Value, String> {
    let done = match line.split_once(' ').unwrap_or((line, "")) {
        ("!stop", _) => server.stop(),
        ("!kill", _) => server.kill(),
        ("!restart", mode) => {
            let mode = if mode.is_empty() {
                order.mode
            } else {
                Mode::parse(mode)?
            };
            let options = order
                .options(mode, files)
                .map_err(|error| error.to_string())?;
            return server
                .restart(options)
                .map(|()| description(server))
                .map_err(|error| error.to_string());
        }
        _ => {
            return server
                .sql(line)
                .map(Value::from)
                .map_err(|error| error.to_string());
        }
    };
    done.map(|()| Value::from(""))
        .map_err(|error| error.to_string())
}

fn description(server: &Server) -> Value {
    json!({
        "Kind": server.kind().name(),
        "Version": server.version(),
        "Host": server.host(),
        "Port": server.port(),
        "Socket": server.socket(),
        "Ca": server.ca(),
        "Pid": server.pid(),
        "Dir": server.dir(),
        "Client": client(server),
    })
}

/// The words that run the matching client.
fn client(server: &Server) -> Vec<String> {
    let command = server.installation().client();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Lines from a thread of its own, because a read from a terminal or pipe cannot be given up.
fn lines_of_stdin() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let lines = std::io::stdin()
            .lock()
            .lines()
            .map_while(Result::ok)
            .filter(|line| !line.trim().is_empty());
        for line in lines {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
