//! The audit log: every write action and every refusal, as chained JSON lines beside the store.
//!
//! Each line carries a MAC over the line before it and its own text ([`chain`]), and the store keeps a checkpoint of the end, so a line that
//! was changed, removed or added, a tail that was cut off and a log that was rewritten are found ([`verify`]). A write is logged before it is
//! done (`attempt`) and after (`done` or `refused`), with what it changed ([`changes`]): one that cannot be logged is not done.

pub mod chain;
pub mod changes;
mod files;
mod verify;

pub use files::CURRENT;
pub use verify::{Broken, Verified, verify, verify_unkeyed};

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ambient::UnixTime;
use crate::config::AuditConfig;
use crate::state::budget::{Budget, Limits};
use crate::state::records::V1;
use chain::{ChainKey, Link};
use changes::Change;

/// How many bytes at the end of the log the newest lines are looked for in.
const NEWEST: u64 = 2 << 20;
/// What number and MAC add to a line, in bytes.
const MARKS: usize = 100;
/// How many characters of a name that a caller chose go into a line.
const NAME: usize = 32;

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
    /// What a write changed in the store.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// A name that a caller chose, as it goes into a line: 32 characters, without control characters.
pub fn short(text: &str) -> String {
    escaped(text, NAME)
}

/// The first so many characters of a text, with control and bidirectional characters as `\u{…}`.
fn escaped(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for character in text.chars().take(most) {
        let is_bidirectional = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || is_bidirectional {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Where the checkpoint stands in the store.
pub const CHECKPOINT: &str = "n/audit";

/// The document of the checkpoint: the end of the log, when it was last known to be on the disk.
#[derive(Debug, Deserialize, Serialize)]
pub struct CheckpointRecord {
    /// The document's format.
    pub v: V1,
    /// The end of the chain, as [`Link`] prints it.
    end: String,
    /// A MAC over it by the key of the chain.
    seal: String,
}

impl CheckpointRecord {
    /// The document for this end.
    pub fn of(end: Link, key: &ChainKey) -> Self {
        let text = end.to_string();
        let seal = key.mark(&Link::START.mark, text.as_bytes());
        Self {
            v: V1,
            end: text,
            seal: String::from_utf8_lossy(&seal).into_owned(),
        }
    }

    /// The end that it speaks of; `None` when the document was edited.
    pub fn open(&self, key: &ChainKey) -> Option<Link> {
        let end: Link = self.end.parse().ok()?;
        (Self::of(end, key).seal == self.seal).then_some(end)
    }
}

/// The log, open for appending.
pub struct Audit {
    key: ChainKey,
    inner: Mutex<Inner>,
}

struct Inner {
    folder: PathBuf,
    limit: u64,
    keep: usize,
    file: BufWriter<File>,
    /// The same file, to be brought to the disk without the lock.
    disk: Arc<File>,
    /// How many bytes the file has.
    size: u64,
    key: ChainKey,
    end: Link,
    /// The line that is being made; kept, so that a line costs no allocation.
    line: Vec<u8>,
    budget: Budget,
}

impl Audit {
    /// Opens the log in this folder, or starts it. A last line that a crash cut short is taken away: it was never acknowledged.
    ///
    /// `checkpoint` is the document of the store. Where the log ends before it, or the document was edited, the chain goes on from the
    /// checkpoint and a line says so: [`verify`] names the place from then on.
    ///
    /// # Errors
    /// When the file cannot be opened, or its last line is none of ours.
    pub fn open(
        folder: &Path,
        config: &AuditConfig,
        key: ChainKey,
        checkpoint: Option<&CheckpointRecord>,
        now: UnixTime,
    ) -> std::io::Result<Self> {
        let mut file = files::open(folder)?;
        let mut end = files::recover(&mut file)?;
        if end == Link::START {
            end = last_rotated(folder)?;
        }
        let mut inner = Inner {
            folder: folder.to_owned(),
            limit: config.max_size,
            keep: config.keep_files,
            size: file.metadata()?.len(),
            disk: Arc::new(file.try_clone()?),
            file: BufWriter::with_capacity(64 << 10, file),
            key: key.clone(),
            end,
            line: Vec::new(),
            budget: Budget::new(Limits {
                all: config.refused_bytes_per_minute,
                source: config.refused_bytes_per_source,
            }),
        };
        inner.judge(checkpoint, now)?;
        Ok(Self {
            key,
            inner: Mutex::new(inner),
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
        let disk = Arc::clone(&inner.disk);
        drop(inner); // refusals need not wait for the disk
        disk.sync_data()
    }

    /// Appends a line that [`flush`](Self::flush) brings to the disk a little later. For refusals, which have a budget, and for what became of a write.
    pub fn note(&self, line: &Line) {
        let mut inner = self.lock();
        inner.turn(line.time);
        let written = if line.outcome == Outcome::Refused {
            inner.append_within_budget(line, line.from.ip())
        } else {
            inner.append(line)
        };
        report(written);
    }

    /// The newest lines, the newest first: those in the last part of the log. This reads files.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn newest(&self) -> std::io::Result<Vec<serde_json::Value>> {
        let folder = {
            let mut inner = self.lock();
            inner.file.flush()?;
            inner.folder.clone()
        };
        let mut lines = Vec::new();
        let mut left = NEWEST;
        for path in files::all(&folder)?.iter().rev() {
            let part = files::tail(&mut File::open(path)?, left)?;
            let text = String::from_utf8_lossy(&part);
            lines.extend(
                text.lines()
                    .rev()
                    .filter_map(|line| serde_json::from_str(line).ok()),
            );
            left = left.saturating_sub(part.len() as u64);
            if left == 0 {
                break;
            }
        }
        Ok(lines)
    }

    /// Writes out what is buffered, and what a minute that has ended suppressed. Called a few times a second.
    pub fn flush(&self, now: UnixTime) {
        let mut inner = self.lock();
        inner.turn(now);
        report(inner.file.flush());
    }

    /// Brings the log to the disk, and answers with the document that says where it ends.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn checkpoint(&self) -> std::io::Result<(Link, CheckpointRecord)> {
        let mut inner = self.lock();
        inner.file.flush()?;
        let (end, disk) = (inner.end, Arc::clone(&inner.disk));
        drop(inner);
        disk.sync_data()?;
        Ok((end, CheckpointRecord::of(end, &self.key)))
    }

    /// How many bytes of this minute's budget for refusals are used.
    pub fn budget_used(&self) -> usize {
        self.lock().budget.used()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of the newest file that a rotation put aside: a crash may come before the first line of the next one.
fn last_rotated(folder: &Path) -> std::io::Result<Link> {
    match files::all(folder)?.iter().rev().nth(1) {
        Some(path) => files::recover(
            &mut std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)?,
        ),
        None => Ok(Link::START),
    }
}

fn report(written: std::io::Result<()>) {
    if let Err(error) = written {
        tracing::error!(%error, "the audit log could not be written");
    }
}

impl Inner {
    /// Compares the end of the file with the checkpoint. A file that is longer is what a crash leaves; a shorter one is not.
    fn judge(
        &mut self,
        checkpoint: Option<&CheckpointRecord>,
        now: UnixTime,
    ) -> std::io::Result<()> {
        let Some(checkpoint) = checkpoint else {
            return Ok(());
        };
        let code = match checkpoint.open(&self.key) {
            None => "AuditCheckpointEdited",
            Some(known) if known.count > self.end.count => {
                self.end = known;
                "AuditTailMissing"
            }
            Some(known) if known.count == self.end.count && known != self.end => {
                self.end = known;
                "AuditRewritten"
            }
            Some(_) => return Ok(()),
        };
        tracing::error!(
            code,
            "the audit log was changed from outside; `signet audit verify` names the place"
        );
        self.append(&json!({ "time": now, "outcome": "broken", "code": code }))
    }

    /// Begins a new minute of the budget; one line says how much the last one suppressed.
    fn turn(&mut self, now: UnixTime) {
        if let Some(suppressed) = self.budget.turn(now) {
            let line = json!({
                "time": suppressed.minute, "outcome": "refused", "suppressed": suppressed.lines, "suppressed_bytes": suppressed.bytes,
            });
            report(self.append(&line));
        }
    }

    fn append_within_budget(&mut self, line: &Line, source: IpAddr) -> std::io::Result<()> {
        self.print(line)?;
        if self.budget.admit(source, self.line.len() + MARKS) {
            self.write()
        } else {
            Ok(())
        }
    }

    fn append(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        self.print(line)?;
        self.write()
    }

    fn print(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        self.line.clear();
        Ok(serde_json::to_writer(&mut self.line, line)?)
    }

    /// Writes the printed line, with its number and its MAC as the last members of the object.
    fn write(&mut self) -> std::io::Result<()> {
        if self.size >= self.limit {
            let line = std::mem::take(&mut self.line);
            self.rotate()?;
            self.line = line;
        }
        let count = self.end.count + 1;
        self.line.pop(); // the closing brace
        write!(self.line, ",\"n\":{count}}}")?;
        let mark = self.key.mark(&self.end.mark, &self.line);
        self.line.pop();
        for part in [&b",\"mac\":\""[..], &mark, b"\"}\n"] {
            self.line.extend_from_slice(part);
        }
        self.file.write_all(&self.line)?;
        self.size += self.line.len() as u64;
        self.end = Link { count, mark };
        Ok(())
    }

    /// Puts the file aside under the number of its last line, and begins the next one with a line that names it.
    fn rotate(&mut self) -> std::io::Result<()> {
        self.file.flush()?;
        self.disk.sync_data()?;
        let previous = files::rotated_name(self.end.count);
        std::fs::rename(self.folder.join(CURRENT), self.folder.join(&previous))?;
        let file = files::open(&self.folder)?;
        self.disk = Arc::new(file.try_clone()?);
        self.file = BufWriter::with_capacity(64 << 10, file);
        self.size = 0;
        self.append(&json!({ "outcome": "rotated", "resource": previous }))?;
        self.remove_oldest()
    }

    /// Removes what is more than the configured number of files. The line about it says where the rest of the chain begins.
    fn remove_oldest(&mut self) -> std::io::Result<()> {
        let files = files::all(&self.folder)?;
        let rotated = files.len() - 1;
        if self.keep == 0 || rotated <= self.keep {
            return Ok(());
        }
        for path in &files[..rotated - self.keep] {
            let end = files::recover(
                &mut std::fs::OpenOptions::new()
                    .read(true)
                    .write(true)
                    .open(path)?,
            )?;
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            self.append(
                &json!({ "outcome": "removed", "resource": name, "ended": end.to_string() }),
            )?;
            self.file.flush()?;
            self.disk.sync_data()?;
            std::fs::remove_file(path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Entropy;
    use crate::state::store::sqlite::Sqlite;
    use crate::state::vault::Vault;

    const NOW: UnixTime = 1_795_490_040;

    /// A folder with a log, and the key of its chain.
    struct Place {
        folder: tempfile::TempDir,
        key: ChainKey,
        config: AuditConfig,
    }

    impl Place {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Sqlite::open(&folder.path().join("signet.db")).unwrap();
            let master = folder.path().join("master.key");
            let vault = Vault::open(&master, &store, Entropy::seeded(1))
                .await
                .unwrap();
            Self {
                key: ChainKey::of(&vault),
                folder,
                config: AuditConfig::default(),
            }
        }

        fn open(&self) -> Audit {
            self.open_after(None)
        }

        fn open_after(&self, checkpoint: Option<&CheckpointRecord>) -> Audit {
            Audit::open(
                self.folder.path(),
                &self.config,
                self.key.clone(),
                checkpoint,
                NOW,
            )
            .unwrap()
        }

        /// A log of so many writes, closed again, and its checkpoint.
        fn write(&self, count: u64) -> (Link, CheckpointRecord) {
            let audit = self.open();
            for n in 0..count {
                audit
                    .record(&line(&n.to_string(), Outcome::Attempt))
                    .unwrap();
            }
            audit.checkpoint().unwrap()
        }

        fn text(&self) -> String {
            std::fs::read_to_string(self.folder.path().join(CURRENT)).unwrap()
        }

        fn put(&self, text: &str) {
            std::fs::write(self.folder.path().join(CURRENT), text).unwrap();
        }

        fn verify(&self, checkpoints: &[Link]) -> Result<Verified, String> {
            verify(self.folder.path(), &self.key, checkpoints).map_err(|broken| broken.to_string())
        }
    }

    fn line(request_id: &str, outcome: Outcome) -> Line {
        Line {
            time: NOW,
            request_id: request_id.into(),
            outcome,
            account: Some(1),
            secret_id: "AKIDONE".into(),
            from: "127.0.0.1:5".parse().unwrap(),
            action: "RegisterInstance".into(),
            resource: String::new(),
            code: "",
            changes: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_line_reads_as_json() {
        let place = Place::new().await;
        place.write(1);
        let value: serde_json::Value = serde_json::from_str(&place.text()).unwrap();
        assert_eq!(value["outcome"], "attempt");
        assert_eq!(value["action"], "RegisterInstance");
        assert_eq!(value["n"], 1);
        assert_eq!(value["mac"].as_str().unwrap().len(), chain::DIGITS);
        assert_eq!(place.verify(&[]).unwrap().lines, 1);
    }

    #[tokio::test]
    async fn the_newest_lines_come_first() {
        let place = Place::new().await;
        place.write(3);
        let audit = place.open();
        audit.note(&line("buffered", Outcome::Refused));
        let newest = audit.newest().unwrap();
        let of: Vec<_> = newest
            .iter()
            .map(|line| line["request_id"].as_str())
            .collect();
        assert_eq!(of, [Some("buffered"), Some("2"), Some("1"), Some("0")]);
    }

    #[tokio::test]
    async fn the_chain_goes_on_after_a_restart() {
        let place = Place::new().await;
        let (_, checkpoint) = place.write(3);
        let audit = place.open_after(Some(&checkpoint));
        audit.record(&line("later", Outcome::Done)).unwrap();
        assert_eq!(place.verify(&[]).unwrap().end.count, 4);
    }

    #[tokio::test]
    async fn a_changed_removed_or_added_line_is_found() {
        let place = Place::new().await;
        place.write(5);
        let whole = place.text();
        let lines: Vec<_> = whole.lines().collect();
        let broken_at = |lines: &[&str]| {
            place.put(&(lines.join("\n") + "\n"));
            place.verify(&[]).unwrap_err()
        };
        let at = |line: u64| {
            format!(
                "audit.jsonl: line {line} does not follow from the line before it: a line here was changed, removed or added"
            )
        };
        let changed = lines[2].replace("RegisterInstance", "DescribeFleet");
        assert_eq!(
            broken_at(&[lines[0], lines[1], &changed, lines[3], lines[4]]),
            at(3)
        );
        assert_eq!(broken_at(&[lines[0], lines[2], lines[3], lines[4]]), at(2));
        assert_eq!(broken_at(&[lines[0], lines[1], lines[1], lines[2]]), at(3));
    }

    #[tokio::test]
    async fn a_cut_tail_is_found_by_the_checkpoint() {
        let place = Place::new().await;
        let (end, checkpoint) = place.write(5);
        let whole = place.text();
        let three: String = whole.split_inclusive('\n').take(3).collect();
        place.put(&three);
        assert_eq!(
            place.verify(&[]).unwrap().lines,
            3,
            "without a checkpoint it cannot be seen"
        );
        assert_eq!(
            place.verify(&[end]).unwrap_err(),
            "the log ends with line 3, but 5 lines were written: the end was cut off"
        );
        // A restart does not make it good again.
        place.open_after(Some(&checkpoint)).flush(NOW);
        assert!(
            place.text().contains("\"code\":\"AuditTailMissing\""),
            "{}",
            place.text()
        );
        assert!(
            place
                .verify(&[])
                .unwrap_err()
                .starts_with("audit.jsonl: line 4 does not follow")
        );
    }

    #[tokio::test]
    async fn a_log_rewritten_without_the_key_is_found() {
        use sha2::{Digest, Sha256};
        let place = Place::new().await;
        let (end, _) = place.write(3);
        // What whoever can write the file but lacks the key can do: lines in the form of the version before.
        let mut last = hex::encode([0; 32]).replace("00", "0").repeat(2);
        let mut forged = String::new();
        for n in 0..3 {
            let body = format!("{{\"time\":{n}}}");
            last = hex::encode(
                Sha256::new()
                    .chain_update(&last)
                    .chain_update(&body)
                    .finalize(),
            );
            forged += &format!("{{\"time\":{n},\"hash\":\"{last}\"}}\n");
        }
        place.put(&forged);
        assert_eq!(
            verify_unkeyed(&place.folder.path().join(CURRENT))
                .unwrap()
                .lines,
            3
        );
        assert_eq!(
            place.verify(&[end]).unwrap_err(),
            "line 3 is not the one that the checkpoint speaks of: the log was rewritten"
        );
    }

    #[tokio::test]
    async fn an_edited_checkpoint_is_not_believed() {
        let place = Place::new().await;
        let (_, mut checkpoint) = place.write(3);
        checkpoint.end = checkpoint.end.replacen('3', "2", 1);
        assert_eq!(checkpoint.open(&place.key), None);
        place.open_after(Some(&checkpoint)).flush(NOW);
        assert!(place.text().contains("\"code\":\"AuditCheckpointEdited\""));
    }

    #[tokio::test]
    async fn a_log_of_the_version_before_goes_on_with_macs() {
        let place = Place::new().await;
        let before = include_str!("before.jsonl");
        place.put(before);
        place.open().record(&line("first", Outcome::Done)).unwrap();
        let verified = place.verify(&[]).unwrap();
        assert_eq!((verified.unkeyed, verified.lines), (3, 4));
        assert!(place.text().starts_with(before));
        let after = place.text() + before.lines().next().unwrap() + "\n";
        place.put(&after);
        assert!(
            place
                .verify(&[])
                .unwrap_err()
                .starts_with("audit.jsonl: line 5 does not follow"),
            "no way back"
        );
    }

    #[tokio::test]
    async fn a_line_cut_short_by_a_crash_is_removed() {
        let place = Place::new().await;
        place.write(2);
        let whole = place.text();
        place.put(&format!("{whole}{{\"time\":1"));
        place.open().record(&line("next", Outcome::Done)).unwrap();
        assert_eq!(place.verify(&[]).unwrap().lines, 3);
        assert!(place.text().starts_with(&whole));
    }

    #[tokio::test]
    async fn a_file_that_is_large_is_put_aside_and_the_chain_goes_on() {
        let mut place = Place::new().await;
        place.config.max_size = 1000;
        let (end, _) = place.write(20);
        let verified = place.verify(&[end]).unwrap();
        assert!(verified.files > 3, "{verified:?}");
        assert_eq!(verified.end, end);
        let files = files::all(place.folder.path()).unwrap();
        let audit = place.open();
        let newest = audit.newest().unwrap();
        assert_eq!(
            newest
                .iter()
                .filter(|line| line["outcome"] == "attempt")
                .count(),
            20
        );
        std::fs::remove_file(&files[0]).unwrap();
        let broken = place.verify(&[end]).unwrap_err();
        assert!(
            broken.ends_with("and line 1 is missing: a file was removed"),
            "{broken}"
        );
    }

    #[tokio::test]
    async fn so_many_files_are_kept_and_the_chain_says_where_it_begins() {
        let mut place = Place::new().await;
        place.config.max_size = 1000;
        place.config.keep_files = 2;
        let (end, _) = place.write(30);
        assert_eq!(files::all(place.folder.path()).unwrap().len(), 3);
        assert_eq!(place.verify(&[end]).unwrap().end, end);
        std::fs::remove_file(&files::all(place.folder.path()).unwrap()[0]).unwrap();
        let broken = place.verify(&[end]).unwrap_err();
        assert!(
            broken.ends_with("is missing: a file was removed"),
            "{broken}"
        );
    }

    #[tokio::test]
    async fn a_flood_of_refusals_stays_within_its_bytes_and_is_counted() {
        let place = Place::new().await;
        let audit = place.open();
        for _ in 0..10_000 {
            audit.note(&line("flood", Outcome::Refused));
        }
        audit.note(&line("a write", Outcome::Done));
        audit.flush(NOW + 60);
        let written = place.text();
        let refused = written
            .lines()
            .filter(|line| line.contains("flood"))
            .count();
        assert!(
            written.len() < place.config.refused_bytes_per_source + 1000,
            "{}",
            written.len()
        );
        assert!(
            written.contains(&format!("\"suppressed\":{}", 10_000 - refused)),
            "{refused}"
        );
        assert!(written.contains("a write"), "a write is never dropped");
        assert_eq!(place.verify(&[]).unwrap().lines, refused as u64 + 2);
    }

    #[test]
    fn names_are_cut_and_escaped() {
        assert_eq!(short(&"a".repeat(100)), "a".repeat(32));
        assert_eq!(
            short("a\u{1b}[31m\u{202e}b\n"),
            "a\\u{1b}[31m\\u{202e}b\\u{a}"
        );
    }
}
