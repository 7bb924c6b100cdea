use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use lab::pki::{Authority, CertFiles, Leaf};
use lab::{Installation, Kind, Options};
use serde_json::{Value, json};
use server::api::action::Product;
use server::service::fresh_key;
use server::{Clock, Config, Entropy, RootKey, Running, Service};
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::failure::Failure;
use crate::profile::Identity;

/// Where the demo listens if nobody else does.
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7780);
const ON: &str = "cdb-demo0001";
const OFF: &str = "cdb-demo0002";
const GROUP: &str = "cdbrg-demo0001";

#[derive(Args)]
pub(crate) struct Demo {
    /// Ask through this tccli, the vendor's command line [default: ask with a client of our own]
    #[arg(long, value_name = "FILE")]
    tccli: Option<PathBuf>,
    /// End after the last step instead of waiting for Ctrl-C
    #[arg(long)]
    once: bool,
}

/// `signet demo`: the main job on real servers. Everything it starts ends with it.
pub(crate) fn run(args: &Demo) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(Failure::failed)?;
    let runtime = Runtime::new().map_err(Failure::failed)?;
    let interrupted = runtime.spawn(tokio::signal::ctrl_c());
    let demo = Stage::set(folder.path(), &runtime)?;
    let outcome = demo.play(args);
    if outcome.is_ok() && !args.once {
        say("\nThe servers and the service run until Ctrl-C.")?;
        // Whether the signal came or could not be waited for: it is over.
        let _ = runtime.block_on(interrupted);
        say("Ending the servers and removing their data.")?;
    }
    runtime.block_on(demo.running.stop());
    outcome
}

/// What the demo plays with.
struct Stage {
    fleet: Fleet,
    running: Running,
    client: Client,
    endpoint: String,
    secret_id: String,
    secret_key: String,
    folder: PathBuf,
}

/// The real servers.
struct Fleet {
    on: [lab::Server; 2],
    off: [lab::Server; 2],
    read_only: lab::Server,
}

impl Stage {
    fn set(folder: &Path, runtime: &Runtime) -> Result<Self, Failure> {
        say("Starting real servers: two with TLS, two without, and a read-only one with TLS.")?;
        let fleet = Fleet::start(folder)?;
        for server in fleet.all() {
            say(&format!(
                "  {} {} on {}",
                server.kind(),
                server.version(),
                address(server)
            ))?;
        }
        let key = fresh_key(&Entropy::System).map_err(Failure::failed)?;
        let (secret_id, secret_key) = (
            key.secret_id.to_string(),
            key.secret_key.expose().to_owned(),
        );
        let root = RootKey {
            secret_id: key.secret_id.clone(),
            secret_key: wire::SecretKey::new(secret_key.clone()),
        };
        let running = runtime.block_on(start_service(folder, root))?;
        let endpoint = running.service.config.link_base(running.address);
        say(&format!("Signet listens on {endpoint}"))?;
        let identity = Identity {
            endpoint: endpoint.clone(),
            secret_id: key.secret_id,
            secret_key: key.secret_key,
            ca_file: None,
            region: None,
        };
        let client = Client::new(identity)?;
        Ok(Self {
            fleet,
            running,
            client,
            endpoint,
            secret_id,
            secret_key,
            folder: folder.to_owned(),
        })
    }

    fn play(&self, args: &Demo) -> Result<(), Failure> {
        say("\n1. Registering the instances and the RO group")?;
        self.register()?;
        say("\n2. Asking DescribeSSLStatus")?;
        let url = self.ask(args, "InstanceId", ON, "ON")?;
        self.ask(args, "InstanceId", OFF, "OFF")?;
        self.ask(args, "RoGroupId", GROUP, "ON")?;
        say("\n3. Downloading the CA bundle from Url")?;
        let pem = self.download(&url)?;
        say("\n4. Connecting with the bundle, the server's certificate and name verified")?;
        for server in &self.fleet.on {
            connect(server, &pem)?;
        }
        self.tell_how_to_go_on()
    }

