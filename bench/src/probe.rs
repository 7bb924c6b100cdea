//! The probe beside `openssl s_client` and the command-line client, on real servers; and the proof that it is polite.

mod other_tools;
mod politeness;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use dbtls::{Limits, Login, LoginOutcome, Observation, Password, Prober, Status, Target, Trust};
use lab::fake::{Behaviour, FakeFleet};
use lab::pki::{Authority, Leaf};
use lab::{Kind, Options, Server};
use tokio::task::JoinSet;

use crate::process::{cpu_time, cpu_time_of_children};
use crate::table::{Row, Table, median};

pub use politeness::prove as prove_politeness;

/// How many probes are under way at a time.
const CONCURRENCY: usize = 16;
/// How long each way of checking is measured in each round.
const ROUND: Duration = Duration::from_millis(1500);
/// How many times as many checks as `openssl s_client` in a loop.
const GATE: f64 = 50.0;
/// How many fakes.
const FAKES: usize = 1000;
/// The account that probes log in with.
const USER: &str = "signet_probe";
const PASSWORD: &str = "Only-for-this-run-1";

/// Measures `rounds` times on one MySQL and one MariaDB, and on the fake fleet, and adds the rates to the table.
///
/// # Errors
/// When a server does not start, or one check does not find what is there.
pub async fn measure(rounds: usize, table: &mut Table) -> anyhow::Result<()> {
    table.section("Checks of one server's TLS a second; both cores, the server on them as well");
    for kind in Kind::ALL {
        // The other tool hangs up before it has logged in. With the default of 100 the server would lock us out in its second round.
        let subject = Subject::start(kind, Options::new().set("max_connect_errors=4294967295"))?;
        subject.measure(rounds, table).await?;
    }
    measure_fakes(rounds, table).await
}

/// A server to be checked.
struct Subject {
    server: Server,
    target: Target,
    trust: Trust,
    login: Login,
    // Holds the server's certificate.
    _files: tempfile::TempDir,
}

impl Subject {
    /// Starts a server with an EC certificate and a probe account.
    fn start(kind: Kind, options: Options) -> anyhow::Result<Self> {
        let (folder, now) = (tempfile::tempdir()?, lab::now());
        let authority = Authority::root("Bench root", now)?;
        let files = authority
            .issue(&Leaf::for_loopback(now))?
            .write_to(folder.path())?;
        let server = Server::start(kind, options.tls(files))?;
        server.sql(&format!(
            "CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'"
        ))?;
        Ok(Self {
            target: format!("{}:{}", server.host(), server.port()).parse()?,
            trust: Trust::from_pem(authority.root_pem().as_bytes())?,
            login: Login::Account {
                user: USER.to_owned(),
                password: Password::new(PASSWORD.to_owned()),
            },
            server,
            _files: folder,
        })
    }

    async fn measure(&self, rounds: usize, table: &mut Table) -> anyhow::Result<()> {
        let (mut account, mut nobody, mut openssl, mut cli) = (vec![], vec![], vec![], vec![]);
        for _ in 0..rounds {
            account.push(self.probes(&self.login, &LoginOutcome::Accepted).await?);
            openssl.push(timed(|| other_tools::openssl(&self.server))?);
            nobody.push(self.probes(&Login::Nobody, &LoginOutcome::Nobody).await?);
            cli.push(timed(|| other_tools::command_line_client(&self.server))?);
        }
        let name = format!("{} {}", self.server.kind(), self.server.version());
        let of_openssl = rate(&openssl);
        table.add(row(
            &format!("{name}: `openssl s_client -starttls mysql` in a loop"),
            &openssl,
            of_openssl,
        ));
        table.add(row(
            &format!("{name}: its command-line client in a loop"),
            &cli,
            of_openssl,
        ));
        for (who, checks) in [("the probe account", &account), ("nobody", &nobody)] {
            let row = row(
                &format!("{name}: the probe as {who}, {CONCURRENCY} at a time"),
                checks,
                of_openssl,
            );
            table.add(row.gate("≥ 50× openssl", rate(checks) >= GATE * of_openssl));
        }
        Ok(())
    }

    /// Probes the one server for a round. The rule of one probe at a time for one server is broken here, to see how far it goes.
    async fn probes(&self, login: &Login, expected: &LoginOutcome) -> anyhow::Result<Checks> {
        let prober = Arc::new(Prober::new(Limits::default()));
        let end = Instant::now() + ROUND;
        let mut meter = Meter::start(cpu_time)?;
        let mut workers = JoinSet::new();
        for _ in 0..CONCURRENCY {
            let (prober, target, login, trust, expected) = (
                Arc::clone(&prober),
                self.target.clone(),
                login.clone(),
                self.trust.clone(),
                expected.clone(),
            );
            workers.spawn(async move {
                let mut count = 0;
                while Instant::now() < end {
                    whole(&prober.observe(&target, &login, &trust).await, &expected)?;
                    count += 1;
                }
                anyhow::Ok(count)
            });
        }
        while let Some(count) = workers.join_next().await {
            meter.count += count??;
        }
        meter.stop()
    }
}

