//! The fleet: every instance and group, filtered, sorted, counted, drawn.

use std::collections::BTreeMap;

use askama::Template;
use dbtls::Status;
use hyper::StatusCode;
use hyper::header::{CONTENT_DISPOSITION, HeaderValue};
use time::{Date, OffsetDateTime};

use super::chart::{Chart, Tone};
use super::error::Answer;
use super::fields::Fields;
use super::page::{Layout, html, reply};
use super::texts::Texts;
use super::times::Moment;
use super::visit::{Entered, Visit};
use crate::ambient::UnixTime;
use crate::api::error::ApiError;
use crate::api::fleet::{Enforcement, Filter, Fleet, Item, OrderBy, first_expiry, observations};
use crate::state::subject::Subject;

/// How many rows a page has.
const ROWS: usize = 100;
/// How many months ahead are drawn one by one; a certificate of ours is good for 397 days.
const MONTHS: usize = 13;

#[derive(Template)]
#[template(path = "console/fleet.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    filter: Fields,
    columns: Vec<Column>,
    rows: Vec<Row>,
    total: usize,
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
    let members = fleet.members(&filter_of(&visit.query));
    let counts = Counts::of(&members, &fleet, visit.now);
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
        previous: number.checked_sub(1).and_then(to),
        next: to(number + 1),
        on: counts.of_status(Status::On),
        off: counts.of_status(Status::Off),
        unknown: counts.of_status(Status::Unknown),
        known_versions: counts.versions.keys().cloned().collect(),
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

/// What is counted for the pictures.
struct Counts {
    statuses: BTreeMap<&'static str, usize>,
    /// Nodes by TLS version.
    versions: BTreeMap<String, usize>,
    plaintext: usize,
    expired: usize,
    /// Members by the month in which their first certificate expires, this month first.
    months: Vec<(String, usize)>,
    later: usize,
}

impl Counts {
    fn of(members: &[Subject], fleet: &Fleet<'_>, now: UnixTime) -> Self {
        let mut counts = Self {
            statuses: BTreeMap::new(),
            versions: BTreeMap::new(),
            plaintext: 0,
            expired: 0,
            months: Vec::new(),
            later: 0,
        };
        let this = month(now);
        counts.months = (0..MONTHS).map(|ahead| (name(this + ahead), 0)).collect();
        for member in members {
            *counts
                .statuses
                .entry(fleet.status(member).as_str())
                .or_default() += 1;
            counts.count_versions(member);
            if let Some(end) = first_expiry(member.common()) {
                counts.count_expiry(end, now, this);
            }
        }
        counts
    }

    fn count_versions(&mut self, member: &Subject) {
        for observed in observations(member.common()) {
            if observed.status == Status::Off {
                self.plaintext += 1;
            } else if !observed.profile.tls_version.is_empty() {
                let version = &observed.profile.tls_version;
                match self.versions.get_mut(version) {
                    Some(count) => *count += 1,
                    None => {
                        self.versions.insert(version.clone(), 1);
                    }
                }
            }
        }
    }

    fn count_expiry(&mut self, end: UnixTime, now: UnixTime, this: usize) {
        if end < now {
            self.expired += 1;
            return;
        }
        match self.months.get_mut(month(end) - this) {
            Some((_, count)) => *count += 1,
            None => self.later += 1,
        }
    }

    fn of_status(&self, status: Status) -> usize {
        self.statuses
            .get(status.as_str())
            .copied()
            .unwrap_or_default()
    }

    fn versions_chart(&self, t: &Texts) -> Chart {
        let tone = |version: &str| match version {
            "TLSv1.3" => Tone::Good,
            "TLSv1.2" => Tone::Plain,
            _ => Tone::Bad,
        };
        let mut bars = vec![(t.plaintext.to_owned(), self.plaintext, Tone::Bad)];
        bars.extend(
            self.versions
                .iter()
                .map(|(version, count)| (version.replace("TLSv", "TLS "), *count, tone(version))),
        );
        Chart::new(t.versions_chart, bars)
    }

    fn expiry_chart(&self, t: &Texts) -> Chart {
        let mut bars = vec![(t.expired.to_owned(), self.expired, Tone::Bad)];
        let months = self.months.iter().enumerate();
        bars.extend(months.map(|(ahead, (name, count))| {
            let tone = if ahead < 2 { Tone::Watch } else { Tone::Plain };
            (name.clone(), *count, tone)
        }));
        bars.push((t.later.to_owned(), self.later, Tone::Plain));
        Chart::new(t.expiry_chart, bars)
    }
}

/// Months since the year 0.
fn month(time: UnixTime) -> usize {
    let date = OffsetDateTime::from_unix_timestamp(time).map_or(Date::MAX, OffsetDateTime::date);
    let year = usize::try_from(date.year()).unwrap_or_default();
    year * 12 + usize::from(u8::from(date.month())) - 1
}

fn name(month: usize) -> String {
    format!("{:02}-{:02}", month / 12 % 100, month % 12 + 1)
}

/// Everything that fits the filter, as CSV.
pub(super) fn csv(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let table = table(&items(visit, entered)).map_err(ApiError::internal)?;
    Ok(attachment("text/csv; charset=utf-8", "fleet.csv", table))
}

/// Everything that fits the filter, as `DescribeFleet` tells it.
pub(super) fn json(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let text = serde_json::to_vec_pretty(&items(visit, entered)).map_err(ApiError::internal)?;
    Ok(attachment("application/json", "fleet.json", text))
}

fn items(visit: &Visit<'_>, entered: &Entered) -> Vec<Item> {
    let fleet = Fleet::of(visit.service, entered.key.account, visit.now);
    let members = fleet.members(&filter_of(&visit.query));
    members.iter().map(|member| fleet.item(member)).collect()
}

fn attachment(media_type: &'static str, name: &'static str, body: Vec<u8>) -> crate::http::Reply {
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
    fn months_are_counted_and_named() {
        let december = month(1_797_000_000); // 2026-12-11
        assert_eq!(
            (name(december), name(december + 1)),
            ("26-12".into(), "27-01".into())
        );
    }

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
