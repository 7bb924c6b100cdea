use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};
use server::api::action::Product;

use crate::client::{Answer, Client, ClientArgs};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::show::{self, Format};
use crate::status::named;

/// How often a task is looked at.
const PAUSE: Duration = Duration::from_millis(300);

#[derive(Args)]
pub(crate) struct Switch {
    /// An instance (cdb-…) or an RO group (cdbrg-…)
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args)]
struct Wait {
    /// Wait until the task has ended, and fail if it failed
    #[arg(long)]
    wait: bool,
}

#[derive(Subcommand)]
pub(crate) enum Enforce {
    /// Refuse connections that are not encrypted
    On(Switch),
    /// Let them in again
    Off(Switch),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Started {
    async_request_id: String,
}

/// `signet open-ssl`.
pub(crate) fn open(args: &Switch) -> Result<(), Failure> {
    start(args, Product::Cdb, "OpenSSL", &named(&args.id))
}

/// `signet close-ssl`.
pub(crate) fn close(args: &Switch) -> Result<(), Failure> {
    start(args, Product::Cdb, "CloseSSL", &named(&args.id))
}

/// `signet rotate`.
pub(crate) fn rotate(args: &Switch) -> Result<(), Failure> {
    start(args, Product::Signet, "RotateCertificate", &named(&args.id))
}

/// `signet enforce …`.
pub(crate) fn enforce(command: &Enforce) -> Result<(), Failure> {
    let (args, required) = match command {
        Enforce::On(args) => (args, true),
        Enforce::Off(args) => (args, false),
    };
    let mut parameters = named(&args.id);
    parameters["Required"] = json!(required);
    start(args, Product::Signet, "SetEnforcement", &parameters)
}

fn start(args: &Switch, product: Product, action: &str, parameters: &Value) -> Result<(), Failure> {
    let client = args.client.client()?;
    let answer = client.call(product, action, parameters)?;
    let task = answer.read::<Started>()?.async_request_id;
    if !args.wait.wait {
        return match args.client.format {
            Format::Json => show::out(answer.text()),
            Format::Table => show::out(&format!(
                "The task {task} was started. See how it stands: signet tasks {task}"
            )),
        };
    }
    let ended = follow(&client, &answer)?;
    match args.client.format {
        Format::Json => show::out(&ended.text)?,
        Format::Table => show::out(&format!("{}: {}", args.id, ended.info))?,
    }
    if ended.succeeded {
        Ok(())
    } else {
        eprintln!("the task {task} failed: {}", ended.info);
        Err(Failure::Told)
    }
}

/// A task that has ended.
pub(crate) struct Ended {
    /// Whether it did what it should.
    pub(crate) succeeded: bool,
    /// What happened.
    pub(crate) info: String,
    /// The answer as it came.
    text: String,
}

/// Waits for the end of the task that an answer names, and says meanwhile which node is at which step.
pub(crate) fn follow(client: &Client, answer: &Answer) -> Result<Ended, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Stands {
        status: String,
        info: String,
    }
    let task = answer.read::<Started>()?.async_request_id;
    let progress = Progress::steps();
    let mut said = String::new();
    loop {
        let parameters = json!({ "AsyncRequestId": task });
        let answer = client.call(Product::Cdb, "DescribeAsyncRequestInfo", &parameters)?;
        let Stands { status, info } = answer.read()?;
        if matches!(status.as_str(), "SUCCESS" | "FAILED") {
            progress.end();
            return Ok(Ended {
                succeeded: status == "SUCCESS",
                text: answer.text().to_owned(),
                info,
            });
        }
        if info != said {
            progress.say(&info);
            said = info;
        }
        std::thread::sleep(PAUSE);
    }
}
