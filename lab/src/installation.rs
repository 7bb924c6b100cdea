//! Which servers there are: those of this system first, then those that `lab/get-servers.sh` unpacked.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// The kinds of servers that differ in how they have TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// MySQL 8.0.16 and newer: TLS on by itself, switched while it runs.
    MySql,
    /// MariaDB 10.4 and newer, before 11.4: no TLS unless configured, switched by a restart.
    MariaDb,
    /// MariaDB 11.4 and newer: TLS on by itself, switched by a restart; its client insists on TLS.
    MariaDb11,
}

impl Kind {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::MySql, Self::MariaDb, Self::MariaDb11];

    /// The oldest version that the lab uses; `lab/get-servers.sh` has the same.
    pub const fn oldest(self) -> Version {
        match self {
            Self::MySql => Version::new(8, 0, 16),
            Self::MariaDb => Version::new(10, 4, 0),
            Self::MariaDb11 => Version::new(11, 4, 0),
        }
    }

    /// The version from which on it is another kind, if there is one; `lab/get-servers.sh` has the same.
    pub const fn before(self) -> Option<Version> {
        match self {
            Self::MariaDb => Some(Self::MariaDb11.oldest()),
            Self::MySql | Self::MariaDb11 => None,
        }
    }

    /// `mysql`, `mariadb` or `mariadb11`: in file names and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
            Self::MariaDb11 => "mariadb11",
        }
    }

    /// Whether it is MariaDB, of whatever version.
    pub const fn is_mariadb(self) -> bool {
        matches!(self, Self::MariaDb | Self::MariaDb11)
    }

    /// The name of the server program.
    pub const fn server_program(self) -> &'static str {
        if self.is_mariadb() {
            "mariadbd"
        } else {
            "mysqld"
        }
    }

    /// The name of the client program, which is that of the server's own folders too.
    pub const fn client_program(self) -> &'static str {
        if self.is_mariadb() {
            "mariadb"
        } else {
            "mysql"
        }
    }

    fn covers(self, version: Version) -> bool {
        version >= self.oldest() && self.before().is_none_or(|end| version < end)
    }
}

/// Displays what the server calls itself, which is the same for both kinds of MariaDB.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_mariadb() {
            "MariaDB"
        } else {
            "MySQL"
        })
    }
}

/// A server's version, `9.7.4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 9 of `9.7.4`.
    pub major: u16,
    /// 7 of `9.7.4`.
    pub minor: u16,
    /// 4 of `9.7.4`.
    pub patch: u16,
}

impl Version {
    const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Reads the first three numbers of `10.11.18-MariaDB-0+deb12u1`.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The programs of one kind of server, ready to run.
#[derive(Debug, Clone)]
pub struct Installation {
    kind: Kind,
    version: Version,
    /// The version as the package has it, `9.7.4-2`: names the data directory template.
    release: String,
    /// The `usr` that holds `share/mysql` and `lib/mysql/plugin`.
    prefix: PathBuf,
    server: PathBuf,
    client: PathBuf,
    loader: Option<Loader>,
}

/// Unpacked programs belong to another suite than this system, so they run through their own `ld.so` and
/// libraries.
#[derive(Debug, Clone)]
struct Loader {
    program: PathBuf,
    library_path: OsString,
}

impl Installation {
    /// Finds a server with its client: on `PATH` (and in the `sbin`s, where Debian keeps servers), then in
    /// the lab's cache.
    ///
    /// The cache is `SIGNET_LAB`, else the nearest `.cache/lab` above the crate under test or the current
    /// directory, else `~/.cache/signet/lab`. With `SIGNET_LAB_UNPACKED` set, servers of this system are
    /// passed over.
    ///
    /// # Errors
    /// [`Error::NotInstalled`] says how to get one.
    pub fn locate(kind: Kind) -> Result<Self, Error> {
        let cache = cache_dir();
        Self::of_this_system(kind)
            .or_else(|| Self::unpacked(kind, &cache.join(kind.name()).join("root/usr")))
            .ok_or(Error::NotInstalled { kind, cache })
    }

