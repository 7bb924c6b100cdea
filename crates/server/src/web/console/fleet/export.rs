//! The fleet as a file: all that fits the filter, not only one page of it.

use hyper::StatusCode;
use hyper::header::{CONTENT_DISPOSITION, HeaderValue};
use tokio::task::block_in_place;

use super::filter_of;
use crate::api::error::ApiError;
use crate::api::fleet::{Fleet, Item};
use crate::http::Reply;
use crate::web::console::error::Answer;
use crate::web::console::page::reply;
use crate::web::console::visit::{Entered, Visit};

/// Everything that fits the filter, as CSV.
pub(in crate::web::console) fn csv(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let table = block_in_place(|| table(&items(visit, entered))).map_err(ApiError::internal)?;
    Ok(attachment("text/csv; charset=utf-8", "fleet.csv", table))
}

/// Everything that fits the filter, as `DescribeFleet` tells it.
pub(in crate::web::console) fn json(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let text = block_in_place(|| serde_json::to_vec_pretty(&items(visit, entered)));
    let text = text.map_err(ApiError::internal)?;
    Ok(attachment("application/json", "fleet.json", text))
}

fn items(visit: &Visit<'_>, entered: &Entered) -> Vec<Item> {
    let fleet = Fleet::of(visit.service, entered.key.account, visit.now);
    let members = fleet.members(&filter_of(&visit.query));
    members.iter().map(|member| fleet.item(member)).collect()
}

fn attachment(media_type: &'static str, name: &'static str, body: Vec<u8>) -> Reply {
    let mut reply = reply(StatusCode::OK, media_type, body);
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        reply.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    reply
}

fn table(items: &[Item]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record([
        "Id",
        "Kind",
        "Name",
        "Status",
        "NotAfter",
        "DaysLeft",
        "Issuers",
        "TlsVersions",
        "Enforcement",
        "Drift",
        "LastSeen",
        "Nodes",
        "Servers",
    ])?;
    for item in items {
        let days = if item.not_after.is_empty() {
            String::new()
        } else {
            item.days_left.to_string()
        };
        let cells = [
            item.id.clone(),
            item.kind.to_owned(),
            item.name.clone(),
            item.status.as_str().to_owned(),
            item.not_after.clone(),
            days,
            item.issuers.join("; "),
            item.tls_versions.join(" "),
            item.enforcement.as_str().to_owned(),
            item.drift.join("; "),
            item.last_seen.clone(),
            item.nodes.join(" "),
            item.servers.join("; "),
        ];
        table.write_record(cells.map(harmless))?;
    }
    table
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// A spreadsheet takes a text that begins like a formula for one. Names come from callers and servers.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<i64>().is_err() {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-3", "-3"),
            ("orders", "orders"),
        ] {
            assert_eq!(harmless(text.into()), cell);
        }
    }
}
