use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use server::api::action::Product;

use crate::client::ClientArgs;
use crate::failure::Failure;
use crate::fleet::{Item, Listing, Tag};
use crate::grants::{self, Grants};
use crate::registration::{self, Dropped, Registration};
use crate::show::{self, Format, list, or_dash};

#[derive(Subcommand)]
pub(crate) enum Instance {
    /// Register an instance; its nodes are probed at once
    Add(Add),
    /// List the instances
    List(ClientArgs),
    /// Show what is registered of an instance, and what was seen
    Show(OfInstance),
    /// Change what is registered of an instance; what is not given stays as it is
    Modify(Modify),
    /// Forget an instance; its servers stay as they are
    Rm(OfInstance),
    /// Print the SQL statements that make the accounts which Signet needs
    Grants(Grants),
}

#[derive(Args)]
pub(crate) struct Add {
    /// Its name, for people
    #[arg(long)]
    name: String,
    /// How it is built
    #[arg(long, value_enum)]
    architecture: Architecture,
    /// A node as HOST:PORT, [IPV6]:PORT or unix:/path; the primary first
    #[arg(long = "node", value_name = "NODE", required = true, num_args = 1..)]
    nodes: Vec<String>,
    /// Its ID; a fresh one is made without
    #[arg(long, value_name = "cdb-…")]
    id: Option<String>,
    /// A tag; may be given several times
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = registration::tag)]
    tags: Vec<Tag>,
    #[command(flatten)]
    registration: Registration,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args)]
pub(crate) struct Modify {
    /// Which instance
    #[arg(value_name = "ID")]
    id: String,
    /// Its new name
    #[arg(long)]
    name: Option<String>,
    /// All its nodes, the primary first
    #[arg(long = "node", value_name = "NODE", num_args = 1..)]
    nodes: Vec<String>,
    /// All its tags
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = registration::tag)]
    tags: Vec<Tag>,
    /// Take the probe account away
    #[arg(long, conflicts_with = "probe_user")]
    no_probe_user: bool,
    /// Take the account of the `sql` driver away
    #[arg(long, conflicts_with = "sql_user")]
    no_sql_user: bool,
    /// Take the CA certificates away
    #[arg(long, conflicts_with = "ca")]
    no_ca: bool,
    #[command(flatten)]
    registration: Registration,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args)]
pub(crate) struct OfInstance {
    /// Which instance
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    client: ClientArgs,
}

/// How an instance is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Architecture {
    /// A primary and a standby
    TwoNode,
    /// A primary and two standbys
    ThreeNode,
    /// One node; the vendor has no SSL for it
    SingleNode,
    /// The cluster edition; the vendor has no SSL for it
    Cluster,
}

/// `signet instance …`.
pub(crate) fn run(command: &Instance) -> Result<(), Failure> {
    match command {
        Instance::Add(args) => add(args),
        Instance::List(args) => {
            let mut listing = Listing::fetch(&args.client()?, &Map::new())?;
            listing.keep(Item::is_instance);
            listing.print(args.format)
        }
        Instance::Show(args) => show(args),
        Instance::Modify(args) => modify(args),
        Instance::Rm(args) => rm(args),
        Instance::Grants(args) => grants::run(args),
    }
}

fn add(args: &Add) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Added {
        instance_id: String,
    }
    let architecture = args.architecture.to_possible_value();
    let mut parameters = Map::new();
    parameters.insert("InstanceName".into(), json!(args.name));
    parameters.insert(
        "Architecture".into(),
        json!(
            architecture
                .as_ref()
                .map(clap::builder::PossibleValue::get_name)
        ),
    );
    parameters.insert("Nodes".into(), json!(args.nodes));
    if let Some(id) = &args.id {
        parameters.insert("InstanceId".into(), json!(id));
    }
    if !args.tags.is_empty() {
        parameters.insert("Tags".into(), json!(args.tags));
    }
    args.registration.add_to(&mut parameters)?;
    let client = args.client.client()?;
    registration::warn_of_clear_passwords(&client, &parameters);
    let answer = client.call(
        Product::Signet,
        "RegisterInstance",
        &Value::Object(parameters),
    )?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => show::out(&format!(
            "Registered {} ({}).",
            answer.read::<Added>()?.instance_id,
            args.name
        )),
    }
}

fn modify(args: &Modify) -> Result<(), Failure> {
    let mut parameters = Map::new();
    if let Some(name) = &args.name {
        parameters.insert("InstanceName".into(), json!(name));
    }
    if !args.nodes.is_empty() {
        parameters.insert("Nodes".into(), json!(args.nodes));
    }
    if !args.tags.is_empty() {
        parameters.insert("Tags".into(), json!(args.tags));
    }
    for (is_wished, name) in [
        (args.no_probe_user, "ProbeUser"),
        (args.no_sql_user, "SqlUser"),
        (args.no_ca, "CaCertificates"),
    ] {
        if is_wished {
            parameters.insert(name.into(), json!(""));
        }
    }
    args.registration.add_to(&mut parameters)?;
    if parameters.is_empty() {
        return Err(Failure::Usage("nothing to change was given".to_owned()));
    }
    parameters.insert("InstanceId".into(), json!(args.id));
    let client = args.client.client()?;
    registration::warn_of_clear_passwords(&client, &parameters);
    let answer = client.call(
        Product::Signet,
        "ModifyInstance",
        &Value::Object(parameters),
    )?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => {
            let dropped = answer.read::<Dropped>()?;
            show::out(&format!("Changed {}.{}", args.id, dropped.as_flags()))
        }
    }
}

fn rm(args: &OfInstance) -> Result<(), Failure> {
    let client = args.client.client()?;
    let parameters = json!({ "InstanceId": args.id });
    let answer = client.call(Product::Signet, "DeregisterInstance", &parameters)?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => show::out(&format!(
            "Forgot {}. Its servers stay as they are.",
            args.id
        )),
    }
}

fn show(args: &OfInstance) -> Result<(), Failure> {
    let client = args.client.client()?;
    let filters = Map::from_iter([("Search".to_owned(), json!(args.id))]);
    let mut listing = Listing::fetch(&client, &filters)?;
    listing.keep(|item| item.id == args.id && item.is_instance());
    let items = listing.read()?;
    let Some(item) = items.first() else {
        return Err(Failure::failed(format!(
            "no instance has the ID `{}`: `signet instance list` shows all",
            args.id
        )));
    };
    match args.client.format {
        Format::Json => listing.print(Format::Json),
        Format::Table => show::out(&described(item)),
    }
}

fn described(item: &Item) -> String {
    let vip = match item.vport {
        0 => or_dash(&item.vip),
        port => format!("{}:{port}", item.vip),
    };
    let tags: Vec<_> = item
        .tags
        .iter()
        .map(|tag| format!("{}={}", tag.key, tag.value))
        .collect();
    let lines = [
        ("ID", item.id.clone()),
        ("Name", item.name.clone()),
        ("Architecture", item.architecture.clone()),
        ("Nodes", list(&item.nodes)),
        ("Virtual address", vip),
        ("DNS names", list(&item.dns_names)),
        ("Driver", item.driver.clone()),
        ("Tags", list(&tags)),
        ("Status", item.status.clone()),
        ("Servers", list(&item.servers)),
        ("TLS", list(&item.tls_versions)),
        ("Issued by", list(&item.issuers)),
        ("Expires", or_dash(&item.not_after)),
        ("Last seen", or_dash(&item.last_seen)),
    ];
    let lines: Vec<_> = lines
        .iter()
        .map(|(name, value)| format!("{name:<16} {value}"))
        .collect();
    lines.join("\n")
}