    /// Which kind of server it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The version that the server program says it is.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether it was unpacked by `lab/get-servers.sh`, and is not one that is installed on this system.
    pub const fn is_unpacked(&self) -> bool {
        self.loader.is_some()
    }

    /// The `mysql` or `mariadb` command-line client, ready for arguments.
    ///
    /// Give `--no-defaults` first, or the user's own `my.cnf` decides.
    pub fn client(&self) -> Command {
        self.command(&self.client)
    }

    /// The client, ready to connect over TCP to `host`, and only if the server proves with a certificate
    /// under `ca` that it is `host`. The user is the caller's to add: `--user=…`.
    ///
    /// MariaDB's client since 11.4 checks the chain, but passes over the name, where `host` is `127.0.0.1`.
    pub fn verifying_client(&self, host: &str, port: u16, ca: &Path) -> Command {
        let mut client = self.client();
        client.args([
            "--no-defaults",
            "--protocol=tcp",
            "--batch",
            "--skip-column-names",
        ]);
        client
            .arg(format!("--host={host}"))
            .arg(format!("--port={port}"))
            .arg(format!("--ssl-ca={}", ca.display()));
        client.arg(match self.kind {
            Kind::MySql => "--ssl-mode=VERIFY_IDENTITY",
            Kind::MariaDb | Kind::MariaDb11 => "--ssl-verify-server-cert",
        });
        client
    }

    /// The server program, ready for arguments.
    pub(crate) fn server(&self) -> Command {
        self.command(&self.server)
    }

    /// The version as the package has it.
    pub(crate) fn release(&self) -> &str {
        &self.release
    }

    /// The folder with the server's SQL scripts and messages.
    pub(crate) fn share(&self) -> PathBuf {
        let of_kind = self.prefix.join("share").join(self.kind.client_program());
        if of_kind.is_dir() {
            of_kind
        } else {
            self.prefix.join("share/mysql")
        }
    }

    /// Where an unpacked server finds its parts, as lines of a `my.cnf`; one of this system knows.
    pub(crate) fn location_settings(&self) -> Vec<String> {
        if self.loader.is_none() {
            return Vec::new();
        }
        let share = self.share();
        vec![
            format!("basedir={}", self.prefix.display()),
            format!("lc-messages-dir={}", share.display()),
            format!("character-sets-dir={}", share.join("charsets").display()),
            format!(
                "plugin-dir={}",
                self.prefix.join("lib/mysql/plugin").display()
            ),
        ]
    }

    fn of_this_system(kind: Kind) -> Option<Self> {
        if std::env::var_os("SIGNET_LAB_UNPACKED").is_some() {
            return None;
        }
        let server = find_program(kind.server_program())?.canonicalize().ok()?;
        let client = find_program(kind.client_program())?;
        let prefix = server.parent()?.parent()?.to_path_buf();
        Self::checked(kind, prefix, server, client, None)
    }

    fn unpacked(kind: Kind, usr: &Path) -> Option<Self> {
        let (loader, libraries) = find_loader(&usr.join("lib"))?;
        let mut library_path = libraries.into_os_string();
        library_path.push(":");
        library_path.push(usr.join("lib/mysql/private"));
        let (server, client) = (
            usr.join("sbin").join(kind.server_program()),
            usr.join("bin").join(kind.client_program()),
        );
        Self::checked(
            kind,
            usr.to_path_buf(),
            server,
            client,
            Some(Loader {
                program: loader,
                library_path,
            }),
        )
    }

