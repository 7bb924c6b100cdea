use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, exists_with_prefix, wait};

/// The demo keeps its files where the test can look for them afterwards.
fn place() -> Place {
    let mut place = Place::new();
    let tmp = place.write("tmp/.keep", "");
    let tmp = Path::new(&tmp).parent().unwrap().display().to_string();
    place.set("TMPDIR", &tmp);
    place
}

fn has_left_files(place: &Place) -> bool {
    ["signet-demo-", "signet-lab-"]
        .iter()
        .any(|prefix| exists_with_prefix(&place.path("tmp"), prefix))
}

#[test]
fn the_main_job_is_shown_on_real_servers_and_nothing_is_left() {
    let place = place();
    let done = place.run("demo --once").ends_with(0);
    // Beside the demo's own words there is how far its tasks are.
    for line in done.err.lines() {
        let is_step = line == "It waits for its turn." || line.starts_with("`127.0.0.1:");
        assert!(is_step, "{line}");
    }
    for line in [
        "  cdb-demo0001: \"ON\" (asked with our own client; --tccli FILE names the vendor's)\n",
        "  cdb-demo0002: \"OFF\" (asked with our own client; --tccli FILE names the vendor's)\n",
        "  cdbrg-demo0001: \"ON\" (asked with our own client; --tccli FILE names the vendor's)\n",
        ": TLSv1.3, verified\n",
        "  OpenSSL cdb-demo0002\n",
        "    A fresh certificate is served, seen by a handshake with 2 node(s).\n",
        "    TLS is off, seen on 2 node(s).\n",
        ": refused with another CA, as it should be\n",
        "\nEverything held. To go on, in another terminal:\n",
        "  export TENCENTCLOUD_SECRET_ID=AKID",
    ] {
        assert!(done.out.contains(line), "{line:?} is not in\n{}", done.out);
    }
    assert!(
        done.out
            .ends_with("Ending the servers and removing their data.\n")
    );
    assert!(!has_left_files(&place));
}

#[test]
fn the_demo_runs_until_it_is_asked_to_end() {
    // Its usual port is taken, by this or by the demo of another test.
    let _taken = TcpListener::bind("127.0.0.1:7780");
    let mut place = place();
    let mut child = place.spawn(&["demo"], "log");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut servers = Vec::new();
    let mut out = String::new();
    for line in lines.map_while(Result::ok) {
        if let Some((_, address)) = line.split_once(" on 127.0.0.1:") {
            servers.push(format!("127.0.0.1:{address}"));
        }
        if let Some((name, value)) = line
            .trim()
            .strip_prefix("export ")
            .and_then(|set| set.split_once('='))
        {
            place.set(name, value);
        }
        out.push_str(&line);
        if line == "The servers, the agent and the service run until Ctrl-C." {
            // What it says to do next works.
            place.run("posture cdb-demo0001").ends_with(0);
            assert!(
                servers
                    .iter()
                    .all(|server| TcpStream::connect(server).is_ok())
            );
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        }
    }
    let code = wait(&mut child);
    let log = std::fs::read_to_string(place.path("log")).unwrap();
    assert_eq!(code, Some(0), "{out}\n{log}");
    assert_eq!(servers.len(), 5, "{out}");
    assert!(
        servers
            .iter()
            .all(|server| TcpStream::connect(server).is_err())
    );
    assert!(!has_left_files(&place));
}

#[test]
fn an_interrupted_demo_cleans_up() {
    let place = place();
    let mut child = place.spawn(&["demo"], "log");
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("Starting real servers"), "{line}");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(wait(&mut child), Some(1));
    let log = std::fs::read_to_string(place.path("log")).unwrap();
    assert_eq!(log, "error: interrupted\n");
    assert!(!has_left_files(&place));
}

#[test]
fn a_step_that_does_not_hold_fails_the_demo() {
    let place = place();
    let done = place.run("demo --once --tccli no-such-tccli").ends_with(1);
    assert_eq!(
        done.err,
        "error: no-such-tccli: No such file or directory (os error 2)\n"
    );
    assert!(!has_left_files(&place));
}
