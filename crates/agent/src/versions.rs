//! The certificates of the server on disk:
//!
//! ```text
//! <folder>/<order>/server.pem  server-key.pem  ca.pem     whole, or not there
//! <folder>/next    → <order>                              what was installed and is not loaded yet
//! <folder>/current → <order>                              what the server is configured with
//! ```
//!
//! The server reads through `current` only, and only when it starts or is told to, so one rename changes all three files.

use std::fs;
use std::path::{Path, PathBuf};

use ca::key::PrivateKey;
use wire::agent::OrderId;

use crate::certificate::{Authorities, CertificateError, Chain, Facts};
use crate::files::{self, Access, FileError};

/// How the folders of versions begin.
const PREFIX: &str = "order-";

/// The name of the version that an order installs.
pub(crate) fn name_of(order: &OrderId) -> String {
    format!("{PREFIX}{}", order.as_str())
}

/// The three files of a certificate, as a server is configured with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paths {
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Paths {
    fn in_folder(folder: &Path) -> Self {
        Self {
            ca: folder.join("ca.pem"),
            certificate: folder.join("server.pem"),
            key: folder.join("server-key.pem"),
        }
    }

    /// All three.
    pub(crate) fn all(&self) -> [&Path; 3] {
        [&self.ca, &self.certificate, &self.key]
    }
}

/// What goes into the files.
pub(crate) struct Contents<'a> {
    pub(crate) ca: &'a str,
    pub(crate) certificate: &'a str,
    pub(crate) key: &'a PrivateKey,
}

/// Why a certificate cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VersionError {
    #[error("{0} is missing: install a certificate first")]
    Missing(String),
    #[error("{0} is not kept any more: only the certificate that is loaded and the one before are")]
    Gone(String),
    #[error("{path}: {cause}")]
    Key { path: String, cause: ca::key::Error },
    #[error("{path}: {cause}")]
    Certificate {
        path: String,
        cause: CertificateError,
    },
    #[error(transparent)]
    File(#[from] FileError),
}

/// The folder of the certificates.
#[derive(Clone, Debug)]
pub(crate) struct Versions {
    folder: PathBuf,
}

impl Versions {
    /// The versions in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// What the server is configured with: the same paths for every version.
    pub(crate) fn served(&self) -> Paths {
        Paths::in_folder(&self.current_link())
    }

    /// The files of one version.
    pub(crate) fn files(&self, name: &str) -> Paths {
        Paths::in_folder(&self.folder.join(name))
    }

    /// The version that `current` points to.
    pub(crate) fn current(&self) -> Result<Option<String>, FileError> {
        files::target_of(&self.current_link())
    }

    /// The version that was installed and is not loaded yet.
    pub(crate) fn next(&self) -> Result<Option<String>, FileError> {
        files::target_of(&self.next_link())
    }

    /// Writes a version. Nothing that is served changes.
    pub(crate) fn write(
        &self,
        name: &str,
        contents: &Contents<'_>,
        access: Access,
    ) -> Result<(), FileError> {
        let searchable = Access {
            mode: access.mode | (access.mode & 0o440) >> 2,
            ..access
        };
        files::folder(&self.folder, searchable)?;
        let (unfinished, finished) = (
            self.folder.join(format!(".{name}.new")),
            self.folder.join(name),
        );
        if !finished.is_dir() {
            files::remove_folder(&unfinished)?;
            write(&unfinished, contents, access, searchable)
                .inspect_err(|_| drop(files::remove_folder(&unfinished)))?;
            files::rename(&unfinished, &finished)?;
        }
        Ok(())
    }

    /// Makes a version the next one.
    pub(crate) fn announce(&self, name: &str) -> Result<(), FileError> {
        files::link(&self.next_link(), name)
    }

    /// Removes a version that was not announced.
    pub(crate) fn discard(&self, name: &str) -> Result<(), FileError> {
        files::remove_folder(&self.folder.join(name))
    }

    /// Makes `next` the current version, if there is a next one.
    pub(crate) fn advance(&self) -> Result<(), FileError> {
        match self.next()? {
            Some(_) => files::rename(&self.next_link(), &self.current_link()),
            None => Ok(()),
        }
    }

