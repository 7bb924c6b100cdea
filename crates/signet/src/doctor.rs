use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use server::Clock;
use wire::Language;
use wire::doctor::{Check, Diagnosis, Outcome, Pasted, Question, Verdict, diagnose};
use wire::explain::{self, Step};

use crate::failure::Failure;
use crate::profile::Identity;
use crate::show;

/// Prints every step of the signature beside what it should be. Exits with 0 when the signature is right.
#[derive(Args)]
pub(crate) struct Doctor {
    /// The request as it was sent: request line, headers, a blank line, body. What `curl -v` prints will do; - is
    /// standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
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

/// `signet doctor`.
pub(crate) fn run(args: &Doctor) -> Result<(), Failure> {
    let identity = Identity::find(args.profile.as_deref())?;
    let request = Pasted::read(&read(&args.file)?)
        .map_err(|error| Failure::failed(format!("{}: {error}", args.file.display())))?;
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
