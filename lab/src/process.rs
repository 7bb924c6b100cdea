//! Signals by pid, and the watchdog that ends a server whose starter is gone.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use std::os::unix::process::CommandExt;

use rustix::process::{Pid, Signal, kill_process};

/// Waits for `condition`, asking every 10 ms; false when `limit` is over.
pub(crate) fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Asks `child` to end and waits; if it does not within 30 s it is killed.
pub(crate) fn terminate(child: &mut Child) -> io::Result<()> {
    kill_process(Pid::from_child(child), Signal::TERM)?;
    if wait_until(Duration::from_secs(30), || {
        matches!(child.try_wait(), Ok(Some(_)) | Err(_))
    }) {
        return Ok(());
    }
    kill(child)
}

/// Ends `child` at once and reaps it.
pub(crate) fn kill(child: &mut Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

/// A shell that ends a server and removes its directory when this process is gone, even by SIGKILL: it reads
/// from a pipe whose other end only we hold. A test's `static` server, which Rust never drops, is ended this
/// way as well.
#[derive(Debug)]
pub(crate) struct Watchdog(Child);

impl Watchdog {
    /// Watches over the process `pid`; `remove` is the directory to remove after it, if any.
    pub(crate) fn over(pid: u32, remove: Option<&Path>) -> io::Result<Self> {
        // The directory is removed twice because the process may have been making a file.
        const SCRIPT: &str = r#"
            trap "" INT TERM HUP
            read -r _
            kill -9 "$1"
            [ -z "$2" ] || rm -rf "$2" || { sleep 1; rm -rf "$2"; }
        "#;
        Command::new("/bin/sh")
            .args(["-c", SCRIPT, "signet-lab-watchdog", &pid.to_string()])
            .arg(remove.unwrap_or(Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map(Self)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // It must not wake up on the closing pipe: by now the pid may be another process's.
        let _ = kill(&mut self.0);
    }
}
