//! The real control plane, the real agent, and a real MariaDB beside a real MySQL: one instance, changed by both drivers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lab::{Kind, Options, Restartable, Server};
use serde_json::{Value, json};

use crate::support::{Connection, ID, Place, Served, mysql};

/// The agent's program, beside that of the service; it is built with all others before the tests run.
fn program() -> PathBuf {
    let path = crate::support::program().with_file_name("signet-agent");
    assert!(
        path.is_file(),
        "{} is missing: cargo build --workspace --bins",
        path.display()
    );
    path
}

/// An agent and its folders. The process is ended with it.
struct Agent {
    folder: PathBuf,
    running: Option<Child>,
}

impl Agent {
    fn new(place: &Place, database: &Restartable) -> Self {
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
            folder,
            running: None,
        }
    }

    fn command(&self, command: &str) -> Command {
        let mut program = Command::new(program());
        program
            .arg(command)
            .arg("--config")
            .arg(self.folder.join("agent.toml"))
            .env_clear();
        program
    }

    fn enrol(&self, port: u16, token: &str) -> Output {
        let file = self.folder.join("token");
        fs::write(&file, token).unwrap();
        self.command("enrol")
            .args([
                "--server",
                &format!("https://127.0.0.1:{port}"),
                "--force",
                "--token-file",
            ])
            .arg(file)
            .output()
            .unwrap()
    }

    fn run(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("agent.log"))
            .unwrap();
        let child = self
            .command("run")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.running = Some(child.unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.log().contains(text) {
            assert!(
                Instant::now() < deadline,
                "the log never says `{text}`\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("agent.log")).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn address(server: &Server) -> String {
    format!("{}:{}", server.host(), server.port())
}

/// The client that belongs to the server connects, and checks chain and name.
fn verify(server: &Server, ca: &Path) {
    let output = server
        .installation()
        .verifying_client("localhost", server.port(), ca)
        .args(["--user=app", "--password=secret", "-e", "SELECT 1"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", server.version());
}

/// An instance of a MySQL that is changed by SQL and a MariaDB that is changed by an agent.
struct Stage {
    connection: Connection,
    agent: Agent,
    mysql: Server,
    mariadb: Restartable,
    /// The MariaDB, as it is registered.
    second: String,
    /// Where agents enrol.
    port: u16,
    place: Place,
    served: Served,
}

impl Stage {
    /// Registered, and no agent enrolled.
    fn set() -> Self {
        let port = free_port();
        let place = Place::configured(&format!("agents.listen = '127.0.0.1:{port}'"));
        let mysql = mysql();
        let options = Options::new().tls_auto();
        let mariadb = Server::start(Kind::MariaDb, options.clone()).unwrap();
        let mariadb = Restartable::new(mariadb, options).unwrap();
        let app = "CREATE USER app@'%' IDENTIFIED BY 'secret'";
        mysql.sql(app).unwrap();
        mariadb.server().sql(app).unwrap();
        let served = place.serve();
        let second = address(&mariadb.server());
        let mut stage = Self {
            connection: Connection::open(served.address()).unwrap(),
            agent: Agent::new(&place, &mariadb),
            mysql,
            mariadb,
            second,
            port,
            place,
            served,
        };
        stage.register();
        stage
    }

    fn register(&mut self) {
        let nodes = [address(&self.mysql), self.second.clone()];
        let parameters = json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": nodes,
            "DnsNames": ["localhost"], "Driver": "sql", "SqlUser": "signet", "SqlPassword": "secret",
            "NodeDrivers": [{ "Node": self.second, "Driver": "agent" }],
        });
        let registered = self.connection.call("RegisterInstance", &parameters);
        assert_eq!(registered.unwrap()["InstanceId"], ID);
    }

    /// Enrols the agent and lets it run. Answers the token, which is used up.
    fn enrol(&mut self) -> String {
        let parameters = json!({ "InstanceId": ID, "Node": self.second });
        let made = self.connection.call("CreateAgentToken", &parameters);
        let token = made.unwrap()["Token"].as_str().unwrap().to_owned();
        let enrolled = self.agent.enrol(self.port, &token);
        let error = String::from_utf8_lossy(&enrolled.stderr);
        assert!(enrolled.status.success(), "{error}");
        self.agent.run();
        token
    }

    fn start(&mut self, action: &str) -> String {
        let started = self
            .connection
            .call(action, &json!({ "InstanceId": ID }))
            .unwrap();
        let task = started["AsyncRequestId"].as_str();
        task.unwrap_or_else(|| panic!("{started:?}")).to_owned()
    }

    fn succeeds(&mut self, task: &str) {
        let (state, info) = self.connection.finish(task);
        assert_eq!(state, "SUCCESS", "{info}\n{}", self.agent.log());
    }

    /// Both servers are what a client with our root expects.
    fn verify(&mut self) {
        let ca = self.place.keep_authority(&mut self.connection);
        verify(&self.mysql, &ca);
        verify(&self.mariadb.server(), &ca);
    }

    /// What the agent showed who it is with is on the list of what is not to be trusted any more.
    fn revocation_is_listed(&mut self) {
        let revoked = json!({ "State": "revoked" });
        let revoked = self.connection.call("DescribeCertificates", &revoked);
        let serial = revoked.unwrap()["Items"][0]["Serial"].clone();
        let url = format!(
            "http://{}/certificates/authority.crl",
            self.served.address()
        );
        let mut answer = ureq::get(&url).call().unwrap();
        let list = self.place.path("authority.crl");
        fs::write(&list, answer.body_mut().read_to_vec().unwrap()).unwrap();
        let output = Command::new("openssl")
            .args(["crl", "-inform", "DER", "-noout", "-text", "-in"])
            .arg(list)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let entry = format!("Serial Number: {}\n", serial.as_str().unwrap());
        let (_, entry) = text.split_once(&entry).expect("it is on the list");
        assert!(entry.contains("Cessation Of Operation"), "{text}");
    }

    fn drift(&mut self) -> Vec<Value> {
        let posture = self
            .connection
            .call("DescribePosture", &json!({ "InstanceId": ID }));
        let posture = posture.unwrap();
        let nodes = posture["Nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["Drift"].clone()).collect()
    }
}

#[test]
fn an_instance_of_both_drivers_goes_on_rotates_off_and_on_again() {
    let mut stage = Stage::set();
    let token = stage.enrol();
    stage.agent.kill();
    let again = stage.agent.enrol(stage.port, &token);
    let error = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && error.contains("the token is unknown, used up or expired"),
        "{error}"
    );

    stage.agent.run();

    let on = stage.start("OpenSSL");
    stage.succeeds(&on);
    stage.verify();

    let before = stage.mariadb.server().pid();
    let rotated = stage.start("RotateCertificate");
    stage.succeeds(&rotated);
    assert_eq!(
        stage.mariadb.server().pid(),
        before,
        "a rotation needs no restart"
    );
    stage.verify();

    let off = stage.start("CloseSSL");
    stage.succeeds(&off);
    let status = stage
        .connection
        .call("DescribeSSLStatus", &json!({ "InstanceId": ID }));
    assert_eq!(status.unwrap()["Status"], "OFF");

    // The agent dies, and comes back while an order waits for it.
    stage.agent.kill();
    let on = stage.start("OpenSSL");
    stage.agent.run();
    stage.succeeds(&on);
    stage.verify();
    assert_eq!(
        stage.drift(),
        [json!(""), json!("")],
        "nothing differs from what is expected"
    );
}

#[test]
fn an_agent_that_was_revoked_changes_nothing_and_another_can_enrol() {
    let mut stage = Stage::set();
    let second = stage.second.clone();
    let none = format!(
        "`{second}` (checking): no agent is enrolled for `{second}`: make a token (signet agent token) and enrol one on its host"
    );
    let early = stage.start("OpenSSL");
    assert_eq!(
        stage.connection.finish(&early),
        ("FAILED".into(), none.clone())
    );

    stage.enrol();
    let on = stage.start("OpenSSL");
    stage.succeeds(&on);
    let agents = stage.connection.call("DescribeAgents", &json!({})).unwrap();
    let item = &agents["Items"][0];
    assert_eq!(
        (
            &item["Node"],
            &item["Revoked"],
            agents["Items"].as_array().map(Vec::len)
        ),
        (&json!(second), &json!(false), Some(1))
    );

    let revoked = json!({ "AgentId": item["AgentId"] });
    stage.connection.call("RevokeAgent", &revoked).unwrap();
    stage.revocation_is_listed();
    let refused = stage.start("RotateCertificate");
    assert_eq!(stage.connection.finish(&refused), ("FAILED".into(), none));
    stage.verify();
    stage.agent.kill();
    stage.agent.run();
    stage
        .agent
        .wait_for_log("this agent was revoked: enrol again with a new token");
    stage.agent.kill();

    stage.enrol();
    let rotated = stage.start("RotateCertificate");
    stage.succeeds(&rotated);
    stage.verify();
}

#[test]
fn an_authority_is_not_succeeded_before_every_agent_knows_the_next_one() {
    let mut stage = Stage::set();
    stage.enrol();
    let on = stage.start("OpenSSL");
    stage.succeeds(&on);
    let nothing = json!({});
    stage.connection.call("StageAuthority", &nothing).unwrap();
    let refused = stage.connection.call("PromoteAuthority", &nothing).unwrap();
    assert_eq!(
        refused["Error"],
        json!({
            "Code": "OperationDenied",
            "Message": format!(
                "The agents of these nodes do not know the next authority yet: `{}`. An agent learns it when it renews its \
                 certificate; one that enrols again knows it at once.",
                stage.second
            ),
        })
    );

    let agents = stage.connection.call("DescribeAgents", &nothing).unwrap();
    let revoked = json!({ "AgentId": agents["Items"][0]["AgentId"] });
    stage.connection.call("RevokeAgent", &revoked).unwrap();
    stage.agent.kill();
    // Who enrols in the second of the new root counts as enrolled before it.
    let staged = lab::now();
    while lab::now() == staged {
        std::thread::sleep(Duration::from_millis(20));
    }
    stage.enrol();
    let promoted = stage.connection.call("PromoteAuthority", &nothing).unwrap();
    let promoted = &promoted["Authority"];
    let authorities = stage.connection.call("DescribeAuthorities", &nothing);
    assert_eq!(authorities.unwrap()["Items"][0]["Authority"], *promoted);
    let rotated = stage.start("RotateCertificate");
    stage.succeeds(&rotated);
    stage.verify();
}
