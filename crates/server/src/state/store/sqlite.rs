//! The embedded store: one SQLite file that anybody can open and back up.
//!
//! One thread owns the only writing connection. It takes what has queued up and commits it as one
//! transaction, so that many callers share one `fsync`. Reads go through a second connection.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc as queue};
use std::thread;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};
use tokio::sync::{mpsc, oneshot};

use super::{Entry, Error, Event, Expect, Page, Revision, Store, Watch, Write};

/// "Sgnt": tells our files from other programs' SQLite files (`PRAGMA application_id`).
const APPLICATION_ID: u32 = 0x5367_6e74;
/// The format this program writes, in `PRAGMA user_version`.
const FORMAT: u32 = 1;
/// How many queued commits share one transaction at the most.
const GROUP: usize = 256;

const SCHEMA: &str = "
    CREATE TABLE document (
        key      TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        value    BLOB            -- NULL marks a deleted document, so that watchers can learn of it
    ) WITHOUT ROWID;
    CREATE INDEX document_by_revision ON document (revision);
";

/// A store in one SQLite file.
#[derive(Clone)]
pub struct Sqlite {
    /// Dropped before the sender, so that the writer closes the file last: only then is the log brought into it and removed.
    reader: Arc<Mutex<Connection>>,
    writer: queue::Sender<Job>,
}

enum Job {
    Commit {
        writes: Vec<Write>,
        done: Committed,
    },
    Watch {
        prefix: String,
        since: Revision,
        done: oneshot::Sender<Result<Watch, Error>>,
    },
}

impl Sqlite {
    /// Opens the file, or makes it. A file that is not ours, newer, or damaged is refused and left untouched.
    ///
    /// # Errors
    /// [`Error::Foreign`], [`Error::Newer`], [`Error::Corrupt`], [`Error::InUse`], [`Error::Backend`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        inspect(path)?;
        let name = path.display().to_string();
        let connection = Connection::open(path).map_err(|e| explain(&name, e))?;
        configure(&connection).map_err(|e| explain(&name, e))?;
        if is_empty(&connection, &name)? {
            create(&connection).map_err(|e| explain(&name, e))?;
        }
        let revision = newest(&connection).map_err(|e| explain(&name, e))?;
        let reader = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|e| explain(&name, e))?;

        let (writer, jobs) = queue::channel();
        let worker = Writer {
            connection,
            name,
            revision,
            watchers: Vec::new(),
        };
        thread::Builder::new()
            .name("store".into())
            .spawn(move || worker.run(&jobs))
            .map_err(|e| Error::Backend(e.to_string()))?;
        Ok(Self {
            writer,
            reader: Arc::new(Mutex::new(reader)),
        })
    }

    /// Reads one document of a file that another process may have open, without changing anything.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when there is no file.
    pub fn peek(path: &Path, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let name = path.display().to_string();
        if !path.exists() {
            return Err(Error::Backend(format!("{name} does not exist")));
        }
        inspect(path)?;
        let peeked = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(
            |connection| {
                connection
                    .query_row(
                        "SELECT value FROM document WHERE key = ?1 AND value IS NOT NULL",
                        [key],
                        |row| row.get(0),
                    )
                    .optional()
            },
        );
        peeked.map_err(|error| explain(&name, error))
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let reader = Arc::clone(&self.reader);
        tokio::task::spawn_blocking(move || {
            let mut connection = reader
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            query(&mut connection).map_err(|e| explain("the data file", e))
        })
        .await
        .map_err(|e| Error::Backend(e.to_string()))?
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Job,
    ) -> Result<T, Error> {
        let closed = || Error::Backend("the store is closed".into());
        let (done, answer) = oneshot::channel();
        self.writer.send(job(done)).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Store for Sqlite {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        let key = key.to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT key, value, revision FROM document WHERE key = ?1 AND value IS NOT NULL")?
                .query_row([key], entry)
                .optional()
        })
        .await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, Error> {
        self.ask(|done| Job::Commit { writes, done }).await
    }

    async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, Error> {
        let (start, end) = (start_of(prefix, after), end_of(prefix));
        self.read(move |connection| {
            let snapshot = connection.transaction()?;
            let revision = newest(&snapshot)?;
            let entries = snapshot
                .prepare_cached(
                    "SELECT key, value, revision FROM document
                     WHERE key >= ?1 AND key < ?2 AND value IS NOT NULL ORDER BY key LIMIT ?3",
                )?
                .query_map(
                    params![start, end, i64::try_from(limit).unwrap_or(i64::MAX)],
                    entry,
                )?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Page { entries, revision })
        })
        .await
    }

    async fn watch(&self, prefix: &str, since: Revision) -> Result<Watch, Error> {
        let prefix = prefix.to_owned();
        self.ask(|done| Job::Watch {
            prefix,
            since,
            done,
        })
        .await
    }
}

