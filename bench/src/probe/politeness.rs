//! The proof that probes are polite: a server that locks a host out after three broken connections is probed a thousand times.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::ensure;
use dbtls::{Limits, Login, LoginOutcome, Prober, Reason, Status};
use lab::{Kind, Options};
use tokio::task::JoinSet;

use super::other_tools::s_client;
use super::{CONCURRENCY, Subject, whole};
use crate::table::{Row, Table};

const PROBES: usize = 1000;
/// Servers never count or lock out 127.0.0.1, but they do any other address of loopback.
const PROBER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 9));
const HUNG_UP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 8));

/// Probes both servers a thousand times as each login, and adds to the table what they counted.
///
/// # Errors
/// When a server does not start, or does not lock out who does hang up: then the proof would prove nothing.
pub async fn prove(table: &mut Table) -> anyhow::Result<()> {
    table.section("Politeness: `max_connect_errors=3`, 1,000 probes from 127.0.0.9, 16 at a time");
    for kind in Kind::ALL {
        let subject = Subject::start(kind, Options::new().set("max_connect_errors=3"))?;
        let name = format!("{kind} {}", subject.server.version());
        let account = subject
            .probe_politely(&subject.login, &LoginOutcome::Accepted)
            .await?;
        let row = account.row(format!("{name}: as the probe account"));
        table.add(row.gate(
            "0 refused, +0",
            account.refused == 0 && account.aborted == 0,
        ));
        let nobody = subject
            .probe_politely(&Login::Nobody, &LoginOutcome::Nobody)
            .await?;
        table.add(
            nobody
                .row(format!("{name}: as nobody"))
                .gate("0 refused", nobody.refused == 0),
        );
        let hung_up = subject.hang_up_until_locked_out().await?;
        table.add(Row::new(
            format!("{name}: `openssl s_client` from 127.0.0.8, for comparison"),
            format!("locked out after {hung_up}"),
        ));
    }
    Ok(())
}

struct Counted {
    refused: usize,
    aborted: u64,
}

impl Counted {
    fn row(&self, what: String) -> Row {
        let Self { refused, aborted } = self;
        Row::new(what, format!("{refused} refused")).beside(format!("Aborted_connects +{aborted}"))
    }
}

impl Subject {
    async fn probe_politely(
        &self,
        login: &Login,
        expected: &LoginOutcome,
    ) -> anyhow::Result<Counted> {
        let prober = Arc::new(Prober::new(Limits::default()).from_address(PROBER));
        let before = self.aborted_connects()?;
        let mut workers = JoinSet::new();
        for worker in 0..CONCURRENCY {
            let share = PROBES / CONCURRENCY + usize::from(worker < PROBES % CONCURRENCY);
            let (prober, target, login, trust, expected) = (
                Arc::clone(&prober),
                self.target.clone(),
                login.clone(),
                self.trust.clone(),
                expected.clone(),
            );
            workers.spawn(async move {
                let mut refused = 0;
                for _ in 0..share {
                    let seen = prober.observe(&target, &login, &trust).await;
                    refused += usize::from(whole(&seen, &expected).is_err());
                }
                refused
            });
        }
        let refused = workers.join_all().await.into_iter().sum();
        Ok(Counted {
            refused,
            aborted: self.aborted_connects()? - before,
        })
    }

    fn aborted_connects(&self) -> anyhow::Result<u64> {
        let answer = self
            .server
            .sql("SHOW GLOBAL STATUS LIKE 'Aborted_connects'")?;
        let count = answer
            .split_whitespace()
            .last()
            .and_then(|count| count.parse().ok());
        count.ok_or_else(|| anyhow::anyhow!("no count in {answer:?}"))
    }

    /// Lets another tool hang up after the handshake, until the server will not talk to its address any more.
    async fn hang_up_until_locked_out(&self) -> anyhow::Result<usize> {
        let prober = Prober::new(Limits::default()).from_address(HUNG_UP);
        for count in 1..=10 {
            s_client(&self.server, Some(&HUNG_UP.to_string()))?;
            // Only its greeting is of interest; logging in as nobody does not take the errors back.
            let seen = prober
                .observe(&self.target, &Login::Nobody, &self.trust)
                .await;
            if seen.status == Status::Unknown {
                ensure!(
                    matches!(seen.reason, Some(Reason::Blocked { .. })),
                    "not locked out, but {:?}",
                    seen.reason
                );
                return Ok(count);
            }
        }
        anyhow::bail!(
            "{} lets a host in that hung up ten times: the proof proves nothing",
            self.server.kind()
        )
    }
}
