//! The load on a service, from a core of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::ensure;

use super::{Bench, Data};
use crate::blast::Outcome;
use crate::process::{pinned, sibling};

/// Whoever is measured runs here.
pub const SERVER_CORE: usize = 0;
/// Whoever measures, and all that is simulated, runs here.
pub const CLIENT_CORE: usize = 1;
/// How many of the fleet's instances are asked for, each by its own signed request.
const ASKED: usize = 4096;

/// A round of load on a server.
pub struct Round<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub server: u32,
    /// The file with the instances to ask for; without one the server is moto.
    pub instances: Option<&'a Path>,
    /// How long is measured at most.
    pub duration: Duration,
    /// How many connections have a request under way at a time.
    pub connections: usize,
}

impl Round<'_> {
    /// Applies the load.
    ///
    /// # Errors
    /// When one answer of a million is not the right one.
    pub fn run(&self, bench: &Bench) -> anyhow::Result<Outcome> {
        outcome(&self.command(bench)?.output()?)
    }

    /// Applies the load for as long as something else takes, and for no longer than `duration`.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when the other thing fails.
    pub fn run_during(
        &self,
        bench: &Bench,
        meanwhile: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Outcome> {
        let mut blast = self.command(bench)?;
        blast.arg("--while-stdin").stdin(Stdio::piped());
        blast.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = blast.spawn()?;
        // It ends with the child's standard input, on an error too.
        meanwhile()?;
        outcome(&child.wait_with_output()?)
    }

    fn command(&self, bench: &Bench) -> anyhow::Result<Command> {
        let mut blast = pinned(Some(CLIENT_CORE), &sibling("bench-blast")?);
        let numbers = [
            ("--server", u64::from(self.server)),
            ("--connections", self.connections as u64),
            ("--duration", self.duration.as_millis() as u64),
        ];
        blast.arg("--address").arg(self.address.to_string());
        for (name, number) in numbers {
            blast.arg(name).arg(number.to_string());
        }
        if let Some(instances) = self.instances {
            blast.arg("--instances").arg(instances);
            blast.arg("--secret-id").arg(bench.secret_id(Data::Fleet)?);
            blast
                .arg("--secret-key-file")
                .arg(bench.path(Data::Fleet, "secret-key"));
        }
        Ok(blast)
    }
}

fn outcome(output: &Output) -> anyhow::Result<Outcome> {
    ensure!(
        output.status.success(),
        "bench-blast: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let outcome: Outcome = serde_json::from_slice(&output.stdout)?;
    let example = outcome.first_wrong.as_deref().unwrap_or_default();
    ensure!(
        outcome.wrong == 0,
        "{} answers of {} are wrong, the first: {example}",
        outcome.wrong,
        outcome.answers
    );
    Ok(outcome)
}

impl Bench {
    /// The file with those of the fleet's instances that are asked for.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn asked(&self) -> anyhow::Result<PathBuf> {
        let asked = self.path(Data::Fleet, "asked");
        let all = fs::read_to_string(self.path(Data::Fleet, "instances"))?;
        let some: String = all
            .lines()
            .take(ASKED)
            .map(|id| format!("{id}\n"))
            .collect();
        fs::write(&asked, some)?;
        Ok(asked)
    }
}
