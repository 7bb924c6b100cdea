//! `signet`, the one program people run: the service, the probe that needs no service, and the command line over the API.
//!
//! Command line → [`cli`] → one module for each command → [`failure`] → exit code.

/// The command line as clap reads it.
mod cli;

/// How a command fails, and with which exit code.
mod failure;

/// Tables and JSON on standard output.
mod show;

/// What is said while long work is under way.
mod progress;

/// The configuration that a command runs with: flags over file over defaults.
mod settings;

/// What asks a program to end.
mod signals;

/// What `signet serve` takes from its own process.
mod hardening;

/// `signet serve`.
mod serve;

/// `signet demo`.
mod demo;

/// `signet probe`.
mod probe;

/// Whom the commands below speak to, and as whom.
mod profile;

/// The client of the API that the commands below share.
mod client;

/// `signet status`.
mod status;

/// `signet open-ssl`, `close-ssl`, `rotate` and `enforce`.
mod switch;

/// `signet tasks`.
mod tasks;

/// `signet agent …`.
mod agent;

/// `signet ca …`.
mod ca;

/// `signet instance grants`.
mod grants;

/// `signet instance …`.
mod instance;

/// What `instance add` and `ro-group add` have in common.
mod registration;

/// `signet ro-group …`.
mod ro_group;

/// `signet apply`.
mod apply;

/// `signet fleet`.
mod fleet;

/// `signet posture` and `signet probe-now`.
mod posture;

/// `signet key …`.
mod key;

/// An action and its parameters on the command line.
mod parameters;

/// `signet call`.
mod call;

/// `signet doctor`.
mod doctor;
/// `signet sample`.
mod sample;

/// `signet audit …`.
mod audit;

/// `signet contract`.
mod contract;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command, Completions};
use failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::Told) {
                eprintln!("{failure}");
            }
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Status(args) => status::run(&args),
        Command::OpenSsl(args) => switch::open(&args),
        Command::CloseSsl(args) => switch::close(&args),
        Command::Rotate(args) => switch::rotate(&args),
        Command::Enforce(command) => switch::enforce(&command),
        Command::Tasks(args) => tasks::run(&args),
        Command::Agent(command) => agent::run(&command),
        Command::Ca(command) => ca::run(&command),
        Command::Instance(command) => instance::run(&command),
        Command::RoGroup(command) => ro_group::run(&command),
        Command::Apply(args) => apply::run(&args),
        Command::Fleet(args) => fleet::run(&args),
        Command::Posture(args) => posture::run(&args),
        Command::ProbeNow(args) => posture::probe_now(&args),
        Command::Key(command) => key::run(&command),
        Command::Call(args) => call::run(&args),
        Command::Sample(args) => sample::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Audit(command) => audit::run(&command),
        Command::CheckConfig(args) => settings::print(&args),
        Command::Completions(args) => completions(&args),
        Command::Contract(args) => contract::run(&args),
    }
}

fn completions(args: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "signet", &mut script);
    show::out(String::from_utf8_lossy(&script).trim_end())
}
