//! Whose the files are, and whether the database server can read them.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::accounts::{Accounts, UnknownAccount, User};
use crate::config::{Config, Mode};
use crate::files::Access;

/// Why that is not known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccessError {
    #[error(transparent)]
    Unknown(#[from] UnknownAccount),
    #[error(
        "it is not known which user the database server runs as: give `test_readable_as` and `group`"
    )]
    NoServerUser,
}

/// The user that the database server runs as: the configured one, else the owner of its socket, else `mysql`.
pub(crate) fn server_user(config: &Config, accounts: &Accounts) -> Result<User, AccessError> {
    if let Some(name) = &config.test_readable_as {
        return Ok(accounts.user(name)?);
    }
    let socket = config
        .database()
        .socket()
        .and_then(|path| fs::metadata(path).ok());
    let name = socket.map_or_else(|| "mysql".to_owned(), |socket| socket.uid().to_string());
    accounts.user(&name).map_err(|_| AccessError::NoServerUser)
}

/// The owner and mode of the files: what is configured, else as they are, else for root and the server's group.
pub(crate) fn of_files(
    config: &Config,
    accounts: &Accounts,
    present: &Path,
) -> Result<Access, AccessError> {
    let present = fs::metadata(present).ok();
    let user = match (&config.owner, &present) {
        (Some(name), _) => accounts.user(name)?.id,
        (None, Some(file)) => file.uid(),
        (None, None) => rustix::process::geteuid().as_raw(),
    };
    let group = match (&config.group, &present) {
        (Some(name), _) => accounts.group(name)?,
        (None, Some(file)) => file.gid(),
        (None, None) => *server_user(config, accounts)?
            .groups
            .first()
            .ok_or(AccessError::NoServerUser)?,
    };
    let mode = match (config.mode, &present) {
        (Some(mode), _) => mode.bits(),
        (None, Some(file)) => file.mode() & 0o660,
        (None, None) => Mode::DEFAULT.bits(),
    };
    Ok(Access {
        mode,
        owner: Some((user, group)),
    })
}

/// Says which part of the path keeps `user` from reading the file, by its owner and mode.
pub(crate) fn check_readable(path: &Path, user: &User) -> Result<(), String> {
    const READ: u32 = 4;
    const SEARCH: u32 = 1;
    let path = fs::canonicalize(path).map_err(|e| format!("{}: {e}", path.display()))?;
    for part in path.ancestors() {
        let meta = fs::metadata(part).map_err(|e| format!("{}: {e}", part.display()))?;
        let (right, word) = if meta.is_dir() {
            (SEARCH, "enter")
        } else {
            (READ, "read")
        };
        if user.id != 0 && !allows(&meta, user, right) {
            return Err(format!(
                "the user `{}`, as whom the database server runs, may not {word} {} (owner {}, group {}, mode {:04o}): \
                 set `owner`, `group` and `mode`, or open the folder to it",
                user.name,
                part.display(),
                meta.uid(),
                meta.gid(),
                meta.mode() & 0o7777
            ));
        }
    }
    Ok(())
}

fn allows(meta: &Metadata, user: &User, right: u32) -> bool {
    let shift = if meta.uid() == user.id {
        6
    } else if user.groups.contains(&meta.gid()) {
        3
    } else {
        0
    };
    meta.mode() >> shift & right != 0
}
