//! Programs under test: pinned to a core, watched through `/proc`, ended with us.

use std::ffi::OsStr;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a program under test may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A program under test. Dropping it ends it.
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a program; on one core, if a core is given. What it writes goes to the file `log`.
    ///
    /// # Errors
    /// When it, or `taskset`, cannot be started.
    pub fn start<A: AsRef<OsStr>>(
        core: Option<usize>,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let output = fs::File::create(log).with_context(|| format!("{}", log.display()))?;
        let mut command = pinned(core, program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Its process; the same before and after `taskset` became the program.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it accepts connections.
    ///
    /// # Errors
    /// When it ends instead, or takes more than a minute.
    pub fn wait_until_it_listens(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let end = Instant::now() + START_LIMIT;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(&self.log)?;
                bail!("it ended before it listened on {address}: {status}\n{log}");
            }
            if Instant::now() > end {
                bail!(
                    "it does not listen on {address} after {} s",
                    START_LIMIT.as_secs()
                );
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        Ok(())
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("a child has a pid")?, Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that runs on one core, if a core is given.
pub fn pinned(core: Option<usize>, program: &Path) -> Command {
    let mut command = match core {
        None => Command::new(program),
        Some(core) => {
            let mut taskset = Command::new("taskset");
            taskset.arg("--cpu-list").arg(core.to_string()).arg(program);
            taskset
        }
    };
    // Benchmarks may run as root, which `signet serve` refuses by itself.
    command.env("SIGNET_ALLOW_ROOT", "1");
    command
}

/// A program that was built together with this one.
///
/// # Errors
/// When it is not there.
pub fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.is_file() {
        bail!("{} is missing; bench/run.sh builds it", path.display());
    }
    Ok(path)
}

/// A port of loopback that is free right now. It lies below the ports that the kernel gives to clients: one that tries again and
/// again to connect to a port among those is at last given that very port, and is connected to itself.
///
/// # Errors
/// When there is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let first = 20_000 + u16::try_from(std::process::id() % 5_000).expect("below 5,000");
    (first..first + 5_000)
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .context("no port is free")
}

/// Processor time that a process has used, threads that have ended included; to a hundredth of a second.
///
/// # Errors
/// When there is no such process.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    Ok(times(pid)?.0)
}

/// Processor time of a process's children that have ended and were waited for.
///
/// # Errors
/// When there is no such process.
pub fn cpu_time_of_children(pid: u32) -> anyhow::Result<Duration> {
    Ok(times(pid)?.1)
}

/// Its own time and that of its children: user and system, fields 14 to 17 of `/proc/PID/stat`.
fn times(pid: u32) -> anyhow::Result<(Duration, Duration)> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    // The second field is the program's name in parentheses, with anything in it; what follows it are numbers.
    let fields: Vec<u64> = text
        .rsplit_once(") ")
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .map(|field| field.parse().unwrap_or_default())
        .collect();
    let &[user, system, children_user, children_system] = fields
        .get(11..15)
        .with_context(|| format!("{path}: {text}"))?
    else {
        bail!("four fields of four");
    };
    let ticks = rustix::param::clock_ticks_per_second();
    let time = |count: u64| Duration::from_millis(count * 1000 / ticks);
    Ok((time(user + system), time(children_user + children_system)))
}

/// Memory of a process that is in RAM, in bytes.
///
/// # Errors
/// When there is no such process.
pub fn resident(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("{path} has no VmRSS"))? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_time_and_memory_are_seen() {
        let before = cpu_time(std::process::id()).unwrap();
        while cpu_time(std::process::id()).unwrap() < before + Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        assert!(resident(std::process::id()).unwrap() > 100 << 10);
    }

    #[test]
    fn a_program_that_ends_is_told_from_one_that_is_slow() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Program::start(
            Some(0),
            Path::new("false"),
            [""; 0],
            &folder.path().join("log"),
        )
        .unwrap();
        let address = free_address().unwrap();
        let error = program.wait_until_it_listens(address).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("it ended before it listened on {address}: exit status: 1\n")
        );
    }
}