/// Every probe must have seen TLS with a certificate, and have logged in as it should: a cheaper answer would be no answer.
fn whole(seen: &Observation, login: &LoginOutcome) -> anyhow::Result<()> {
    let has_chain = seen
        .tls
        .as_ref()
        .is_some_and(|tls| !tls.chain.is_empty() && tls.signature_checked);
    ensure!(
        seen.status == Status::On && has_chain && seen.login == *login,
        "a probe saw {seen:?}"
    );
    Ok(())
}

fn timed(check: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Checks> {
    let end = Instant::now() + ROUND;
    let mut meter = Meter::start(cpu_time_of_children)?;
    while Instant::now() < end {
        check()?;
        meter.count += 1;
    }
    meter.stop()
}

/// Checks made in some time.
struct Checks {
    count: u64,
    seconds: f64,
    /// Processor time of whoever checks, in seconds; the server's is not in it.
    cpu: f64,
}

struct Meter {
    began: Instant,
    before: Duration,
    cpu: fn(u32) -> anyhow::Result<Duration>,
    count: u64,
}

impl Meter {
    /// Starts. `cpu` is [`cpu_time`] when we check ourselves, and [`cpu_time_of_children`] when other programs do.
    fn start(cpu: fn(u32) -> anyhow::Result<Duration>) -> anyhow::Result<Self> {
        Ok(Self {
            began: Instant::now(),
            before: cpu(std::process::id())?,
            cpu,
            count: 0,
        })
    }

    fn stop(&self) -> anyhow::Result<Checks> {
        let cpu = (self.cpu)(std::process::id())?.saturating_sub(self.before);
        ensure!(self.count > 0, "not one check was made");
        Ok(Checks {
            count: self.count,
            seconds: self.began.elapsed().as_secs_f64(),
            cpu: cpu.as_secs_f64(),
        })
    }
}

fn rate(checks: &[Checks]) -> f64 {
    median(
        checks
            .iter()
            .map(|checks| checks.count as f64 / checks.seconds),
    )
}

fn row(what: &str, checks: &[Checks], of_openssl: f64) -> Row {
    let rate = rate(checks);
    let cpu = median(
        checks
            .iter()
            .map(|checks| checks.cpu * 1e3 / checks.count as f64),
    );
    Row::new(what, format!("{rate:.0}/s")).beside(format!(
        "{:.1}× · {cpu:.2} ms CPU of the client",
        rate / of_openssl
    ))
}

/// A thousand addresses of one program, which are no servers: what the probe itself can do, with nobody asked too often.
async fn measure_fakes(rounds: usize, table: &mut Table) -> anyhow::Result<()> {
    let fleet = FakeFleet::start(&[(Behaviour::Tls, FAKES)])?;
    let targets: Vec<Target> = fleet
        .targets()
        .iter()
        .map(|target| target.address.to_string().parse())
        .collect::<Result<_, _>>()?;
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let began = Instant::now();
        probe_each(&targets).await?;
        rates.push(targets.len() as f64 / began.elapsed().as_secs_f64());
    }
    let count = fleet.counts(Behaviour::Tls);
    let expected = (rounds * FAKES) as u64;
    ensure!(
        count.handshakes == expected && count.logins == expected,
        "{expected} probes were {count:?}"
    );
    let what = format!("{FAKES} fake servers of one program: the probe as nobody, 64 at a time");
    table.add(
        Row::new(what, format!("{:.0}/s", median(rates)))
            .beside("the fakes run in the same process"),
    );
    Ok(())
}

async fn probe_each(targets: &[Target]) -> anyhow::Result<()> {
    let prober = Arc::new(Prober::new(Limits::default()));
    let mut under_way = JoinSet::new();
    for target in targets {
        if under_way.len() >= 64 {
            check_one(under_way.join_next().await)?;
        }
        let (prober, target) = (Arc::clone(&prober), target.clone());
        under_way.spawn(async move {
            prober
                .observe(&target, &Login::Nobody, &Trust::none())
                .await
        });
    }
    while !under_way.is_empty() {
        check_one(under_way.join_next().await)?;
    }
    Ok(())
}

fn check_one(ended: Option<Result<Observation, tokio::task::JoinError>>) -> anyhow::Result<()> {
    ended.map_or(Ok(()), |seen| whole(&seen?, &LoginOutcome::Nobody))
}
