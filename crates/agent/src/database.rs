//! The database server on this host: a session as the agent's account, and what it says about its TLS.

use std::path::Path;
use std::time::Duration;

use dbtls::switch::{self, Witness};
use dbtls::{Account, Flavor, Greeting, Limits, Password, Session, SessionError, SqlError, Trust};

use crate::accounts::Accounts;
use crate::config::Config;
use crate::files::{self, FileError};
use crate::versions::Paths;

/// Why the database server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error("the database server at {target}: {cause}")]
    Open { target: String, cause: SessionError },
    #[error("the database server: {0}")]
    Sql(#[from] SqlError),
    #[error("the database server: {0}")]
    Switch(#[from] switch::Error),
    #[error("{0} can be read by others than its owner: `chmod 600` it")]
    OpenPassword(String),
    #[error("`password_file`: {0} is not there")]
    NoPassword(String),
    #[error("the user that the agent runs as has no name in /etc/passwd: give `user`")]
    Nameless,
    #[error(
        "the server is {0}; the agent can look after MariaDB 10.4 and newer, and MySQL 5.7 and newer"
    )]
    TooOld(String),
    #[error(transparent)]
    File(#[from] FileError),
}

/// How the server takes a change of its TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By SQL alone: MySQL 8.0.21 and newer.
    Sql,
    /// By its configuration and a restart. A new certificate in place of one that was served from the same path is taken
    /// without: `FLUSH SSL` of MariaDB.
    Reload,
    /// By its configuration and a restart, whatever it is: MySQL before that.
    Restart,
}

impl DatabaseError {
    /// Whether the server does not run, as far as can be told.
    pub(crate) const fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Open {
                cause: SessionError::Unreachable(_),
                ..
            }
        )
    }
}

/// An open session.
pub(crate) struct Database {
    pub(crate) session: Session,
    pub(crate) way: Way,
}

impl Database {
    /// Logs in.
    pub(crate) async fn open(config: &Config) -> Result<Self, DatabaseError> {
        let account = account(config, &Accounts::of_this_host())?;
        let target = config.database();
        let session = Session::open(&target, &account, &Trust::none(), Limits::default()).await;
        let session = session.map_err(|cause| DatabaseError::Open {
            target: target.to_string(),
            cause,
        })?;
        let greeting = session.greeting();
        let way = way(greeting).ok_or_else(|| {
            DatabaseError::TooOld(format!(
                "{} {}",
                greeting.flavor.as_str(),
                greeting.server_version
            ))
        })?;
        Ok(Self { session, way })
    }

    /// MySQL or MariaDB and its version, for people.
    pub(crate) fn description(&self) -> String {
        let greeting = self.session.greeting();
        format!("{} {}", greeting.flavor.as_str(), greeting.server_version)
    }

    /// What it says that it loaded, and what it would load.
    pub(crate) async fn witness(&mut self) -> Result<Witness, DatabaseError> {
        Ok(switch::witness(&mut self.session).await?)
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        self.session.close().await;
    }
}

/// As whom the agent logs in.
fn account(config: &Config, accounts: &Accounts) -> Result<Account, DatabaseError> {
    let user = match &config.user {
        Some(user) => user.clone(),
        None => {
            let id = rustix::process::geteuid().as_raw().to_string();
            let user = accounts.user(&id).map_err(|_| DatabaseError::Nameless)?;
            if user.name == id {
                return Err(DatabaseError::Nameless);
            } else {
                user.name
            }
        }
    };
    Ok(Account {
        user,
        password: password(config)?,
    })
}

fn password(config: &Config) -> Result<Password, DatabaseError> {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(path) = &config.password_file else {
        return Ok(Password::new(String::new()));
    };
    let shown = path.display().to_string();
    let mode = path.metadata().map(|meta| meta.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        return Err(DatabaseError::OpenPassword(shown));
    }
    let text = files::read(path)?.ok_or(DatabaseError::NoPassword(shown))?;
    Ok(Password::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

fn way(greeting: &Greeting) -> Option<Way> {
    let version = greeting.version()?;
    match greeting.flavor {
        Flavor::MySql if version >= (8, 0, 21) => Some(Way::Sql),
        Flavor::MySql if version >= (5, 7, 0) => Some(Way::Restart),
        Flavor::MariaDb if version >= (10, 4, 0) => Some(Way::Reload),
        Flavor::MySql | Flavor::MariaDb => None,
    }
}

/// Whether TLS is on or off in both, with the same files.
pub(crate) fn is_same(one: &Witness, other: &Witness) -> bool {
    let files = |of: &Witness| [of.ca.clone(), of.certificate.clone(), of.key.clone()];
    one.enabled == other.enabled && (!one.enabled || files(one) == files(other))
}

/// Whether TLS is on, with these files.
pub(crate) fn serves(witness: &Witness, paths: &Paths) -> bool {
    let loaded = [&witness.ca, &witness.certificate, &witness.key].map(Path::new);
    witness.enabled && loaded == paths.all()
}

/// Waits until the server lets the agent in; the last reason why it did not.
pub(crate) async fn wait_for(config: &Config, limit: Duration) -> Result<Database, DatabaseError> {
    let end = tokio::time::Instant::now() + limit;
    loop {
        match Database::open(config).await {
            Err(e) if e.is_unreachable() && tokio::time::Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_way() {
        use Flavor::{MariaDb, MySql};
        for (flavor, version, expected) in [
            (MySql, "9.7.4-2", Some(Way::Sql)),
            (MySql, "8.0.21", Some(Way::Sql)),
            (MySql, "8.0.20-log", Some(Way::Restart)),
            (MySql, "5.7.44", Some(Way::Restart)),
            (MySql, "5.6.51", None),
            (MariaDb, "10.11.19-MariaDB-0+deb12u1", Some(Way::Reload)),
            (
                MariaDb,
                "11.8.9-MariaDB-0+deb13u1 from Debian",
                Some(Way::Reload),
            ),
            (MariaDb, "10.4.0-MariaDB", Some(Way::Reload)),
            (MariaDb, "10.3.39-MariaDB", None),
            (MySql, "unknown", None),
        ] {
            let greeting = Greeting {
                flavor,
                server_version: version.to_owned(),
            };
            assert_eq!(way(&greeting), expected, "{version}");
        }
    }

    #[test]
    fn a_password_that_others_can_read_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let config = Config {
            password_file: Some(path.clone()),
            ..Config::default()
        };
        let missing = password(&config).err().unwrap().to_string();
        assert_eq!(
            missing,
            format!("`password_file`: {} is not there", path.display())
        );
        std::fs::write(&path, "secret\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let open = password(&config).err().unwrap().to_string();
        assert_eq!(
            open,
            format!(
                "{} can be read by others than its owner: `chmod 600` it",
                path.display()
            )
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(password(&config).ok().unwrap().expose(), "secret");
    }
}
