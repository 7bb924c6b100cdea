//! The whole service beside a bare HTTP server and the peer; how fast it starts, and what an instance costs in memory.

mod edge;
mod load;
mod start;
mod throughput;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::caller::Caller;
use crate::process::{Program, free_address, sibling};
use crate::request::Signer;

pub use edge::measure as measure_edge;
pub use load::{CLIENT_CORE, Round, SERVER_CORE};
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
pub enum Data {
    /// That with the fleet.
    Fleet,
    /// That without instances.
    Nothing,
}

/// A service that answers, and somebody who may call it.
pub struct Running {
    /// The program.
    pub program: Program,
    /// Where it listens.
    pub address: SocketAddr,
    /// The caller.
    pub caller: Caller,
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

    /// A file that belongs to a data folder.
    pub fn path(&self, data: Data, what: &str) -> PathBuf {
        self.folder.path().join(format!("{}-{what}", data.name()))
    }

    /// Who may call the service on this data.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn secret_id(&self, data: Data) -> anyhow::Result<String> {
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

    /// Starts the service on this data and waits until it listens; on one core with one worker, if a core is given.
    ///
    /// # Errors
    /// When it does not start.
    pub fn run(&self, data: Data, core: Option<usize>) -> anyhow::Result<Running> {
        self.run_with(data, core, true)
    }

    /// The same, with reads audited or not.
    ///
    /// # Errors
    /// When it does not start.
    pub fn run_with(
        &self,
        data: Data,
        core: Option<usize>,
        audits_reads: bool,
    ) -> anyhow::Result<Running> {
        let address = free_address()?;
        let workers = usize::from(core.is_some());
        let mut program = self.serve_with(data, core, workers, address, audits_reads)?;
        program.wait_until_it_listens(address)?;
        let caller = Caller::new(address, self.signer(data)?);
        Ok(Running {
            program,
            address,
            caller,
        })
    }

    /// Starts the service on this data. `workers` is as in its configuration.
    fn serve(
        &self,
        data: Data,
        core: Option<usize>,
        workers: usize,
        listen: SocketAddr,
    ) -> anyhow::Result<Program> {
        self.serve_with(data, core, workers, listen, true)
    }

    fn serve_with(
        &self,
        data: Data,
        core: Option<usize>,
        workers: usize,
        listen: SocketAddr,
        audits_reads: bool,
    ) -> anyhow::Result<Program> {
        let file = self.path(data, "signet.toml");
        fs::write(
            &file,
            configuration(&self.path(data, "data"), workers, listen, audits_reads),
        )?;
        let arguments = ["serve".as_ref(), "--config".as_ref(), file.as_os_str()];
        Program::start(core, &self.signet, arguments, &self.path(data, "log"))
    }
}

/// The actions whose limits would be met before those of the service: what is measured asks much, and asks often whether it is done.
const UNLIMITED: [&str; 6] = [
    "DescribeSSLStatus",
    "DescribeAsyncRequestInfo",
    "OpenSSL",
    "CloseSSL",
    "RegisterInstance",
    "ProbeNow",
];

/// What a user would write for such a load. The rates are raised, so that the limiter counts and refuses nobody; the prober would
/// find nobody at the fleet's addresses, so its turns come once a day.
fn configuration(data: &Path, workers: usize, listen: SocketAddr, audits_reads: bool) -> String {
    let rates = UNLIMITED.map(|action| format!("{action} = 4000000000\n"));
    format!(
        "listen = '{listen}'\ndata = '{}'\nworkers = {workers}\nprobe_interval = '24h'\nstale_after = '72h'\n\
         [rates]\n{}[audit]\nreads = {audits_reads}\n",
        data.display(),
        rates.concat()
    )
}
