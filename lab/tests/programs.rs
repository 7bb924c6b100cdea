//! `lab-server` and `lab-fake-fleet`, as scripts in other languages use them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

#[test]
fn a_script_starts_a_server_asks_it_and_ends_it_by_closing_the_pipe() {
    let mut program = Program::start(
        env!("CARGO_BIN_EXE_lab-server"),
        &[
            "mariadb",
            "--tls",
            "intermediate",
            "--set",
            "max_connections=12",
        ],
    );
    let server = program.line();
    let (dir, process) = (text(&server["Dir"]), format!("/proc/{}", server["Pid"]));

    assert_eq!(
        (text(&server["Kind"]), text(&server["Host"])),
        ("mariadb", "127.0.0.1")
    );
    assert!(text(&server["Version"]).contains("MariaDB"), "{server}");
    assert!(
        Path::new(text(&server["Socket"])).exists() && Path::new(text(&server["Ca"])).is_file(),
        "{server}"
    );
    assert_eq!(
        program.ask("SELECT @@port, @@have_ssl, @@max_connections"),
        json!({ "Output": format!("{}\tYES\t12", server["Port"]) })
    );
    assert_eq!(
        program.ask("SELECT 1; SELEC"),
        json!({ "Error": program_error("'SELEC'") })
    );

    assert!(program.close().success());
    assert!(!Path::new(dir).exists() && !Path::new(&process).exists());
}

#[test]
fn a_script_restarts_a_server_without_tls() {
    let mut program = Program::start(
        env!("CARGO_BIN_EXE_lab-server"),
        &["mariadb", "--tls", "ec"],
    );
    let server = program.line();

    assert_eq!(program.ask("!kill"), json!({ "Output": "" }));
    let restarted = &program.ask("!restart off")["Output"];
    assert_eq!(
        (&restarted["Port"], &restarted["Ca"]),
        (&server["Port"], &Value::Null)
    );
    assert_eq!(
        program.ask("SELECT @@have_ssl"),
        json!({ "Output": "DISABLED" })
    );
    assert_eq!(
        program.ask("!restart tsl"),
        json!({ "Error": "no such mode: tsl" })
    );
}

#[test]
fn a_server_ends_with_its_program_whatever_ends_that() {
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let mut program = Program::start(env!("CARGO_BIN_EXE_lab-server"), &["mariadb"]);
        let server = program.line();
        let (dir, process) = (
            text(&server["Dir"]).to_owned(),
            format!("/proc/{}", server["Pid"]),
        );
        assert!(Path::new(&dir).exists() && Path::new(&process).exists());

        kill_process(Pid::from_child(&program.child), signal).expect("sends the signal");

        let gone = || !Path::new(&dir).exists() && !Path::new(&process).exists();
        assert!(
            within(Duration::from_secs(30), gone),
            "{signal:?} left {dir} or {process}"
        );
    }
}

#[test]
fn without_servers_the_program_says_how_to_get_them() {
    let empty = tempfile::tempdir().expect("a directory");
    let mut program = Command::new(env!("CARGO_BIN_EXE_lab-server"));
    program
        .arg("mysql")
        .env("SIGNET_LAB", empty.path())
        .env("SIGNET_LAB_UNPACKED", "1");
    let output = program.stdin(Stdio::null()).output().expect("runs");

    let expected = format!(
        "lab-server: no MySQL server found: none of version 8.0.16 or newer on PATH, and none in {}; run `make servers` (lab/get-servers.sh)\n",
        empty.path().display()
    );
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned()
        ),
        (Some(1), expected)
    );
}

#[test]
fn a_mistake_on_the_command_line_is_told_with_the_usage() {
    let mistakes: [(&str, &[&str], &str); 5] = [
        (
            env!("CARGO_BIN_EXE_lab-server"),
            &["mysq"],
            "lab-server: which kind of server?\nusage: ",
        ),
        (
            env!("CARGO_BIN_EXE_lab-server"),
            &["mysql", "--tls", "on"],
            "lab-server: no such mode: on\nusage: ",
        ),
        (
            env!("CARGO_BIN_EXE_lab-server"),
            &["mysql", "--port", "70000"],
            "lab-server: not a port: 70000\nusage: ",
        ),
        (
            env!("CARGO_BIN_EXE_lab-fake-fleet"),
            &[],
            "lab-fake-fleet: which fakes?\nusage: ",
        ),
        (
            env!("CARGO_BIN_EXE_lab-fake-fleet"),
            &["tsl=3"],
            "lab-fake-fleet: no such behaviour: tsl\nusage: ",
        ),
    ];
    for (program, arguments, beginning) in mistakes {
        let output = Command::new(program)
            .args(arguments)
            .output()
            .expect("runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(2) && complaint.starts_with(beginning),
            "{complaint}"
        );
    }
}

#[test]
fn a_script_gets_the_targets_of_a_fleet_and_what_came_to_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let (list, root) = (dir.path().join("targets"), dir.path().join("root.pem"));
    let files = [list.to_str().expect("UTF-8"), root.to_str().expect("UTF-8")];
    let arguments = [
        "--targets",
        files[0],
        "--root",
        files[1],
        "closes-at-once=2",
        "tls=1",
    ];
    let mut program = Program::start(env!("CARGO_BIN_EXE_lab-fake-fleet"), &arguments);

    let fleet = program.line();
    let targets = fleet["Targets"].as_array().expect("a list");
    let behaviours: Vec<&str> = targets
        .iter()
        .map(|target| text(&target["Behaviour"]))
        .collect();
    assert_eq!(behaviours, ["closes-at-once", "closes-at-once", "tls"]);
    let addresses: Vec<&str> = targets
        .iter()
        .map(|target| text(&target["Target"]))
        .collect();
    assert_eq!(
        std::fs::read_to_string(&list).expect("was written"),
        addresses.join("\n") + "\n"
    );
    assert!(
        std::fs::read_to_string(&root)
            .expect("was written")
            .starts_with("-----BEGIN CERTIFICATE-----")
    );

    std::io::copy(
        &mut std::net::TcpStream::connect(addresses[1]).expect("connects"),
        &mut std::io::sink(),
    )
    .expect("is closed");
    program.child.stdin.take();
    let counts = &program.line()["Counts"];
    assert_eq!(
        counts["closes-at-once"],
        json!({ "Connections": 1, "Handshakes": 0, "Logins": 0, "Quits": 0 })
    );
    assert_eq!(counts["tls"]["Connections"], 0);
}

/// A program with pipes to and from it.
struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Program {
    fn start(path: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let output = BufReader::new(child.stdout.take().expect("is piped"));
        Self { child, output }
    }

    #[track_caller]
    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("is JSON")
    }

    #[track_caller]
    fn ask(&mut self, line: &str) -> Value {
        writeln!(self.child.stdin.as_mut().expect("is open"), "{line}").expect("is read");
        self.line()
    }

    fn close(mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.child.wait().expect("ends")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("is text")
}

/// MariaDB's complaint about a statement that it does not understand.
fn program_error(near: &str) -> String {
    format!(
        "ERROR 1064 (42000) at line 1: You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near {near} at line 1"
    )
}

fn within(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !condition() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    condition()
}
