//! Hundreds of instances of simulated nodes switched at once, while the service is asked: what waiting callers feel of it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use lab::fake::{ACCOUNT, Behaviour};
use serde_json::Value;

use crate::blast::Outcome;
use crate::process::{pinned, sibling};
use crate::service::{Bench, CLIENT_CORE, Data, Round, Running, SERVER_CORE};
use crate::table::{Row, Table, median};

/// How many instances are switched at once, each of two simulated nodes.
const CROWD: usize = 200;
/// How long the service is asked in each round, with the crowd and without. The crowd must be at work for longer.
const DURATION: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 64;
/// p99 with the crowd, in times p99 without it.
const GATE: f64 = 1.5;

/// Asks the service `rounds` times without the crowd and with it, in turn, and adds what was measured to the table.
///
/// # Errors
/// When a task fails, or the crowd is done before the measuring is.
pub fn measure(bench: &Bench, rounds: usize, table: &mut Table) -> anyhow::Result<()> {
    let crowd = Crowd::gather(bench)?;
    let (mut idle, mut busy, mut took) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        idle.push(crowd.ask(bench)?);
        let began = Instant::now();
        let tasks = crowd.start("OpenSSL")?;
        busy.push(crowd.ask(bench)?);
        let last = tasks.last().context("there is a crowd")?;
        ensure!(
            !crowd.service.caller.has_ended(last)?,
            "the crowd was done within {} s: make it larger",
            began.elapsed().as_secs_f64()
        );
        crowd.finish(&tasks)?;
        took.push(began.elapsed().as_secs_f64());
        crowd.finish(&crowd.start("CloseSSL")?)?;
    }
    let p99 = |outcomes: &[Outcome]| median(outcomes.iter().map(|outcome| f64::from(outcome.p99)));
    let ratio = p99(&busy) / p99(&idle);
    table.section(&format!(
        "`DescribeSSLStatus` while {CROWD} instances of simulated nodes are switched at once; the service on one core"
    ));
    table.add(row("nothing else to do", &idle));
    let row = row("the crowd at work, eight at a time", &busy);
    table.add(row);
    table.add(
        Row::new("p99 with the crowd", format!("{ratio:.2}×"))
            .beside("of p99 with nothing else to do")
            .gate("≤ 1.5×", ratio <= GATE),
    );
    table.add(
        Row::new(
            format!("{CROWD} instances ON, each node seen to be"),
            format!("{:.1} s", median(took)),
        )
        .beside("asked meanwhile; the nodes are simulated by one program"),
    );
    let quiet = idle.iter().filter(|outcome| outcome.is_whole()).count();
    table.note(format!(
        "In {quiet} of the {rounds} rounds without the crowd the service had at least nine tenths of its core; in the others something \
         else ran on this machine as well, and its p99 says more about that."
    ));
    Ok(())
}

fn row(what: &str, outcomes: &[Outcome]) -> Row {
    let middle = |of: &dyn Fn(&Outcome) -> f64| median(outcomes.iter().map(of));
    let p99 = middle(&|outcome| f64::from(outcome.p99));
    Row::new(what, format!("p99 {p99:.0} µs")).beside(format!(
        "p50 {:.0} µs · {:.0}/s · core {:.0} % busy",
        middle(&|outcome| f64::from(outcome.p50)),
        middle(&Outcome::rate),
        middle(&Outcome::busy) * 100.0,
    ))
}

/// The instances, the program that simulates their nodes, and the service that switches them.
struct Crowd {
    service: Running,
    asked: PathBuf,
    instances: Vec<String>,
    _nodes: Nodes,
}

impl Crowd {
    fn gather(bench: &Bench) -> anyhow::Result<Self> {
        let (nodes, addresses) = Nodes::start(2 * CROWD)?;
        let service = bench.run(Data::Fleet, Some(SERVER_CORE))?;
        let register = |pair: &[String]| service.caller.register(pair, ACCOUNT, "any");
        let instances = addresses
            .chunks(2)
            .map(register)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            service,
            asked: bench.asked()?,
            instances,
            _nodes: nodes,
        })
    }

    fn ask(&self, bench: &Bench) -> anyhow::Result<Outcome> {
        let round = Round {
            address: self.service.address,
            server: self.service.program.pid(),
            instances: Some(&self.asked),
            duration: DURATION,
            connections: CONNECTIONS,
        };
        round.run(bench)
    }

    fn start(&self, action: &str) -> anyhow::Result<Vec<String>> {
        let start = |instance: &String| self.service.caller.start(action, instance);
        self.instances.iter().map(start).collect()
    }

    fn finish(&self, tasks: &[String]) -> anyhow::Result<()> {
        let mut tasks = tasks.iter();
        tasks.try_for_each(|task| self.service.caller.finish(task))
    }
}

/// The program that simulates nodes. It ends when its standard input does, which is with us.
struct Nodes(Child);

impl Nodes {
    /// Starts it on the core of whoever measures; answers the addresses, too.
    fn start(count: usize) -> anyhow::Result<(Self, Vec<String>)> {
        let mut fleet = pinned(Some(CLIENT_CORE), &sibling("lab-fake-fleet")?);
        fleet.arg(format!("{}={count}", Behaviour::Switchable.name()));
        let mut child = fleet
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start lab-fake-fleet")?;
        let output = child.stdout.take().context("its output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line).context("lab-fake-fleet")?;
        let targets = told["Targets"].as_array().context("no targets")?.iter();
        let addresses = targets.filter_map(|target| Some(target["Target"].as_str()?.to_owned()));
        Ok((Self(child), addresses.collect()))
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
