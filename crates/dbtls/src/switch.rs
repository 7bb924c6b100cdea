//! Changing a server's TLS by SQL, without a restart: MySQL 8.0.21 and newer.
//!
//! ```text
//! check ─► deliver ─► load            TLS on, or another certificate
//!    │  └► switch_off                 TLS off
//!    │  └► require                    whether plaintext is let in
//!    └─ Before ─► restore             back to how it was
//! ```
//!
//! Each function can be repeated after a crash half way and ends in the same state. Nothing is persisted before the running server has
//! taken it: a bad value in `mysqld-auto.cnf` makes the next start come up without TLS, with nothing but warnings. Whether it has is
//! read from `performance_schema.tls_channel_status`, never from a return code; and what the wire shows is for a probe to tell.
//!
//! MariaDB cannot do this: its `ssl_*` are read-only. [`reload`], [`require`] and [`witness`] work there as well, for the agent on the
//! database's host.

mod change;
mod check;
mod deliver;
mod grants;
mod reload;
mod settings;
mod witness;

use serde::{Deserialize, Serialize};

use crate::{Channel, Flavor, Session, SessionError, SqlError};

pub use change::{load, require, restore, switch_off};
pub use check::{Checked, Delivery, Terms, check, check_privileges};
pub use deliver::deliver;
pub use grants::grants;
pub use reload::reload;
pub use settings::{Before, Setting, before};
pub use witness::{AfterRestart, Witness, XProtocol, witness};

/// What is going to be done with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Switch TLS on.
    Open,
    /// Switch TLS off.
    Close,
    /// Replace the certificate.
    Rotate,
    /// Refuse connections without TLS, or let them in again.
    Require(bool),
}

/// The three files on the server's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paths {
    /// `ssl_ca`.
    pub ca: String,
    /// `ssl_cert`.
    pub certificate: String,
    /// `ssl_key`.
    pub key: String,
}

/// What the three files hold. It has no `Debug`: one of them is a secret.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// The server's certificate, then the intermediates, as they are sent.
    pub certificate_chain_pem: &'a str,
    /// The key of the first certificate.
    pub key_pem: &'a str,
    /// The root **and** the intermediates: on a reload MySQL verifies its certificate against this file alone, and what stands in the
    /// chain does not count.
    pub ca_pem: &'a str,
}

/// Why a server was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Everything that speaks against the change, each with what to do about it. Nothing was touched.
    #[error("{}", listed(.0))]
    Problems(Vec<String>),
    /// A session could not be opened.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A statement failed.
    #[error("the server could not be asked to {doing}: {cause}")]
    Sql {
        /// What was wanted.
        doing: &'static str,
        /// What came of it.
        cause: SqlError,
    },
    /// MariaDB.
    #[error(
        "MariaDB switches TLS by its configuration alone, not by SQL: install `signet-agent` on its host and use the driver `agent`"
    )]
    NeedsAgent,
    /// The key would cross a connection that others can read.
    #[error(
        "the key is not sent: {0}; give the CA certificates that the server's chain leads to (`CaCertificates`, for instance the server's own `ca.pem`), or reach it over loopback or its Unix socket"
    )]
    NotPrivate(Channel),
    /// The statement with the key would be written down.
    #[error(
        "the key is not sent: the server would not stop recording this session's statements ({what}); use the agent, or write the files by hand"
    )]
    Recorded {
        /// What goes on recording.
        what: String,
    },
    /// A name of files that could be another path, or not be one at all.
    #[error("`{name}` cannot name files: expected 1 to 64 lower-case letters, digits and `-`")]
    Name {
        /// The name.
        name: String,
    },
    /// There is such a file, with another content. Servers never write one over.
    #[error("`{path}` exists on the server, with another content: choose another name")]
    Exists {
        /// Which file.
        path: String,
    },
    /// A file was not written. The server's words are not here, for they could repeat the statement.
    #[error("the server did not write `{path}` ({why})")]
    NotWritten {
        /// Which file.
        path: String,
        /// The error's number, and what to do.
        why: String,
    },
    /// The server did not take what was given to it.
    #[error("{cause}; {}", aftermath(undone.as_deref()))]
    NotLoaded {
        /// Why.
        cause: Box<Error>,
        /// Why its settings could not be put back, if they could not.
        undone: Option<String>,
    },
    /// The server says that it runs with something else than it was told to.
    #[error(
        "the server took the change without an error and did not follow it: {what}; its error log may say why"
    )]
    NotFollowed {
        /// What it says.
        what: String,
    },
    /// TLS off and TLS required at once would keep everybody out.
    #[error(
        "`require_secure_transport` is ON: without TLS nobody could log in over TCP any more; switch it OFF first (`SET PERSIST require_secure_transport = OFF`)"
    )]
    TlsIsRequired,
    /// The same, the other way round.
    #[error(
        "TLS is off: if it was required now, nobody could log in over TCP any more; switch it on first"
    )]
    TlsIsOff,
}

/// Several problems are numbered, so that they stay apart on one line.
fn listed(problems: &[String]) -> String {
    if let [problem] = problems {
        return problem.clone();
    }
    let numbered = problems.iter().zip(1..);
    let numbered: Vec<_> = numbered
        .map(|(problem, number)| format!("({number}) {problem}"))
        .collect();
    numbered.join("; ")
}

fn aftermath(undone: Option<&str>) -> String {
    match undone {
        None => "its settings are as they were before".to_owned(),
        Some(why) => format!(
            "and its settings could not be put back ({why}): restore them, or its next start comes up without TLS"
        ),
    }
}

/// Runs a statement; the error says what it was for.
async fn run(session: &mut Session, doing: &'static str, sql: &str) -> Result<(), Error> {
    session
        .run(sql)
        .await
        .map_err(|cause| Error::Sql { doing, cause })
}

/// Asks for the first row.
async fn row(
    session: &mut Session,
    doing: &'static str,
    sql: &str,
) -> Result<Vec<Option<String>>, Error> {
    let rows = session
        .query(sql)
        .await
        .map_err(|cause| Error::Sql { doing, cause })?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// Asks for names and their values.
async fn pairs(
    session: &mut Session,
    doing: &'static str,
    sql: &str,
) -> Result<Vec<(String, String)>, Error> {
    let rows = session
        .query(sql)
        .await
        .map_err(|cause| Error::Sql { doing, cause })?;
    let pairs = rows.into_iter().map(|row| {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        (
            row.next().unwrap_or_default(),
            row.next().unwrap_or_default(),
        )
    });
    Ok(pairs.collect())
}

fn is_mariadb(session: &Session) -> bool {
    session.greeting().flavor == Flavor::MariaDb
}
