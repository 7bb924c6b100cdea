//! `bench-seed`: makes a data folder with a made-up fleet, and two files beside it for the load: the instances and the key.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::Parser;

/// Makes a data folder with many instances that do not exist. Prints the SecretId.
#[derive(Parser)]
struct Order {
    /// The folder, which must not hold data yet.
    #[arg(long)]
    data: PathBuf,
    /// How many two-node instances.
    #[arg(long, default_value_t = 100_000)]
    count: usize,
    /// Where their IDs go, one a line.
    #[arg(long)]
    instances: PathBuf,
    /// Where the SecretKey goes.
    #[arg(long)]
    secret_key_file: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let order = Order::parse();
    let seeded = bench::seed::seed(&order.data, order.count, lab::now()).await?;
    let lines: String = seeded
        .instances
        .iter()
        .map(|id| format!("{id}\n"))
        .collect();
    std::fs::write(&order.instances, lines)?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&order.secret_key_file)?;
    std::io::Write::write_all(&mut file, seeded.key.secret_key.expose().as_bytes())?;
    println!("{}", seeded.key.secret_id);
    Ok(())
}
