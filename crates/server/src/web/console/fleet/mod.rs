//! The fleet: every instance and group, filtered, sorted, counted, drawn.

mod counts;
mod export;

use askama::Template;
use dbtls::Status;

use super::chart::Chart;
use super::error::Answer;
use super::fields::Fields;
use super::page::{Layout, html};
use super::texts::Texts;
use super::times::Moment;
use super::visit::{Entered, Visit};
use crate::api::fleet::{Enforcement, Filter, Fleet, Item, OrderBy};

/// How many rows a page has.
const ROWS: usize = 100;

use counts::Counts;
pub(super) use export::{csv, json};

#[derive(Template)]
#[template(path = "console/fleet.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    filter: Fields,
    columns: Vec<Column>,
    rows: Vec<Row>,
    total: usize,
    /// How many there are of any status.
    counted: usize,
    first: usize,
    last: usize,
    previous: Option<String>,
    next: Option<String>,
    on: usize,
    off: usize,
    unknown: usize,
    versions: Chart,
    expiry: Chart,
    /// The versions that there are to choose from.
    known_versions: Vec<String>,
    export: String,
}

/// A heading that sorts.
struct Column {
    text: &'static str,
    /// Where it leads; empty when it sorts nothing.
    link: String,
    /// For `aria-sort`.
    sort: &'static str,
}

struct Row {
    item: Item,
    expires: Option<Moment>,
    seen: Option<Moment>,
    is_urgent: bool,
}

/// The page.
pub(super) fn page(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let t = visit.texts();
    let fleet = Fleet::of(visit.service, entered.key.account, visit.now);
    let filter = filter_of(&visit.query);
    // Of what fits otherwise, all statuses are counted: a tile leads to what it says.
    let of_any_status = Filter {
        status: None,
        ..filter.clone()
    };
    let mut members = fleet.members(&of_any_status);
    let counts = Counts::of(&members, &fleet, visit.now);
    members.retain(|member| {
        filter
            .status
            .is_none_or(|wanted| fleet.status(member) == wanted)
    });
    let pages = members.len().div_ceil(ROWS).max(1);
    let number = visit.query.parsed("page").unwrap_or(1).clamp(1, pages);
    let first = (number - 1) * ROWS;
    let shown = members.iter().skip(first).take(ROWS);
    let rows: Vec<_> = shown.map(|member| row(fleet.item(member), visit)).collect();
    let to = |wanted: usize| {
        let query = visit.query.with("page", &wanted.to_string());
        (1..=pages).contains(&wanted).then(|| query.query())
    };
    html(&Page {
        t,
        layout: visit.layout("fleet"),
        columns: columns(&visit.query, t),
        last: first + rows.len(),
        first: first + usize::from(!rows.is_empty()),
        rows,
        total: members.len(),
        counted: counts.of_all(),
        previous: number.checked_sub(1).and_then(to),
        next: to(number + 1),
        on: counts.of_status(Status::On),
        off: counts.of_status(Status::Off),
        unknown: counts.of_status(Status::Unknown),
        known_versions: counts.known_versions(visit.query.get("tls")),
        versions: counts.versions_chart(t),
        expiry: counts.expiry_chart(t),
        export: visit.query.with("page", "").query(),
        filter: visit.query.clone(),
    })
}

fn row(item: Item, visit: &Visit<'_>) -> Row {
    let t = visit.texts();
    Row {
        expires: Moment::read(&item.not_after, visit.now, t),
        seen: Moment::read(&item.last_seen, visit.now, t),
        is_urgent: !item.not_after.is_empty() && item.days_left < 30,
        item,
    }
}

/// What a query string asks for. What it cannot mean is left out: a page has controls that say what is chosen.
fn filter_of(query: &Fields) -> Filter {
    let text = |name| query.given(name).filter(|text| !text.is_empty());
    Filter {
        status: match query.get("status") {
            "ON" => Some(Status::On),
            "OFF" => Some(Status::Off),
            "UNKNOWN" => Some(Status::Unknown),
            _ => None,
        },
        search: text("search").map(|text| text.trim().to_owned()),
        expires_within_days: query.parsed("expires"),
        tls_version: text("tls").map(str::to_owned),
        enforcement: match query.get("enforcement") {
            "REQUIRED" => Some(Enforcement::Required),
            "OPTIONAL" => Some(Enforcement::Optional),
            "UNKNOWN" => Some(Enforcement::Unknown),
            _ => None,
        },
        has_drift: query.parsed("drift"),
        order_by: order_of(query.get("sort")),
        descending: query.get("order") == "descending",
    }
}

fn order_of(name: &str) -> OrderBy {
    match name {
        "name" => OrderBy::Name,
        "status" => OrderBy::Status,
        "expires" => OrderBy::NotAfter,
        "seen" => OrderBy::LastSeen,
        _ => OrderBy::Id,
    }
}

fn columns(query: &Fields, t: &Texts) -> Vec<Column> {
    let sorted = match query.get("sort") {
        "" => "id",
        name => name,
    };
    let is_descending = query.get("order") == "descending";
    let column = |(text, name): (&'static str, &str)| {
        let is_here = !name.is_empty() && name == sorted;
        let order = if is_here && !is_descending {
            "descending"
        } else {
            ""
        };
        let target = query.with("sort", name).with("order", order);
        Column {
            text,
            link: if name.is_empty() {
                String::new()
            } else {
                format!("/console/{}", target.with("page", "").query())
            },
            sort: match (is_here, is_descending) {
                (false, _) => "none",
                (true, false) => "ascending",
                (true, true) => "descending",
            },
        }
    };
    [
        (t.id, "id"),
        (t.name, "name"),
        (t.status, "status"),
        (t.expires, "expires"),
        (t.issuer, ""),
        (t.tls_version, ""),
        (t.enforcement, ""),
        (t.drift, ""),
        (t.last_seen, "seen"),
    ]
    .map(column)
    .into()
}
