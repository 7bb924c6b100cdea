//! Dates as texts.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::ambient::UnixTime;

/// The vendor's form. Its times are Beijing time by convention, and clients crash on any other form.
const VENDOR: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const BEIJING: UtcOffset = offset!(+8);

/// A time as our own actions write it, in UTC.
pub fn rfc3339(time: UnixTime) -> String {
    date(time).format(&Rfc3339).unwrap_or_default()
}

/// A time as the vendor's actions write it.
pub fn beijing(time: UnixTime) -> String {
    date(time)
        .to_offset(BEIJING)
        .format(VENDOR)
        .unwrap_or_default()
}

/// Reads a time in the vendor's form; `None` when the text is none.
pub fn parse_beijing(text: &str) -> Option<UnixTime> {
    let date = PrimitiveDateTime::parse(text, VENDOR).ok()?;
    Some(date.assume_offset(BEIJING).unix_timestamp())
}

fn date(time: UnixTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        assert_eq!(rfc3339(1_795_490_000), "2026-11-24T03:13:20Z");
        assert_eq!(beijing(1_795_490_000), "2026-11-24 11:13:20");
        assert_eq!(parse_beijing("2026-11-24 11:13:20"), Some(1_795_490_000));
        assert_eq!(parse_beijing("2026-11-24T03:13:20Z"), None);
    }
}
