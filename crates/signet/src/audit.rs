use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use server::Entropy;
use server::state::audit::chain::{ChainKey, Link};
use server::state::audit::{self, CheckpointRecord, Verified};
use server::state::records;
use server::state::store::sqlite::Sqlite;
use server::state::vault::Vault;

use crate::failure::Failure;
use crate::settings::Place;
use crate::show;

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Check that no line of the audit log was changed, removed or added
    Verify(Verify),
    /// Print where the audit log ends, to be kept elsewhere and given to `verify --checkpoint`
    Checkpoint(Place),
}

#[derive(Args)]
pub(crate) struct Verify {
    /// One file of a version without MACs, instead of the data folder's log
    #[arg(value_name = "FILE", conflicts_with_all = ["data", "config", "checkpoint"])]
    file: Option<PathBuf>,
    /// A file with lines that `signet audit checkpoint` printed: the log must contain them all
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// `signet audit …`.
pub(crate) fn run(command: &Audit) -> Result<(), Failure> {
    match command {
        Audit::Verify(args) => match &args.file {
            Some(file) => told(file, audit::verify_unkeyed(file)),
            None => verify(args),
        },
        Audit::Checkpoint(place) => {
            let log = Log::open(place)?;
            let verified = audit::verify(&log.folder, &log.key, &log.stored);
            let verified = verified.map_err(|broken| log.failure(&broken))?;
            show::out(&verified.end.to_string())
        }
    }
}

fn verify(args: &Verify) -> Result<(), Failure> {
    let log = Log::open(&args.place)?;
    let mut checkpoints = log.stored.clone();
    if let Some(file) = &args.checkpoint {
        checkpoints.extend(kept(file)?);
    }
    told(
        &log.folder.join(audit::CURRENT),
        audit::verify(&log.folder, &log.key, &checkpoints),
    )
}

/// The log of a data folder, and what checks it.
struct Log {
    folder: PathBuf,
    key: ChainKey,
    /// The checkpoint of the store; none before the first one.
    stored: Vec<Link>,
}

impl Log {
    fn open(place: &Place) -> Result<Self, Failure> {
        let config = place.config()?;
        let store = config.data.join("signet.db");
        // Read before the lines, so that the log of a running service is never shorter.
        let document = Sqlite::peek(&store, audit::CHECKPOINT).map_err(Failure::failed)?;
        let vault = Vault::peek(&config.master_key_path(), &store, Entropy::System)
            .map_err(Failure::failed)?;
        let key = ChainKey::of(&vault);
        let stored = document
            .map(|document| stored(&document, &key))
            .transpose()?;
        Ok(Self {
            folder: config.data,
            stored: stored.into_iter().collect(),
            key,
        })
    }

    fn failure(&self, broken: &audit::Broken) -> Failure {
        Failure::failed(format!("{}: {broken}", self.folder.display()))
    }
}

fn stored(document: &[u8], key: &ChainKey) -> Result<Link, Failure> {
    let record: CheckpointRecord =
        records::decode(audit::CHECKPOINT, document).map_err(Failure::failed)?;
    record.open(key).ok_or_else(|| {
        Failure::failed(
            "the checkpoint of the audit log in signet.db was edited: its MAC does not fit",
        )
    })
}

/// Checkpoints that were kept elsewhere, one a line.
fn kept(file: &Path) -> Result<Vec<Link>, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| line.parse().map_err(|error| failed(&error)))
        .collect()
}

fn told(file: &Path, verified: Result<Verified, audit::Broken>) -> Result<(), Failure> {
    let file = file.display();
    let Verified { lines, unkeyed, .. } =
        verified.map_err(|broken| Failure::failed(format!("{file}: {broken}")))?;
    let of_before = match unkeyed {
        0 => String::new(),
        unkeyed => format!(", {unkeyed} of them without a MAC, by an earlier version"),
    };
    show::out(&format!("{file}: {lines} lines, unbroken{of_before}"))
}