    fn register(&self) -> Result<(), Failure> {
        let instance = |id: &str, name: &str, nodes: &[lab::Server; 2]| json!({ "InstanceId": id, "InstanceName": name, "Architecture": "two-node", "Nodes": nodes.each_ref().map(address) });
        self.call("RegisterInstance", &instance(ON, "orders", &self.fleet.on))?;
        self.call(
            "RegisterInstance",
            &instance(OFF, "legacy", &self.fleet.off),
        )?;
        let group = json!({ "InstanceId": ON, "RoGroupId": GROUP, "RoGroupName": "reports", "Nodes": [address(&self.fleet.read_only)] });
        self.call("RegisterRoGroup", &group)?;
        // The first probe is under way already; this waits until every node was seen.
        for subject in [
            json!({ "InstanceId": ON }),
            json!({ "InstanceId": OFF }),
            json!({ "RoGroupId": GROUP }),
        ] {
            self.call("ProbeNow", &subject)?;
        }
        say(&format!(
            "  {ON} (orders), {OFF} (legacy), {GROUP} (reports, of orders)"
        ))
    }

    fn call(&self, action: &str, parameters: &Value) -> Result<Value, Failure> {
        self.client
            .call(Product::Signet, action, parameters)?
            .read()
    }

    /// Asks one question, checks the answer and returns its link.
    fn ask(
        &self,
        args: &Demo,
        parameter: &str,
        id: &str,
        expected: &str,
    ) -> Result<String, Failure> {
        let answer: Value = match &args.tccli {
            Some(tccli) => self.ask_tccli(tccli, parameter, id)?,
            None => self
                .client
                .call(Product::Cdb, "DescribeSSLStatus", &json!({ parameter: id }))?
                .read()?,
        };
        let client = if args.tccli.is_some() {
            "tccli"
        } else {
            "our own client; --tccli names the vendor's"
        };
        say(&format!(
            "  {id}: {} (asked with {client})",
            answer["Status"]
        ))?;
        if answer["Status"] != expected {
            return Err(Failure::failed(format!(
                "{id} should be {expected}: {answer}"
            )));
        }
        Ok(answer["Url"].as_str().unwrap_or_default().to_owned())
    }