    /// Asks the server program for its version: a `mysqld` may be MariaDB's, or too old, or of another kind.
    fn checked(
        kind: Kind,
        prefix: PathBuf,
        server: PathBuf,
        client: PathBuf,
        loader: Option<Loader>,
    ) -> Option<Self> {
        if !client.is_file() {
            return None;
        }
        let unknown = Self {
            kind,
            version: Version::new(0, 0, 0),
            release: String::new(),
            prefix,
            server,
            client,
            loader,
        };
        let answer = unknown
            .server()
            .args(["--no-defaults", "--version"])
            .output()
            .ok()?;
        let (version, release) = version_of(kind, &String::from_utf8_lossy(&answer.stdout))?;
        kind.covers(version).then_some(Self {
            version,
            release,
            ..unknown
        })
    }

    fn command(&self, program: &Path) -> Command {
        let Some(loader) = &self.loader else {
            return Command::new(program);
        };
        let mut command = Command::new(&loader.program);
        command
            .arg("--library-path")
            .arg(&loader.library_path)
            .arg(program);
        command
    }
}

/// The folder that `lab/get-servers.sh` fills, and where data directory templates are kept.
pub(crate) fn cache_dir() -> PathBuf {
    if let Some(chosen) = std::env::var_os("SIGNET_LAB") {
        return PathBuf::from(chosen);
    }
    let starts = [
        std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
        std::env::current_dir().ok(),
    ];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|dir| dir.join(".cache/lab"))
        .find(|dir| dir.is_dir())
        .unwrap_or_else(|| {
            let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
            home.join(".cache/signet/lab")
        })
}

/// Reads `… Ver 9.7.4-2 for Linux on x86_64 ((Debian))`; the text names MariaDB if it is one.
fn version_of(kind: Kind, answer: &str) -> Option<(Version, String)> {
    let is_mariadb = answer.contains("MariaDB");
    let release = answer.split_once("Ver ")?.1.split_whitespace().next()?;
    (is_mariadb == kind.is_mariadb()).then_some((Version::parse(release)?, release.to_owned()))
}

fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbins = ["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(sbins)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Finds `lib/<architecture>/ld-linux-….so.N` and its folder.
fn find_loader(lib: &Path) -> Option<(PathBuf, PathBuf)> {
    let folders = std::fs::read_dir(lib)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    folders.into_iter().find_map(|folder| {
        let files = std::fs::read_dir(&folder).ok()?.flatten();
        let loader = files
            .into_iter()
            .find(|file| file.file_name().to_string_lossy().starts_with("ld-linux"))?;
        Some((loader.path(), folder))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_program_says() {
        let mysql = "/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))\n";
        let mariadb =
            "mariadbd  Ver 10.11.18-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n";

        let version = Version::new(9, 7, 4);
        assert_eq!(
            version_of(Kind::MySql, mysql),
            Some((version, "9.7.4-2".to_owned()))
        );
        let version = Version::new(10, 11, 18);
        assert_eq!(
            version_of(Kind::MariaDb, mariadb),
            Some((version, "10.11.18-MariaDB-0+deb12u1".to_owned()))
        );
    }

    #[test]
    fn a_mysqld_that_is_mariadb_is_not_mysql() {
        let answer =
            "mysqld  Ver 10.11.18-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n";

        assert_eq!(version_of(Kind::MySql, answer), None);
    }

    #[test]
    fn versions_compare_by_number() {
        let parse = |text| Version::parse(text).expect("three numbers");

        assert!(parse("10.11.18") > parse("10.4.0"));
        assert!(parse("8.0.15") < Kind::MySql.oldest());
    }

    #[test]
    fn a_mariadb_is_of_the_kind_that_its_version_makes_it() {
        let of = |text| {
            let version = Version::parse(text).expect("three numbers");
            let mariadbs = [Kind::MariaDb, Kind::MariaDb11];
            mariadbs.map(|kind| kind.covers(version))
        };

        assert_eq!(of("10.3.39"), [false, false]);
        assert_eq!(of("10.11.19"), [true, false]);
        assert_eq!(of("11.3.2"), [true, false]);
        assert_eq!(of("11.4.0"), [false, true]);
        assert_eq!(of("12.1.2"), [false, true]);
    }
}
