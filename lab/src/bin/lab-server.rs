//! `lab-server`: one real server for tests and scripts that are not written in Rust.
//!
//! When the server answers, one JSON line says where it is. Then each line on stdin is run as SQL by `root`, or is one of `!restart [TLS]`,
//! `!stop`, `!kill`, and gets one JSON line: `{"Output": …}` or `{"Error": …}`. It ends with stdin, or by SIGTERM or SIGINT.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lab::pki::{Authority, Leaf};
use lab::{Kind, Options, Server};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
usage: lab-server mysql|mariadb [--tls MODE] [--port PORT] [--ipv6] [--set LINE]...

  --tls MODE   off (default), auto, ec, rsa, expired, intermediate
  --set LINE   one more line for the [mysqld] section of my.cnf";

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
    tls: String,
    port: Option<u16>,
    ipv6: bool,
    settings: Vec<String>,
}

impl Order {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let kind = arguments.next().unwrap_or_default();
        let kind = Kind::ALL
            .into_iter()
            .find(|known| known.name() == kind)
            .ok_or("which kind of server?")?;
        let mut order = Self {
            kind,
            tls: "off".to_owned(),
            port: None,
            ipv6: false,
            settings: Vec::new(),
        };
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{option} needs a value"));
            match option.as_str() {
                "--tls" => order.tls = value()?,
                "--port" => {
                    order.port = Some(
                        value()?
                            .parse()
                            .map_err(|_| "a port is a number below 65536")?,
                    );
                }
                "--ipv6" => order.ipv6 = true,
                "--set" => order.settings.push(value()?),
                _ => return Err(format!("unknown option {option}")),
            }
        }
        Ok(order)
    }

    /// The options with this TLS mode; its files are made in `dir`.
    fn options(&self, mode: &str, dir: &Path) -> Result<Options, lab::Error> {
        let mut options = self
            .settings
            .iter()
            .fold(Options::new(), |options, line| options.set(line.clone()));
        if self.ipv6 {
            options = options.ipv6();
        }
        if let Some(port) = self.port {
            options = options.port(port);
        }
        let (now, day) = (lab::now(), 86_400);
        let leaf = Leaf::for_loopback(now);
        let root = Authority::root("Lab root", now)?;
        let issued = match mode {
            "off" => return Ok(options),
            "auto" => return Ok(options.tls_auto()),
            "ec" => root.issue(&leaf)?,
            "rsa" => root.issue(&leaf.rsa())?,
            "expired" => root.issue(&leaf.valid(now - 2 * day, now - day))?,
            "intermediate" => root.intermediate("Lab intermediate")?.issue(&leaf)?,
            _ => {
                return Err(lab::Error::Program {
                    program: "--tls".to_owned(),
                    message: format!("no such mode: {mode}"),
                });
            }
        };
        Ok(options.tls(issued.write_to(dir)?))
    }
}

async fn serve(order: &Order) -> Result<(), lab::Error> {
    let io = |what: &str| {
        let what = what.to_owned();
        move |source| lab::Error::Io { what, source }
    };
    let files = tempfile::tempdir().map_err(io("create a directory for the certificate"))?;
    let (mut terminated, mut interrupted) = (
        signal(SignalKind::terminate()).map_err(io("listen to SIGTERM"))?,
        signal(SignalKind::interrupt()).map_err(io("listen to SIGINT"))?,
    );
    let mut server = Server::start(order.kind, order.options(&order.tls, files.path())?)?;
    println!("{}", description(&server, files.path()));
    let mut lines = lines_of_stdin();
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = terminated.recv() => None,
            _ = interrupted.recv() => None,
        };
        let Some(line) = line else { return Ok(()) };
        let answer = obey(&mut server, order, files.path(), line.trim());
        println!(
            "{}",
            answer.map_or_else(
                |error| json!({ "Error": error.to_string() }),
                |output| json!({ "Output": output })
            )
        );
    }
}

fn obey(server: &mut Server, order: &Order, files: &Path, line: &str) -> Result<Value, lab::Error> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("!stop", "") => server.stop()?,
        ("!kill", "") => server.kill()?,
        ("!restart", mode) => {
            server
                .restart(order.options(if mode.is_empty() { &order.tls } else { mode }, files)?)?;
            return Ok(description(server, files));
        }
        _ => return Ok(server.sql(line)?.into()),
    }
    Ok("".into())
}

fn description(server: &Server, files: &Path) -> Value {
    let ca: Option<PathBuf> = Some(files.join("ca.pem")).filter(|file| file.is_file());
    json!({
        "Kind": server.kind().name(),
        "Version": server.version(),
        "Host": server.host(),
        "Port": server.port(),
        "Socket": server.socket(),
        "Ca": ca,
        "Pid": server.pid(),
        "Dir": server.dir(),
    })
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
