//! What the pictures of the fleet are drawn from.

use std::collections::{BTreeMap, BTreeSet};

use dbtls::Status;
use time::{Date, OffsetDateTime};

use crate::ambient::UnixTime;
use crate::api::fleet::{Fleet, first_expiry, observations};
use crate::state::subject::Subject;
use crate::web::console::chart::{Chart, Tone};
use crate::web::console::texts::Texts;

/// How many months ahead are drawn one by one; a certificate of ours is good for 90 days, and those of other CAs for up to 398.
const MONTHS: usize = 13;

/// What is counted for the pictures.
pub(super) struct Counts {
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
    pub(super) fn of(members: &[Subject], fleet: &Fleet<'_>, now: UnixTime) -> Self {
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

    pub(super) fn of_all(&self) -> usize {
        self.statuses.values().sum()
    }

    /// The versions to choose from: those that nodes speak, and the one that is chosen.
    pub(super) fn known_versions(&self, chosen: &str) -> Vec<String> {
        let spoken = self.versions.keys().map(String::as_str);
        let chosen = Some(chosen).filter(|chosen| !chosen.is_empty());
        let all: BTreeSet<_> = spoken.chain(chosen).collect();
        all.into_iter().map(str::to_owned).collect()
    }

    pub(super) fn of_status(&self, status: Status) -> usize {
        self.statuses
            .get(status.as_str())
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn versions_chart(&self, t: &Texts) -> Chart {
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

    pub(super) fn expiry_chart(&self, t: &Texts) -> Chart {
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
}
