use std::io::{ErrorKind, Write};

use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

use crate::failure::Failure;

/// How a command shows what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: what the API answered, as it came.
    Json,
}

/// Writes to standard output, with a newline. A reader that has seen enough (`| head`) is no error.
pub(crate) fn out(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!(
            "standard output cannot be written: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Columns without lines around them: as wide as the terminal, unbroken elsewhere.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(heading)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// `a, b, c`; `-` for nothing.
pub(crate) fn list(texts: &[String]) -> String {
    or_dash(&texts.join(", "))
}

/// `-` for an empty text, so that no column is ever empty.
pub(crate) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-" } else { text }.to_owned()
}

/// The day of an RFC 3339 time.
pub(crate) fn day(time: &str) -> String {
    or_dash(time.get(..10).unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_headings() {
        let rows = vec![
            ["cdb-c1nl9rpv".to_owned(), "ON".to_owned()],
            ["x".to_owned(), or_dash("")],
        ];
        assert_eq!(
            table(["ID", "STATUS"], rows),
            "ID            STATUS\ncdb-c1nl9rpv  ON\nx             -"
        );
    }
}
