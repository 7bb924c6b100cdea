use std::path::PathBuf;

use clap::{Args, Subcommand};
use server::state::audit::verify;

use crate::cli::CheckConfig;
use crate::failure::Failure;
use crate::settings;
use crate::show;

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Check that no line of an audit log was changed, removed or added
    Verify(Verify),
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The audit log [default: audit.jsonl in the data folder]
    #[arg(value_name = "FILE", conflicts_with_all = ["data", "config"])]
    file: Option<PathBuf>,
    /// The data folder [default: the configured one]
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    data: Option<PathBuf>,
    #[command(flatten)]
    config: CheckConfig,
}

/// `signet audit verify`.
pub(crate) fn run(command: &Audit) -> Result<(), Failure> {
    let Audit::Verify(args) = command;
    let file = match (&args.file, &args.data) {
        (Some(file), _) => file.clone(),
        (None, Some(data)) => data.join("audit.jsonl"),
        (None, None) => settings::read(&args.config)?.data.join("audit.jsonl"),
    };
    let lines = verify(&file).map_err(|e| Failure::failed(format!("{}: {e}", file.display())))?;
    show::out(&format!("{}: {lines} lines, unbroken", file.display()))
}
