use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use server::api::action::Product;

use crate::client::{Client, ClientArgs};
use crate::failure::Failure;
use crate::fleet::Listing;
use crate::show::{self, Format, or_dash};

#[derive(Args)]
pub(crate) struct Status {
    /// Instances (cdb-…) and RO groups (cdbrg-…)
    #[arg(
        required_unless_present = "all",
        conflicts_with = "all",
        value_name = "ID"
    )]
    ids: Vec<String>,
    /// The whole fleet
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// The parameter that names `id`: an RO group or else an instance.
pub(crate) fn named(id: &str) -> Value {
    let parameter = if id.starts_with("cdbrg-") {
        "RoGroupId"
    } else {
        "InstanceId"
    };
    json!({ parameter: id })
}

/// `signet status`: one `Response` for one ID, a list of them for several.
pub(crate) fn run(args: &Status) -> Result<(), Failure> {
    let client = args.client.client()?;
    if args.all {
        return Listing::fetch(&client, &Map::new())?.print(args.client.format);
    }
    match (args.client.format, args.ids.as_slice()) {
        (Format::Json, [id]) => show::out(ask(&client, id)?.text()),
        (Format::Json, ids) => print_list(&client, ids),
        (Format::Table, ids) => print_table(&client, ids),
    }
}

fn ask(client: &Client, id: &str) -> Result<crate::client::Answer, Failure> {
    client.call(Product::Cdb, "DescribeSSLStatus", &named(id))
}

/// A refusal stands in its place in the list, so that answers and IDs stay side by side.
fn print_list(client: &Client, ids: &[String]) -> Result<(), Failure> {
    let mut texts = Vec::with_capacity(ids.len());
    let mut is_whole = true;
    for id in ids {
        match ask(client, id) {
            Ok(answer) => texts.push(answer.text().to_owned()),
            Err(Failure::Refused(refusal)) => {
                eprintln!("{id}: {refusal}");
                texts.push(refusal.response);
                is_whole = false;
            }
            Err(failure) => return Err(failure),
        }
    }
    show::out(&format!("[{}]", texts.join(",")))?;
    if is_whole { Ok(()) } else { Err(Failure::Told) }
}

fn print_table(client: &Client, ids: &[String]) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct SslStatus {
        status: String,
        url: String,
    }
    let mut rows = Vec::with_capacity(ids.len());
    let mut refusals = Vec::new();
    for id in ids {
        match ask(client, id) {
            Ok(answer) => {
                let SslStatus { status, url } = answer.read()?;
                rows.push([id.clone(), status, or_dash(&url)]);
            }
            Err(Failure::Refused(refusal)) if ids.len() > 1 => {
                refusals.push(format!("{id}: {refusal}"));
            }
            Err(failure) => return Err(failure),
        }
    }
    if !rows.is_empty() {
        show::out(&show::table(["ID", "STATUS", "CA BUNDLE"], rows))?;
    }
    for refusal in &refusals {
        eprintln!("{refusal}");
    }
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}