    /// The vendor's command line, unmodified; it keeps its files in the demo's folder.
    fn ask_tccli(&self, tccli: &Path, parameter: &str, id: &str) -> Result<Value, Failure> {
        let output = Command::new(tccli)
            .args([
                "cdb",
                "DescribeSSLStatus",
                "--region",
                "ap-guangzhou",
                "--endpoint",
                &self.endpoint,
            ])
            .args([&format!("--{parameter}"), id])
            .env("HOME", &self.folder)
            .env("TENCENTCLOUD_SECRET_ID", &self.secret_id)
            .env("TENCENTCLOUD_SECRET_KEY", &self.secret_key)
            .output()
            .map_err(|e| Failure::failed(format!("{}: {e}", tccli.display())))?;
        if !output.status.success() {
            return Err(Failure::failed(format!(
                "tccli: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|e| Failure::failed(format!("tccli answered no JSON: {e}")))
    }

    /// Fetches the archive, and the PEM file that stands beside it under the same link.
    fn download(&self, url: &str) -> Result<PathBuf, Failure> {
        let archive = fetch(url)?;
        if !archive.starts_with(b"PK") {
            return Err(Failure::failed(format!("{url} is no ZIP archive")));
        }
        fs::write(self.folder.join("TencentDB-CA-Chain.zip"), &archive).map_err(Failure::failed)?;
        let pem = fetch(&url.replace("TencentDB-CA-Chain.zip", "TencentDB-CA-Chain.pem"))?;
        let path = self.folder.join("TencentDB-CA-Chain.pem");
        fs::write(&path, &pem).map_err(Failure::failed)?;
        say(&format!("  {} bytes from {url}", archive.len()))?;
        Ok(path)
    }

    fn tell_how_to_go_on(&self) -> Result<(), Failure> {
        let Self {
            endpoint,
            secret_id,
            secret_key,
            ..
        } = self;
        say(&format!(
            "\nEverything held. To go on, in another terminal:\n\n\
             \x20 export SIGNET_ENDPOINT={endpoint}\n\
             \x20 export TENCENTCLOUD_SECRET_ID={secret_id}\n\
             \x20 export TENCENTCLOUD_SECRET_KEY={secret_key}\n\n\
             \x20 signet status --all                 who encrypts\n\
             \x20 signet posture {ON}        what each node was seen to do\n\
             \x20 signet status {OFF}         what an API client is told\n\
             \x20 signet probe {}       a look without the service\n\
             \x20 signet instance add --help          register servers of your own",
            address(&self.fleet.on[0]),
        ))
    }
}

impl Fleet {
    fn start(folder: &Path) -> Result<Self, Failure> {
        let now = Clock::System.now();
        let authority = Authority::root("Signet demo root", now).map_err(Failure::failed)?;
        let issue = |name: &str| -> Result<CertFiles, Failure> {
            let place = folder.join(name);
            fs::create_dir_all(&place).map_err(Failure::failed)?;
            let issued = authority
                .issue(&Leaf::for_loopback(now))
                .map_err(Failure::failed)?;
            issued.write_to(&place).map_err(Failure::failed)
        };
        let start = |kind, options| lab::Server::start(kind, options).map_err(Failure::failed);
        let with_tls = |name| issue(name).map(|files| Options::new().tls(files));
        Ok(Self {
            on: [
                start(Kind::MySql, with_tls("on-1")?)?,
                start(Kind::MariaDb, with_tls("on-2")?)?,
            ],
            off: [
                start(Kind::MySql, Options::new())?,
                start(Kind::MariaDb, Options::new())?,
            ],
            read_only: start(Kind::MariaDb, with_tls("read-only")?)?,
        })
    }

    fn all(&self) -> impl Iterator<Item = &lab::Server> {
        self.on
            .iter()
            .chain(&self.off)
            .chain(std::iter::once(&self.read_only))
    }
}

/// The usual port if it is free, else any.
async fn start_service(folder: &Path, root: RootKey) -> Result<Running, Failure> {
    let is_free = tokio::net::TcpListener::bind(LISTEN).await.is_ok();
    let listen = if is_free {
        LISTEN
    } else {
        SocketAddr::new(LISTEN.ip(), 0)
    };
    let config = Config {
        listen,
        data: folder.join("signet-data"),
        ..Config::default()
    };
    Service::start(config, Clock::System, Entropy::System, Some(root))
        .await
        .map_err(Failure::failed)
}

fn address(server: &lab::Server) -> String {
    format!("{}:{}", server.host(), server.port())
}

fn fetch(url: &str) -> Result<Vec<u8>, Failure> {
    let failed = |e: ureq::Error| Failure::failed(format!("{url}: {e}"));
    ureq::get(url)
        .call()
        .map_err(failed)?
        .body_mut()
        .read_to_vec()
        .map_err(failed)
}

/// Connects as an application would: encrypted, the chain and the host name verified.
fn connect(server: &lab::Server, pem: &Path) -> Result<(), Failure> {
    const STATEMENT: &str = "SHOW STATUS LIKE 'Ssl_version'";
    server
        .sql("CREATE USER 'app'@'%' IDENTIFIED BY 'demo'")
        .map_err(Failure::failed)?;
    let installation = Installation::locate(server.kind()).map_err(Failure::failed)?;
    let output = installation
        .verifying_client(server.host(), server.port(), pem)
        .args([
            "--user=app",
            "--password=demo",
            "--skip-column-names",
            "--execute",
            STATEMENT,
        ])
        .output()
        .map_err(Failure::failed)?;
    let answer = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !answer.contains("TLSv1.") {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::failed(format!(
            "{} does not verify: {error}",
            address(server)
        )));
    }
    say(&format!(
        "  {} client → {}: {}",
        server.kind(),
        address(server),
        answer.trim().replace('\t', " ")
    ))
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(Failure::failed)
}
