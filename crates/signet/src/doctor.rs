use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use server::state::documents::Documents;
use server::state::store::sqlite::Sqlite;
use server::state::text::escaped;
use server::state::vault::Vault;
use server::{Clock, Entropy};
use wire::Language;
use wire::doctor::{Check, Diagnosis, Outcome, Pasted, Question, Verdict, diagnose};
use wire::explain::{self, Step};

use crate::failure::Failure;
use crate::profile::Identity;
use crate::settings::Place;
use crate::show;

/// Prints every step of the signature beside what it should be. Exits with 0 when the signature is right.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Doctor {
    #[command(subcommand)]
    other: Option<Other>,
    /// The request as it was sent: request line, headers, a blank line, body. What `curl -v` prints will do; - is
    /// standard input
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    /// The canonical request that the client made, to be compared
    #[arg(long, value_name = "FILE")]
    canonical_request: Option<PathBuf>,
    /// The string to sign that the client made, to be compared
    #[arg(long, value_name = "FILE")]
    string_to_sign: Option<PathBuf>,
    /// When the request was made, in Unix seconds [default: now]
    #[arg(long, value_name = "SECONDS")]
    at: Option<i64>,
    /// Take the key of this profile of ~/.config/signet/profiles.toml [default: the environment, then `default`]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

#[derive(Subcommand)]
enum Other {
    /// Check that every stored document can be read, without a service; what cannot be read is listed with the reason
    Store(Place),
}

/// `signet doctor`.
pub(crate) fn run(args: &Doctor) -> Result<(), Failure> {
    match (&args.other, &args.file) {
        (Some(Other::Store(place)), _) => check_store(place),
        (None, Some(file)) => diagnose_file(args, file),
        (None, None) => Err(Failure::failed("name a FILE with a request")),
    }
}

/// Judges every document as a start would.
fn check_store(place: &Place) -> Result<(), Failure> {
    let config = place.config()?;
    let file = config.data.join("signet.db");
    let vault = Vault::peek(&config.master_key_path(), &file, Entropy::System);
    let vault = vault.map_err(Failure::failed)?;
    if vault.upgrade().is_some() {
        return Err(Failure::failed(
            "an earlier version wrote these data: start this version once, then check",
        ));
    }
    let documents = Documents::of(&vault);
    let (mut count, mut bad) = (0, Vec::new());
    Sqlite::peek_all(&file, |key, value| {
        count += 1;
        bad.extend(documents.check(key, value).err());
    })
    .map_err(Failure::failed)?;
    for document in &bad {
        show::out(&format!(
            "{}: {}",
            escaped(&document.key, 100),
            escaped(&document.cause, 200)
        ))?;
    }
    show::out(&format!(
        "{count} documents, {} of them cannot be read",
        bad.len()
    ))?;
    if bad.is_empty() {
        Ok(())
    } else {
        Err(Failure::failed(
            "the service sets them aside and serves everything else. Restore them from a backup, or create what they stood for again under another ID",
        ))
    }
}

fn diagnose_file(args: &Doctor, file: &Path) -> Result<(), Failure> {
    let identity = Identity::find(args.profile.as_deref())?;
    let request = Pasted::read(&read(file)?)
        .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    let canonical_request = own(args.canonical_request.as_deref())?;
    let string_to_sign = own(args.string_to_sign.as_deref())?;
    let diagnosis = diagnose(&Question {
        request: &request,
        secret_id: identity.secret_id.as_str(),
        secret_key: &identity.secret_key,
        now: args.at.unwrap_or_else(|| Clock::System.now()),
        canonical_request: canonical_request.as_deref(),
        string_to_sign: string_to_sign.as_deref(),
    });
    let steps = match wire::parse(&request.request()) {
        Ok(envelope) => explain::steps(&envelope.proof, &identity.secret_key),
        Err(_) => Vec::new(),
    };
    show::out(&text(&diagnosis, &steps))?;
    match diagnosis.verdict {
        Verdict::Right => Ok(()),
        Verdict::Explained | Verdict::Unexplained | Verdict::Unsigned => Err(Failure::Told),
    }
}

fn own(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let text = file.map(read).transpose()?;
    Ok(text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// A file; `-` is standard input.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

/// The whole answer.
fn text(diagnosis: &Diagnosis, steps: &[Step]) -> String {
    let mut lines: Vec<_> = diagnosis.checks.iter().map(check).collect();
    let keys = steps.iter().filter(|step| step.masked);
    lines.extend(keys.map(|step| row("", step.id.as_str(), &step.text)));
    lines.push(String::new());
    lines.push(diagnosis.verdict.in_words(Language::EnUs).to_owned());
    let deviations = diagnosis.deviations.iter();
    lines.extend(deviations.map(|one| format!("- {}", one.in_words(Language::EnUs))));
    if let Some(refusal) = &diagnosis.refusal {
        lines.push(format!("The service answers {refusal}"));
    }
    lines.join("\n")
}

/// One step: what was given if that is known, and what was expected if that is another thing.
fn check(check: &Check) -> String {
    let (outcome, shown) = match check.outcome {
        Outcome::Unknown => ("", &check.expected),
        known => (known.as_str(), &check.given),
    };
    let mut text = row(outcome, check.id.as_str(), shown);
    if let Some(difference) = &check.difference {
        let line = |text: &Option<String>| text.clone().unwrap_or("(no such line)".to_owned());
        text += &format!("\n{}", row("", "expected", &check.expected));
        text += &format!(
            "\n{}",
            row(
                "",
                &format!("line {}", difference.line),
                &line(&difference.given)
            )
        );
        text += &format!("\n{}", row("", "expected", &line(&difference.expected)));
    } else if check.outcome == Outcome::Differs && !check.expected.is_empty() {
        text += &format!("\n{}", row("", "expected", &check.expected));
    }
    if let Some(hint) = check.hint {
        text += &format!("\n{}", row("", "", hint.in_words(Language::EnUs)));
    }
    text
}

/// `outcome  step  value`, the further lines of the value under its first.
fn row(outcome: &str, step: &str, value: &str) -> String {
    let mut columns = format!("{outcome:8} {step:19} ");
    let lines = value.split('\n').map(|line| {
        let line = format!("{columns}{line}");
        columns = format!("{:29}", "");
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
