//! The file that the database server reads when it starts: how MariaDB is switched on and off, and MySQL older than 8.0.16.

use std::path::{Path, PathBuf};

use crate::files::{self, Access, FileError};
use crate::versions::Paths;

/// How the file begins, and how it is known again.
const MARK: &str = "# Written by signet-agent, which replaces it as a whole.";

/// What the next start of the server is to be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// TLS with these files, or without TLS; unset, as the rest of the configuration says.
    pub(crate) tls: Option<Tls>,
    /// Whether connections without TLS are refused; unset, as the rest of the configuration says.
    pub(crate) require: bool,
}

/// TLS at the next start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    On(Paths),
    Off,
}

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct DropIn(PathBuf);

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DropInError {
    #[error(
        "{0} was not written by signet-agent: name another file as `dropin`, or move that one away"
    )]
    Foreign(String),
    #[error(transparent)]
    File(#[from] FileError),
}

impl DropIn {
    /// The file with this name, there or not.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Its text; `None` when there is none.
    pub(crate) fn text(&self) -> Result<Option<String>, DropInError> {
        match files::read(&self.0)? {
            Some(text) if !text.starts_with(MARK) => {
                Err(DropInError::Foreign(self.0.display().to_string()))
            }
            text => Ok(text.map(|text| text.to_string())),
        }
    }

    /// What it asks for.
    pub(crate) fn settings(&self) -> Result<Settings, DropInError> {
        Ok(self.text()?.map(|text| parse(&text)).unwrap_or_default())
    }

    /// Makes it ask for something else.
    pub(crate) fn write(&self, settings: &Settings) -> Result<(), DropInError> {
        self.put(Some(&render(settings)))
    }

    /// Makes it what it was.
    pub(crate) fn put(&self, text: Option<&str>) -> Result<(), DropInError> {
        if self.text()?.as_deref() == text {
            return Ok(());
        }
        match text {
            Some(text) => Ok(files::replace(&self.0, text.as_bytes(), Access::PUBLIC)?),
            None => Ok(files::remove(&self.0)?),
        }
    }
}

/// In a form that every version understands which is switched this way. `ssl` wins over an earlier `skip-ssl`.
fn render(settings: &Settings) -> String {
    let mut lines = vec![MARK.to_owned(), "[mysqld]".to_owned()];
    match &settings.tls {
        Some(Tls::On(Paths {
            ca,
            certificate,
            key,
        })) => lines.extend([
            format!("ssl-ca={}", ca.display()),
            format!("ssl-cert={}", certificate.display()),
            format!("ssl-key={}", key.display()),
            "ssl=1".to_owned(),
        ]),
        Some(Tls::Off) => lines.push("skip-ssl".to_owned()),
        None => {}
    }
    if settings.require {
        lines.push("require-secure-transport=ON".to_owned());
    }
    lines.join("\n") + "\n"
}

fn parse(text: &str) -> Settings {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('=').map(PathBuf::from))
    };
    let on = || {
        Some(Tls::On(Paths {
            ca: value("ssl-ca")?,
            certificate: value("ssl-cert")?,
            key: value("ssl-key")?,
        }))
    };
    let off = text.lines().any(|line| line == "skip-ssl");
    Settings {
        tls: if off { Some(Tls::Off) } else { on() },
        require: text
            .lines()
            .any(|line| line == "require-secure-transport=ON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let paths = Paths {
            ca: "/c/ca.pem".into(),
            certificate: "/c/server.pem".into(),
            key: "/c/server-key.pem".into(),
        };
        for tls in [None, Some(Tls::Off), Some(Tls::On(paths))] {
            for require in [false, true] {
                let settings = Settings {
                    tls: tls.clone(),
                    require,
                };
                assert_eq!(parse(&render(&settings)), settings);
            }
        }
    }

    #[test]
    fn it_is_what_a_server_reads() {
        let paths = Paths {
            ca: "/c/ca.pem".into(),
            certificate: "/c/server.pem".into(),
            key: "/c/server-key.pem".into(),
        };
        assert_eq!(
            render(&Settings {
                tls: Some(Tls::On(paths)),
                require: true
            }),
            "# Written by signet-agent, which replaces it as a whole.\n[mysqld]\nssl-ca=/c/ca.pem\nssl-cert=/c/server.pem\n\
             ssl-key=/c/server-key.pem\nssl=1\nrequire-secure-transport=ON\n"
        );
        assert_eq!(
            render(&Settings {
                tls: Some(Tls::Off),
                require: false
            }),
            "# Written by signet-agent, which replaces it as a whole.\n[mysqld]\nskip-ssl\n"
        );
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("99-signet.cnf");
        std::fs::write(&path, "[mysqld]\nport=3307\n").unwrap();
        let error = DropIn::at(&path).write(&Settings::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} was not written by signet-agent: name another file as `dropin`, or move that one away",
                path.display()
            )
        );
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "[mysqld]\nport=3307\n"
        );
    }
}