/// Where the answer to a commit goes.
type Committed = oneshot::Sender<Result<Revision, Error>>;

/// The thread that writes.
struct Writer {
    connection: Connection,
    name: String,
    revision: Revision,
    watchers: Vec<(String, mpsc::UnboundedSender<Vec<Event>>)>,
}

impl Writer {
    fn run(mut self, jobs: &queue::Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut commits = Vec::new();
            let mut watches = Vec::new();
            for job in std::iter::once(first).chain(jobs.try_iter().take(GROUP)) {
                match job {
                    Job::Commit { writes, done } => commits.push((writes, done)),
                    Job::Watch {
                        prefix,
                        since,
                        done,
                    } => watches.push((prefix, since, done)),
                }
            }
            self.commit_group(commits);
            for (prefix, since, done) in watches {
                // A caller that has gone away needs no answer.
                let _ = done.send(self.start_watch(prefix, since));
            }
        }
    }

    /// Commits all of the group in one transaction; only then are callers answered and watchers told.
    fn commit_group(&mut self, commits: Vec<(Vec<Write>, Committed)>) {
        if commits.is_empty() {
            return;
        }
        let mut events = Vec::new();
        let mut revision = self.revision;
        let outcome = self.connection.transaction().map(|transaction| {
            let pending: Vec<_> = commits
                .into_iter()
                .map(|(writes, done)| {
                    (
                        done,
                        apply(&transaction, writes, &mut revision, &mut events),
                    )
                })
                .collect();
            (transaction.commit(), pending)
        });
        match outcome {
            Ok((Ok(()), pending)) => {
                self.revision = revision;
                self.tell(&events);
                for (done, result) in pending {
                    let _ = done.send(result);
                }
            }
            Ok((Err(error), pending)) => {
                tracing::error!(%error, "the data file could not be written");
                for (done, _) in pending {
                    let _ = done.send(Err(Error::Backend(error.to_string())));
                }
            }
            // The senders are dropped, which tells their callers that the store failed.
            Err(error) => tracing::error!(%error, "the data file could not be written"),
        }
    }

    fn tell(&mut self, events: &[Event]) {
        self.watchers.retain(|(prefix, watcher)| {
            let followed = events
                .iter()
                .filter(|event| event.key.starts_with(prefix.as_str()))
                .cloned();
            send_by_revision(followed.collect(), watcher)
        });
    }

    fn start_watch(&mut self, prefix: String, since: Revision) -> Result<Watch, Error> {
        let (sender, watch) = mpsc::unbounded_channel();
        let missed = self
            .history(&prefix, since)
            .map_err(|e| explain(&self.name, e))?;
        send_by_revision(missed, &sender);
        self.watchers.push((prefix, sender));
        Ok(watch)
    }

    fn history(&self, prefix: &str, since: Revision) -> rusqlite::Result<Vec<Event>> {
        // Without a word SQLite goes through the keys, which is the whole file; what is new is a handful.
        self.connection
            .prepare_cached(
                "SELECT key, value, revision FROM document INDEXED BY document_by_revision
                 WHERE revision > ?1 AND key >= ?2 AND key < ?3 ORDER BY revision, key",
            )?
            .query_map(params![as_sql(since), prefix, end_of(prefix)], |row| {
                Ok(Event {
                    key: row.get(0)?,
                    value: row.get(1)?,
                    revision: row.get::<_, i64>(2)?.cast_unsigned(),
                })
            })?
            .collect()
    }
}

/// Sends what belongs to one revision together; false when nobody listens any more.
fn send_by_revision(events: Vec<Event>, watcher: &mpsc::UnboundedSender<Vec<Event>>) -> bool {
    events
        .chunk_by(|one, next| one.revision == next.revision)
        .all(|commit| watcher.send(commit.to_vec()).is_ok())
}

