//! The fleet page of the console over ten thousand instances: how long the server takes, how large it is, and how soon a
//! browser shows something.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::service::{Bench, Data};
use crate::table::{Row, Table, median};

/// How many instances and groups the page is about.
const INSTANCES: usize = 10_000;
/// How often the page is fetched in one round.
const FETCHES: usize = 20;
const TIME_GATE: f64 = 50.0;
const SIZE_GATE: usize = 200_000;
const PAINT_GATE: f64 = 500.0;

/// Fetches the page, over and over, and adds what was measured to the table. `python` is one with Playwright.
///
/// # Errors
/// When the service does not start, or does not answer with a page of the whole fleet.
pub fn measure(
    signet: &Path,
    python: &Path,
    rounds: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    let bench = Bench::prepare(signet, INSTANCES)?;
    let running = bench.run(Data::Fleet, None)?;
    let mut visitor = Visitor::sign_in(running.address, &bench)?;
    table.section("The fleet page of the console, 10,000 instances, all cores");
    for (what, path) in [
        ("the first page", "/console/"),
        (
            "sorted by expiry, the last page",
            "/console/?sort=expires&page=100",
        ),
        ("searched for one", "/console/?search=0000"),
    ] {
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..rounds * FETCHES {
            let (took, length) = visitor.fetch(path)?;
            times.push(took);
            size = length;
        }
        let took = median(times);
        let row = Row::new(
            format!("{what}: request to the last byte"),
            format!("{took:.1} ms"),
        );
        let row = row.beside(format!("{:.0} kB of HTML", size as f64 / 1e3));
        let holds = took <= TIME_GATE && size <= SIZE_GATE;
        table.add(row.gate("≤ 50 ms, ≤ 200 kB", holds));
    }
    let paints = (0..rounds).map(|_| first_paint(python, running.address, &visitor.cookie));
    let paint = median(paints.collect::<anyhow::Result<Vec<_>>>()?);
    let row = Row::new(
        "first contentful paint in Chromium",
        format!("{paint:.0} ms"),
    );
    table.add(row.gate("≤ 500 ms", paint <= PAINT_GATE));
    Ok(())
}

/// A browser without eyes: one connection, and the cookie of a session.
struct Visitor {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    cookie: String,
}

impl Visitor {
    fn sign_in(address: SocketAddr, bench: &Bench) -> anyhow::Result<Self> {
        let secret_key = std::fs::read_to_string(bench.path(Data::Fleet, "secret-key"))?;
        // Both are letters and digits, so the form needs no escapes.
        let form = format!(
            "secret_id={}&secret_key={}",
            bench.secret_id(Data::Fleet)?,
            secret_key.trim()
        );
        let mut visitor = Self {
            address,
            stream: BufReader::new(TcpStream::connect(address)?),
            cookie: String::new(),
        };
        let (head, _) = visitor.exchange(&format!(
            "POST /console/sign-in HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ))?;
        let (_, rest) = head
            .split_once("set-cookie: ")
            .with_context(|| format!("nobody was signed in:\n{head}"))?;
        visitor.cookie = rest.split(';').next().unwrap_or_default().to_owned();
        Ok(visitor)
    }

    /// How many milliseconds a page took, and how many bytes it has.
    fn fetch(&mut self, path: &str) -> anyhow::Result<(f64, usize)> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
            self.address, self.cookie
        );
        let started = Instant::now();
        let (head, body) = self.exchange(&request)?;
        let took = started.elapsed().as_secs_f64() * 1e3;
        ensure!(head.starts_with("HTTP/1.1 200"), "{path}:\n{head}");
        let is_whole = body.ends_with(b"</html>") || body.ends_with(b"</html>\n");
        ensure!(is_whole, "{path}: it breaks off");
        Ok((took, body.len()))
    }

    fn exchange(&mut self, request: &str) -> anyhow::Result<(String, Vec<u8>)> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(
                self.stream.read_line(&mut head)? > 0,
                "the connection closed"
            );
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .context("no content-length")?;
        let mut body = vec![0; length.parse()?];
        self.stream.read_exact(&mut body)?;
        Ok((head, body))
    }
}

/// How many milliseconds after the navigation began a fresh browser showed something.
fn first_paint(python: &Path, address: SocketAddr, cookie: &str) -> anyhow::Result<f64> {
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/first-paint.py"))
        .arg(format!("http://{address}/console/"))
        .arg(cookie)
        .output()
        .with_context(|| format!("{}", python.display()))?;
    ensure!(
        output.status.success(),
        "first-paint.py: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
