/// The agent on a database host.
mod agent;
/// Who answers the demo's questions.
mod asking;
/// The real servers, and the clients that belong to them.
mod servers;

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use clap::Args;
use serde_json::{Value, json};
use server::api::action::Product;
use server::config::AgentsConfig;
use server::service::fresh_key;
use server::{Clock, Config, Entropy, RootKey, Running, Service, StartError};
use tokio::runtime::Runtime;
use wire::SecretKey;

use crate::client::Client;
use crate::failure::Failure;
use crate::profile::Identity;
use crate::show::out;
use crate::signals::Signals;
use crate::switch;
use agent::Agent;
use asking::Asker;
use servers::{Servers, address, another_ca, connect, look_with_openssl};

/// Where the demo listens if nobody else does.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7780);
const ON: &str = "cdb-demo0001";
const OFF: &str = "cdb-demo0002";
const GROUP: &str = "cdbrg-demo0001";

#[derive(Args)]
pub(crate) struct Demo {
    /// Ask through this tccli, the vendor's command line [default: ask with a client of our own]
    #[arg(long, value_name = "FILE", env = "SIGNET_DEMO_TCCLI")]
    tccli: Option<PathBuf>,
    /// End after the last step instead of waiting for Ctrl-C
    #[arg(long)]
    once: bool,
}

/// `signet demo`: the main job on real servers. Everything it starts ends with it, however it ends.
pub(crate) fn run(args: &Demo) -> Result<(), Failure> {
    let runtime = Runtime::new().map_err(Failure::failed)?;
    let interrupt = Interrupt::watch(&runtime)?;
    let folder = tempfile::Builder::new()
        .prefix("signet-demo-")
        .tempdir()
        .map_err(Failure::failed)?;
    let stage = Stage::set(folder.path(), &runtime, &interrupt)?;
    let played = stage.play(args, &interrupt);
    if played.is_ok() {
        out(&stage.invitation())?;
    }
    if played.is_ok() && !args.once {
        out("\nThe servers, the agent and the service run until Ctrl-C.")?;
        interrupt.wait(&runtime);
    }
    let outcome = played.map(drop);
    // What follows takes a second; a reader that is gone is no reason to leave anything running.
    let _ = out("Ending the servers and removing their data.");
    runtime.block_on(stage.running.stop());
    outcome
}

/// Ctrl-C or SIGTERM, seen between two steps.
struct Interrupt {
    is_here: Arc<AtomicBool>,
    watching: Mutex<tokio::task::JoinHandle<()>>,
}

impl Interrupt {
    fn watch(runtime: &Runtime) -> Result<Self, Failure> {
        let is_here = Arc::new(AtomicBool::new(false));
        let _inside = runtime.enter();
        let mut signals = Signals::listen()?;
        let flag = Arc::clone(&is_here);
        let watching = runtime.spawn(async move {
            signals.next().await;
            flag.store(true, Ordering::Relaxed);
        });
        Ok(Self {
            is_here,
            watching: Mutex::new(watching),
        })
    }

    /// Announces a step, unless the demo is to end.
    fn step(&self, text: &str) -> Result<(), Failure> {
        if self.is_here.load(Ordering::Relaxed) {
            return Err(Failure::failed("interrupted"));
        }
        out(text)
    }

    fn wait(&self, runtime: &Runtime) {
        let mut watching = self.watching.lock().expect("one thread plays the demo");
        // It neither panics nor is aborted; were it to, the demo had better end, too.
        let _ = runtime.block_on(&mut *watching);
    }
}

/// What the demo plays with.
struct Stage {
    servers: Servers,
    running: Running,
    client: Client,
    endpoint: String,
    root: RootKey,
    folder: PathBuf,
}

impl Stage {
    /// Where the console is and how to sign in. The key is this demo's own, and ends with it.
    fn invitation(&self) -> String {
        format!(
            "\nThe console: {}/console/\n  sign in with SecretId  {}\n               SecretKey {}",
            self.endpoint,
            self.root.secret_id,
            self.root.secret_key.expose()
        )
    }

    fn set(folder: &Path, runtime: &Runtime, interrupt: &Interrupt) -> Result<Self, Failure> {
        interrupt.step("Starting real servers: an instance with TLS, one without, and a read-only one with TLS.")?;
        let servers = Servers::start(folder)?;
        for server in servers.described() {
            out(&format!("  {server}"))?;
        }
        interrupt.step("Starting Signet, with a fresh data folder.")?;
        let root = fresh_key(&Entropy::System).map_err(Failure::failed)?;
        let running = runtime.block_on(start_service(folder, &root))?;
        let endpoint = running.service.config.link_base(running.address);
        out(&format!("  Signet listens on {endpoint}"))?;
        let RootKey {
            secret_id,
            secret_key,
        } = copy(&root);
        let client = Client::new(Identity {
            endpoint: endpoint.clone(),
            secret_id,
            secret_key,
            ca_file: None,
            region: None,
        })?;
        Ok(Self {
            servers,
            running,
            client,
            endpoint,
            root,
            folder: folder.to_owned(),
        })
    }