/// Applies one commit inside the group's transaction, or nothing of it.
fn apply(
    transaction: &Transaction<'_>,
    writes: Vec<Write>,
    revision: &mut Revision,
    events: &mut Vec<Event>,
) -> Result<Revision, Error> {
    let backend = |e: rusqlite::Error| Error::Backend(e.to_string());
    for write in &writes {
        if !holds(transaction, write).map_err(backend)? {
            return Err(Error::Conflict {
                key: write.key.clone(),
            });
        }
    }
    let next = *revision + 1;
    transaction
        .execute_batch("SAVEPOINT one")
        .map_err(backend)?;
    for write in &writes {
        if let Err(error) = put(transaction, write, next) {
            transaction
                .execute_batch("ROLLBACK TO one; RELEASE one")
                .map_err(backend)?;
            return Err(backend(error));
        }
    }
    transaction.execute_batch("RELEASE one").map_err(backend)?;
    *revision = next;
    events.extend(writes.into_iter().map(|write| Event {
        key: write.key,
        value: write.value,
        revision: next,
    }));
    Ok(next)
}

fn holds(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<bool> {
    if write.expect == Expect::Anything {
        return Ok(true);
    }
    let found = transaction
        .prepare_cached("SELECT revision FROM document WHERE key = ?1 AND value IS NOT NULL")?
        .query_row([&write.key], |row| row.get::<_, i64>(0))
        .optional()?
        .map(i64::cast_unsigned);
    Ok(match write.expect {
        Expect::Anything => true,
        Expect::Absent => found.is_none(),
        Expect::At(revision) => found == Some(revision),
    })
}

fn put(
    transaction: &Transaction<'_>,
    write: &Write,
    revision: Revision,
) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "INSERT INTO document (key, revision, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, value = excluded.value",
        )?
        .execute(params![write.key, as_sql(revision), write.value])
}

/// Looks at the file's header without opening it as a database, and refuses what is not ours.
fn inspect(path: &Path) -> Result<(), Error> {
    let name = || path.display().to_string();
    let mut header = [0_u8; 100];
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::Backend(format!("{}: {error}", name()))),
    };
    match file.metadata().map(|m| m.len()) {
        Ok(0) => return Ok(()), // made by a start that was interrupted before anything was in it
        Ok(_) => {}
        Err(error) => return Err(Error::Backend(format!("{}: {error}", name()))),
    }
    let foreign = |found: &str| Error::Foreign {
        path: name(),
        found: found.into(),
    };
    file.read_exact(&mut header)
        .map_err(|_| foreign("it is too short"))?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(foreign("it is no SQLite file"));
    }
    // Offsets from the SQLite file format: 60 is `user_version`, 68 is `application_id`.
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    match (number(68), number(60)) {
        (APPLICATION_ID, 1..=FORMAT) => Ok(()),
        (APPLICATION_ID, found) => Err(Error::Newer {
            path: name(),
            found,
            known: FORMAT,
        }),
        (0, 0) if number(28) <= 1 => Ok(()), // empty, or all that is in it is still in the log beside it
        (id, _) => Err(foreign(&format!(
            "it is a SQLite file of another program (application id {id:#x})"
        ))),
    }
}

/// True when nothing is in it yet. What a crash left in the log beside the file counts: that is why this asks the open
/// database, not the file.
fn is_empty(connection: &Connection, name: &str) -> Result<bool, Error> {
    let number = |query: &str| {
        let number = connection.query_row(query, [], |row| row.get::<_, u32>(0));
        number.map_err(|e| explain(name, e))
    };
    match (
        number("PRAGMA application_id")?,
        number("SELECT count(*) FROM sqlite_master")?,
    ) {
        (APPLICATION_ID, _) => Ok(false),
        (0, 0) => Ok(true),
        (id, _) => Err(Error::Foreign {
            path: name.to_owned(),
            found: format!("it is a SQLite file of another program (application id {id:#x})"),
        }),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_millis(200))?;
    // One process owns the file: a second one is refused instead of corrupting what the first has in memory.
    connection.pragma_update(None, "locking_mode", "NORMAL")?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is written over, for instance a sealed password in an older form, does not stay in the file where that costs nothing.
    connection.query_row("PRAGMA secure_delete = FAST", [], |_| Ok(()))?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; {SCHEMA} COMMIT"))
}

fn newest(connection: &Connection) -> rusqlite::Result<Revision> {
    connection
        .query_row(
            "SELECT coalesce(max(revision), 0) FROM document",
            [],
            |row| row.get::<_, i64>(0),
        )
        .map(i64::cast_unsigned)
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        key: row.get(0)?,
        value: row.get(1)?,
        revision: row.get::<_, i64>(2)?.cast_unsigned(),
    })
}

/// The first key of a page: with this prefix, and after `after`. One bound and not two, because SQLite seeks to one of
/// them only and then steps over every key up to the other.
fn start_of(prefix: &str, after: &str) -> String {
    if after < prefix {
        prefix.to_owned()
    } else {
        format!("{after}\0") // no key sorts between the two
    }
}

