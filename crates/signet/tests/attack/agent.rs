use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Connection, Place, program};

/// The node that is never reached: these agents get no order.
pub(crate) const NODE: &str = "127.0.0.1:1";
const ID: &str = "cdb-agents01";

/// Registers the node of the agents.
pub(crate) fn register(connection: &mut Connection) {
    let parameters = json!({
        "InstanceId": ID, "InstanceName": "agents", "Architecture": "single-node", "Nodes": [NODE], "Driver": "agent",
    });
    let registered = connection.call("RegisterInstance", &parameters).unwrap();
    assert_eq!(registered["InstanceId"], ID);
}

/// A token for the agent of the node.
pub(crate) fn token(connection: &mut Connection, more: &serde_json::Value) -> String {
    let mut parameters = json!({ "InstanceId": ID, "Node": NODE });
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    let made = connection.call("CreateAgentToken", &parameters).unwrap();
    made["Token"].as_str().unwrap().to_owned()
}

/// An agent that belongs to the program under test. The process is ended with it.
pub(crate) struct Agent {
    pub(crate) folder: PathBuf,
    running: Option<Child>,
}

impl Agent {
    pub(crate) fn new(place: &Place, name: &str) -> Self {
        let folder = place.path(name);
        fs::create_dir(&folder).unwrap();
        let config = format!(
            "state = '{0}/state'\nsocket = '{0}/none.sock'\nuser = 'root'\nfolder = '{0}/certificates'\n",
            folder.display()
        );
        fs::write(folder.join("agent.toml"), config).unwrap();
        Self {
            folder,
            running: None,
        }
    }

    fn command(&self, command: &str) -> Command {
        let program = program().with_file_name("signet-agent");
        assert!(Path::new(&program).is_file(), "cargo build -p signet-agent");
        let mut program = Command::new(program);
        program
            .args([command, "--config"])
            .arg(self.folder.join("agent.toml"))
            .env_clear();
        program
    }

    pub(crate) fn enrol(&self, port: u16, token: &str) -> Output {
        let server = format!("https://127.0.0.1:{port}");
        self.command("enrol")
            .args(["--server", &server, "--token", token])
            .output()
            .unwrap()
    }

    pub(crate) fn run(&mut self) {
        let log = File::create(self.folder.join("log")).unwrap();
        let mut command = self.command("run");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.running = Some(command.spawn().unwrap());
    }

    /// Waits until the agent's log has one of these texts, and answers which.
    #[track_caller]
    pub(crate) fn wait_for<'a>(
        &self,
        texts: &[&'a str],
        also: impl Fn() -> Option<&'a str>,
    ) -> &'a str {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let log = fs::read_to_string(self.folder.join("log")).unwrap();
            let found = texts.iter().find(|text| log.contains(**text)).copied();
            if let Some(found) = found.or_else(&also) {
                return found;
            }
            assert!(Instant::now() < deadline, "none of {texts:?} in:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }
}

/// A port of loopback that nobody uses now.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
