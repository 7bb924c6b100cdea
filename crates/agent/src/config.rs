use std::path::{Path, PathBuf};
use std::time::Duration;

use dbtls::Target;
use serde::Deserialize;

/// Where the configuration is looked for when the command line names no file.
pub(crate) const DEFAULT_PATH: &str = "/etc/signet/agent.toml";

/// What the operator of the host decides. The file is TOML; each field is a key of the same name, and none is needed for a
/// server that was installed from its distribution's packages, but those that a restart needs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The folder of the agent's own key, the order under way and what is needed to undo it. Nobody else needs to read it.
    pub(crate) state: PathBuf,
    /// The Unix socket of the database server; without `address` it is `/run/mysqld/mysqld.sock`.
    pub(crate) socket: Option<PathBuf>,
    /// Where the database server listens on this host, as in `127.0.0.1:3306`, if the socket is not to be used.
    pub(crate) address: Option<Target>,
    /// The account in the database. Unset, it is called like the user that the agent runs as, which the server knows by the
    /// socket (`IDENTIFIED VIA unix_socket`, `IDENTIFIED WITH auth_socket`).
    pub(crate) user: Option<String>,
    /// A file that holds the password of that account and nothing else, readable by its owner only.
    pub(crate) password_file: Option<PathBuf>,
    /// The folder that certificates and keys are written to: one folder in it for each, and `current`, a link to the one
    /// that is served.
    pub(crate) folder: PathBuf,
    /// The owner of these files, by name or number. Unset, the owner of the files that are there, else root.
    pub(crate) owner: Option<String>,
    /// Their group. Unset, the group of the files that are there, else that of the database server.
    pub(crate) group: Option<String>,
    /// Their mode, as in `"0640"`. Unset, the mode of the files that are there, else 0640.
    pub(crate) mode: Option<Mode>,
    /// The file that the agent may write for the database server to read when it starts, as in
    /// `/etc/mysql/mariadb.conf.d/99-signet.cnf`. MariaDB is switched on and off by it, and MySQL older than 8.0.16.
    pub(crate) dropin: Option<PathBuf>,
    /// The command that restarts the database server, as in `["/usr/bin/systemctl", "restart", "mariadb"]`. It is run as it
    /// stands, by no shell.
    pub(crate) restart: Vec<String>,
    /// How long the command may take, and then the server until it answers.
    #[serde(with = "humantime_serde")]
    pub(crate) restart_timeout: Duration,
    /// The user that the database server runs as, who must be able to read the files. Unset, the owner of its socket.
    pub(crate) test_readable_as: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: "/var/lib/signet-agent".into(),
            socket: None,
            address: None,
            user: None,
            password_file: None,
            folder: "/etc/mysql/signet".into(),
            owner: None,
            group: None,
            mode: None,
            dropin: None,
            restart: Vec::new(),
            restart_timeout: Duration::from_secs(120),
            test_readable_as: None,
        }
    }
}

/// The permissions of a file. Whoever is neither its owner nor in its group has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Mode(u32);

impl Mode {
    /// Read and write for the owner, read for the group.
    pub(crate) const DEFAULT: Self = Self(0o640);

