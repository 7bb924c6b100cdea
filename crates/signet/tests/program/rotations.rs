//! Certificates are rotated while clients connect all the time and verify everything: not one of them is turned away.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lab::Server;
use serde_json::{Value, json};

use crate::support::{Connection, ID, Place, mysql, register};

const ROTATIONS: usize = 50;
/// How many clients connect at the same time: two to each server.
const CLIENTS: usize = 4;

#[test]
fn fifty_rotations_turn_no_client_away() {
    let place = Place::new();
    let servers = [mysql(), mysql()];
    for server in &servers {
        assert!(server.version().starts_with("9."), "{}", server.version());
        server
            .sql("CREATE USER app@'%' IDENTIFIED BY 'secret' REQUIRE SSL")
            .unwrap();
    }
    let served = place.serve();
    register(served.address(), &servers);
    let mut connection = Connection::open(served.address()).unwrap();
    done(&mut connection, "OpenSSL");
    let mut serials = BTreeSet::from(serials_seen(&mut connection));

    let clients = Clients::start(&servers, &place.keep_authority(&mut connection));
    clients.wait_for_more();
    for _ in 0..ROTATIONS {
        done(&mut connection, "RotateCertificate");
        serials.extend(serials_seen(&mut connection));
        clients.wait_for_more();
    }
    let tried = clients.tried();
    let turned_away = clients.stop();

    assert_eq!(turned_away, Vec::<String>::new(), "of {tried}");
    assert_eq!(serials.len(), 2 * (1 + ROTATIONS));
    assert!(tried > CLIENTS * ROTATIONS, "only {tried} connections");
}

fn done(connection: &mut Connection, action: &str) {
    let started = connection
        .call(action, &json!({ "InstanceId": ID }))
        .unwrap();
    let task = started["AsyncRequestId"].as_str();
    let (state, info) = connection.finish(task.unwrap_or_else(|| panic!("{started:?}")));
    assert_eq!(state, "SUCCESS", "{info}");
}

/// The serial numbers of the certificates that the servers were last seen with.
fn serials_seen(connection: &mut Connection) -> [String; 2] {
    let posture = connection
        .call("DescribePosture", &json!({ "InstanceId": ID }))
        .unwrap();
    [0, 1].map(|node| match &posture["Nodes"][node]["Chain"][0]["Serial"] {
        Value::String(serial) => serial.clone(),
        _ => panic!("{posture:?}"),
    })
}

/// Clients of MySQL's own that log in, again and again, insisting on chain and name. They end with it.
struct Clients {
    stopped: Arc<AtomicBool>,
    tried: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Clients {
    fn start(servers: &[Server; 2], ca: &Path) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let tried = Arc::new(AtomicUsize::new(0));
        let threads = (0..CLIENTS).map(|number| {
            let (stopped, tried) = (Arc::clone(&stopped), Arc::clone(&tried));
            let mut client = client(&servers[number % 2], ca);
            std::thread::spawn(move || {
                let mut turned_away = Vec::new();
                while !stopped.load(Ordering::Relaxed) {
                    turned_away.extend(fault(&mut client));
                    tried.fetch_add(1, Ordering::Relaxed);
                }
                turned_away
            })
        });
        Self {
            threads: threads.collect(),
            stopped,
            tried,
        }
    }

    /// How many connections were tried so far.
    fn tried(&self) -> usize {
        self.tried.load(Ordering::Relaxed)
    }

    /// Waits for one connection more than there are clients: at least one was begun and ended in the meantime.
    fn wait_for_more(&self) {
        let enough = self.tried() + CLIENTS + 1;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.tried() < enough {
            assert!(Instant::now() < deadline, "the clients do not go on");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends them. What kept them from connecting.
    fn stop(mut self) -> Vec<String> {
        self.stopped.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads);
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

fn client(server: &Server, ca: &Path) -> Command {
    let mut client = server
        .installation()
        .verifying_client("localhost", server.port(), ca);
    client
        .args(["--user=app", "--password=secret"])
        .arg("--execute=SELECT variable_value <> '' FROM performance_schema.session_status WHERE variable_name = 'Ssl_cipher'");
    client
}

/// What keeps the client from a session that is encrypted.
fn fault(client: &mut Command) -> Option<String> {
    let output = client.output().unwrap();
    let right = output.status.success() && output.stdout == b"1\n";
    (!right).then(|| format!("{output:?}"))
}
