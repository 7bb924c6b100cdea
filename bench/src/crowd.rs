//! Hundreds of instances of simulated nodes switched at once, while the service is asked: what waiting callers feel of it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lab::fake::{ACCOUNT, Behaviour};
use serde_json::Value;

use crate::blast::Outcome;
use crate::process::{pinned, sibling};
use crate::service::{Bench, CLIENT_CORE, Data, Round, Running, SERVER_CORE};
use crate::table::{Row, Table, median};

/// How many instances are switched at once, each of two simulated nodes.
const CROWD: usize = 200;
/// How long the service is asked in each round without the crowd; with it, for as long as it takes.
const DURATION: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(120);
/// Between two questions how the tasks stand, which must not be a load of their own.
const PAUSE: Duration = Duration::from_millis(50);
/// All that it can do; and one caller alone, whose time is not that of waiting for others.
const LOADS: [usize; 2] = [64, 1];
/// p99 with the crowd, in times p99 without it.
const GATE: f64 = 1.5;

/// Asks the service `rounds` times without the crowd and with it, in turn, and adds what was measured to the table.
///
/// # Errors
/// When a task fails.
pub fn measure(bench: &Bench, rounds: usize, table: &mut Table) -> anyhow::Result<()> {
    let crowd = Crowd::gather(bench)?;
    let mut took = [Vec::new(), Vec::new()];
    let mut idle = [Vec::new(), Vec::new()];
    let mut busy = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (load, connections) in LOADS.into_iter().enumerate() {
            idle[load].push(crowd.round(connections, DURATION).run(bench)?);
            let began = Instant::now();
            let round = crowd.round(connections, LONGEST);
            busy[load].push(round.run_during(bench, || crowd.switch("OpenSSL"))?);
            took[load].push(began.elapsed().as_secs_f64());
            crowd.switch("CloseSSL")?;
        }
    }
    table.section(&format!(
        "`DescribeSSLStatus` while {CROWD} instances of simulated nodes are switched on at once; the service on one core"
    ));
    compare(&idle, &busy, table);
    let [with_all, with_one] = took.map(median);
    let what = format!("until all {CROWD} are ON, each node seen to be, eight at a time");
    let row = Row::new(what, format!("{with_all:.1} s"));
    table.add(row.beside(format!("asked by 64 connections; {with_one:.1} s by one")));
    Ok(())
}

/// Adds the rounds of each load without the crowd and with it to the table.
fn compare(idle: &[Vec<Outcome>; 2], busy: &[Vec<Outcome>; 2], table: &mut Table) {
    let ratio = |load: usize| p99(&busy[load]) / p99(&idle[load]);
    let rounds = idle[0].len();
    let quiet = idle[0].iter().filter(|outcome| outcome.is_whole()).count();
    table.add(row("64 connections, nothing else to do", &idle[0], 1.0));
    let with_crowd = row("64 connections, the crowd at work", &busy[0], ratio(0));
    table.add(if 2 * quiet > rounds {
        with_crowd.gate("≤ 1.5×", ratio(0) <= GATE)
    } else {
        with_crowd.not_judged("≤ 1.5×")
    });
    table.add(row("one connection, nothing else to do", &idle[1], 1.0));
    table.add(row("one connection, the crowd at work", &busy[1], ratio(1)));
    table.note(format!(
        "In {quiet} of the {rounds} rounds without the crowd the service had at least nine tenths of its core; in the others something \
         else ran on this machine as well. Where that is so in half of them, the p99 with the crowd is not judged."
    ));
}

fn p99(outcomes: &[Outcome]) -> f64 {
    median(outcomes.iter().map(|outcome| f64::from(outcome.p99)))
}

fn row(what: &str, outcomes: &[Outcome], ratio: f64) -> Row {
    let middle = |of: &dyn Fn(&Outcome) -> f64| median(outcomes.iter().map(of));
    Row::new(what, format!("p99 {:.0} µs", p99(outcomes))).beside(format!(
        "{ratio:.2}× · p50 {:.0} µs · {:.0}/s · core {:.0} % busy",
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

    fn round(&self, connections: usize, duration: Duration) -> Round<'_> {
        Round {
            address: self.service.address,
            server: self.service.program.pid(),
            instances: Some(&self.asked),
            duration,
            connections,
        }
    }

    /// All at once, to the end.
    fn switch(&self, action: &str) -> anyhow::Result<()> {
        let caller = &self.service.caller;
        let start = |instance: &String| caller.start(action, instance);
        let tasks: Vec<String> = self
            .instances
            .iter()
            .map(start)
            .collect::<anyhow::Result<_>>()?;
        tasks.iter().try_for_each(|task| caller.finish(task, PAUSE))
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
