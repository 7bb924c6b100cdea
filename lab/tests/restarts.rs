//! A server that another program restarts, as the agent on a database host does.

use std::path::Path;
use std::process::{Command, Output};

use lab::{Kind, Options, Restartable, Server};

#[test]
fn the_command_restarts_the_server_with_what_was_dropped_in() {
    for kind in Kind::ALL {
        let host = host(kind);
        let port = host.server().port();
        let process = process_of(&host);
        drop_in(&host, "max_connections=123");
        assert_ne!(ask(&host, "SELECT @@max_connections"), "123");

        let done = restart(&host);

        assert!(done.status.success(), "{kind}: {}", said(&done));
        assert_eq!(said(&done), "");
        assert_eq!(
            ask(&host, "SELECT @@max_connections, @@port"),
            format!("123\t{port}")
        );
        assert_ne!(process_of(&host), process);
    }
}

#[test]
fn the_command_says_why_the_server_did_not_start_and_can_be_tried_again() {
    for kind in Kind::ALL {
        let host = host(kind);
        drop_in(&host, "no-such-setting=1");

        let failed = restart(&host);

        let why = said(&failed);
        assert_eq!(failed.status.code(), Some(1), "{why}");
        assert!(
            why.starts_with(&format!("{kind} did not start: it ended, ")),
            "{why}"
        );
        assert!(
            why.contains("unknown variable 'no-such-setting=1'"),
            "{why}"
        );
        assert_eq!(host.server().pid(), None);

        drop_in(&host, "max_connections=77");
        assert!(restart(&host).status.success());
        assert_eq!(ask(&host, "SELECT @@max_connections"), "77");
        assert_leaves_nothing(host);
    }
}

#[test]
fn a_drop_in_switches_the_tls_of_every_mariadb() {
    for kind in [Kind::MariaDb, Kind::MariaDb11] {
        let server = Server::start(kind, Options::new()).expect("starts");
        let host = Restartable::new(server, Options::new().tls_auto()).expect("starts again");
        let by_itself = if kind == Kind::MariaDb {
            "DISABLED"
        } else {
            "YES"
        };
        assert_eq!(ask(&host, "SELECT @@have_ssl"), by_itself, "{kind}");

        drop_in(&host, "skip-ssl");
        assert!(restart(&host).status.success());

        assert_eq!(ask(&host, "SELECT @@have_ssl"), "DISABLED", "{kind}");
    }
}

#[test]
fn a_server_that_was_restarted_is_stopped_and_dropped_like_any_other() {
    for kind in Kind::ALL {
        let host = host(kind);
        assert!(restart(&host).status.success());
        let process = process_of(&host);

        host.server().stop().expect("stops");
        assert!(!Path::new(&process).exists());

        assert!(restart(&host).status.success());
        assert_leaves_nothing(host);
    }
}

#[test]
fn the_command_ends_when_the_server_is_gone() {
    let host = host(Kind::MariaDb);
    let command = std::fs::read_to_string(host.command()).expect("is a script");
    let folder = tempfile::tempdir().expect("a directory");
    let of_nobody = command.replace(
        &host
            .command()
            .parent()
            .expect("a folder")
            .display()
            .to_string(),
        &folder.path().display().to_string(),
    );

    let done = Command::new("/bin/sh")
        .args(["-c", &of_nobody])
        .output()
        .expect("runs");

    assert_eq!(
        (done.status.code(), said(&done).as_str()),
        (Some(1), "the server is gone\n")
    );
}

fn host(kind: Kind) -> Restartable {
    let server = Server::start(kind, Options::new()).expect("starts");
    Restartable::new(server, Options::new()).expect("starts again")
}

fn drop_in(host: &Restartable, line: &str) {
    let file = host.conf().join("99-test.cnf");
    std::fs::write(file, format!("[mysqld]\n{line}\n")).expect("writes");
}

/// Runs the command as the agent does: without its environment.
fn restart(host: &Restartable) -> Output {
    let mut command = Command::new(host.command());
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("runs")
}

fn said(output: &Output) -> String {
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn ask(host: &Restartable, question: &str) -> String {
    host.server().sql(question).expect("answers")
}

fn process_of(host: &Restartable) -> String {
    format!("/proc/{}", host.server().pid().expect("it runs"))
}

#[track_caller]
fn assert_leaves_nothing(host: Restartable) {
    let dir = host.server().dir().to_owned();
    let process = process_of(&host);
    drop(host);
    assert!(
        !dir.exists() && !Path::new(&process).exists(),
        "left {}",
        dir.display()
    );
}
