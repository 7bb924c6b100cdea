use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::json;
use server::api::action::Product;

use crate::client::ClientArgs;
use crate::failure::Failure;
use crate::show::{self, Format, day, or_dash};

#[derive(Subcommand)]
pub(crate) enum Key {
    /// Make another key pair of the account; its secret is shown once
    Create(Create),
    /// List the key pairs, without their secrets
    List(ClientArgs),
    /// Refuse a key pair from now on
    Disable(Disable),
}

#[derive(Args)]
pub(crate) struct Create {
    /// What it may do
    #[arg(long, value_enum, default_value_t = Access::Full)]
    access: Access,
    /// What it is for
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args)]
pub(crate) struct Disable {
    /// The key's SecretId
    #[arg(value_name = "SECRET_ID")]
    id: String,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Access {
    /// Everything
    Full,
    /// Only actions that change nothing
    ReadOnly,
}

/// `signet key …`.
pub(crate) fn run(command: &Key) -> Result<(), Failure> {
    match command {
        Key::Create(args) => create(args),
        Key::List(args) => list(args),
        Key::Disable(args) => disable(args),
    }
}

fn create(args: &Create) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Created {
        secret_id: String,
        secret_key: String,
    }
    let access = match args.access {
        Access::Full => "Full",
        Access::ReadOnly => "ReadOnly",
    };
    let client = args.client.client()?;
    if !client.is_private() {
        eprintln!(
            "warning: the endpoint is not https, so the new secret crosses the network in clear"
        );
    }
    let parameters = json!({ "Access": access, "Note": args.note });
    let answer = client.call(Product::Signet, "CreateAccessKey", &parameters)?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => {
            let key: Created = answer.read()?;
            show::out(&format!(
                "A new key pair. The SecretKey is not shown again:\n\
                 export TENCENTCLOUD_SECRET_ID={}\n\
                 export TENCENTCLOUD_SECRET_KEY={}",
                key.secret_id, key.secret_key
            ))
        }
    }
}

fn list(args: &ClientArgs) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Item {
        secret_id: String,
        access: String,
        enabled: bool,
        note: String,
        created: String,
    }
    let answer = args
        .client()?
        .call(Product::Signet, "ListAccessKeys", &json!({}))?;
    if args.format == Format::Json {
        return show::out(answer.text());
    }
    let rows = answer.read::<Listed>()?.items.into_iter().map(|key| {
        let is_enabled = if key.enabled { "yes" } else { "no" };
        [
            key.secret_id,
            key.access,
            is_enabled.to_owned(),
            day(&key.created),
            or_dash(&key.note),
        ]
    });
    let heading = ["SECRET ID", "ACCESS", "ENABLED", "CREATED", "NOTE"];
    show::out(&show::table(heading, rows.collect()))
}

fn disable(args: &Disable) -> Result<(), Failure> {
    let parameters = json!({ "SecretId": args.id });
    let client = args.client.client()?;
    let answer = client.call(Product::Signet, "DisableAccessKey", &parameters)?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => show::out(&format!("{} is refused from now on.", args.id)),
    }
}
