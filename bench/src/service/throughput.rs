//! Requests a second on one core: the bare server, the service and the peer, in turn.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use super::load::{Round, SERVER_CORE};
use super::{Bench, Data, Running};
use crate::blast::Outcome;
use crate::caller::ask;
use crate::process::{Program, free_address, resident, sibling};
use crate::request::{MOTO_INSTANCE, moto_create_db_instance, moto_describe_db_instances};
use crate::table::{Row, Table, median};

/// How long each server is loaded in each round.
pub(super) const DURATION: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 64;
/// How many instances the peer has.
const MOTO_INSTANCES: usize = 20;
const GATE: f64 = 0.65;

/// Loads the servers `rounds` times in turn, and adds what was measured to the table. `moto` is the program `moto_server`.
///
/// # Errors
/// When a server does not start, or one answer of a million is not the right one.
pub fn measure(bench: &Bench, moto: &Path, rounds: usize, table: &mut Table) -> anyhow::Result<()> {
    let asked = bench.asked()?;
    let service = Server::service(bench)?;
    let bare = Server::bare(bench, &service)?;
    let peer = Server::moto(bench, moto)?;
    let (mut of_bare, mut of_service, mut of_peer) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        of_bare.push(bare.load(bench, Some(&asked))?);
        of_service.push(service.load(bench, Some(&asked))?);
        of_peer.push(peer.load(bench, None)?);
    }
    let rate = |outcomes: &[Outcome]| median(outcomes.iter().map(Outcome::rate));
    let ceiling = rate(&of_bare);

    table.section("One core, 64 keep-alive connections, `DescribeSSLStatus`");
    table.add(row(
        "bare hyper, a constant of the same size",
        &of_bare,
        ceiling,
    ));
    let ratio = rate(&of_service) / ceiling;
    let what = format!("the whole service, {} instances", bench.instances());
    table.add(row(&what, &of_service, ceiling).gate("≥ 0.65× bare", ratio >= GATE));
    let of_cpu = median(of_bare.iter().map(Outcome::cpu_micros))
        / median(of_service.iter().map(Outcome::cpu_micros));
    table.add(
        Row::new("the same by processor time", format!("{of_cpu:.2}×"))
            .beside("bare ÷ service, per answer"),
    );
    table.add(row(
        "moto_server, `DescribeDBInstances` of one of 20",
        &of_peer,
        ceiling,
    ));
    let memory = resident(service.program.pid())? as f64 / f64::from(1 << 20);
    table.add(Row::new(
        "memory of the service after all of that",
        format!("{memory:.1} MiB"),
    ));

    let quiet = of_bare
        .iter()
        .chain(&of_service)
        .filter(|outcome| outcome.is_whole())
        .count();
    table.note(format!(
        "In {quiet} of the {} rounds of bare and service the server had at least nine tenths of its core; in the others something else \
         ran on this machine as well, and processor time is the figure to trust.",
        2 * rounds
    ));
    table.note(
        "The bare server shares the service's HTTP library, allocator and kind of runtime, and answers with the bytes of one of the \
         service's answers. The service checks, limits, counts and audits every request.",
    );
    table.note(
        "moto is asked for something else, `DescribeDBInstances` of RDS, and checks no signature. It is the nearest that there is.",
    );
    Ok(())
}

fn row(what: &str, outcomes: &[Outcome], ceiling: f64) -> Row {
    let middle = |of: &dyn Fn(&Outcome) -> f64| median(outcomes.iter().map(of));
    let rate = middle(&Outcome::rate);
    let beside = format!(
        "{:.3}× · {:.2} µs CPU · p50 {:.0} µs, p99 {:.0} µs · core {:.0} % busy",
        rate / ceiling,
        middle(&Outcome::cpu_micros),
        middle(&|outcome| f64::from(outcome.p50)),
        middle(&|outcome| f64::from(outcome.p99)),
        middle(&Outcome::busy) * 100.0,
    );
    Row::new(what, format!("{rate:.0}/s")).beside(beside)
}

/// A server under test, on its core.
pub(super) struct Server {
    pub(super) program: Program,
    pub(super) address: SocketAddr,
}

impl Server {
    fn service(bench: &Bench) -> anyhow::Result<Self> {
        Self::service_with(bench, true)
    }

    pub(super) fn service_with(bench: &Bench, audits_reads: bool) -> anyhow::Result<Self> {
        let Running {
            program, address, ..
        } = bench.run_with(Data::Fleet, Some(SERVER_CORE), audits_reads)?;
        Ok(Self { program, address })
    }

    /// Answers with what the service answers.
    pub(super) fn bare(bench: &Bench, service: &Self) -> anyhow::Result<Self> {
        let signer = bench.signer(Data::Fleet)?;
        let request = signer.describe_ssl_status(
            &service.address.to_string(),
            &bench.one_instance()?,
            lab::now(),
        );
        let answer = ask(service.address, &request)?;
        ensure!(
            answer.starts_with(r#"{"Response":{"Status":"ON""#),
            "an unexpected answer: {answer}"
        );
        let file = bench.path(Data::Fleet, "answer");
        fs::write(&file, answer)?;
        let address = free_address()?;
        let listen = address.to_string();
        let arguments = [
            "--listen".as_ref(),
            listen.as_ref(),
            "--answer".as_ref(),
            file.as_os_str(),
        ];
        let log = bench.path(Data::Fleet, "bare-log");
        let program = Program::start(Some(SERVER_CORE), &sibling("bench-bare")?, arguments, &log)?;
        Self::ready(program, address)
    }

    fn moto(bench: &Bench, moto: &Path) -> anyhow::Result<Self> {
        let address = free_address()?;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let log = bench.path(Data::Nothing, "moto-log");
        let program = Program::start(Some(SERVER_CORE), moto, ["-H", &host, "-p", &port], &log)?;
        let server = Self::ready(program, address)?;
        let host = address.to_string();
        for index in 0..MOTO_INSTANCES {
            let name = if index == 0 {
                MOTO_INSTANCE.to_owned()
            } else {
                format!("other-{index}")
            };
            ask(address, &moto_create_db_instance(&host, &name))?;
        }
        let answer = ask(address, &moto_describe_db_instances(&host))?;
        ensure!(
            answer.contains(&format!("<DBInstanceIdentifier>{MOTO_INSTANCE}<")),
            "an unexpected answer: {answer}"
        );
        Ok(server)
    }

    fn ready(mut program: Program, address: SocketAddr) -> anyhow::Result<Self> {
        program.wait_until_it_listens(address)?;
        Ok(Self { program, address })
    }

    /// One round. Without `instances` the server is moto.
    pub(super) fn load(&self, bench: &Bench, instances: Option<&Path>) -> anyhow::Result<Outcome> {
        self.round(instances, DURATION).run(bench)
    }

    /// A round of at most so long.
    pub(super) fn round<'a>(&self, instances: Option<&'a Path>, duration: Duration) -> Round<'a> {
        Round {
            address: self.address,
            server: self.program.pid(),
            instances,
            duration,
            connections: CONNECTIONS,
        }
    }
}
