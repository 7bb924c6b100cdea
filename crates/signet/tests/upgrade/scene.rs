use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab::pki::CertFiles;
use lab::{Host, Kind, Network, Options, Restartable, Server};
use serde_json::{Map, Value, json};

use crate::left::{Left, MARIADB, PLACE, copy};
use crate::support::{Connection, Place, Served, program};

/// An instance that is changed: its first node by SQL, its second by an agent.
pub(crate) const ORDERS: &str = "cdb-c1nl9rpv";
pub(crate) const MYSQL_NODE: &str = "192.0.2.11:3306";
pub(crate) const MARIADB_NODE: &str = "192.0.2.12:3306";
/// An instance that is only watched, with certificates of another authority.
pub(crate) const WATCHED: &str = "cdb-w4tch3d0";
pub(crate) const WATCHED_NODES: [&str; 2] = ["192.0.2.13:3306", "192.0.2.14:3306"];
/// Its RO group.
pub(crate) const GROUP: &str = "cdbrg-w4tch3d0";

/// The probe's and a client's.
const ACCOUNTS: &str = "
CREATE USER probe@'%' IDENTIFIED BY 'probe-secret';
CREATE USER app@'%' IDENTIFIED BY 'secret' REQUIRE SSL;
";

const PATIENCE: Duration = Duration::from_secs(60);

/// The control plane on 192.0.2.1, and four servers with an agent beside one of them. Everything ends with it.
pub(crate) struct Scene {
    served: Option<Served>,
    connection: Option<Connection>,
    agent: Agent,
    pub(crate) mysql: Server,
    pub(crate) mariadb: Restartable,
    _watched: [Server; 2],
    control: Host,
    hosts: [Host; 4],
    _network: Network,
    pub(crate) place: Place,
}

impl Scene {
    /// Without data.
    pub(crate) fn fresh(watched: &CertFiles, configuration: &str) -> Self {
        let network = Network::new().unwrap();
        let control = network.host(1).unwrap();
        let hosts = [11, 12, 13, 14].map(|last| network.host(last).unwrap());
        let place = Place::new();
        fs::write(place.path("signet.toml"), configuration).unwrap();
        let start = |host: &Host, kind, options: Options| {
            let options = options.also_on(host.address()).port(3306);
            host.run(|| Server::start(kind, options.clone()).map(|server| (server, options)))
                .unwrap()
        };
        let (mysql, _) = start(&hosts[0], Kind::MySql, Options::new().tls_auto());
        let (mariadb, options) = start(&hosts[1], Kind::MariaDb, Options::new().tls_auto());
        let mariadb = hosts[1].run(|| Restartable::new(mariadb, options)).unwrap();
        let tls = || Options::new().tls(watched.clone());
        let watched = [
            start(&hosts[2], Kind::MySql, tls()).0,
            start(&hosts[3], Kind::MariaDb, tls()).0,
        ];
        let grants = dbtls::switch::grants("signet", "%");
        mysql
            .sql(&grants.replace("RANDOM PASSWORD", "'secret'"))
            .unwrap();
        for server in [&mysql, &*mariadb.server(), &watched[0], &watched[1]] {
            server.sql(ACCOUNTS).unwrap();
        }
        Self {
            served: None,
            connection: None,
            agent: Agent::new(&place, &mariadb, &agent_program()),
            mysql,
            mariadb,
            _watched: watched,
            control,
            hosts,
            _network: network,
            place,
        }
    }

    /// With what another build left: the servers serve what they served, and nothing runs yet.
    pub(crate) fn restored(left: &Left, agent: &Path) -> Self {
        let watched = CertFiles {
            ca: left.path("watched/ca.pem"),
            cert: left.path("watched/cert.pem"),
            key: left.path("watched/key.pem"),
        };
        Self::restored_beside(left, agent, &watched)
    }

    /// The same, but for the servers that are only watched: they serve this.
    pub(crate) fn restored_beside(left: &Left, agent: &Path, watched: &CertFiles) -> Self {
        let configuration = fs::read_to_string(left.path("signet.toml")).unwrap();
        let mut scene = Self::fresh(watched, &configuration);
        scene.agent.program = agent.to_owned();
        copy(&left.path("control-plane"), &scene.place.path("data"), &[]);
        scene.restore_agent(left);
        scene.restore_mysql(left);
        scene
    }

    fn restore_agent(&self, left: &Left) {
        let (place, mariadb) = (self.place.path(""), self.mariadb.server().dir().to_owned());
        let (place, mariadb) = (place.to_str().unwrap(), mariadb.to_str().unwrap());
        let words = [(PLACE, place.trim_end_matches('/')), (MARIADB, mariadb)];
        for name in ["state", "certificates"] {
            copy(
                &left.path("agent").join(name),
                &self.agent.folder.join(name),
                &words,
            );
        }
        let dropin = self.mariadb.conf().join("99-signet.cnf");
        copy(&left.path("agent/99-signet.cnf"), &dropin, &words);
        let restarted = Command::new(self.mariadb.command()).status().unwrap();
        assert!(restarted.success());
    }

