//! Servers that are installed on the system come before unpacked ones.
//!
//! A system is made up for it: a `usr` whose programs are scripts that run the unpacked ones.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lab::{Installation, Kind, Options, Server};

#[test]
fn an_installed_server_is_started_and_nothing_else_is_needed() {
    for kind in Kind::ALL {
        let (server, client) = (kind.server_program(), kind.client_program());
        let installation = Installation::locate(kind).unwrap_or_else(|error| panic!("{error}"));
        if !installation.is_unpacked() {
            // A system that really has one: no need to make one up.
            let server =
                Server::start(kind, Options::new()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(server.sql("SELECT 1").expect("answers"), "1");
            continue;
        }
        let system = System::new();
        let unpacked = usr_of(&installation);
        symlink(unpacked.join("share"), system.usr.join("share")).expect("links");
        let location = format!(
            "--basedir={0} --plugin-dir={0}/lib/mysql/plugin",
            unpacked.display()
        );
        system.program(
            "sbin",
            server,
            &through_loader(&unpacked, &format!("sbin/{server}"), &location),
        );
        system.program(
            "bin",
            client,
            &through_loader(&unpacked, &format!("bin/{client}"), ""),
        );

        let output = system.lab_server(kind);

        let line = String::from_utf8_lossy(&output.stdout);
        assert!(
            line.contains(&format!("\"Kind\":\"{}\"", kind.name())),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(system.cache.join("templates").is_dir());
    }
}

#[test]
fn a_mysqld_that_is_too_old_or_mariadb_is_passed_over() {
    for version in [
        "Ver 8.0.15 for Linux",
        "Ver 10.11.18-MariaDB-0+deb12u1 for debian-linux-gnu",
    ] {
        let system = System::new();
        system.program(
            "sbin",
            "mysqld",
            &format!("echo 'mysqld  {version} on x86_64'"),
        );
        system.program("bin", "mysql", "exit 1");

        let output = system.lab_server(Kind::MySql);

        let expected = format!(
            "lab-server: no MySQL server found: none of version 8.0.16 or newer on PATH, and none in {}; run `make servers` (lab/get-servers.sh)\n",
            system.cache.display()
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
    }
}

#[test]
fn each_mariadb_of_a_system_is_taken_for_its_own_kind_only() {
    let wanted = [
        (
            Kind::MariaDb,
            "11.8.9",
            "MariaDB server found: none of version 10.4.0 or newer, but older than 11.4.0,",
        ),
        (
            Kind::MariaDb11,
            "11.3.2",
            "MariaDB server found: none of version 11.4.0 or newer",
        ),
    ];
    for (kind, version, none) in wanted {
        let system = System::new();
        system.program(
            "sbin",
            "mariadbd",
            &format!("echo 'mariadbd  Ver {version}-MariaDB for debian-linux-gnu on x86_64'"),
        );
        system.program("bin", "mariadb", "exit 1");

        let output = system.lab_server(kind);

        let expected = format!(
            "lab-server: no {none} on PATH, and none in {}; run `make servers` (lab/get-servers.sh)\n",
            system.cache.display()
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
    }
}

/// A made-up system and an empty cache.
struct System {
    _dir: tempfile::TempDir,
    usr: PathBuf,
    cache: PathBuf,
}

impl System {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (usr, cache) = (dir.path().join("usr"), dir.path().join("cache"));
        for folder in [usr.join("bin"), usr.join("sbin"), cache.clone()] {
            fs::create_dir_all(folder).expect("creates");
        }
        Self {
            _dir: dir,
            usr,
            cache,
        }
    }

    fn program(&self, folder: &str, name: &str, script: &str) {
        let path = self.usr.join(folder).join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("makes it a program");
    }

    /// Runs `lab-server` on this system until its server has answered.
    fn lab_server(&self, kind: Kind) -> Output {
        let path = format!(
            "{0}/bin:{0}/sbin:{1}",
            self.usr.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let mut program = Command::new(env!("CARGO_BIN_EXE_lab-server"));
        program
            .arg(kind.name())
            .env("SIGNET_LAB", &self.cache)
            .env("PATH", path)
            .env_remove("SIGNET_LAB_UNPACKED");
        program.stdin(Stdio::null()).output().expect("runs")
    }
}

/// The `usr` of the unpacked server.
fn usr_of(installation: &Installation) -> PathBuf {
    let program = installation
        .client()
        .get_args()
        .last()
        .expect("the loader runs the client")
        .to_owned();
    Path::new(&program)
        .ancestors()
        .nth(2)
        .expect("usr/bin/client")
        .to_owned()
}

fn through_loader(usr: &Path, program: &str, location: &str) -> String {
    let libraries = usr.join(format!("lib/{}-linux-gnu", std::env::consts::ARCH));
    let loader = fs::read_dir(&libraries)
        .expect("libraries")
        .flatten()
        .map(|entry| entry.path());
    let loader = loader
        .into_iter()
        .find(|path| path.to_string_lossy().contains("/ld-linux"))
        .expect("a loader");
    format!(
        "exec {} --library-path {} {} \"$@\" {location}",
        loader.display(),
        libraries.display(),
        usr.join(program).display()
    )
}
