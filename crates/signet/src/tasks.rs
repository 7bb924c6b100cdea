use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value};
use server::api::action::Product;

use crate::client::ClientArgs;
use crate::failure::Failure;
use crate::show::{self, Format};

#[derive(Args)]
pub(crate) struct Tasks {
    /// Only this task
    #[arg(value_name = "TASK")]
    task: Option<String>,
    /// Only the tasks of this instance or RO group
    #[arg(long, value_name = "ID")]
    of: Option<String>,
    /// How many, the newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    async_request_id: String,
    task_type: String,
    task_status: String,
    progress: i64,
    start_time: String,
    instance_ids: Vec<String>,
    message: String,
    task_attach_info: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    attach_key: String,
    attach_value: String,
}

/// `signet tasks`.
pub(crate) fn run(args: &Tasks) -> Result<(), Failure> {
    let mut parameters = Map::new();
    let mut set = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            parameters.insert(name.to_owned(), Value::from(value.as_str()));
        }
    };
    set("AsyncRequestId", &args.task);
    set("InstanceId", &args.of);
    parameters.insert("Limit".to_owned(), args.limit.into());
    let client = args.client.client()?;
    let answer = client.call(Product::Cdb, "DescribeTasks", &Value::Object(parameters))?;
    if args.client.format == Format::Json {
        return show::out(answer.text());
    }
    let items = answer.read::<Listed>()?.items;
    match (&args.task, items.as_slice()) {
        (Some(task), []) => Err(Failure::failed(format!("there is no task `{task}`"))),
        (Some(_), [item, ..]) => show::out(&described(item)),
        (None, _) => show::out(&listed(items)),
    }
}

fn described(item: &Item) -> String {
    let mut text = format!(
        "{} {} {} ({} %): {}",
        item.task_type,
        item.instance_ids.join(", "),
        item.task_status,
        item.progress,
        item.message
    );
    for node in &item.task_attach_info {
        text.push_str(&format!("\n  {} {}", node.attach_key, node.attach_value));
    }
    text
}

fn listed(items: Vec<Item>) -> String {
    let rows = items.into_iter().map(|item| {
        [
            item.start_time,
            item.async_request_id,
            item.task_type,
            item.instance_ids.join(", "),
            item.task_status,
            format!("{} %", item.progress),
            item.message,
        ]
    });
    let heading = [
        "STARTED",
        "TASK",
        "TYPE",
        "OF",
        "STATUS",
        "DONE",
        "WHAT HAPPENED",
    ];
    show::table(heading, rows.collect())
}
