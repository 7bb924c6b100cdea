use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Who encrypts, with which certificate, until when: DescribeSSLStatus over MySQL and MariaDB servers of your own.
#[derive(Parser)]
#[command(
    name = "signet",
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
    /// Run the service
    Serve(Serve),
    /// Show the main job on real servers: two instances and an RO group, asked, downloaded and verified
    Demo(crate::demo::Demo),
    /// Look at servers, without a service
    Probe(crate::probe::Probe),
    /// Ask whether SSL is on
    Status(crate::status::Status),
    /// Switch SSL on
    OpenSsl(crate::switch::Switch),
    /// Switch SSL off
    CloseSsl(crate::switch::Switch),
    /// Give every node a fresh certificate
    Rotate(crate::switch::Switch),
    /// Refuse connections that are not encrypted, or let them in again
    #[command(subcommand)]
    Enforce(crate::switch::Enforce),
    /// List tasks, or show one
    Tasks(crate::tasks::Tasks),
    /// Let agents enrol, list them, keep one out
    #[command(subcommand)]
    Agent(crate::agent::Agent),
    /// Show and export the certificate authority
    #[command(subcommand)]
    Ca(crate::ca::Ca),
    /// Register, list, show, change and forget instances
    #[command(subcommand)]
    Instance(Box<crate::instance::Instance>),
    /// Register, list and forget RO groups
    #[command(subcommand)]
    RoGroup(Box<crate::ro_group::RoGroup>),
    /// Make the registrations what a file says
    Apply(crate::apply::Apply),
    /// List instances and RO groups at a glance
    Fleet(crate::fleet::Fleet),
    /// Show what was seen on each node
    Posture(crate::posture::OfSubject),
    /// Probe now instead of at the next turn
    ProbeNow(crate::posture::OfSubject),
    /// Make, list and disable access keys
    #[command(subcommand)]
    Key(crate::key::Key),
    /// Call any action
    Call(crate::call::Call),
    /// Print a call as a program, in one of eleven languages
    Sample(crate::sample::Sample),
    /// Say why the signature of a request is wrong, without a service
    Doctor(crate::doctor::Doctor),
    /// Check the audit log
    #[command(subcommand)]
    Audit(crate::audit::Audit),
    /// Print the configuration that `serve` would run with, or what is wrong with it
    CheckConfig(CheckConfig),
    /// Print the completions of a shell
    Completions(Completions),
    /// Write the contract and the reference pages of the repository
    #[command(hide = true)]
    Contract(crate::contract::Contract),
}

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) config: CheckConfig,
    /// Listen on this address instead of the configured one [default: 127.0.0.1:7780]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Keep data in this folder instead of the configured one [default: ./signet-data]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct CheckConfig {
    /// Read this configuration [default: signet.toml in the current folder, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{Cli, Command};

    #[test]
    fn the_unit_of_systemd_starts_the_service_with_its_data_where_it_may_write() {
        let unit = include_str!("../../../packaging/signet.service");
        let value = |key| {
            let mut lines = unit.lines().filter_map(|line| line.split_once('='));
            lines.find_map(|(name, value)| (name == key).then_some(value))
        };
        let line = value("ExecStart").unwrap();
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        let Command::Serve(serve) = cli.command else {
            panic!("{line}")
        };
        assert_eq!(
            serve.config.config,
            Some("/etc/signet/signet.toml".into()),
            "{line}"
        );
        let state = format!("/var/lib/{}", value("StateDirectory").unwrap());
        assert_eq!(serve.data, Some(state.into()), "{line}");
    }
}
