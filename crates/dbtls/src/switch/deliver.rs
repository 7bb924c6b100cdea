//! Bringing files to the server's disk by SQL.
//!
//! `SELECT 0x… INTO DUMPFILE` is the one statement that writes bytes as they are. It carries the private key, so the server must neither
//! log nor remember it; see `guard`. The binary log never holds it.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::{Error, Files, Paths, row, run};
use crate::{Session, SqlError, certificate::hex, session::quoted};

/// Writes the three files as `NAME-ca.pem`, `NAME-cert.pem` and `NAME-key.pem` into a directory of the server, which
/// [`check`](super::check) found. Nothing uses them yet. A file that is there already must have the same content.
///
/// # Errors
/// [`Error::NotPrivate`], [`Error::Recorded`], [`Error::Name`]: nothing was sent. [`Error::Exists`], [`Error::NotWritten`]: the files
/// before it were written, and nobody uses them. The key goes last, and is in no error.
pub async fn deliver(
    session: &mut Session,
    directory: &str,
    name: &str,
    files: &Files<'_>,
) -> Result<Paths, Error> {
    if !is_name(name) {
        let name = name.to_owned();
        return Err(Error::Name { name });
    }
    if !session.channel().is_private() {
        return Err(Error::NotPrivate(session.channel().clone()));
    }
    let path = |what: &str| format!("{}/{name}-{what}.pem", directory.trim_end_matches('/'));
    let paths = Paths {
        ca: path("ca"),
        certificate: path("cert"),
        key: path("key"),
    };
    guard(session).await?;
    write(session, &paths.ca, files.ca_pem).await?;
    write(session, &paths.certificate, files.certificate_chain_pem).await?;
    write(session, &paths.key, files.key_pem).await?;
    Ok(paths)
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Keeps this session's statements out of the general log, the slow log and the statement tables of `performance_schema`, and makes
/// sure of it. What is left is `SHOW PROCESSLIST` while the statement runs, and audit plugins: those are for the check.
async fn guard(session: &mut Session) -> Result<(), Error> {
    let doing = "stop recording this session's statements";
    for sql in [
        "SET SESSION sql_log_off = 1",
        "SET SESSION long_query_time = 31536000",
        "UPDATE performance_schema.threads SET INSTRUMENTED = 'NO', HISTORY = 'NO' WHERE PROCESSLIST_ID = CONNECTION_ID()",
    ] {
        run(session, doing, sql).await?;
    }
    // Without `performance_schema` there is no such thread, and nothing that would remember its statements.
    let sql = "SELECT @@SESSION.sql_log_off = 1, @@SESSION.long_query_time = 31536000, @@GLOBAL.performance_schema = 0 OR EXISTS (SELECT * FROM performance_schema.threads WHERE PROCESSLIST_ID = CONNECTION_ID() AND INSTRUMENTED = 'NO' AND HISTORY = 'NO')";
    let kept_out = row(session, doing, sql).await?;
    let records = ["general log", "slow log", "performance_schema"];
    let what: Vec<_> = records
        .into_iter()
        .zip(kept_out.iter().map(Option::as_deref).chain([None; 3]))
        .filter(|(_, out)| *out != Some("1"))
        .map(|(record, _)| record)
        .collect();
    if what.is_empty() {
        return Ok(());
    }
    let what = what.join(", ");
    Err(Error::Recorded { what })
}

async fn write(session: &mut Session, path: &str, content: &str) -> Result<(), Error> {
    match session.run(&dump(path, content)).await {
        Ok(()) => Ok(()),
        Err(error) if error.code() == Some(1086) => holds(session, path, content).await,
        Err(error) => Err(Error::NotWritten {
            path: path.to_owned(),
            why: why(&error),
        }),
    }
}

/// The statement, in memory that is wiped and never moved.
fn dump(path: &str, content: &str) -> Zeroizing<String> {
    let capacity = 2 * (content.len() + path.len()) + 64;
    let mut sql = Zeroizing::new(String::with_capacity(capacity));
    sql.push_str("SELECT 0x");
    for byte in content.bytes() {
        // Writing into a String cannot fail.
        let _ = write!(sql, "{byte:02x}");
    }
    sql.push_str(" INTO DUMPFILE ");
    sql.push_str(&quoted(path));
    sql
}

/// Whether the file has this content: an earlier try that broke off had written it. Compared by a hash, so that nothing crosses.
async fn holds(session: &mut Session, path: &str, content: &str) -> Result<(), Error> {
    let sql = format!("SELECT SHA2(LOAD_FILE({}), 256)", quoted(path));
    let found = row(session, "compare a file", &sql).await?;
    let expected = hex(digest(&SHA256, content.as_bytes()).as_ref());
    if found == [Some(expected)] {
        return Ok(());
    }
    let path = path.to_owned();
    Err(Error::Exists { path })
}

fn why(error: &SqlError) -> String {
    match error {
        SqlError::Server { code, .. } => {
            let advice = match code {
                1290 => "it writes below `secure_file_priv` only, and the directory must exist",
                1 => "its user may not write there, or the directory is missing or the disk full",
                3 | 1021 => "the disk is full",
                1045 | 1227 => "the account lacks the privilege FILE",
                _ => "its error log may say more",
            };
            format!("error {code}: {advice}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_holds_the_bytes_as_they_are_and_is_never_moved() {
        let sql = dump("/it's/a.pem", "A\n\u{e4}");
        assert_eq!(
            *sql,
            "SELECT 0x410ac3a4 INTO DUMPFILE '/it''s/a.pem'".to_owned()
        );
        let (path, content) = ("'".repeat(300), "x".repeat(4000));
        let sql = dump(&path, &content);
        assert!(sql.capacity() >= sql.len() && sql.len() > 8600);
        assert_eq!(sql.capacity(), 2 * 4300 + 64, "it has not grown");
    }

    #[test]
    fn a_name_is_no_path() {
        for name in ["signet-0123abcd", "a", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "../x", "a/b", "A", "a.b", "a b", "ä", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
