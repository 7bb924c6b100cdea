//! The whole service beside a bare HTTP server and the peer; how fast it starts, and what an instance costs in memory.

mod start;
mod throughput;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::process::{Program, sibling};
use crate::request::Signer;

pub use start::measure as measure_start;
pub use throughput::measure as measure_throughput;

/// Two data folders, one with a fleet and one without, and the keys to ask about them.
pub struct Bench {
    folder: TempDir,
    signet: PathBuf,
    instances: usize,
}

/// One of the two data folders.
#[derive(Clone, Copy)]
enum Data {
    Fleet,
    Nothing,
}

impl Data {
    const fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Nothing => "nothing",
        }
    }
}

impl Bench {
    /// Makes the folders. `signet` is the program under test.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn prepare(signet: &Path, instances: usize) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("signet-bench-").tempdir()?;
        let bench = Self {
            folder,
            signet: signet.to_owned(),
            instances,
        };
        for (data, count) in [(Data::Fleet, instances), (Data::Nothing, 0)] {
            let mut seed = Command::new(sibling("bench-seed")?);
            seed.arg("--data").arg(bench.path(data, "data"));
            seed.arg("--instances").arg(bench.path(data, "instances"));
            seed.arg("--secret-key-file")
                .arg(bench.path(data, "secret-key"));
            let output = seed.arg("--count").arg(count.to_string()).output()?;
            ensure!(
                output.status.success(),
                "bench-seed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            fs::write(bench.path(data, "secret-id"), output.stdout)?;
        }
        Ok(bench)
    }

    /// How many instances the fleet has.
    pub const fn instances(&self) -> usize {
        self.instances
    }

    fn path(&self, data: Data, what: &str) -> PathBuf {
        self.folder.path().join(format!("{}-{what}", data.name()))
    }

    fn secret_id(&self, data: Data) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.path(data, "secret-id"))?
            .trim()
            .to_owned())
    }

    fn signer(&self, data: Data) -> anyhow::Result<Signer> {
        let key = fs::read_to_string(self.path(data, "secret-key"))?;
        Signer::new(&self.secret_id(data)?, &key)
    }

    /// An instance of the fleet.
    fn one_instance(&self) -> anyhow::Result<String> {
        let all = fs::read_to_string(self.path(Data::Fleet, "instances"))?;
        Ok(all.lines().next().context("the fleet is empty")?.to_owned())
    }

    /// Starts the service on this data. `workers` is as in its configuration.
    fn serve(
        &self,
        data: Data,
        core: Option<usize>,
        workers: usize,
        listen: SocketAddr,
    ) -> anyhow::Result<Program> {
        let file = self.path(data, "signet.toml");
        fs::write(
            &file,
            configuration(&self.path(data, "data"), workers, listen),
        )?;
        let arguments = ["serve".as_ref(), "--config".as_ref(), file.as_os_str()];
        Program::start(core, &self.signet, arguments, &self.path(data, "log"))
    }
}

/// What a user would write for such a load. The rate is raised, so that the limiter counts and refuses nobody; the prober would
/// find nobody at the fleet's addresses, so its turns come once a day.
fn configuration(data: &Path, workers: usize, listen: SocketAddr) -> String {
    format!(
        "listen = '{listen}'\ndata = '{}'\nworkers = {workers}\nprobe_interval = '24h'\nstale_after = '72h'\n\
         [rates]\nDescribeSSLStatus = 4000000000\n[audit]\nreads = true\n",
        data.display()
    )
}

/// Sends one request and reads the body of its answer.
fn ask(address: SocketAddr, request: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer)?;
        answer.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if length.is_some_and(|length| body.len() >= length) {
            return Ok(body.to_owned());
        }
        ensure!(
            count > 0,
            "the connection was closed in the middle of an answer: {text}"
        );
    }
}