    /// Plays it all. The agent goes on working for whoever wants to switch something himself.
    fn play(&self, args: &Demo, interrupt: &Interrupt) -> Result<Agent, Failure> {
        interrupt.step("\n1. Registering the instances and the RO group, over the API")?;
        self.register()?;
        let asker = self.asker(args);
        interrupt.step("\n2. Asking DescribeSSLStatus")?;
        let url = self.ask(&asker, "InstanceId", ON, "ON")?;
        self.ask(&asker, "InstanceId", OFF, "OFF")?;
        self.ask(&asker, "RoGroupId", GROUP, "ON")?;
        interrupt.step("\n3. Downloading the CA bundle from `Url`")?;
        let pem = self.download(&url)?;
        interrupt.step(
            "\n4. Connecting with the bundle, the server's certificate and its name verified",
        )?;
        self.verify(&pem)?;
        interrupt.step("\n5. Switching SSL on where it was off: MySQL by SQL alone, MariaDB by the agent on its host")?;
        let agent = self.enrol_agent()?;
        self.switch_there_and_back(&asker, interrupt)?;
        self.tell_how_to_go_on(&pem)?;
        Ok(agent)
    }

    fn enrol_agent(&self) -> Result<Agent, Failure> {
        let node = address(&self.servers.legacy.server());
        let parameters = json!({ "InstanceId": OFF, "Node": node });
        let made = self
            .client
            .call(Product::Signet, "CreateAgentToken", &parameters)?;
        let made: Value = made.read()?;
        let token = made["Token"].as_str().unwrap_or_default();
        let control_plane = self
            .running
            .agents_address
            .ok_or_else(|| Failure::failed("there is no listener for agents"))?;
        let agent = Agent::start(&self.folder, &self.servers.legacy, control_plane, token)?;
        out(&format!(
            "  signet-agent enrolled for {node}, with a token that is good once"
        ))?;
        Ok(agent)
    }

