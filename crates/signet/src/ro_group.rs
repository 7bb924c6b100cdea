use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use server::api::action::Product;

use crate::client::ClientArgs;
use crate::failure::Failure;
use crate::fleet::Listing;
use crate::registration::{self, Registration};
use crate::show::{self, Format};

#[derive(Subcommand)]
pub(crate) enum RoGroup {
    /// Register a read-only group of an instance; its nodes are probed at once
    Add(Box<Add>),
    /// List the read-only groups
    List(List),
    /// Forget a read-only group; its servers stay as they are
    Rm(Rm),
}

#[derive(Args)]
pub(crate) struct Add {
    /// The instance that its read-only instances replicate from
    #[arg(long, value_name = "cdb-…")]
    instance: String,
    /// Its name, for people
    #[arg(long)]
    name: String,
    /// A read-only instance as HOST:PORT, [IPV6]:PORT or unix:/path
    #[arg(long = "node", value_name = "NODE", required = true, num_args = 1..)]
    nodes: Vec<String>,
    /// Its ID; a fresh one is made without
    #[arg(long, value_name = "cdbrg-…")]
    id: Option<String>,
    #[command(flatten)]
    registration: Registration,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args)]
pub(crate) struct List {
    /// Only the groups of this instance
    #[arg(long, value_name = "cdb-…")]
    instance: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args)]
pub(crate) struct Rm {
    /// Which group
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    client: ClientArgs,
}

/// `signet ro-group …`.
pub(crate) fn run(command: &RoGroup) -> Result<(), Failure> {
    match command {
        RoGroup::Add(args) => add(args),
        RoGroup::List(args) => {
            let mut listing = Listing::fetch(&args.client.client()?, &Map::new())?;
            listing.keep(|item| {
                let of = args.instance.as_ref();
                !item.is_instance() && of.is_none_or(|id| *id == item.primary_instance_id)
            });
            listing.print(args.client.format)
        }
        RoGroup::Rm(args) => rm(args),
    }
}

fn add(args: &Add) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Added {
        ro_group_id: String,
        ro_instance_ids: Vec<String>,
    }
    let mut parameters = Map::new();
    parameters.insert("InstanceId".into(), json!(args.instance));
    parameters.insert("RoGroupName".into(), json!(args.name));
    parameters.insert("Nodes".into(), json!(args.nodes));
    if let Some(id) = &args.id {
        parameters.insert("RoGroupId".into(), json!(id));
    }
    args.registration.add_to(&mut parameters)?;
    let client = args.client.client()?;
    registration::warn_of_clear_passwords(&client, &parameters);
    let answer = client.call(
        Product::Signet,
        "RegisterRoGroup",
        &Value::Object(parameters),
    )?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => {
            let added: Added = answer.read()?;
            show::out(&format!(
                "Registered {} ({}) with {}.",
                added.ro_group_id,
                args.name,
                added.ro_instance_ids.join(", ")
            ))
        }
    }
}

fn rm(args: &Rm) -> Result<(), Failure> {
    let parameters = json!({ "RoGroupId": args.id });
    let client = args.client.client()?;
    let answer = client.call(Product::Signet, "DeregisterRoGroup", &parameters)?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => show::out(&format!(
            "Forgot {}. Its servers stay as they are.",
            args.id
        )),
    }
}
