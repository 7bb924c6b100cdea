//! `OpenSSL` on two real servers, from the call to verified on both, beside the same steps by hand; in turn.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use lab::pki::Authority;
use lab::{Kind, Options, Server};
use tempfile::TempDir;

use crate::service::{Bench, Data, Running};
use crate::table::{Row, Table, median};

/// The same by hand.
const BY_HAND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/switch-by-hand.sh");
/// Between two questions how the task stands.
const PAUSE: Duration = Duration::from_millis(2);
const USER: &str = "signet";
const PASSWORD: &str = "Only-for-this-run-1";
/// Seconds from the call to the end, at the median.
const GATE: f64 = 1.0;
/// What a task does on each node, in this order; `check` has no counterpart by hand.
const PARTS: [&str; 5] = ["check", "issue", "deliver", "load", "verify"];

/// Switches TLS on `rounds` times in each way, and adds what was measured to the table.
///
/// # Errors
/// When a server does not start, or cannot be switched.
pub fn measure(bench: &Bench, rounds: usize, table: &mut Table) -> anyhow::Result<()> {
    let site = Site::start(bench)?;
    let (mut by_call, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        by_call.push(site.by_call()?);
        by_hand.push(site.by_hand()?);
    }
    let hand = seconds(&by_hand);
    table.section(&format!(
        "Switching TLS on: an instance of two {} {}, both cores, the servers on them as well",
        Kind::MySql,
        site.servers[0].version()
    ));
    let took = seconds(&by_call);
    let what = "`OpenSSL` with the `sql` driver, from the call to verified on both nodes";
    table.add(row(what, &by_call, hand).gate("≤ 1 s", took <= GATE));
    let what = "the same steps by hand: a script with `openssl` and `mysql`";
    table.add(row(what, &by_hand, hand));
    Ok(())
}

/// One time that TLS was switched on: how long all of it took and each part, on both nodes together, in seconds.
struct Switched {
    seconds: f64,
    parts: HashMap<String, f64>,
}

fn seconds(switched: &[Switched]) -> f64 {
    median(switched.iter().map(|switched| switched.seconds))
}

fn row(what: &str, switched: &[Switched], hand: f64) -> Row {
    let took = seconds(switched);
    let part = |part: &str| {
        median(
            switched
                .iter()
                .map(|switched| switched.parts.get(part).copied().unwrap_or_default()),
        )
    };
    let rest = switched
        .iter()
        .map(|switched| switched.seconds - switched.parts.values().sum::<f64>());
    let parts = PARTS.into_iter().map(|name| (name, part(name)));
    let parts: Vec<_> = parts
        .filter(|(_, seconds)| *seconds > 0.0)
        .chain([("the rest", median(rest))])
        .map(|(name, seconds)| format!("{name} {:.0}", seconds * 1e3))
        .collect();
    Row::new(what, format!("{:.0} ms", took * 1e3)).beside(format!(
        "{:.2}× · {} ms",
        took / hand,
        parts.join(", ")
    ))
}

/// Two servers without TLS, the account that changes them, the service, and a CA for the work by hand.
struct Site {
    servers: [Server; 2],
    service: Running,
    instance: String,
    folder: TempDir,
}

impl Site {
    fn start(bench: &Bench) -> anyhow::Result<Self> {
        let servers = [server()?, server()?];
        let service = bench.run(Data::Nothing, None)?;
        let nodes = servers.each_ref().map(address);
        let instance = service.caller.register(&nodes, USER, PASSWORD)?;
        let folder = tempfile::tempdir()?;
        let (certificate, key) = Authority::root("Bench root", lab::now())?.issuing_pem();
        fs::write(folder.path().join("ca.pem"), certificate)?;
        fs::write(folder.path().join("ca-key.pem"), key)?;
        Ok(Self {
            servers,
            service,
            instance,
            folder,
        })
    }

    /// By one call; then TLS is off again.
    fn by_call(&self) -> anyhow::Result<Switched> {
        let caller = &self.service.caller;
        let before = caller.step_seconds()?;
        let began = Instant::now();
        caller.finish(&caller.start("OpenSSL", &self.instance)?, PAUSE)?;
        let seconds = began.elapsed().as_secs_f64();
        let mut parts = caller.step_seconds()?;
        for (part, seconds) in &mut parts {
            *seconds -= before.get(part).copied().unwrap_or_default();
        }
        // Issuing is a part of the delivery, and stands for itself here.
        let issue = parts.get("issue").copied().context("nothing was issued")?;
        *parts.entry("deliver".to_owned()).or_default() -= issue;
        caller.finish(&caller.start("CloseSSL", &self.instance)?, PAUSE)?;
        Ok(Switched { seconds, parts })
    }

    /// By the script; then TLS is off again.
    fn by_hand(&self) -> anyhow::Result<Switched> {
        let mut script = Command::new(BY_HAND);
        script.arg(self.folder.path()).arg(USER);
        for server in &self.servers {
            let files = server.dir().join("files");
            script.arg(format!("{}:{}", address(server), files.display()));
        }
        let client = self.servers[0].installation().client();
        script.arg("--").arg(client.get_program());
        script.args(client.get_args()).env("MYSQL_PWD", PASSWORD);
        let began = Instant::now();
        let output = script.stdin(Stdio::null()).output().context(BY_HAND)?;
        let seconds = began.elapsed().as_secs_f64();
        ensure!(
            output.status.success(),
            "{BY_HAND}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut parts = HashMap::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let (part, micros) = line.split_once(' ').context("PART MICROSECONDS")?;
            *parts.entry(part.to_owned()).or_default() += micros.parse::<f64>()? / 1e6;
        }
        for server in &self.servers {
            server.switch_tls_off()?;
        }
        Ok(Switched { seconds, parts })
    }
}

/// A MySQL without TLS, with the account of the `sql` driver.
fn server() -> anyhow::Result<Server> {
    let server = Server::start(Kind::MySql, Options::new())?;
    let grants = dbtls::switch::grants(USER, "%");
    server.sql(&grants.replace("RANDOM PASSWORD", &format!("'{PASSWORD}'")))?;
    Ok(server)
}

fn address(server: &Server) -> String {
    format!("{}:{}", server.host(), server.port())
}
