//! `lab-fake-fleet`: fake servers on many loopback addresses, for tests and benchmarks in another process.
//! NOT real servers.
//!
//! It prints one JSON line with its targets, runs until stdin closes, and then prints one with what its peers
//! did.

use std::fs;
use std::io::Read as _;
use std::process::ExitCode;

use lab::fake::{Behaviour, FakeFleet};
use serde_json::{Value, json};

const USAGE: &str = "\
usage: lab-fake-fleet [--targets FILE] [--root FILE] BEHAVIOUR=COUNT...

  --targets FILE   write the addresses there, one a line
  --root FILE      write the root certificate there";

fn main() -> ExitCode {
    match Order::parse(std::env::args().skip(1)) {
        Ok(order) => {
            serve(&order).map_or_else(|message| complain(&message, 1), |()| ExitCode::SUCCESS)
        }
        Err(message) => {
            let names: Vec<&str> = Behaviour::ALL
                .iter()
                .map(|behaviour| behaviour.name())
                .collect();
            complain(
                &format!("{message}\n{USAGE}\n\nbehaviours: {}", names.join(" ")),
                2,
            )
        }
    }
}

fn complain(message: &str, code: u8) -> ExitCode {
    eprintln!("lab-fake-fleet: {message}");
    ExitCode::from(code)
}

/// What the command line asks for.
#[derive(Default)]
struct Order {
    targets: Option<String>,
    root: Option<String>,
    mix: Vec<(Behaviour, usize)>,
}

impl Order {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut order = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--targets" => {
                    order.targets = Some(arguments.next().ok_or("--targets needs a file")?);
                }
                "--root" => order.root = Some(arguments.next().ok_or("--root needs a file")?),
                share => order.mix.push(parse_share(share)?),
            }
        }
        if order.mix.is_empty() {
            Err("which fakes?".to_owned())
        } else {
            Ok(order)
        }
    }
}

/// Reads `tls=900`.
fn parse_share(text: &str) -> Result<(Behaviour, usize), String> {
    let (name, count) = text
        .split_once('=')
        .ok_or(format!("not BEHAVIOUR=COUNT: {text}"))?;
    let behaviour = Behaviour::named(name).ok_or(format!("no such behaviour: {name}"))?;
    Ok((
        behaviour,
        count
            .parse()
            .map_err(|_| format!("not a number: {count}"))?,
    ))
}

fn serve(order: &Order) -> Result<(), String> {
    let fleet = FakeFleet::start(&order.mix).map_err(|error| error.to_string())?;
    let write = |file: &Option<String>, text: &str| {
        file.as_ref().map_or(Ok(()), |file| {
            fs::write(file, text).map_err(|error| format!("{file}: {error}"))
        })
    };
    let addresses: String = fleet
        .targets()
        .iter()
        .map(|target| format!("{}\n", target.address))
        .collect();
    write(&order.targets, &addresses)?;
    write(&order.root, fleet.root_pem())?;
    let targets: Vec<Value> = fleet
        .targets()
        .iter()
        .map(|target| json!({ "Target": target.address, "Behaviour": target.behaviour.name() }))
        .collect();
    println!("{}", json!({ "Targets": targets }));
    std::io::stdin()
        .read_to_end(&mut Vec::new())
        .map_err(|error| format!("stdin: {error}"))?;
    println!("{}", counts(&fleet));
    Ok(())
}

fn counts(fleet: &FakeFleet) -> Value {
    let of = |behaviour: Behaviour| {
        let counts = fleet.counts(behaviour);
        json!({ "Connections": counts.connections, "Handshakes": counts.handshakes, "Logins": counts.logins, "Quits": counts.quits })
    };
    json!({ "Counts": Behaviour::ALL.iter().map(|&behaviour| (behaviour.name().to_owned(), of(behaviour))).collect::<serde_json::Map<_, _>>() })
}
