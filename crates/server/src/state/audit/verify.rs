//! Checks the whole log, offline: each line follows from the one before, and the end is not before the checkpoint.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::chain::{ChainKey, Chained, Link};
use super::files;

/// What is wrong with an audit log.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// A line does not follow.
    #[error(
        "{file}: line {line} does not follow from the line before it: a line here was changed, removed or added"
    )]
    Line {
        /// The file's name.
        file: String,
        /// The line in this file, from 1.
        line: u64,
    },
    /// The first file does not begin where the log begins.
    #[error(
        "{file} begins with line {found} of the log, and line {expected} is missing: a file was removed"
    )]
    Missing {
        /// The name of the oldest file.
        file: String,
        /// The number of its first line.
        found: u64,
        /// The line that the log begins with.
        expected: u64,
    },
    /// Lines are missing at the end.
    #[error(
        "the log ends with line {found}, but {expected} lines were written: the end was cut off"
    )]
    Cut {
        /// The last line that is there.
        found: u64,
        /// The line of the checkpoint.
        expected: u64,
    },
    /// The log is another one than the checkpoint speaks of.
    #[error("line {0} is not the one that the checkpoint speaks of: the log was rewritten")]
    Rewritten(u64),
    /// The lines need a key that was not given.
    #[error(
        "{0}: its lines have MACs, which only the master key can check. Name the data folder with --data instead"
    )]
    NeedsKey(String),
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A log in which everything follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The number of files.
    pub files: usize,
    /// The number of lines that were checked.
    pub lines: u64,
    /// How many of them have no MAC: the version before wrote them.
    pub unkeyed: u64,
    /// The end of the chain.
    pub end: Link,
}

/// Checks all files of a log against the checkpoints: that of the store, and those that were kept elsewhere.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(folder: &Path, key: &ChainKey, checkpoints: &[Link]) -> Result<Verified, Broken> {
    let files = files::all(folder)?;
    let mut walk = Walk::new(Some(key), checkpoints);
    walk.begin(&files[0], removed(&files)?)?;
    for file in &files {
        walk.file(file)?;
    }
    walk.end(files.len())
}

/// Checks one file of the version before, whose lines need no key.
///
/// # Errors
/// As [`verify`]; [`Broken::NeedsKey`] when a line has a MAC.
pub fn verify_unkeyed(file: &Path) -> Result<Verified, Broken> {
    let mut walk = Walk::new(None, &[]);
    walk.file(file)?;
    walk.end(1)
}

struct Walk<'a> {
    key: Option<&'a ChainKey>,
    checkpoints: &'a [Link],
    at: Link,
    lines: u64,
    unkeyed: u64,
    is_keyed: bool,
}

impl<'a> Walk<'a> {
    fn new(key: Option<&'a ChainKey>, checkpoints: &'a [Link]) -> Self {
        Self {
            key,
            checkpoints,
            at: Link::START,
            lines: 0,
            unkeyed: 0,
            is_keyed: false,
        }
    }

    /// Begins after the files that were removed on purpose.
    fn begin(&mut self, oldest: &Path, removed: Link) -> Result<(), Broken> {
        self.at = removed;
        let mut first = String::new();
        if oldest.exists() {
            BufReader::new(File::open(oldest)?).read_line(&mut first)?;
        }
        match Chained::parse(first.trim_end()).and_then(|line| line.number) {
            Some(found) if found != removed.count + 1 => Err(Broken::Missing {
                file: name(oldest),
                found,
                expected: removed.count + 1,
            }),
            _ => Ok(()),
        }
    }

    fn file(&mut self, path: &Path) -> Result<(), Broken> {
        if !path.exists() && self.key.is_some() {
            return Ok(()); // a crash between two steps of a rotation, or an empty log: the checkpoint tells
        }
        for (index, line) in BufReader::new(File::open(path)?).lines().enumerate() {
            let line = line?;
            let chained = Chained::parse(&line);
            let is_keyed = chained.as_ref().is_some_and(|line| line.number.is_some());
            if is_keyed && self.key.is_none() {
                return Err(Broken::NeedsKey(name(path)));
            }
            let may_follow = is_keyed || !self.is_keyed;
            let next = chained.filter(|_| may_follow);
            let next = next.and_then(|line| line.follows(&self.at, self.key));
            self.at = next.ok_or_else(|| Broken::Line {
                file: name(path),
                line: index as u64 + 1,
            })?;
            self.lines += 1;
            self.unkeyed += u64::from(!is_keyed);
            self.is_keyed |= is_keyed;
            self.compare()?;
        }
        Ok(())
    }

    fn compare(&self) -> Result<(), Broken> {
        let mut known = self.checkpoints.iter();
        match known.find(|known| known.count == self.at.count && **known != self.at) {
            Some(known) => Err(Broken::Rewritten(known.count)),
            None => Ok(()),
        }
    }

    fn end(&self, files: usize) -> Result<Verified, Broken> {
        let expected = self.checkpoints.iter().map(|known| known.count).max();
        match expected {
            Some(expected) if expected > self.at.count => Err(Broken::Cut {
                found: self.at.count,
                expected,
            }),
            _ => Ok(Verified {
                files,
                lines: self.lines,
                unkeyed: self.unkeyed,
                end: self.at,
            }),
        }
    }
}

/// The end of the newest file that the service removed, as its line about it says. That line is itself a part of the chain.
fn removed(files: &[std::path::PathBuf]) -> Result<Link, Broken> {
    let mut last = Link::START;
    for file in files.iter().filter(|file| file.exists()) {
        for line in BufReader::new(File::open(file)?).lines() {
            let line = line?;
            if !line.contains("\"outcome\":\"removed\"") {
                continue;
            }
            let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let end = value["ended"].as_str().and_then(|text| text.parse().ok());
            last = end.unwrap_or(last);
        }
    }
    Ok(last)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
