//! Runs the fuzz targets on stable Rust, for a bounded time: `cargo run -p fuzz -- --seconds 5`.
//!
//! Each target has a process of its own, as many at a time as there are cores. An input that makes a target panic, allocate too much, abort
//! or not end is kept in `target/fuzz`, and named with the command that repeats it.

use std::fs;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use fuzz::mutation::Mutations;
use fuzz::{TARGETS, Target};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What one input may allocate: a request with as many values as are allowed takes 46 MB.
const MOST_MEGABYTES: f32 = 96.0;

/// How much longer than its time a target may take before it counts as one that does not end.
const GRACE: Duration = Duration::from_secs(60);

/// Feed mutated inputs to every parser that reads bytes from outside.
#[derive(Parser)]
struct Cli {
    /// How long each target runs, in seconds
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// The same seed makes the same inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run one target on this file, once
    #[arg(long, value_name = "FILE", requires = "targets")]
    replay: Option<PathBuf>,
    /// Run the one target in this process
    #[arg(long, hide = true)]
    here: bool,
    /// Keep each input before it is run
    #[arg(long, hide = true)]
    keep: bool,
    /// Which targets [default: all]
    #[arg(value_name = "TARGET", value_parser = named)]
    targets: Vec<Target>,
}

fn named(name: &str) -> Result<Target, String> {
    let found = TARGETS.iter().find(|target| target.name == name);
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>();
    found
        .copied()
        .ok_or_else(|| format!("the targets are {}", names().join(", ")))
}

fn main() -> io::Result<ExitCode> {
    let mut cli = Cli::parse();
    if cli.targets.is_empty() {
        cli.targets = TARGETS.to_vec();
    }
    let is_good = match (&cli.replay, cli.here) {
        (Some(file), _) => fs::read(file).map(|input| failure(cli.targets[0], &input).is_none())?,
        (None, true) => run(cli.targets[0], &cli)?,
        (None, false) => run_all(&cli),
    };
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the targets in processes of their own, side by side. Whether all of them held.
fn run_all(cli: &Cli) -> bool {
    let waiting = Mutex::new(cli.targets.iter());
    let next = || waiting.lock().expect("nobody panics with it").next();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let all_held = || {
        let mut held = true;
        while let Some(target) = next() {
            held &= supervise(*target, cli);
        }
        held
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(all_held)).collect();
        // The scope waits for those that `all` does not.
        workers
            .into_iter()
            .all(|worker| worker.join().unwrap_or(false))
    })
}

/// Runs one target in a process. When that is killed or does not end, once more, so that its last input is known.
fn supervise(target: Target, cli: &Cli) -> bool {
    let ended = child(target, cli, false);
    if ended.is_none() {
        println!(
            "{}: aborted or did not end; running it again to find the input",
            target.name
        );
        if child(target, cli, true).is_none() {
            report(target, "aborted or did not end", &kept(target, cli.seed));
        }
    }
    ended == Some(true)
}

/// Whether all properties held; `None` when the process ended without saying so.
fn child(target: Target, cli: &Cli, keep: bool) -> Option<bool> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(["--here", "--seconds", &cli.seconds.to_string()]);
    command.args(["--seed", &cli.seed.to_string(), target.name]);
    if keep {
        command.arg("--keep");
    }
    let mut child = command.stdin(Stdio::null()).spawn().ok()?;
    let deadline = Instant::now() + Duration::from_secs(cli.seconds) + GRACE;
    loop {
        match child.try_wait().ok()? {
            Some(status) => return status.code().map(|code| code == 0),
            None if Instant::now() > deadline => {
                child.kill().ok()?;
                child.wait().ok()?;
                return None;
            }
            None => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Feeds a target for its time. Whether all properties held.
fn run(target: Target, cli: &Cli) -> io::Result<bool> {
    let corpus = corpus(target)?;
    let mutations = Mutations::new(&corpus, cli.seed);
    let end = Instant::now() + Duration::from_secs(cli.seconds);
    let file = kept(target, cli.seed);
    let mut number = 0;
    while Instant::now() < end {
        let input = mutations.input(number);
        if cli.keep {
            keep(&file, &input)?;
        }
        if let Some(why) = failure(target, &input) {
            keep(&file, &input)?;
            report(
                target,
                &format!("{why} (seed {}, input {number})", cli.seed),
                &file,
            );
            return Ok(false);
        }
        number += 1;
    }
    println!("{}: {number} inputs", target.name);
    Ok(true)
}

/// Feeds a target one input. What went wrong.
fn failure(target: Target, input: &[u8]) -> Option<String> {
    let before = PeakAlloc.current_usage_as_mb();
    PeakAlloc.reset_peak_usage();
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        return Some("it panicked".to_owned());
    }
    let took = PeakAlloc.peak_usage_as_mb() - before;
    (took > MOST_MEGABYTES).then(|| format!("it allocated {took} MB for {} bytes", input.len()))
}

fn corpus(target: Target) -> io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name);
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    files.into_iter().map(fs::read).collect()
}

fn kept(target: Target, seed: u64) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz");
    folder.join(format!("{}-{seed}", target.name))
}

fn keep(file: &Path, input: &[u8]) -> io::Result<()> {
    fs::create_dir_all(file.parent().expect("it is in a folder"))?;
    fs::File::create(file)?.write_all(input)
}

fn report(target: Target, why: &str, file: &Path) {
    println!(
        "{name}: {why}. Repeat it with\n  cargo run -p fuzz -- --replay {file} {name}",
        name = target.name,
        file = file.display()
    );
}