    fn restore_mysql(&self, left: &Left) {
        let files = self.mysql.dir().join("files");
        let mut sql = String::new();
        for (variable, name) in [
            ("ssl_ca", "ca.pem"),
            ("ssl_cert", "cert.pem"),
            ("ssl_key", "key.pem"),
        ] {
            let path = files.join(name);
            copy(&left.path("mysql").join(name), &path, &[]);
            sql.push_str(&format!("SET PERSIST {variable} = '{}';\n", path.display()));
        }
        self.mysql
            .sql(&(sql + "ALTER INSTANCE RELOAD TLS;"))
            .unwrap();
    }

    /// Starts the service and waits until it listens.
    pub(crate) fn serve(&mut self) {
        let (place, address) = (&self.place, self.control.address());
        let served = self.control.run(|| place.serve_on(address.into(), &[]));
        let address = served.address();
        let opened = self.control.run(|| Connection::open(address));
        self.connection = Some(opened.unwrap());
        self.served = Some(served);
    }

    /// Ends the service as an operator does.
    pub(crate) fn stop(&mut self) {
        self.served.take().unwrap().stop();
    }

    /// SIGKILL.
    pub(crate) fn crash(&mut self) {
        self.served.take().unwrap().kill();
    }

    /// Calls an action that must succeed.
    #[track_caller]
    pub(crate) fn call(&mut self, action: &str, parameters: &Value) -> Map<String, Value> {
        let answer = self.try_call(action, parameters);
        assert_eq!(answer.get("Error"), None, "{action} {parameters}");
        answer
    }

    /// Calls an action that may be refused.
    pub(crate) fn try_call(&mut self, action: &str, parameters: &Value) -> Map<String, Value> {
        let connection = self.connection.as_mut().expect("it serves");
        connection.call(action, parameters).unwrap()
    }

    /// Runs a task of the instance that is changed; it must succeed.
    #[track_caller]
    pub(crate) fn task(&mut self, action: &str) {
        let started = self.call(action, &json!({ "InstanceId": ORDERS }));
        let task = started["AsyncRequestId"].as_str().unwrap();
        let connection = self.connection.as_mut().expect("it serves");
        let (state, info) = connection.finish(task);
        assert_eq!(state, "SUCCESS", "{action}: {info}\n{}", self.agent.log());
    }

    /// The oldest task.
    pub(crate) fn first_task(&mut self) -> String {
        let tasks = self.call("DescribeTasks", &json!({ "InstanceId": ORDERS }));
        let first = tasks["Items"].as_array().unwrap().last().unwrap();
        first["AsyncRequestId"].as_str().unwrap().to_owned()
    }

    /// What an instance or group is named with.
    fn named(id: &str) -> Value {
        let name = if id == GROUP {
            "RoGroupId"
        } else {
            "InstanceId"
        };
        json!({ name: id })
    }

    /// `ON` or `OFF`.
    pub(crate) fn status(&mut self, id: &str) -> String {
        self.call("ProbeNow", &Self::named(id));
        let answer = self.call("DescribeSSLStatus", &Self::named(id));
        answer["Status"].as_str().unwrap().to_owned()
    }

    /// The link to the bundle of an instance or group.
    pub(crate) fn link(&mut self, id: &str) -> String {
        let answer = self.call("DescribeSSLStatus", &Self::named(id));
        answer["Url"].as_str().unwrap().to_owned()
    }

    /// A text from the service.
    pub(crate) fn fetch(&self, url: &str) -> String {
        let fetched = self.control.run(|| {
            let mut answer = ureq::get(url).call().map_err(|e| format!("{url}: {e}"))?;
            answer
                .body_mut()
                .read_to_string()
                .map_err(|e| e.to_string())
        });
        fetched.unwrap()
    }

    pub(crate) fn posture(&mut self, id: &str) -> Vec<Value> {
        let posture = self.call("DescribePosture", &Self::named(id));
        posture["Nodes"].as_array().unwrap().clone()
    }

