//! What can go wrong in the lab; the texts are for the person whose test run just failed.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::Kind;

/// Why a server could not be found, started or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable server on this system, and none was unpacked.
    #[error("no {kind} server found: none of version {} or newer{} on PATH, and none in {}; run `make servers` (lab/get-servers.sh)", kind.oldest(), but_older(*kind), cache.display())]
    NotInstalled {
        /// What was looked for.
        kind: Kind,
        /// The cache that was looked into.
        cache: PathBuf,
    },
    /// A program that the lab runs could not be run, or failed.
    #[error("{program} failed: {message}")]
    Program {
        /// Its name or path.
        program: String,
        /// What it said.
        message: String,
    },
    /// The server ended, or did not answer in time. Its directory is kept.
    #[error("{kind} did not start: {reason}; its directory is kept: {}\n{log_tail}", dir.display())]
    NotReady {
        /// Which server.
        kind: Kind,
        /// Ended, or too slow.
        reason: String,
        /// Where configuration, log and data are.
        dir: PathBuf,
        /// The last lines of its log.
        log_tail: String,
    },
    /// The server refused a statement.
    #[error("{message}")]
    Sql {
        /// What the client printed, `ERROR 1045 (28000) …`.
        message: String,
    },
    /// The lab binds to loopback and its own hosts, and nothing else.
    #[error(
        "{0} is neither a loopback address nor one of the lab's hosts; the lab's servers listen on nothing else"
    )]
    NotLoopback(IpAddr),
    /// Something that only MySQL can do was asked of MariaDB.
    #[error("MariaDB cannot switch TLS while it runs; restart it with other options")]
    NeedsRestart,
    /// A certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The file system or the operating system said no.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

impl Error {
    /// Turns an [`io::Error`] into ours, with what was tried: `.map_err(Error::io("read my.cnf"))`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The other end of the versions that are of this kind, if there is one.
fn but_older(kind: Kind) -> String {
    kind.before()
        .map_or_else(String::new, |end| format!(", but older than {end},"))
}