/// The first key that sorts after everything with this prefix. Keys are ASCII, so U+10FFFF is beyond them.
fn end_of(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

fn as_sql(revision: Revision) -> i64 {
    revision.cast_signed()
}

fn explain(path: &str, error: rusqlite::Error) -> Error {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Corrupt {
            path,
            cause: error.to_string(),
        },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::InUse { path },
        _ => Error::Backend(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::store::contract;

    #[tokio::test]
    async fn passes_the_contract() {
        contract::suite(|| async {
            let folder = tempfile::tempdir().unwrap();
            let store = Sqlite::open(&folder.path().join("signet.db")).unwrap();
            (store, folder)
        })
        .await;
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signet.db");
        let store = Sqlite::open(&path).unwrap();
        let revision = store
            .commit(vec![Write::put("a/1", b"one".to_vec(), Expect::Absent)])
            .await
            .unwrap();
        drop(store);

        let store = Sqlite::open(&path).unwrap();
        assert_eq!(
            store.get("a/1").await.unwrap(),
            Some(Entry {
                key: "a/1".into(),
                value: b"one".to_vec(),
                revision
            })
        );
        let next = store
            .commit(vec![Write::put("a/2", b"two".to_vec(), Expect::Absent)])
            .await
            .unwrap();
        assert!(next > revision, "revisions go on where they were");
    }

    #[tokio::test]
    async fn a_store_that_was_only_in_its_log_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signet.db");
        let store = Sqlite::open(&path).unwrap();
        store
            .commit(vec![Write::put("a", b"1".to_vec(), Expect::Absent)])
            .await
            .unwrap();
        // What a `kill -9` right after the first start leaves behind.
        let crashed = tempfile::tempdir().unwrap();
        for file in ["signet.db", "signet.db-wal"] {
            std::fs::copy(folder.path().join(file), crashed.path().join(file)).unwrap();
        }
        let store = Sqlite::open(&crashed.path().join("signet.db")).unwrap();
        assert_eq!(store.get("a").await.unwrap().unwrap().value, b"1");
    }

    /// Opens a file with these bytes, and checks that they are still the same afterwards.
    #[track_caller]
    fn refused(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signet.db");
        std::fs::write(&path, bytes).unwrap();
        let error = Sqlite::open(&path).err().expect("must be refused");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "the file was touched");
        error
            .to_string()
            .replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn a_file_of_another_program_is_refused_untouched() {
        assert_eq!(
            refused(b"hello"),
            "FILE is not a Signet data file: it is too short; nothing was changed. Name another folder with --data, or move the file away"
        );
        assert_eq!(
            refused(&[b'x'; 4096]),
            "FILE is not a Signet data file: it is no SQLite file; nothing was changed. Name another folder with --data, or move the file away"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch("PRAGMA application_id = 7; CREATE TABLE t (x)")
            .unwrap();
        assert_eq!(
            refused(&std::fs::read(&path).unwrap()),
            "FILE is not a Signet data file: it is a SQLite file of another program (application id 0x7); nothing was changed. \
             Name another folder with --data, or move the file away"
        );
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("newer.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 99; CREATE TABLE t (x)")).unwrap();
        drop(connection);
        assert_eq!(
            refused(&std::fs::read(&path).unwrap()),
            "FILE has format 99, this program knows formats up to 1; nothing was changed. Use the newer version of signet"
        );
    }

    #[tokio::test]
    async fn a_damaged_file_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signet.db");
        let store = Sqlite::open(&path).unwrap();
        for n in 0..200 {
            store
                .commit(vec![Write::put(
                    format!("a/{n}"),
                    vec![b'x'; 400],
                    Expect::Absent,
                )])
                .await
                .unwrap();
        }
        drop(store);
        wait_for_the_writer(&path).await;
        let mut bytes = std::fs::read(&path).unwrap();
        for byte in &mut bytes[100..8192] {
            *byte = 0xAA;
        }
        let message = refused(&bytes);
        assert!(
            message.starts_with("FILE is damaged: ")
                && message.ends_with("; it was left as it is. Restore the folder from a backup"),
            "{message}"
        );
    }

    /// The writer's thread closes the file a moment after the last handle went away; SQLite then removes the log.
    async fn wait_for_the_writer(path: &Path) {
        let log = path.with_file_name("signet.db-wal");
        let gone = async {
            while log.exists() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), gone)
            .await
            .expect("the log is removed");
    }
}
