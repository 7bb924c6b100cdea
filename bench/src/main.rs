//! `bench`: runs the measurements and prints one table. `bench/run.sh` builds what it needs and starts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bench::service::Bench;
use bench::table::Table;
use bench::{console, criterion, crowd, probe, process, service, switch};
use clap::Parser;

/// What can be run by itself.
const PARTS: [&str; 9] = [
    "criterion",
    "service",
    "edge",
    "start",
    "switch",
    "crowd",
    "console",
    "probe",
    "politeness",
];

/// Runs the measurements and prints one table; fails when a gate is missed.
#[derive(Parser)]
struct Order {
    /// What to run; everything without it.
    #[arg(long, value_delimiter = ',', value_parser = PARTS, default_values = PARTS)]
    only: Vec<String>,
    /// Rounds of which the medians are taken.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Instances in the store.
    #[arg(long, default_value_t = 100_000)]
    instances: usize,
    /// Criterion's folder, filled by `cargo bench -p wire -p ca`.
    #[arg(long)]
    criterion: PathBuf,
    /// The program under test, when it is not the `signet` that was built together with this one.
    #[arg(long)]
    signet: Option<PathBuf>,
    /// The program `moto_server`.
    #[arg(long)]
    moto: PathBuf,
    /// A Python with Playwright, for what a browser shows.
    #[arg(long, default_value = ".cache/e2e/venv/bin/python")]
    python: PathBuf,
    /// Where the table goes, beside standard output.
    #[arg(long)]
    results: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let order = Order::parse();
    let mut table = Table::default();
    let before = machine()?;
    order.run(&mut table)?;
    table.note("Medians of the rounds, in which the programs took turns.");
    let text = format!("# Results\n\n{before}\n\n{}", table.render());
    println!("{text}");
    if let Some(file) = &order.results {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        }
        fs::write(file, &text).with_context(|| format!("{}", file.display()))?;
    }
    let missed = table.missed();
    for what in &missed {
        eprintln!("missed: {what}");
    }
    Ok(if missed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Order {
    fn run(&self, table: &mut Table) -> anyhow::Result<()> {
        if self.wants("criterion") {
            criterion::measure(&self.criterion, table)?;
        }
        if ["service", "edge", "start", "switch", "crowd"]
            .map(|part| self.wants(part))
            .contains(&true)
        {
            self.run_on_the_service(table)?;
        }
        if self.wants("console") {
            console::measure(&self.signet()?, &self.python, self.rounds, table)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        if self.wants("probe") {
            runtime.block_on(probe::measure(self.rounds, table))?;
        }
        if self.wants("politeness") {
            runtime.block_on(probe::prove_politeness(table))?;
        }
        Ok(())
    }

    fn run_on_the_service(&self, table: &mut Table) -> anyhow::Result<()> {
        eprintln!("seeding {} instances", self.instances);
        let bench = Bench::prepare(&self.signet()?, self.instances)?;
        table.note(format!(
            "{} instances are in the store and none of their servers exists: they were written there as if they had been seen, each \
             node with a certificate of its own. The prober's interval is a day, so that it takes no part.",
            self.instances
        ));
        if self.wants("start") {
            service::measure_start(&bench, self.rounds, table)?;
        }
        if self.wants("service") {
            service::measure_throughput(&bench, &self.moto, self.rounds, table)?;
        }
        if self.wants("edge") {
            service::measure_edge(&bench, self.rounds, table)?;
        }
        if self.wants("switch") {
            switch::measure(&bench, self.rounds, table)?;
        }
        if self.wants("crowd") {
            crowd::measure(&bench, self.rounds, table)?;
        }
        Ok(())
    }

    fn signet(&self) -> anyhow::Result<PathBuf> {
        let given = self.signet.clone();
        given.map_or_else(|| process::sibling("signet"), Ok)
    }

    fn wants(&self, what: &str) -> bool {
        self.only.iter().any(|only| only == what)
    }
}

/// When and on what this ran.
fn machine() -> anyhow::Result<String> {
    let date = time::OffsetDateTime::from_unix_timestamp(lab::now())?;
    let date = date.format(time::macros::format_description!(
        "[year]-[month]-[day] [hour]:[minute] UTC"
    ))?;
    let read = |path: &str| fs::read_to_string(Path::new(path)).with_context(|| path.to_owned());
    let cpus = read("/proc/cpuinfo")?;
    let models: Vec<&str> = cpus
        .lines()
        .filter(|line| line.starts_with("model name"))
        .collect();
    let model = models
        .first()
        .and_then(|line| line.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let (kernel, load) = (read("/proc/sys/kernel/osrelease")?, read("/proc/loadavg")?);
    Ok(format!(
        "{date} · {} × {model} · Linux {} · load before it began {}",
        models.len(),
        kernel.trim(),
        load.split_whitespace()
            .take(3)
            .collect::<Vec<_>>()
            .join(", ")
    ))
}
