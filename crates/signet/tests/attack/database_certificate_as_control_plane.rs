use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::agent::{Agent, free_port, register, token};
use crate::support::{self, Connection, ID, Place, mysql};

/// Whoever controls a database server has its certificate and key. With them they answer on the address of the control plane.
#[test]
fn an_agent_asks_nothing_of_whoever_shows_the_certificate_of_a_database() {
    let port = free_port();
    let place = Place::configured(&format!("agents.listen = '127.0.0.1:{port}'"));
    let servers = [mysql(), mysql()];
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    support::register(served.address(), &servers);
    let on = connection
        .call("OpenSSL", &json!({ "InstanceId": ID }))
        .unwrap();
    let (state, info) = connection.finish(on["AsyncRequestId"].as_str().unwrap());
    assert_eq!(state, "SUCCESS", "{info}");

    register(&mut connection);
    let mut agent = Agent::new(&place, "agent");
    let enrolled = agent.enrol(port, &token(&mut connection, &json!({})));
    assert!(enrolled.status.success(), "{enrolled:?}");
    served.kill();

    let files = files_below(servers[0].dir());
    let named = |text: &str| {
        let mut files = files.iter();
        files
            .find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("signet-")
                    && fs::read_to_string(path).is_ok_and(|found| found.starts_with(text))
                    && !name.contains("ca")
            })
            .unwrap_or_else(|| panic!("no {text} among {files:?}"))
    };
    let heard = place.path("heard");
    let mut impostor = Command::new("openssl")
        .args([
            "s_server", "-quiet", "-tls1_3", "-alpn", "http/1.1", "-accept",
        ])
        .arg(format!("127.0.0.1:{port}"))
        .arg("-cert")
        .arg(named("-----BEGIN CERTIFICATE"))
        .arg("-key")
        .arg(named("-----BEGIN PRIVATE KEY"))
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&heard).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    agent.run();
    let asked = "the agent asks the impostor for orders";
    let refused = "is not the control plane that this agent trusts: its certificate has not the mark of a control plane";
    let said = agent.wait_for(&[refused], || {
        let heard = fs::read_to_string(&heard).unwrap_or_default();
        heard.contains("POST /agent/").then_some(asked)
    });
    let _ = impostor.kill();
    let _ = impostor.wait();
    assert_eq!(said, refused);
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            Ok(kind) if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}
