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
/// How long the service is asked in each round by each load, with the crowd and without. The crowd must be at work for longer than that.
const DURATION: Duration = Duration::from_secs(1);
/// All that it can do; and one caller alone, whose time is not that of waiting for others.
const LOADS: [usize; 2] = [64, 1];
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
            "the crowd was done within {:.1} s: make it larger",
            began.elapsed().as_secs_f64()
        );
        crowd.finish(&tasks)?;
        took.push(began.elapsed().as_secs_f64());
        crowd.finish(&crowd.start("CloseSSL")?)?;
    }
    table.section(&format!(
        "`DescribeSSLStatus` while {CROWD} instances of simulated nodes are switched on at once; the service on one core"
    ));
    compare(&by_load(&idle), &by_load(&busy), table);
    let what = format!("until all {CROWD} are ON, each node seen to be");
    let row = Row::new(what, format!("{:.1} s", median(took)));
    table.add(row.beside("eight at a time, asked meanwhile"));
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

/// The rounds of each load.
fn by_load(rounds: &[[Outcome; 2]]) -> [Vec<Outcome>; 2] {
    [0, 1].map(|load| rounds.iter().map(|round| round[load].clone()).collect())
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

    /// Asks by each load.
    fn ask(&self, bench: &Bench) -> anyhow::Result<[Outcome; 2]> {
        let by = |connections| {
            let round = Round {
                address: self.service.address,
                server: self.service.program.pid(),
                instances: Some(&self.asked),
                duration: DURATION,
                connections,
            };
            round.run(bench)
        };
        let [all, one] = LOADS;
        Ok([by(all)?, by(one)?])
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
