//! The service is killed at every step of every kind of task, on real servers: the next start ends the task, and servers and store agree.

use lab::Server;
use serde_json::{Value, json};

use crate::support::{Connection, ID, Place, mysql, register};

/// The steps of a task that brings certificates, and of one that does not.
const ISSUING: &[&str] = &["checking", "delivering", "loading", "loaded"];
const OTHER: &[&str] = &["checking", "loading", "loaded"];

/// An action, and the points at which its task is killed.
struct Killed {
    action: &'static str,
    parameters: Value,
    points: Vec<String>,
}

impl Killed {
    fn new(action: &'static str, kind: &str, steps: &[&str]) -> Self {
        let points = steps.iter().flat_map(|step| {
            ["0/before", "0/after", "1/before", "1/after"]
                .map(|moment| format!("{kind}/{step}/{moment}"))
        });
        Self {
            action,
            parameters: json!({ "InstanceId": ID }),
            points: points.collect(),
        }
    }

    fn required(required: bool, kind: &str) -> Self {
        Self {
            parameters: json!({ "InstanceId": ID, "Required": required }),
            ..Self::new("SetEnforcement", kind, OTHER)
        }
    }

    /// The point of the n-th round; when there are fewer, some come twice.
    fn point(&self, round: usize) -> &str {
        &self.points[round % self.points.len()]
    }
}

/// Starts a task, kills the service at the point, and lets the next one end it.
fn killed_at(place: &Place, killed: &Killed, point: &str) {
    let served = place.serve_with(&[("SIGNET_TEST_HOLD", point)]);
    let mut connection = Connection::open(served.address()).unwrap();
    let started = connection.call(killed.action, &killed.parameters).unwrap();
    let task = started["AsyncRequestId"]
        .as_str()
        .unwrap_or_else(|| panic!("{point}: {started:?}"))
        .to_owned();
    place.wait_for_log(&format!("held at {point}"));
    served.kill();
    place.turn_log_over();

    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let (state, info) = connection.finish(&task);
    assert_eq!(state, "SUCCESS", "{point}: {info}");
}

/// Both servers do the same, it is what the last task left, and nothing differs from what the store expects.
fn agree(place: &Place, expected: &str, point: &str) {
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let subject = json!({ "InstanceId": ID });
    let probed = connection.call("ProbeNow", &subject).unwrap();
    assert_eq!(probed["Status"], expected, "{point}");
    let posture = connection.call("DescribePosture", &subject).unwrap();
    let nodes = posture["Nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2);
    for node in nodes {
        assert_eq!(
            (&node["Status"], &node["Drift"], &node["Reachable"]),
            (&json!(expected), &json!(""), &json!(true)),
            "{point}"
        );
    }
    let active = json!({ "InstanceId": ID, "State": "active" });
    let active = connection.call("DescribeCertificates", &active).unwrap();
    assert_eq!(active["TotalCount"], 2, "{point}: one for each node");
    let pending = json!({ "InstanceId": ID, "State": "issued" });
    let pending = connection.call("DescribeCertificates", &pending).unwrap();
    assert_eq!(pending["TotalCount"], 0, "{point}: none is left over");
}

#[test]
fn a_task_that_is_killed_at_any_step_is_ended_by_the_next_start() {
    let place = Place::new();
    let servers = [mysql(), mysql()];
    register(place.serve().address(), &servers);
    let open = Killed::new("OpenSSL", "OPEN SSL", ISSUING);
    let close = Killed::new("CloseSSL", "CLOSE SSL", OTHER);
    let rotate = Killed::new("RotateCertificate", "ROTATE SSL", ISSUING);
    let enforce = Killed::required(true, "ENFORCE SSL");
    let relax = Killed::required(false, "RELAX SSL");
    for round in 0..ISSUING.len() * 4 {
        for (killed, expected) in [
            (&open, "ON"),
            (&rotate, "ON"),
            (&enforce, "ON"),
            (&relax, "ON"),
            (&close, "OFF"),
        ] {
            let point = killed.point(round);
            killed_at(&place, killed, point);
            agree(&place, expected, point);
        }
    }
    no_key_stays_here(&place, &servers);
}

/// The keys crossed this program on their way to the servers. None of them is in its data, its audit log or its log.
fn no_key_stays_here(place: &Place, servers: &[Server; 2]) {
    let mut ours: Vec<u8> = std::fs::read(place.path("earlier.log")).unwrap();
    for entry in std::fs::read_dir(place.path("data")).unwrap() {
        ours.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let is_in = |text: &str| {
        ours.windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(is_in("cdb-c1nl9rpv"), "what is searched is the data");
    assert!(!is_in("PRIVATE KEY"));
    let mut keys = 0;
    for server in servers {
        for entry in std::fs::read_dir(server.dir().join("files")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            if let Some(body) = text.strip_prefix("-----BEGIN PRIVATE KEY-----\n") {
                keys += 1;
                // The second line: the first is the same for every key of a kind.
                let line = body.lines().nth(1).unwrap();
                assert!(!is_in(line), "a key that was delivered is kept");
            }
        }
    }
    assert!(keys >= 32, "only {keys} keys were delivered");
}

#[test]
fn a_task_that_is_killed_while_it_puts_a_node_back_goes_on_with_it() {
    let place = Place::new();
    let servers = [mysql(), mysql()];
    register(place.serve().address(), &servers);
    for moment in ["before", "after"] {
        let point = format!("OPEN SSL/restoring/0/{moment}");
        let served = place.serve_with(&[
            ("SIGNET_TEST_MISMATCHED_KEY", "1"),
            ("SIGNET_TEST_HOLD", &point),
        ]);
        let mut connection = Connection::open(served.address()).unwrap();
        let started = connection
            .call("OpenSSL", &json!({ "InstanceId": ID }))
            .unwrap();
        let task = started["AsyncRequestId"].as_str().unwrap().to_owned();
        place.wait_for_log(&format!("held at {point}"));
        served.kill();
        place.turn_log_over();

        let served = place.serve();
        let mut connection = Connection::open(served.address()).unwrap();
        let (state, info) = connection.finish(&task);
        let node = format!("{}:{}", servers[0].host(), servers[0].port());
        let reason = "the server could not be asked to reload its certificates: 3888 (HY000): Failed to set up SSL because of the \
             following SSL library error: Unable to get private key; its settings are as they were before";
        assert_eq!(
            (state, info),
            ("FAILED".into(), format!("`{node}` (loading): {reason}"))
        );
        let probed = connection
            .call("ProbeNow", &json!({ "InstanceId": ID }))
            .unwrap();
        assert_eq!(probed["Status"], "OFF");
        served.kill();
    }
    let served = place.serve();
    let mut connection = Connection::open(served.address()).unwrap();
    let started = connection
        .call("OpenSSL", &json!({ "InstanceId": ID }))
        .unwrap();
    let (state, info) = connection.finish(started["AsyncRequestId"].as_str().unwrap());
    assert_eq!(
        state, "SUCCESS",
        "once the cause is gone it succeeds: {info}"
    );
    served.kill();
    agree(&place, "ON", "after a second try");
}
