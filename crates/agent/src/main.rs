//! `signet-agent`, the agent on a database host.
//!
//! enrol once → ask for an order → do it → say what became of it → …
//!
//! It can make keys and certificate requests, write certificates into one folder, tell the database server to load them, and
//! restart it by the command that the host's operator configured. No command, no path and no SQL comes from the control plane.

/// The command line as clap reads it.
mod cli;

/// What the operator of the host decides.
mod config;

/// `signet-agent enrol`.
mod enrol;

/// `signet-agent run`.
mod run;

/// `signet-agent check`.
mod check;

/// Who the agent is.
mod identity;

/// The connection to the control plane.
mod control;

/// How long to wait after a failure.
mod backoff;

/// An order, from its arrival to its outcome.
mod orders;

/// Everything on this host that orders are about.
mod host;

/// The database server.
mod database;

/// The command that restarts it.
mod restart;

/// The file that it reads when it starts.
mod dropin;

/// The certificates that it reads.
mod versions;

/// Whose they are.
mod access;

/// The users of this host.
mod accounts;

/// What a certificate says, and whether it leads to its CA.
mod certificate;

/// Keys and certificate requests.
mod key;

/// The agent's own folder.
mod state;

/// Changes on disk that survive a crash.
mod files;

/// Time and randomness.
mod ambient;

/// What operators install with it.
#[cfg(test)]
mod packaging;

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use wire::agent::Token;
use zeroize::Zeroizing;

use cli::{Cli, Command, Configured, Enrol};
use config::Config;
use host::{Failure, Host};
use identity::Identity;
use run::Agent;
use state::State;

/// This program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let command = Cli::parse().command;
    log();
    // One thread: the agent does one thing at a time, and is to be small.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime.map_err(Failure::from).and_then(|runtime| {
        runtime.block_on(async {
            match command {
                Command::Enrol(args) => enrol(args).await,
                Command::Run(args) => run(&args).await,
                Command::Check(args) => check::run(&args).await,
            }
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(reason)) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// On standard error. systemd adds the time of each line.
fn log() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .init();
}

async fn enrol(args: Enrol) -> Result<(), Failure> {
    let config = Config::read(args.config.config.as_deref())?;
    let token = token(args.token, args.token_file.as_deref())?;
    let state = State::open(&config.state)?;
    let identity = enrol::enrol(&state, args.server, token, args.force).await?;
    println!(
        "enrolled as {} for {}, at {}",
        identity.agent_id, identity.node, identity.server
    );
    Ok(())
}

fn token(given: Option<String>, file: Option<&Path>) -> Result<Token, Failure> {
    let text = match (given, file) {
        (Some(text), _) => Zeroizing::new(text),
        (None, Some(path)) if path != Path::new("-") => files::read(path)?
            .ok_or_else(|| Failure(format!("there is no file {}", path.display())))?,
        (None, _) => standard_input()?,
    };
    Ok(Token::parse(&text)?)
}

fn standard_input() -> Result<Zeroizing<String>, Failure> {
    /// A token is much shorter.
    const LONGEST: u64 = 4096;
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("The token, then Enter and Ctrl-D:");
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(LONGEST)?));
    input.lock().take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

async fn run(args: &Configured) -> Result<(), Failure> {
    let config = Config::read(args.config.as_deref())?;
    let state = State::open(&config.state)?;
    let identity = Identity::load(&state)?;
    let host = Host {
        config,
        state,
        clock: ambient::system_clock,
        node: identity.node.clone(),
    };
    Ok(Agent::new(host, identity)?.run().await?)
}

/// What this host calls itself.
fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
