use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::plane::FakeControlPlane;

/// A database host: the folders that the agent lives in, and its configuration.
pub(crate) struct Site {
    dir: TempDir,
}

impl Site {
    /// A host whose database server listens on `socket`. `settings` are further lines of the configuration.
    pub(crate) fn new(socket: &Path, settings: &str) -> Self {
        let site = Self {
            dir: tempfile::Builder::new()
                .prefix("signet-agent-")
                .tempdir()
                .unwrap(),
        };
        site.configure(&format!(
            "socket = '{}'\nuser = 'root'\n{settings}",
            socket.display()
        ));
        site
    }

    /// A host without a database server.
    pub(crate) fn bare() -> Self {
        Self::new(Path::new("/nowhere/mysqld.sock"), "")
    }

    pub(crate) fn configure(&self, settings: &str) {
        let text = format!(
            "state = '{}'\nfolder = '{}'\n{settings}\n",
            self.state().display(),
            self.folder().display()
        );
        fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("agent.toml")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.path().join("certificates")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("agent.log")
    }

    /// What the agent has logged so far.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Waits until the agent has logged something.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(
            &format!("`{text}` in the log"),
            || self.logged().contains(text),
            || self.logged(),
        );
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signet-agent"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .stdin(Stdio::null());
        command
    }

    /// Runs the agent to its end.
    pub(crate) fn run_to_end(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Enrols, as an operator does.
    #[track_caller]
    pub(crate) fn enrol(&self, plane: &FakeControlPlane) {
        let token = self.path().join("token");
        fs::write(&token, plane.token()).unwrap();
        let output = self.run_to_end(&[
            "enrol",
            "--server",
            &plane.url(),
            "--token-file",
            token.to_str().unwrap(),
        ]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// Starts `signet-agent run`.
    pub(crate) fn start(&self) -> Agent {
        self.start_with(&[])
    }

    /// Starts it with these variables in its environment.
    pub(crate) fn start_with(&self, variables: &[(&str, String)]) -> Agent {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let mut command = self.command(&["run"]);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Agent(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }
}

/// The running agent; it ends with the test.
pub(crate) struct Agent(Child);

impl Agent {
    /// As an operator stops it.
    #[track_caller]
    pub(crate) fn terminate(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// The most memory that it had at a time: `VmHWM` of `proc(5)`.
    pub(crate) fn most_memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.unwrap_or_else(|| panic!("{status}")).parse().unwrap()
    }

    /// As a crash does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a condition; fails with `context` when it does not come.
#[track_caller]
pub(crate) fn wait_until(
    what: &str,
    mut condition: impl FnMut() -> bool,
    context: impl Fn() -> String,
) {
    let end = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < end, "waited for {what}\n{}", context());
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