    /// Waits until every node was seen since the start.
    #[track_caller]
    pub(crate) fn wait_until_seen(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        for id in [ORDERS, WATCHED] {
            self.call("ProbeNow", &Self::named(id));
            loop {
                let nodes = self.posture(id);
                if nodes.iter().all(|node| node["Reachable"] == true) {
                    break;
                }
                assert!(Instant::now() < deadline, "never seen: {nodes:?}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// The serial numbers that the two servers of the instance that is changed serve.
    pub(crate) fn serials(&mut self) -> [String; 2] {
        let nodes = self.posture(ORDERS);
        [0, 1].map(|node| {
            nodes[node]["Chain"][0]["Serial"]
                .as_str()
                .unwrap()
                .to_owned()
        })
    }

    /// The client that belongs to each server connects, and checks chain and name with the bundle.
    pub(crate) fn verify(&mut self) {
        let url = self.link(ORDERS).replace(".zip?", ".pem?");
        let ca = self.place.path("bundle.pem");
        fs::write(&ca, self.fetch(&url)).unwrap();
        let mariadb = self.mariadb.server();
        for (server, host) in [(&self.mysql, &self.hosts[0]), (&*mariadb, &self.hosts[1])] {
            let mut client =
                server
                    .installation()
                    .verifying_client(&host.address().to_string(), 3306, &ca);
            client.args(["--user=app", "--password=secret", "-e", "SELECT 1"]);
            let output = host.run(|| client.output()).unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {error}", server.version());
        }
    }

    /// Whether a key pair may call an action; else the code.
    pub(crate) fn may(&self, key: &Value, action: &str, parameters: &Value) -> Result<(), String> {
        let served = self.served.as_ref().expect("it serves").address();
        let mut command = Command::new(program());
        command
            .args([
                "call",
                "signet",
                action,
                "--json",
                &parameters.to_string(),
                "--format",
                "json",
            ])
            .env_clear()
            .env("SIGNET_ENDPOINT", format!("http://{served}"))
            .env("TENCENTCLOUD_SECRET_ID", key["SecretId"].as_str().unwrap())
            .env(
                "TENCENTCLOUD_SECRET_KEY",
                key["SecretKey"].as_str().unwrap(),
            );
        let output = self.control.run(|| command.output()).unwrap();
        if output.status.success() {
            return Ok(());
        }
        let error = String::from_utf8_lossy(&output.stderr);
        let code = error.split([' ', ':']).find(|word| word.contains('.'));
        Err(code.unwrap_or(&error).to_owned())
    }

    /// No line of the audit log was changed.
    pub(crate) fn audit_is_unbroken(&self) {
        let said = self.place.run("audit verify --data data");
        assert!(said.contains("unbroken"), "{said}");
    }
}

/// The agent's program: the one of this build, or another that `SIGNET_AGENT_PROGRAM` names.
pub(crate) fn agent_program() -> PathBuf {
    if let Some(other) = std::env::var_os("SIGNET_AGENT_PROGRAM") {
        return other.into();
    }
    let path = Path::new(env!("CARGO_BIN_EXE_signet")).with_file_name("signet-agent");
    assert!(
        path.is_file(),
        "{} is missing: cargo build --workspace --bins",
        path.display()
    );
    path
}

/// An agent beside the MariaDB. The process is ended with it.
pub(crate) struct Agent {
    program: PathBuf,
    folder: PathBuf,
    running: Option<Child>,
}

impl Agent {
    fn new(place: &Place, database: &Restartable, program: &Path) -> Self {
        let folder = place.path("agent");
        fs::create_dir(&folder).unwrap();
        let config = format!(
            "state = '{0}/state'\nsocket = '{1}'\nuser = 'root'\nfolder = '{0}/certificates'\ndropin = '{2}/99-signet.cnf'\nrestart = ['{3}']\n",
            folder.display(),
            database.server().socket().display(),
            database.conf().display(),
            database.command().display()
        );
        fs::write(folder.join("agent.toml"), config).unwrap();
        Self {
            program: program.to_owned(),
            folder,
            running: None,
        }
    }

    fn command(&self, command: &str) -> Command {
        let mut program = Command::new(&self.program);
        program
            .args([command, "--config"])
            .arg(self.folder.join("agent.toml"))
            .env_clear();
        program
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("agent.log")).unwrap_or_default()
    }

    fn end(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end();
    }
}

impl Scene {
    /// Lets the agent enrol.
    pub(crate) fn enrol_agent(&self, token: &str) {
        let file = self.agent.folder.join("token");
        fs::write(&file, token).unwrap();
        let mut command = self.agent.command("enrol");
        command
            .args(["--server", "https://192.0.2.1:7781", "--token-file"])
            .arg(file);
        let enrolled = self.hosts[1].run(|| command.output()).unwrap();
        let error = String::from_utf8_lossy(&enrolled.stderr);
        assert!(enrolled.status.success(), "{error}");
    }

    /// Starts the agent.
    pub(crate) fn run_agent(&mut self) {
        let path = self.agent.folder.join("agent.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        let mut command = self.agent.command("run");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = self.hosts[1].run(|| command.spawn());
        self.agent.running = Some(child.unwrap());
    }

    /// SIGKILL for the agent.
    pub(crate) fn end_agent(&mut self) {
        self.agent.end();
    }
}