    /// On, rotated, off, and on again; after each step clients of both servers say what is so.
    fn switch_there_and_back(
        &self,
        asker: &Asker<'_>,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        for (product, action, expected) in [
            (Product::Cdb, "OpenSSL", "ON"),
            (Product::Signet, "RotateCertificate", "ON"),
            (Product::Cdb, "CloseSSL", "OFF"),
            (Product::Cdb, "OpenSSL", "ON"),
        ] {
            interrupt.step(&format!("  {action} {OFF}"))?;
            let answer = self
                .client
                .call(product, action, &json!({ "InstanceId": OFF }))?;
            let ended = switch::follow(&self.client, &answer)?;
            if !ended.succeeded {
                return Err(Failure::failed(format!("{action}: {}", ended.info)));
            }
            out(&format!("    {}", ended.info))?;
            let url = self.ask(asker, "InstanceId", OFF, expected)?;
            if expected == "ON" {
                let pem = self.download(&url)?;
                self.verify_one(&self.servers.off, &pem)?;
                self.verify_one(&self.servers.legacy.server(), &pem)?;
            }
        }
        Ok(())
    }

    fn register(&self) -> Result<(), Failure> {
        let nodes = self.servers.on.each_ref().map(address);
        let observed = json!({ "InstanceId": ON, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes });
        self.call("RegisterInstance", &observed)?;
        self.call("RegisterInstance", &self.switchable()?)?;
        let nodes = [address(&self.servers.read_only)];
        let group = json!({ "InstanceId": ON, "RoGroupId": GROUP, "RoGroupName": "reports", "Nodes": nodes });
        self.call("RegisterRoGroup", &group)?;
        // The first probes are under way already; this answers when every node was seen.
        self.call("ProbeNow", &json!({ "InstanceId": ON }))?;
        self.call("ProbeNow", &json!({ "InstanceId": OFF }))?;
        self.call("ProbeNow", &json!({ "RoGroupId": GROUP }))?;
        out(&format!(
            "  {ON} (orders), {OFF} (legacy), {GROUP} (reports, of orders)"
        ))
    }

    /// The instance that is going to be switched, with an account for it on its first node.
    fn switchable(&self) -> Result<Value, Failure> {
        let servers = &self.servers;
        let legacy = address(&servers.legacy.server());
        let password = Entropy::System.name(32);
        let grants = dbtls::switch::grants("signet", "127.0.0.1");
        let grants = grants.replace("RANDOM PASSWORD", &format!("'{password}'"));
        let localhost = grants.replace("127.0.0.1", "localhost");
        servers
            .off
            .sql(&format!("{grants}{localhost}"))
            .map_err(Failure::failed)?;
        Ok(json!({
            "InstanceId": OFF, "InstanceName": "legacy", "Architecture": "two-node", "Nodes": [address(&servers.off), legacy],
            "Driver": "sql", "SqlUser": "signet", "SqlPassword": password,
            "NodeDrivers": [{ "Node": legacy, "Driver": "agent" }],
        }))
    }

    fn call(&self, action: &str, parameters: &Value) -> Result<(), Failure> {
        self.client
            .call(Product::Signet, action, parameters)
            .map(drop)
    }

    fn asker<'a>(&'a self, args: &'a Demo) -> Asker<'a> {
        match &args.tccli {
            Some(program) => Asker::Tccli {
                program,
                endpoint: &self.endpoint,
                root: &self.root,
                home: &self.folder,
            },
            None => Asker::Own(&self.client),
        }
    }

    /// Asks, checks the answer and returns the link in it.
    fn ask(
        &self,
        asker: &Asker<'_>,
        parameter: &str,
        id: &str,
        expected: &str,
    ) -> Result<String, Failure> {
        let answer = asker.describe_ssl_status(parameter, id)?;
        let status = answer["Status"].as_str().unwrap_or_default();
        if status != expected {
            return Err(Failure::failed(format!(
                "{id} should be {expected}, and the answer is {answer}"
            )));
        }
        out(&format!(
            "  {id}: {} (asked with {asker})",
            answer["Status"]
        ))?;
        Ok(answer["Url"].as_str().unwrap_or_default().to_owned())
    }

    /// Fetches the archive, and the PEM file that stands beside it under the same link.
    fn download(&self, url: &str) -> Result<PathBuf, Failure> {
        let archive = self.client.fetch(url)?;
        if !archive.starts_with(b"PK") {
            return Err(Failure::failed(format!("{url} is no ZIP archive")));
        }
        fs::write(self.folder.join("TencentDB-CA-Chain.zip"), &archive).map_err(Failure::failed)?;
        out(&format!("  {} bytes from {url}", archive.len()))?;
        let url = url.replace("TencentDB-CA-Chain.zip", "TencentDB-CA-Chain.pem");
        let path = self.folder.join("TencentDB-CA-Chain.pem");
        fs::write(&path, self.client.fetch(&url)?).map_err(Failure::failed)?;
        out(&format!("  and the PEM file beside it: {}", path.display()))?;
        Ok(path)
    }

    /// Both servers are let in with the bundle, and neither with another CA.
    fn verify(&self, pem: &Path) -> Result<(), Failure> {
        let other = another_ca(&self.folder)?;
        for server in &self.servers.on {
            self.verify_one(server, pem)?;
            let (kind, address) = (server.kind(), address(server));
            if connect(server, &other).is_ok() {
                return Err(Failure::failed(format!(
                    "the {kind} client accepts {address} with another CA, so it verifies nothing"
                )));
            }
            out(&format!(
                "  {kind} client → {address}: refused with another CA, as it should be"
            ))?;
        }
        Ok(())
    }

    fn verify_one(&self, server: &lab::Server, pem: &Path) -> Result<(), Failure> {
        let (kind, address) = (server.kind(), address(server));
        let version = connect(server, pem)
            .map_err(|e| Failure::failed(format!("{address} does not verify: {e}")))?;
        out(&format!("  {kind} client → {address}: {version}, verified"))?;
        look_with_openssl(server, pem)?;
        out(&format!(
            "  openssl s_client -starttls mysql → {address}: verified"
        ))
    }

    fn tell_how_to_go_on(&self, pem: &Path) -> Result<(), Failure> {
        let program = std::env::current_exe().map_err(Failure::failed)?;
        let [node, _] = &self.servers.on;
        out(&format!(
            "\nEverything held. To go on, in another terminal:\n\n  \
               export SIGNET_ENDPOINT={endpoint}\n  \
               export TENCENTCLOUD_SECRET_ID={secret_id}\n  \
               export TENCENTCLOUD_SECRET_KEY={secret_key}\n  \
               alias signet={program}\n\n  \
               signet status --all                     # who encrypts\n  \
               signet status {ON}              # what an API client is told\n  \
               signet posture {ON}             # what each node was seen to do\n  \
               signet tasks                            # what was changed\n  \
               signet probe {node} --ca {pem}\n  \
               signet instance add --help              # register servers of your own",
            endpoint = self.endpoint,
            secret_id = self.root.secret_id,
            secret_key = self.root.secret_key.expose(),
            program = program.display(),
            node = address(node),
            pem = pem.display(),
        ))
    }
}

/// A key for each who signs with it: there is no cloning of secrets by accident.
fn copy(root: &RootKey) -> RootKey {
    RootKey {
        secret_id: root.secret_id.clone(),
        secret_key: SecretKey::new(root.secret_key.expose()),
    }
}

/// The usual port if it is free, else any: another demo may run beside this one.
async fn start_service(folder: &Path, root: &RootKey) -> Result<Running, Failure> {
    let started = match start_service_at(LISTEN.port(), folder, root).await {
        Err(StartError::Listen { cause, .. }) if cause.kind() == ErrorKind::AddrInUse => {
            start_service_at(0, folder, root).await
        }
        started => started,
    };
    started.map_err(Failure::failed)
}

async fn start_service_at(port: u16, folder: &Path, root: &RootKey) -> Result<Running, StartError> {
    let config = Config {
        listen: SocketAddr::new(LISTEN.ip(), port),
        data: folder.join("signet-data"),
        agents: AgentsConfig {
            listen: Some(SocketAddr::new(LISTEN.ip(), 0)),
            ..AgentsConfig::default()
        },
        ..Config::default()
    };
    Service::start(config, Clock::System, Entropy::System, Some(copy(root))).await
}
