use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use server::api::action::Product;

use crate::client::{Client, ClientArgs};
use crate::failure::Failure;
use crate::show::{self, Format, day, list};

/// The most that one answer has.
const PAGE: usize = 2000;

/// Filters combine.
#[derive(Args)]
pub(crate) struct Fleet {
    /// Only instances and groups with this status
    #[arg(long, value_enum, ignore_case = true)]
    status: Option<StatusFilter>,
    /// Only those whose ID or name contains this text
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those with a certificate that expires within so many days
    #[arg(long, value_name = "DAYS")]
    expires_within: Option<i64>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum StatusFilter {
    On,
    Off,
    Unknown,
}

/// One instance or RO group, as `DescribeFleet` answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) architecture: String,
    pub(crate) primary_instance_id: String,
    pub(crate) nodes: Vec<String>,
    pub(crate) vip: String,
    pub(crate) vport: u16,
    pub(crate) dns_names: Vec<String>,
    pub(crate) driver: String,
    pub(crate) tags: Vec<Tag>,
    pub(crate) status: String,
    pub(crate) tls_versions: Vec<String>,
    pub(crate) issuers: Vec<String>,
    pub(crate) not_after: String,
    pub(crate) days_left: i64,
    pub(crate) servers: Vec<String>,
    pub(crate) last_seen: String,
}

/// A tag, as the API has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl Item {
    pub(crate) fn is_instance(&self) -> bool {
        self.kind == "Instance"
    }
}

/// A page of the fleet, or all pages as if they were one.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listing {
    total_count: usize,
    items: Vec<Box<RawValue>>,
    request_id: String,
}

impl Listing {
    /// All pages of `DescribeFleet` with these filters.
    pub(crate) fn fetch(client: &Client, filters: &Map<String, Value>) -> Result<Self, Failure> {
        let mut all = Self::default();
        loop {
            let mut parameters = filters.clone();
            parameters.insert("Offset".into(), json!(all.items.len()));
            parameters.insert("Limit".into(), json!(PAGE));
            let page: Self = client
                .call(Product::Signet, "DescribeFleet", &Value::Object(parameters))?
                .read()?;
            let is_last = page.items.len() < PAGE;
            all.items.extend(page.items);
            (all.total_count, all.request_id) = (page.total_count, page.request_id);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Keeps some of them, as if the API had a filter for it.
    pub(crate) fn keep(&mut self, wanted: impl Fn(&Item) -> bool) {
        self.items
            .retain(|item| serde_json::from_str(item.get()).is_ok_and(|item| wanted(&item)));
        self.total_count = self.items.len();
    }

    /// What they say.
    pub(crate) fn read(&self) -> Result<Vec<Item>, Failure> {
        let items = self
            .items
            .iter()
            .map(|item| serde_json::from_str(item.get()));
        items
            .collect::<Result<_, _>>()
            .map_err(|e| Failure::failed(format!("the answer is not as expected: {e}")))
    }

    /// Shows them.
    pub(crate) fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Json => show::out(&serde_json::to_string(self).map_err(Failure::failed)?),
            Format::Table => show::out(&table(&self.read()?)),
        }
    }
}

/// `signet fleet`.
pub(crate) fn run(args: &Fleet) -> Result<(), Failure> {
    let mut filters = Map::new();
    if let Some(status) = args.status {
        let name = match status {
            StatusFilter::On => "ON",
            StatusFilter::Off => "OFF",
            StatusFilter::Unknown => "UNKNOWN",
        };
        filters.insert("Status".into(), json!(name));
    }
    if let Some(text) = &args.search {
        filters.insert("Search".into(), json!(text));
    }
    if let Some(days) = args.expires_within {
        filters.insert("ExpiresWithinDays".into(), json!(days));
    }
    Listing::fetch(&args.client.client()?, &filters)?.print(args.client.format)
}

fn table(items: &[Item]) -> String {
    let rows = items.iter().map(|item| {
        [
            item.id.clone(),
            item.name.clone(),
            item.status.clone(),
            if item.is_instance() {
                item.architecture.clone()
            } else {
                format!("RO group of {}", item.primary_instance_id)
            },
            list(&item.nodes),
            list(&item.servers),
            list(&item.tls_versions),
            expiry(item),
        ]
    });
    let heading = [
        "ID", "NAME", "STATUS", "KIND", "NODES", "SERVERS", "TLS", "EXPIRES",
    ];
    show::table(heading, rows.collect())
}

fn expiry(item: &Item) -> String {
    if item.not_after.is_empty() {
        return "-".to_owned();
    }
    format!("{} ({} days)", day(&item.not_after), item.days_left)
}
