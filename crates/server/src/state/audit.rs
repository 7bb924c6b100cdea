//! The audit log: every write action and every refusal, as hash-chained JSON lines beside the store.
//!
//! Each line carries the hash of the line before it and its own, so a line that was changed, removed or slipped in
//! breaks the chain at that place; [`verify`] finds it. A write is logged before it is done (`attempt`) and after
//! (`done` or `refused`): one that cannot be logged is not done.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ambient::UnixTime;

const HASH: usize = 64;
/// How many bytes at the end of the file the newest lines are looked for in.
const NEWEST: u64 = 2 << 20;
/// How many refusals of one second are written one by one; beyond that they are counted in one line, so that a
/// flood of bad requests cannot fill the disk.
const REFUSALS_PER_SECOND: u32 = 200;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A write is about to be done.
    Attempt,
    /// It was done.
    Done,
    /// It was sent again, and answered from memory: nothing was done.
    Repeated,
    /// A request was answered with an error.
    Refused,
}

/// One line of the log, without what chains it.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// When, in Unix seconds.
    pub time: UnixTime,
    /// Which request.
    pub request_id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The account, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<u64>,
    /// The key that signed, or claimed to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub secret_id: String,
    /// The caller's address.
    pub from: SocketAddr,
    /// The action, or the path of a download.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// What it was done to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// The error code of a refusal.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub code: &'static str,
}

/// As much of what a caller names as goes into a line: nobody fills the disk with names.
pub fn short(text: &str) -> String {
    text.chars().take(128).collect()
}

/// The log, open for appending.
pub struct Audit {
    path: PathBuf,
    /// The same file, to be brought to the disk without the lock.
    disk: File,
    inner: Mutex<Inner>,
}

struct Inner {
    file: BufWriter<File>,
    last: [u8; HASH],
    /// The line that is being made; kept, so that a line costs no allocation.
    line: Vec<u8>,
    second: UnixTime,
    refusals: u32,
}