    /// Makes these the current and the next version again.
    pub(crate) fn go_back(
        &self,
        current: Option<&str>,
        next: Option<&str>,
    ) -> Result<(), VersionError> {
        if let Some(name) = current.filter(|name| !self.folder.join(name).is_dir()) {
            return Err(VersionError::Gone(
                self.folder.join(name).display().to_string(),
            ));
        }
        point(&self.current_link(), current)?;
        // What was next and is not there any more has been replaced since.
        point(
            &self.next_link(),
            next.filter(|name| self.folder.join(name).is_dir()),
        )?;
        Ok(())
    }

    /// Removes all versions but these, and what a crash left unfinished.
    pub(crate) fn tidy(&self, keep: &[Option<String>]) -> Result<(), FileError> {
        let entries = fs::read_dir(&self.folder).map_err(FileError::at("read", &self.folder))?;
        for entry in entries.filter_map(Result::ok) {
            let kept = keep
                .iter()
                .flatten()
                .any(|name| entry.file_name() == name.as_str());
            // Only what was made here is removed.
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            let ours = name.starts_with(PREFIX.as_bytes()) || files::is_unfinished(&entry.path());
            match entry.file_type() {
                Ok(kind) if !kept && ours && kind.is_dir() => files::remove_folder(&entry.path())?,
                Ok(_) if !kept && ours => files::remove(&entry.path())?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Looks at a version as the server will: MariaDB does not start with files that do not go together.
    pub(crate) fn verify(&self, name: &str, now: i64) -> Result<(), VersionError> {
        let files = self.files(name);
        let (certificate, ca) = (read(&files.certificate)?, read(&files.ca)?);
        let key = PrivateKey::from_pem(&read(&files.key)?).map_err(|cause| VersionError::Key {
            path: files.key.display().to_string(),
            cause,
        })?;
        verify(&certificate, &ca, &key.public_key_der(), now).map_err(|cause| {
            VersionError::Certificate {
                path: files.certificate.display().to_string(),
                cause,
            }
        })
    }

    /// What the current certificate says.
    pub(crate) fn current_facts(&self) -> Result<Facts, VersionError> {
        let path = self.served().certificate;
        Chain::from_pem(&read(&path)?)
            .and_then(|chain| chain.facts())
            .map_err(|cause| VersionError::Certificate {
                path: path.display().to_string(),
                cause,
            })
    }

    fn current_link(&self) -> PathBuf {
        self.folder.join("current")
    }

    fn next_link(&self) -> PathBuf {
        self.folder.join("next")
    }
}

/// Makes a link point to a version, or removes it.
fn point(link: &Path, version: Option<&str>) -> Result<(), FileError> {
    match version {
        _ if files::target_of(link)?.as_deref() == version => Ok(()),
        Some(name) => files::link(link, name),
        None => files::remove(link),
    }
}

/// The certificate is for the key, valid now, and leads to a root in the CA file.
pub(crate) fn verify(
    certificate: &str,
    ca: &str,
    public_key: &[u8],
    now: i64,
) -> Result<(), CertificateError> {
    let chain = Chain::from_pem(certificate)?;
    let facts = chain.facts()?;
    facts.check_key(public_key)?;
    facts.check_dates(now)?;
    chain.verify(&Authorities::from_pem(ca)?, now)
}

fn write(
    folder: &Path,
    contents: &Contents<'_>,
    access: Access,
    searchable: Access,
) -> Result<(), FileError> {
    files::folder(folder, searchable)?;
    let paths = Paths::in_folder(folder);
    files::create(&paths.ca, contents.ca.as_bytes(), access)?;
    files::create(&paths.certificate, contents.certificate.as_bytes(), access)?;
    files::create(&paths.key, contents.key.to_pem().as_bytes(), access)?;
    files::sync_folder(folder)
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<String>, VersionError> {
    files::read(path)?.ok_or_else(|| VersionError::Missing(path.display().to_string()))
}
