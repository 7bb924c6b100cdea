use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use lab::fake::{Behaviour, FakeFleet};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The root key of the services under test.
pub(crate) const SECRET_ID: &str = "AKIDtest";
pub(crate) const SECRET_KEY: &str = "a-secret-that-no-output-may-show";

/// Nothing takes longer, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder in which commands run, with an environment of their own. A test that fails leaves it for a look.
pub(crate) struct Place {
    folder: Option<TempDir>,
    environment: Vec<(String, String)>,
    masks: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("signet-test-")
            .tempdir()
            .unwrap();
        let mut place = Self {
            folder: Some(folder),
            environment: Vec::new(),
            masks: Vec::new(),
        };
        let path = place.path("").display().to_string();
        place.masks.push((path.clone(), "DIR/".to_owned()));
        place.set("HOME", &path);
        place
    }

    /// A folder with a service in it that knows the test's root key, and an environment that leads to it.
    pub(crate) fn with_service() -> (Self, Serving) {
        Self::with_configured_service("")
    }

    /// The same with a configuration.
    pub(crate) fn with_configured_service(configuration: &str) -> (Self, Serving) {
        let mut place = Self::new();
        place.write("signet.toml", configuration);
        place.set("SIGNET_ROOT_SECRET_ID", SECRET_ID);
        place.set("SIGNET_ROOT_SECRET_KEY", SECRET_KEY);
        let serving = place.serve(&["--listen", "127.0.0.1:0"]);
        place.set("SIGNET_ENDPOINT", &serving.endpoint);
        place.set("TENCENTCLOUD_SECRET_ID", SECRET_ID);
        place.set("TENCENTCLOUD_SECRET_KEY", SECRET_KEY);
        place.mask(&serving.endpoint, "ENDPOINT");
        (place, serving)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder
            .as_ref()
            .expect("only drop takes the folder")
            .path()
            .join(name)
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    /// Sets a variable for the commands; an empty value is the same as none.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Has `text` shown as `mask`, because it differs from run to run.
    pub(crate) fn mask(&mut self, text: &str, mask: &str) {
        self.masks.push((text.to_owned(), mask.to_owned()));
    }

    /// A text without what differs from run to run: this folder, what was masked, RequestIds.
    pub(crate) fn masked(&self, text: &str) -> String {
        let masked = self
            .masks
            .iter()
            .rev()
            .fold(text.to_owned(), |text, (what, mask)| {
                text.replace(what, mask)
            });
        without_request_ids(&masked)
    }

    /// Runs `signet` with the words of a line; no word has a space.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> Done {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>(), "")
    }

    /// Runs `signet` with these words and this standard input.
    #[track_caller]
    pub(crate) fn run_words(&self, words: &[&str], input: &str) -> Done {
        let mut child = self
            .command(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input is right, too.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| self.masked(str::from_utf8(bytes).unwrap());
        Done {
            line: words.join(" "),
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Starts `signet serve` on the folder `data`, and waits until it says where it listens.
    pub(crate) fn serve(&self, words: &[&str]) -> Serving {
        let mut child = self.spawn(&[&["serve", "--data", "data"], words].concat(), "log");
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let endpoint = line.trim_end().strip_prefix("Signet listens on ");
        let log = self.path("log");
        let Some(endpoint) = endpoint.map(str::to_owned) else {
            child.wait().unwrap();
            panic!("{}", fs::read_to_string(log).unwrap());
        };
        Serving {
            child,
            out,
            endpoint,
            log,
        }
    }

    /// Starts `signet` with its standard error in a file.
    pub(crate) fn spawn(&self, words: &[&str], log: &str) -> Child {
        self.command(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(self.path(log)).unwrap())
            .spawn()
            .unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
        command.args(words).current_dir(self.path("")).env_clear();
        command.env("SIGNET_ALLOW_ROOT", "1"); // the tests may run as root
        for name in ["PATH", "SIGNET_LAB", "CARGO_MANIFEST_DIR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let (true, Some(folder)) = (std::thread::panicking(), self.folder.take()) {
            eprintln!("kept for a look: {}", folder.keep().display());
        }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    line: String,
    code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// It succeeded, printed exactly this and nothing on standard error.
    #[track_caller]
    pub(crate) fn prints(self, out: &str) {
        assert_eq!(
            (self.code, self.err.as_str()),
            (Some(0), ""),
            "{}",
            self.line
        );
        assert_eq!(self.out.trim_end(), out.trim_end(), "{}", self.line);
    }

    /// It succeeded and printed this JSON and nothing else.
    #[track_caller]
    pub(crate) fn answers(self, expected: &Value) {
        assert_eq!(self.json(), *expected);
    }

    /// It succeeded and printed JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(
            (self.code, self.err.as_str()),
            (Some(0), ""),
            "{}",
            self.line
        );
        serde_json::from_str(&self.out).unwrap()
    }

    /// It failed with exactly these words on standard error, and printed nothing else.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, err: &str) {
        assert_eq!(self.out, "", "{}", self.line);
        assert_eq!(self.err.trim_end(), err.trim_end(), "{}", self.line);
        assert_eq!(self.code, Some(code), "{}", self.line);
    }

    /// It ended with this code.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}: {}", self.line, self.err);
        self
    }
}

/// A running `signet serve`; it is ended when this is dropped.
pub(crate) struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    /// Like `http://127.0.0.1:41234`.
    pub(crate) endpoint: String,
    log: PathBuf,
}

impl Serving {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for its end and returns its exit code and what it printed after its address.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = wait(&mut self.child);
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (status, rest)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a process to end by itself.
pub(crate) fn wait(child: &mut Child) -> Option<i32> {
    let mut status = None;
    until("its end", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.and_then(|status| status.code())
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Fakes with and without TLS: `count` of each, those with TLS first. Their port is shown as `#####`, which is as long.
pub(crate) fn fakes(place: &mut Place, count: usize) -> (FakeFleet, Vec<String>) {
    let fleet = FakeFleet::start(&[(Behaviour::Tls, count), (Behaviour::NoTls, count)]).unwrap();
    let targets: Vec<_> = fleet
        .targets()
        .iter()
        .map(|target| target.address.to_string())
        .collect();
    for target in fleet.targets().iter().map(|target| target.address) {
        place.mask(&target.to_string(), &format!("{}:#####", target.ip()));
    }
    (fleet, targets)
}

/// Does anything of this name exist in the folder for temporary files?
pub(crate) fn exists_with_prefix(folder: &Path, prefix: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(prefix)
    })
}

/// Puts `REQUEST` in the place of every version-4 UUID.
fn without_request_ids(text: &str) -> String {
    const LENGTH: usize = 36;
    let mut rest = text;
    let mut masked = String::with_capacity(text.len());
    while let Some(next) = rest.chars().next() {
        match rest.get(..LENGTH).filter(|part| is_uuid(part)) {
            Some(_) => {
                masked.push_str("REQUEST");
                rest = &rest[LENGTH..];
            }
            None => {
                masked.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    masked
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}