impl Audit {
    /// Opens the log, or starts it. A last line that a crash cut short is taken away: it was never acknowledged.
    ///
    /// # Errors
    /// When the file cannot be opened, or its last line is none of ours.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        let last = recover(&mut file)?;
        Ok(Self {
            path: path.to_owned(),
            disk: file.try_clone()?,
            inner: Mutex::new(Inner {
                file: BufWriter::with_capacity(64 << 10, file),
                last,
                line: Vec::new(),
                second: 0,
                refusals: 0,
            }),
        })
    }

    /// Appends a line and answers once it is on the disk. For writes.
    ///
    /// # Errors
    /// When the line could not be written; the write that it speaks of must then not be done.
    pub fn record(&self, line: &Line) -> std::io::Result<()> {
        let mut inner = self.lock();
        inner.append(line)?;
        inner.file.flush()?;
        drop(inner); // refusals need not wait for the disk
        self.disk.sync_data()
    }

    /// Appends a line that [`flush`](Self::flush) brings to the disk a little later. For refusals and for what became of a write.
    pub fn note(&self, line: &Line) {
        let mut inner = self.lock();
        if line.outcome == Outcome::Refused && !inner.admit(line.time) {
            return;
        }
        if let Err(error) = inner.append(line) {
            tracing::error!(%error, "the audit log could not be written");
        }
    }

    /// The newest lines, the newest first: those in the last part of the file. This reads a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn newest(&self) -> std::io::Result<Vec<serde_json::Value>> {
        self.flush();
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        let start = length.saturating_sub(NEWEST);
        file.seek(SeekFrom::Start(start))?;
        let mut part = Vec::new();
        file.take(NEWEST).read_to_end(&mut part)?;
        let text = String::from_utf8_lossy(&part);
        // The first one is cut off, unless the part is all of the file.
        let whole = text.lines().skip(usize::from(start > 0));
        let mut lines: Vec<_> = whole
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        lines.reverse();
        Ok(lines)
    }

    /// Writes out what is buffered. Called a few times a second and at shutdown.
    pub fn flush(&self) {
        if let Err(error) = self.lock().file.flush() {
            tracing::error!(%error, "the audit log could not be written");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Counts a refusal; false when this second has had enough of them.
    fn admit(&mut self, now: UnixTime) -> bool {
        if self.second != now {
            let suppressed = self.refusals.saturating_sub(REFUSALS_PER_SECOND);
            if suppressed > 0 {
                let line = serde_json::json!({ "time": self.second, "outcome": "refused", "suppressed": suppressed });
                if let Err(error) = self.append(&line) {
                    tracing::error!(%error, "the audit log could not be written");
                }
            }
            (self.second, self.refusals) = (now, 0);
        }
        self.refusals = self.refusals.saturating_add(1);
        self.refusals <= REFUSALS_PER_SECOND
    }

    /// Writes a line with its hash as the last member of the object.
    fn append(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        let hash = chain(&self.last, &self.line);
        self.line.pop(); // the closing brace
        for part in [&b",\"hash\":\""[..], &hash, b"\"}\n"] {
            self.line.extend_from_slice(part);
        }
        self.file.write_all(&self.line)?;
        self.last = hash;
        Ok(())
    }
}

/// The hash of a line: over the hash before it and its own text.
fn chain(last: &[u8; HASH], body: &[u8]) -> [u8; HASH] {
    let digest = Sha256::new()
        .chain_update(last)
        .chain_update(body)
        .finalize();
    let mut hash = [0; HASH];
    hex::encode_to_slice(digest, &mut hash).expect("32 bytes are 64 digits");
    hash
}

/// A line's text without its hash, and the hash.
fn split(line: &str) -> Option<(String, [u8; HASH])> {
    let (open, rest) = line.rsplit_once(",\"hash\":\"")?;
    let hash = rest.strip_suffix("\"}")?.as_bytes().try_into().ok()?;
    Some((format!("{open}}}"), hash))
}

/// Cuts off a torn last line and returns the hash to go on from.
fn recover(file: &mut File) -> std::io::Result<[u8; HASH]> {
    const TAIL: u64 = 64 << 10;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let whole = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    if whole < tail.len() {
        tracing::warn!(
            bytes = tail.len() - whole,
            "the last line of the audit log was cut short by a crash; it is removed"
        );
        file.set_len(start + whole as u64)?;
    }
    let Some(last) = tail[..whole]
        .trim_ascii_end()
        .rsplit(|byte| *byte == b'\n')
        .next()
        .filter(|line| !line.is_empty())
    else {
        return Ok([b'0'; HASH]);
    };
    let line = String::from_utf8_lossy(last);
    split(&line).map(|(_, hash)| hash).ok_or_else(|| {
        std::io::Error::other(
            "the last line of the audit log has no hash: the file is not ours, or was edited",
        )
    })
}

/// What is wrong with an audit log.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The chain does not hold at this line.
    #[error(
        "line {0} does not follow from the line before it: it, or what was before it, was changed, removed or added"
    )]
    Line(u64),
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Checks the whole chain and returns the number of lines.
///
/// # Errors
/// [`Broken::Line`] names the first line that does not follow.
pub fn verify(path: &Path) -> Result<u64, Broken> {
    let mut last = [b'0'; HASH];
    let mut number = 0;
    for line in BufReader::new(File::open(path)?).lines() {
        number += 1;
        match split(&line?) {
            Some((body, hash)) if hash == chain(&last, body.as_bytes()) => last = hash,
            _ => return Err(Broken::Line(number)),
        }
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(request_id: &str, outcome: Outcome) -> Line {
        Line {
            time: 1_795_490_000,
            request_id: request_id.into(),
            outcome,
            account: Some(1),
            secret_id: "AKIDONE".into(),
            from: "127.0.0.1:5".parse().unwrap(),
            action: "RegisterInstance".into(),
            resource: String::new(),
            code: "",
        }
    }

    fn log_of(count: usize) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::open(&path).unwrap();
        for n in 0..count {
            audit
                .record(&line(&n.to_string(), Outcome::Attempt))
                .unwrap();
        }
        (folder, path)
    }

    #[test]
    fn a_line_reads_as_json() {
        let (_folder, path) = log_of(1);
        let text = std::fs::read_to_string(&path).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["outcome"], "attempt");
        assert_eq!(value["action"], "RegisterInstance");
        assert_eq!(value["hash"].as_str().unwrap().len(), HASH);
        assert_eq!(verify(&path).unwrap(), 1);
    }

    #[test]
    fn the_newest_lines_come_first() {
        let (_folder, path) = log_of(3);
        let audit = Audit::open(&path).unwrap();
        audit.note(&line("buffered", Outcome::Refused));
        let newest = audit.newest().unwrap();
        let of: Vec<_> = newest
            .iter()
            .map(|line| line["request_id"].as_str())
            .collect();
        assert_eq!(of, [Some("buffered"), Some("2"), Some("1"), Some("0")]);
    }

    #[test]
    fn the_chain_goes_on_after_a_restart() {
        let (_folder, path) = log_of(3);
        Audit::open(&path)
            .unwrap()
            .record(&line("later", Outcome::Done))
            .unwrap();
        assert_eq!(verify(&path).unwrap(), 4);
    }

    #[test]
    fn a_changed_removed_or_added_line_is_found() {
        let (_folder, path) = log_of(5);
        let whole = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = whole.lines().collect();
        let broken_at = |lines: &[&str]| {
            std::fs::write(&path, lines.join("\n") + "\n").unwrap();
            match verify(&path) {
                Err(Broken::Line(number)) => number,
                other => panic!("not found: {other:?}"),
            }
        };
        let changed = lines[2].replace("RegisterInstance", "DescribeFleet");
        assert_eq!(
            broken_at(&[lines[0], lines[1], &changed, lines[3], lines[4]]),
            3
        );
        assert_eq!(broken_at(&[lines[0], lines[2], lines[3], lines[4]]), 2);
        assert_eq!(broken_at(&[lines[0], lines[1], lines[1], lines[2]]), 3);
    }

    #[test]
    fn a_line_cut_short_by_a_crash_is_removed() {
        let (_folder, path) = log_of(2);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{\"time\":1")).unwrap();
        Audit::open(&path)
            .unwrap()
            .record(&line("next", Outcome::Done))
            .unwrap();
        assert_eq!(verify(&path).unwrap(), 3);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(&whole));
    }

    #[test]
    fn a_flood_of_refusals_is_counted_not_written() {
        let (_folder, path) = log_of(0);
        let audit = Audit::open(&path).unwrap();
        for _ in 0..1000 {
            audit.note(&line("flood", Outcome::Refused));
        }
        audit.note(&Line {
            time: 1_795_490_001,
            ..line("next", Outcome::Refused)
        });
        audit.flush();
        assert_eq!(verify(&path).unwrap(), u64::from(REFUSALS_PER_SECOND) + 2);
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .contains("\"suppressed\":800")
        );
    }
}
