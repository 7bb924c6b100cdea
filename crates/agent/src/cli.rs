use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::control::Address;

/// The agent of Signet on a database host: makes keys there, loads certificates, and can do nothing else.
#[derive(Parser)]
#[command(
    name = "signet-agent",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Enrol this host, by a token that was made on the control plane
    Enrol(Enrol),
    /// Do what the control plane orders, until SIGTERM
    Run(Configured),
    /// Say whether the agent could do its work here, and what is missing
    Check(Configured),
}

#[derive(Args)]
pub(crate) struct Configured {
    /// Read this configuration [default: /etc/signet/agent.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Enrol {
    /// Where the control plane listens for agents, as in https://signet.example.com:7781
    #[arg(long, value_name = "URL")]
    pub(crate) server: Address,
    /// The token. Every user of this host can read a command line: rather use --token-file
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    pub(crate) token: Option<String>,
    /// Read the token from this file, `-` for standard input [default: -]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Enrol again, in place of what this host was enrolled as
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) config: Configured,
}
