use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::failure::Failure;
use crate::profile::secret;

/// How nodes are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Driver {
    /// Never: they are only watched
    Observe,
    /// By SQL alone
    Sql,
    /// By the agent on their hosts
    Agent,
}

/// What instances and RO groups are registered with alike. Passwords come from files, never from the command line.
#[derive(Args, Clone)]
pub(crate) struct Registration {
    /// The virtual address that clients use
    #[arg(long, value_name = "IP")]
    vip: Option<std::net::IpAddr>,
    /// The port of the virtual address
    #[arg(long, value_name = "PORT")]
    vport: Option<u16>,
    /// Further names that clients use
    #[arg(long, value_name = "NAME", num_args = 1..)]
    dns: Vec<String>,
    /// Let certificates cover names that could not be proven to lead to one of the nodes; =false takes it back
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    accept_unproven_names: Option<bool>,
    /// How the nodes are changed
    #[arg(long, value_enum)]
    driver: Option<Driver>,
    /// The account of the `sql` driver
    #[arg(long, value_name = "USER", requires = "sql_password_file")]
    sql_user: Option<String>,
    /// The file with its password; - is standard input
    #[arg(long, value_name = "FILE", requires = "sql_user")]
    sql_password_file: Option<PathBuf>,
    /// The account that probes log in with; it needs no privilege
    #[arg(long, value_name = "USER", requires = "probe_password_file")]
    probe_user: Option<String>,
    /// The file with its password; - is standard input
    #[arg(long, value_name = "FILE", requires = "probe_user")]
    probe_password_file: Option<PathBuf>,
    /// The CA certificates, in PEM, that the servers' certificates are expected to be issued by
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Registration {
    /// Adds what was given to an action's parameters.
    pub(crate) fn add_to(&self, parameters: &mut Map<String, Value>) -> Result<(), Failure> {
        let mut put = |name: &str, value: Value| parameters.insert(name.to_owned(), value);
        if let Some(vip) = self.vip {
            put("Vip", json!(vip));
        }
        if let Some(vport) = self.vport {
            put("Vport", json!(vport));
        }
        if !self.dns.is_empty() {
            put("DnsNames", json!(self.dns));
        }
        if let Some(accepted) = self.accept_unproven_names {
            put("AcceptUnprovenNames", json!(accepted));
        }
        if let Some(driver) = self.driver.and_then(|driver| driver.to_possible_value()) {
            put("Driver", json!(driver.get_name()));
        }
        if let (Some(user), Some(file)) = (&self.sql_user, &self.sql_password_file) {
            put("SqlUser", json!(user));
            put("SqlPassword", json!(secret(file)?));
        }
        if let (Some(user), Some(file)) = (&self.probe_user, &self.probe_password_file) {
            put("ProbeUser", json!(user));
            put("ProbePassword", json!(secret(file)?));
        }
        if let Some(file) = &self.ca {
            put("CaCertificates", json!(certificates(file)?));
        }
        Ok(())
    }
}

/// A PEM file as text; the service judges what is in it.
pub(crate) fn certificates(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|e| Failure::failed(format!("{}: {e}", file.display())))
}

/// Warns before passwords cross a network in clear.
pub(crate) fn warn_of_clear_passwords(client: &Client, parameters: &Map<String, Value>) {
    if has_passwords(parameters) && !client.is_private() {
        eprintln!(
            "warning: the endpoint is not https, so the passwords cross the network in clear"
        );
    }
}

/// True when an account goes along with these parameters.
pub(crate) fn has_passwords(parameters: &Map<String, Value>) -> bool {
    parameters.keys().any(|name| name.ends_with("Password"))
}

/// The accounts that went with a change of nodes or CA certificates.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Dropped {
    #[serde(default)]
    dropped_accounts: Vec<DroppedAccount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DroppedAccount {
    user: String,
    parameters: Vec<String>,
}

impl Dropped {
    /// For somebody who gave flags; empty when no account went.
    pub(crate) fn as_flags(&self) -> String {
        self.told(|kind| {
            format!("pass --{kind}-user and --{kind}-password-file in the same command")
        })
    }

    /// For somebody who wrote a fleet file; empty when no account went.
    pub(crate) fn as_keys(&self) -> String {
        self.told(|kind| {
            format!("give {kind}_user and {kind}_password_file in the file, and run: signet apply --accounts")
        })
    }

    fn told(&self, remedy: impl Fn(&str) -> String) -> String {
        let accounts = self.dropped_accounts.iter().map(|account| {
            let is_sql = account.parameters.iter().any(|name| name == "SqlUser");
            let (kind, what) = if is_sql {
                ("sql", "account of the `sql` driver")
            } else {
                ("probe", "probe account")
            };
            format!(
                "\nThe {what} `{}` was removed with its password, which was given for the nodes and CA certificates before. To keep it, {}.",
                account.user,
                remedy(kind)
            )
        });
        accounts.collect()
    }
}

/// `KEY=VALUE`.
pub(crate) fn tag(text: &str) -> Result<crate::fleet::Tag, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok(crate::fleet::Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("a tag is written KEY=VALUE".to_owned()),
    }
}
