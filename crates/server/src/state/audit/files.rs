//! The files of the audit log: `audit.jsonl`, and beside it those that became too large, named by the number of their last line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::chain::{Chained, Link};

/// The file that is written to.
pub const CURRENT: &str = "audit.jsonl";

/// The name of the file whose last line has this number.
pub(super) fn rotated_name(last: u64) -> String {
    format!("audit-{last:012}.jsonl")
}

/// All files that are there, the oldest first, the current one last.
pub(super) fn all(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| {
            name.strip_prefix("audit-")?
                .strip_suffix(".jsonl")?
                .parse::<u64>()
                .ok()
        });
        files.extend(number.map(|number| (number, folder.join(&name))));
    }
    files.sort();
    let mut files: Vec<_> = files.into_iter().map(|(_, path)| path).collect();
    files.push(folder.join(CURRENT));
    Ok(files)
}

/// Opens the current file for appending, mode 0600; makes it if it is missing.
pub(super) fn open(folder: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(folder.join(CURRENT))
}

/// The last so many bytes of a file, without a line that is cut off at their start.
pub(super) fn tail(file: &mut File, most: u64) -> std::io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(most);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if start > 0 {
        let cut = tail.iter().position(|byte| *byte == b'\n');
        tail.drain(..cut.map_or(tail.len(), |at| at + 1));
    }
    Ok(tail)
}

/// Removes a last line that a crash cut short, and answers with the end of the chain: [`Link::START`] in an empty file.
pub(super) fn recover(file: &mut File) -> std::io::Result<Link> {
    const TAIL: u64 = 64 << 10;
    let tail = tail(file, TAIL)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n');
    let torn = tail.len() - whole.map_or(0, |at| at + 1);
    if torn > 0 {
        tracing::warn!(
            bytes = torn,
            "the last line of the audit log was cut short by a crash; it is removed"
        );
        let length = file.metadata()?.len();
        file.set_len(length - torn as u64)?;
    }
    let text = String::from_utf8_lossy(&tail[..tail.len() - torn]);
    let Some(last) = text.lines().next_back() else {
        return Ok(Link::START);
    };
    let chained = Chained::parse(last).ok_or_else(|| {
        std::io::Error::other(
            "the last line of the audit log has neither a MAC nor a hash: the file belongs to another program, or was edited",
        )
    })?;
    chained.end(|| count_lines(file))
}

/// Only for a file of the version before, whose lines have no numbers.
fn count_lines(file: &mut File) -> std::io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let mut lines = 0;
    let mut reader = BufReader::new(file);
    while reader.skip_until(b'\n')? > 0 {
        lines += 1;
    }
    Ok(lines)
}
