/// How results look.
mod output;
/// Which servers are meant.
mod targets;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use dbtls::{Limits, Login, Name, Password, Prober, Reason, Report, Status, Target, Trust};
use server::Clock;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::profile::secret;
use crate::progress::Progress;
use crate::show;

#[derive(Args)]
pub(crate) struct Probe {
    /// Servers: HOST, HOST:PORT, [IPV6]:PORT or unix:/path/to.sock
    #[arg(value_name = "TARGET", required_unless_present = "targets")]
    target: Vec<String>,
    /// Read servers from this file, one a line; # begins a comment; - is standard input
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// How to show the results
    #[arg(long, value_enum, default_value_t)]
    format: ProbeFormat,
    /// How many servers are probed at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    concurrency: u16,
    /// How long one probe may take, all steps together, like 5s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout)]
    timeout: Duration,
    /// Verify certificates with the CA certificates of this PEM file
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A name that clients use, which the certificates should cover, too; may be given several times
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<Name>,
    /// Log in as this account instead of as nobody
    #[arg(long, value_name = "USER", requires = "password_file")]
    user: Option<String>,
    /// The file with its password; - is standard input
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum ProbeFormat {
    /// For people
    #[default]
    Table,
    /// An array with everything that was seen
    Json,
    /// For spreadsheets
    Csv,
}

/// `signet probe`: succeeds when every target got a verdict.
pub(crate) fn run(args: &Probe) -> Result<(), Failure> {
    let targets = targets::of(&args.target, args.targets.as_deref())?;
    let probing = Arc::new(Probing::of(args)?);
    // One thread: a probe is a few round trips and two milliseconds of arithmetic.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let reports = runtime.block_on(probing.all(targets, usize::from(args.concurrency)));
    show::out(&match args.format {
        ProbeFormat::Table => output::table(&reports, args.ca.is_some()),
        ProbeFormat::Json => serde_json::to_string_pretty(&reports).map_err(Failure::failed)?,
        ProbeFormat::Csv => output::csv(&reports)?,
    })?;
    let is_told = |report: &Report| report.status != Status::Unknown;
    if reports.iter().all(is_told) {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}

/// What all probes of one command have in common.
struct Probing {
    prober: Prober,
    login: Login,
    trust: Trust,
    names: Vec<Name>,
}

impl Probing {
    fn of(args: &Probe) -> Result<Self, Failure> {
        let step = Limits::default().connect.min(args.timeout);
        let limits = Limits {
            connect: step,
            greeting: step,
            handshake: step,
            login: step,
            total: args.timeout,
        };
        let login = match (&args.user, &args.password_file) {
            (Some(user), Some(file)) => Login::Account {
                user: user.clone(),
                password: Password::new(secret(file)?),
            },
            _ => Login::Nobody,
        };
        let trust = match &args.ca {
            Some(file) => {
                let failed = |why: String| Failure::failed(format!("{}: {why}", file.display()));
                let pem = fs::read(file).map_err(|e| failed(e.to_string()))?;
                Trust::from_pem(&pem).map_err(|e| failed(e.to_string()))?
            }
            None => Trust::none(),
        };
        Ok(Self {
            prober: Prober::new(limits),
            login,
            trust,
            names: args.names.clone(),
        })
    }

    /// Probes all targets, so many at a time; the reports come in the order of the targets.
    async fn all(self: Arc<Self>, targets: Vec<Target>, concurrency: usize) -> Vec<Report> {
        let progress = Progress::of(targets.len(), "probed");
        let places = Arc::new(Semaphore::new(concurrency));
        let mut probes = JoinSet::new();
        for (index, target) in targets.into_iter().enumerate() {
            let (probing, places) = (Arc::clone(&self), Arc::clone(&places));
            probes.spawn(async move {
                let place = places.acquire_owned().await;
                let report = probing.one(&target).await;
                drop(place);
                (index, report)
            });
        }
        let mut reports = Vec::with_capacity(probes.len());
        while let Some(done) = probes.join_next().await {
            reports.push(done.expect("a probe neither panics nor is aborted"));
            progress.tell(reports.len());
        }
        progress.end();
        reports.sort_by_key(|(index, _)| *index);
        reports.into_iter().map(|(_, report)| report).collect()
    }

    async fn one(&self, target: &Target) -> Report {
        let observation = self.prober.observe(target, &self.login, &self.trust).await;
        let now = Clock::System.now();
        let mut report = Report::of(target, &observation, &self.trust, &self.names, now);
        if let Some(Reason::NotMySql { saw }) = &observation.reason {
            // Whoever runs this command could connect there as well.
            report.reason =
                format!("this is not a MySQL server: it answered `{saw}`; check the port");
        }
        report
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    let allowed = Duration::from_millis(100)..=Duration::from_secs(300);
    if allowed.contains(&time) {
        Ok(time)
    } else {
        Err("between 100ms and 5m".to_owned())
    }
}