    /// The bits as the system knows them.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

impl TryFrom<String> for Mode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match u32::from_str_radix(&text, 8) {
            Ok(bits) if bits & !0o660 == 0 && bits & 0o400 != 0 => Ok(Self(bits)),
            _ => Err(
                "a mode is octal, gives its owner at least 4 and others nothing, because it is the key's as well: 0600, 0640, 0440 …",
            ),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read, or is not what it should be.
    #[error("{path}: {cause}")]
    Read { path: String, cause: String },
    /// A key has a value that cannot take effect.
    #[error("{path}: `{key}`: {why}")]
    Value {
        path: String,
        key: &'static str,
        why: String,
    },
}

impl Config {
    /// Reads the file that the command line named, or the usual one. Where there is no usual one the defaults hold.
    ///
    /// # Errors
    /// Names the file, the key, what is wrong and what to do.
    pub(crate) fn read(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT_PATH));
        let shown = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, shown),
            Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(e) => Err(ConfigError::Read {
                path: shown,
                cause: e.to_string(),
            }),
        }
    }

    pub(crate) fn parse(text: &str, path: String) -> Result<Self, ConfigError> {
        let config: Self = match toml::from_str(text) {
            Ok(config) => config,
            Err(e) => {
                return Err(ConfigError::Read {
                    path,
                    cause: e.to_string().trim_end().to_owned(),
                });
            }
        };
        match config.check() {
            Ok(()) => Ok(config),
            Err((key, why)) => Err(ConfigError::Value { path, key, why }),
        }
    }

    /// The database server.
    pub(crate) fn database(&self) -> Target {
        match (&self.address, &self.socket) {
            (Some(address), _) => address.clone(),
            (None, Some(socket)) => Target::unix(socket),
            (None, None) => Target::unix("/run/mysqld/mysqld.sock"),
        }
    }

    /// Finds what cannot take effect.
    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.socket.is_some() && self.address.is_some() {
            return Err((
                "address",
                "there is a `socket` as well: keep one of the two".to_owned(),
            ));
        }
        self.check_address()?;
        self.check_paths()?;
        if self.restart_timeout < Duration::from_secs(1) {
            return Err(("restart_timeout", "it must be at least 1s".to_owned()));
        }
        if self.dropin.is_some() && self.restart.is_empty() {
            let why = "the database server reads `dropin` when it starts: give the command that restarts it too";
            return Err(("restart", why.to_owned()));
        }
        Ok(())
    }

    /// A key that was made on this host is for the server on this host.
    fn check_address(&self) -> Result<(), (&'static str, String)> {
        let Some(address) = &self.address else {
            return Ok(());
        };
        if address.socket().is_some() {
            return Err((
                "address",
                "it is HOST:PORT; a path goes into `socket`".to_owned(),
            ));
        }
        if self.password_file.is_none() {
            let why = "over TCP the server does not know the agent by its user: give `user` and `password_file`, or use `socket`";
            return Err(("address", why.to_owned()));
        }
        Ok(())
    }

    fn check_paths(&self) -> Result<(), (&'static str, String)> {
        let paths = [
            ("state", Some(&self.state)),
            ("socket", self.socket.as_ref()),
            ("password_file", self.password_file.as_ref()),
            ("folder", Some(&self.folder)),
            ("dropin", self.dropin.as_ref()),
        ];
        for (key, path) in paths {
            if let Some(path) = path {
                check_path(key, path)?;
            }
        }
        match self.restart.first() {
            Some(program) => check_path("restart", Path::new(program)),
            None => Ok(()),
        }
    }
}

/// Both the agent and the database server read the paths, each from a folder of its own; and what is put into the server's
/// configuration must not be able to end a line or a quotation there.
fn check_path(key: &'static str, path: &Path) -> Result<(), (&'static str, String)> {
    if !path.is_absolute() {
        return Err((
            key,
            format!("`{}` must be the whole path, from `/`", path.display()),
        ));
    }
    let plain = path
        .to_str()
        .is_some_and(|text| !text.contains(|c: char| c.is_control() || "'\"\\#".contains(c)));
    if plain {
        Ok(())
    } else {
        Err((
            key,
            "a path has no quotes, `\\`, `#` or control characters".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, "agent.toml".to_owned()).map_err(|e| e.to_string())
    }

    #[test]
    fn nothing_configured_looks_where_the_packages_put_things() {
        let config = parse("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(
            config.database().to_string(),
            "unix:/run/mysqld/mysqld.sock"
        );
    }

    #[test]
    fn what_cannot_take_effect_is_refused() {
        for (text, expected) in [
            (
                "state = 'here'",
                "agent.toml: `state`: `here` must be the whole path, from `/`",
            ),
            (
                "restart = ['systemctl', 'restart', 'mariadb']",
                "agent.toml: `restart`: `systemctl` must be the whole path, from `/`",
            ),
            (
                "folder = '/etc/my\"sql'",
                "agent.toml: `folder`: a path has no quotes, `\\`, `#` or control characters",
            ),
            (
                "dropin = '/etc/mysql/conf.d/99-signet.cnf'",
                "agent.toml: `restart`: the database server reads `dropin` when it starts: give the command that restarts it too",
            ),
            (
                "socket = '/run/a.sock'\naddress = '127.0.0.1'",
                "agent.toml: `address`: there is a `socket` as well: keep one of the two",
            ),
            (
                "address = '127.0.0.1'",
                "agent.toml: `address`: over TCP the server does not know the agent by its user: give `user` and `password_file`, or use `socket`",
            ),
            (
                "restart_timeout = '0s'",
                "agent.toml: `restart_timeout`: it must be at least 1s",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn a_mode_keeps_the_key_from_others() {
        assert_eq!(parse("mode = '0440'").unwrap().mode.unwrap().bits(), 0o440);
        for mode in ["0644", "0040", "0740", "640x", "", "-640"] {
            let error = parse(&format!("mode = '{mode}'")).unwrap_err();
            assert!(
                error.contains("a mode is octal, gives its owner at least 4 and others nothing"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_key_that_there_is_none_of_is_named() {
        let error = parse("flder = '/etc/mysql/signet'").unwrap_err();
        assert!(
            error.contains("unknown field `flder`, expected one of `state`, `socket`"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let error = Config::read(Some(Path::new("/nowhere/agent.toml"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/nowhere/agent.toml: No such file or directory (os error 2)"
        );
    }
}
