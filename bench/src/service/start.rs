//! From starting the program to its first answer, and the memory of an instance.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{Bench, Data};
use crate::caller::ask;
use crate::process::{free_address, resident};
use crate::table::{Row, Table, median};

const START_GATE: f64 = 1.0;
const MEMORY_GATE: f64 = 600.0;

/// Starts the service `rounds` times with the fleet and without, in turn, and adds what was measured to the table.
///
/// # Errors
/// When the service does not start or does not answer.
pub fn measure(bench: &Bench, rounds: usize, table: &mut Table) -> anyhow::Result<()> {
    let (mut full, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        full.push(start(bench, Data::Fleet)?);
        empty.push(start(bench, Data::Nothing)?);
    }
    let seconds = |starts: &[Started]| median(starts.iter().map(|start| start.seconds));
    let memory = |starts: &[Started]| median(starts.iter().map(|start| start.resident as f64));
    let count = bench.instances();

    table.section("Start and memory, all cores, nothing else configured");
    let took = seconds(&full);
    let row = Row::new(
        format!("start to first answer, {count} instances"),
        format!("{took:.2} s"),
    );
    let beside = format!("{:.0} ms with none", seconds(&empty) * 1e3);
    table.add(row.beside(beside).gate("≤ 1 s", took <= START_GATE));

    let each = (memory(&full) - memory(&empty)) / count as f64;
    let row = Row::new(
        "memory of an instance, with its two nodes and their observations",
        format!("{each:.0} B"),
    );
    let megabytes = |bytes: f64| bytes / f64::from(1 << 20);
    let beside = format!(
        "{:.1} MiB in RAM, {:.1} MiB with none",
        megabytes(memory(&full)),
        megabytes(memory(&empty))
    );
    table.add(row.beside(beside).gate("≤ 600 B", each <= MEMORY_GATE));
    Ok(())
}

struct Started {
    seconds: f64,
    resident: u64,
}

fn start(bench: &Bench, data: Data) -> anyhow::Result<Started> {
    let address = free_address()?;
    let signer = bench.signer(data)?;
    let request =
        signer.describe_ssl_status(&address.to_string(), &bench.one_instance()?, lab::now());
    let began = Instant::now();
    let mut program = bench.serve(data, None, 0, address)?;
    program.wait_until_it_listens(address)?;
    let answer = ask(address, &request)?;
    let seconds = began.elapsed().as_secs_f64();
    let expected = match data {
        Data::Fleet => r#"{"Response":{"Status":"ON","Url":"http"#,
        Data::Nothing => r#"{"Response":{"Error":{"Code":"ResourceNotFound.InstanceNotFoundError""#,
    };
    ensure!(
        answer.starts_with(expected),
        "an unexpected answer: {answer}"
    );
    let resident = settled(program.pid())?;
    program.stop()?;
    Ok(Started { seconds, resident })
}

/// The memory once it has not changed for half a second, or what it is after five: an allocator gives back a little later.
fn settled(pid: u32) -> anyhow::Result<u64> {
    let mut last = resident(pid)?;
    let mut same = 0;
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(100));
        let now = resident(pid)?;
        same = if now == last { same + 1 } else { 0 };
        last = now;
        if same == 5 {
            break;
        }
    }
    Ok(last)
}
