//! The real control plane, the real agent, and a real MariaDB beside a real MySQL: one instance, changed by both drivers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use lab::{Kind, Options, Restartable, Server};
use serde_json::{Value, json};

use crate::support::{Connection, Place};

const ID: &str = "cdb-c1nl9rpv";

/// The agent's program; it is built with all others before the tests run.
fn program() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_signet")).with_file_name("signet-agent");
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

fn succeeds(connection: &mut Connection, action: &str, agent: &Agent) {
    let started = connection
        .call(action, &json!({ "InstanceId": ID }))
        .unwrap();
    let task = started["AsyncRequestId"]
        .as_str()
        .unwrap_or_else(|| panic!("{started:?}"));
    let (state, info) = connection.finish(task);
    assert_eq!(state, "SUCCESS", "{action}: {info}\n{}", agent.log());
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

#[test]
fn an_instance_of_both_drivers_goes_on_rotates_off_and_on_again() {
    let port = free_port();
    let place = Place::configured(&format!("agents.listen = '127.0.0.1:{port}'"));
    let mysql = Server::start(Kind::MySql, Options::new()).unwrap();
    mysql
        .sql(&dbtls::switch::grants("signet", "%").replace("RANDOM PASSWORD", "'secret'"))
        .unwrap();
    let options = Options::new().tls_auto();
    let mariadb = Server::start(Kind::MariaDb, options.clone()).unwrap();
    let mariadb = Restartable::new(mariadb, options).unwrap();
    let app = "CREATE USER app@'%' IDENTIFIED BY 'secret'";
    mysql.sql(app).unwrap();
    mariadb.server().sql(app).unwrap();

    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let second = address(&mariadb.server());
    let registered = connection.call(
        "RegisterInstance",
        &json!({
            "InstanceId": ID, "InstanceName": "orders", "Architecture": "two-node", "Nodes": [address(&mysql), second],
            "DnsNames": ["localhost"], "Driver": "sql", "SqlUser": "signet", "SqlPassword": "secret",
            "NodeDrivers": [{ "Node": second, "Driver": "agent" }],
        }),
    );
    assert_eq!(registered.unwrap()["InstanceId"], ID);

    let mut agent = Agent::new(&place, &mariadb);
    let made = connection.call(
        "CreateAgentToken",
        &json!({ "InstanceId": ID, "Node": second }),
    );
    let token = made.unwrap()["Token"].as_str().unwrap().to_owned();
    let enrolled = agent.enrol(port, &token);
    assert!(
        enrolled.status.success(),
        "{}",
        String::from_utf8_lossy(&enrolled.stderr)
    );
    let again = agent.enrol(port, &token);
    let error = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && error.contains("the token is unknown, used up or expired"),
        "{error}"
    );
    agent.run();

    succeeds(&mut connection, "OpenSSL", &agent);
    let ca = place.path("ca.pem");
    let authorities = connection.call("DescribeAuthorities", &json!({})).unwrap();
    fs::write(
        &ca,
        authorities["Items"][0]["Certificates"].as_str().unwrap(),
    )
    .unwrap();
    verify(&mysql, &ca);
    verify(&mariadb.server(), &ca);

    let before = mariadb.server().pid();
    succeeds(&mut connection, "RotateCertificate", &agent);
    assert_eq!(
        mariadb.server().pid(),
        before,
        "a rotation needs no restart"
    );
    verify(&mysql, &ca);
    verify(&mariadb.server(), &ca);

    succeeds(&mut connection, "CloseSSL", &agent);
    let status = connection
        .call("DescribeSSLStatus", &json!({ "InstanceId": ID }))
        .unwrap();
    assert_eq!(status["Status"], "OFF");

    // The agent dies, and comes back while an order waits for it.
    agent.kill();
    let started = connection
        .call("OpenSSL", &json!({ "InstanceId": ID }))
        .unwrap();
    agent.run();
    let (state, info) = connection.finish(started["AsyncRequestId"].as_str().unwrap());
    assert_eq!(state, "SUCCESS", "{info}\n{}", agent.log());
    verify(&mysql, &ca);
    verify(&mariadb.server(), &ca);

    let agents = connection.call("DescribeAgents", &json!({})).unwrap();
    assert_eq!(
        (
            &agents["Items"][0]["Node"],
            &agents["Items"][0]["Revoked"],
            agents["Items"].as_array().map(Vec::len)
        ),
        (&json!(second), &json!(false), Some(1))
    );
    let witnessed: Vec<Value> = posture(&mut connection);
    assert_eq!(
        witnessed,
        [json!(""), json!("")],
        "nothing differs from what is expected"
    );
}

fn posture(connection: &mut Connection) -> Vec<Value> {
    let posture = connection
        .call("DescribePosture", &json!({ "InstanceId": ID }))
        .unwrap();
    let nodes = posture["Nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["Drift"].clone()).collect()
}
