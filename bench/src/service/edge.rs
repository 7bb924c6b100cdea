//! What the service costs beyond a bare server, by processor time, and what is left of its rate while strangers crowd it.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Bench;
use super::throughput::{DURATION, Server};
use crate::blast::Outcome;
use crate::table::{Row, Table, median};

/// Connections of the flood that send a byte now and then.
const SLOW: usize = 2000;
/// How many of them are opened at once.
const AT_ONCE: usize = 500;
/// How often each sends a byte.
const PAUSE: Duration = Duration::from_millis(500);
const GATE: f64 = 0.8;

/// Loads the bare server and the service in turn, and adds what was measured to the table.
///
/// # Errors
/// When a server does not start, or one answer of a million is not the right one.
pub fn measure(bench: &Bench, rounds: usize, table: &mut Table) -> anyhow::Result<()> {
    let asked = bench.asked()?;
    table.section("The edge, one core, 64 keep-alive connections");
    let (mut quiet, mut crowded) = (Vec::new(), Vec::new());
    for audits_reads in [true, false] {
        let service = Server::service_with(bench, audits_reads)?;
        let bare = Server::bare(bench, &service)?;
        let (mut of_bare, mut of_service) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            of_bare.push(bare.load(bench, Some(&asked))?);
            of_service.push(service.load(bench, Some(&asked))?);
        }
        table.add(cpu_row(audits_reads, &of_bare, &of_service));
        if audits_reads {
            for _ in 0..rounds {
                quiet.push(service.load(bench, Some(&asked))?);
                let round = service.round(Some(&asked), 2 * DURATION);
                crowded.push(round.run_during(bench, || flood(service.address))?);
            }
        }
        service.program.stop()?;
    }
    table.add(flood_row(&quiet, &crowded));
    Ok(())
}

fn cpu_row(audits_reads: bool, of_bare: &[Outcome], of_service: &[Outcome]) -> Row {
    let cpu = |outcomes: &[Outcome]| median(outcomes.iter().map(Outcome::cpu_micros));
    let (bare, service) = (cpu(of_bare), cpu(of_service));
    let what = match audits_reads {
        true => "the whole service by processor time, reads audited",
        false => "the same, reads not audited",
    };
    Row::new(what, format!("{:.2}×", bare / service)).beside(format!(
        "bare hyper {bare:.2} µs CPU an answer, the service {service:.2} µs"
    ))
}

fn flood_row(quiet: &[Outcome], crowded: &[Outcome]) -> Row {
    let rate = |outcomes: &[Outcome]| median(outcomes.iter().map(Outcome::rate));
    let ratio = rate(crowded) / rate(quiet);
    let what = format!("good requests while {SLOW} slow connections of the same address crowd in");
    Row::new(what, format!("{ratio:.2}×"))
        .beside(format!(
            "{:.0}/s, {:.0}/s without",
            rate(crowded),
            rate(quiet)
        ))
        .gate("≥ 0.8×", ratio >= GATE)
}

/// Keeps connections open that send a byte of a head now and then, and opens those anew that were closed.
fn flood(address: SocketAddr) -> anyhow::Result<()> {
    let end = Instant::now() + DURATION;
    let mut slow: Vec<TcpStream> = Vec::new();
    while Instant::now() < end {
        slow.retain_mut(|stream| stream.write_all(b"G").is_ok());
        let missing = (SLOW - slow.len()).min(AT_ONCE);
        slow.extend((0..missing).filter_map(|_| TcpStream::connect(address).ok()));
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
