//! Times and durations as people read them.

use std::time::Duration;

use super::texts::Texts;
use crate::ambient::{UnixTime, parse_rfc3339};
use crate::api::dates::rfc3339;

/// A moment: as it is, and how long ago or ahead that is.
pub(super) struct Moment {
    /// RFC 3339, for programs; empty when there is none.
    pub(super) exact: String,
    /// `2026-11-24 13:20:00` UTC.
    pub(super) date: String,
    /// `5 min ago`, `in 3 days`.
    pub(super) distance: String,
}

impl Moment {
    /// This moment, seen from `now`.
    pub(super) fn of(time: UnixTime, now: UnixTime, t: &Texts) -> Self {
        let exact = rfc3339(time);
        Self {
            date: exact.replace('T', " ").replace('Z', ""),
            distance: distance(time - now, t),
            exact,
        }
    }

    /// A moment as an action writes it; `None` when it is empty.
    pub(super) fn read(text: &str, now: UnixTime, t: &Texts) -> Option<Self> {
        parse_rfc3339(text).map(|time| Self::of(time, now, t))
    }
}

fn distance(seconds: i64, t: &Texts) -> String {
    let words = span(seconds.abs(), t);
    if seconds <= 0 {
        t.ago.replace("{}", &words)
    } else {
        t.ahead.replace("{}", &words)
    }
}

fn span(seconds: i64, t: &Texts) -> String {
    match seconds {
        0..120 => format!("{seconds} {}", t.seconds),
        120..7200 => format!("{} {}", seconds / 60, t.minutes),
        7200..172_800 => format!("{} {}", seconds / 3600, t.hours),
        _ => format!("{} {}", seconds / 86_400, t.days),
    }
}

/// How long something took.
pub(super) fn took(time: Duration) -> String {
    match time.as_micros() {
        micros @ 0..1000 => format!("{micros} µs"),
        micros => format!("{:.1} ms", micros as f64 / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::console::texts;
    use wire::Language;

    #[test]
    fn distances_are_in_the_largest_unit_that_says_enough() {
        let en = texts::of(Language::EnUs);
        for (seconds, words) in [
            (0, "0 s ago"),
            (-119, "119 s ago"),
            (-120, "2 min ago"),
            (-7200, "2 h ago"),
            (-172_800, "2 days ago"),
            (60, "in 60 s"),
            (86_400 * 30, "in 30 days"),
        ] {
            assert_eq!(distance(seconds, en), words);
        }
        assert_eq!(distance(-120, texts::of(Language::ZhCn)), "2 分钟前");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(took(Duration::from_micros(87)), "87 µs");
        assert_eq!(took(Duration::from_micros(1250)), "1.2 ms");
    }
}
