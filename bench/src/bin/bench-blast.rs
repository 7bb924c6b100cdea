//! `bench-blast`: the load, as a program of its own, so that it can be pinned to another core than the server under test.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bench::blast::Load;
use bench::request::{self, Signer};
use clap::Parser;

/// Loads a server and prints what was measured as one line of JSON.
#[derive(Parser)]
struct Order {
    /// The server under test.
    #[arg(long)]
    address: SocketAddr,
    /// Its process, for its processor time.
    #[arg(long)]
    server: Option<u32>,
    /// Ask the service for the status of the instances named in this file, one a line; without it, ask a moto server for one instance.
    #[arg(long)]
    instances: Option<PathBuf>,
    /// Who asks.
    #[arg(long, default_value = "")]
    secret_id: String,
    /// The file with the key to sign with.
    #[arg(long)]
    secret_key_file: Option<PathBuf>,
    /// How many connections have a request under way at a time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How many milliseconds of load before measuring begins.
    #[arg(long, default_value_t = 500)]
    warm_up: u64,
    /// How many milliseconds are measured.
    #[arg(long, default_value_t = 3000)]
    duration: u64,
    /// End as soon as standard input does.
    #[arg(long)]
    while_stdin: bool,
}

static ENOUGH: AtomicBool = AtomicBool::new(false);

fn main() -> anyhow::Result<()> {
    let order = Order::parse();
    let (requests, wanted, unwanted) = match &order.instances {
        Some(file) => (order.signed(file)?, "\"Status\"", "\"Error\""),
        None => (
            vec![request::moto_describe_db_instances(
                &order.address.to_string(),
            )],
            "<DBInstanceIdentifier>",
            "<Error>",
        ),
    };
    if order.while_stdin {
        std::thread::spawn(|| {
            // An error ends it as well.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            ENOUGH.store(true, Ordering::Relaxed);
        });
    }
    let load = Load {
        address: order.address,
        requests: &requests,
        connections: order.connections,
        warm_up: Duration::from_millis(order.warm_up),
        duration: Duration::from_millis(order.duration),
        enough: &ENOUGH,
        wanted,
        unwanted,
        server: order.server,
    };
    println!("{}", serde_json::to_string(&load.run()?)?);
    Ok(())
}

impl Order {
    /// One request for each instance in the file, signed now.
    fn signed(&self, instances: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
        let file = self
            .secret_key_file
            .as_ref()
            .context("--secret-key-file is needed to sign")?;
        let key = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        let signer = Signer::new(&self.secret_id, key.trim())?;
        let (host, now) = (self.address.to_string(), lab::now());
        let ids = std::fs::read_to_string(instances)
            .with_context(|| format!("{}", instances.display()))?;
        Ok(ids
            .lines()
            .map(|id| signer.describe_ssl_status(&host, id, now))
            .collect())
    }
}
