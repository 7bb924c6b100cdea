//! The agent is killed before each single thing that it does to a file or says to the database server, and finds the disk full at each.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use wire::agent::{Outcome, Work};

use crate::hosts::{MAKE_KEY, MariaDbHost, expect, first_certificate, install, listing, served};
use crate::plane::FakeControlPlane;
use crate::support::{Agent, Site, wait_until};

/// More than any order takes: a test that gets there would never end.
const MANY: usize = 400;

/// What lets the agent meet its end, compiled once.
fn library() -> &'static str {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let path = LIBRARY.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/fault.c");
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fault.so");
        let draft = path.with_extension(std::process::id().to_string());
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .arg(&draft)
            .args([source, "-ldl"]);
        let done = compiler
            .status()
            .expect("cc, as every build of this project needs");
        assert!(done.success());
        std::fs::rename(&draft, &path).unwrap();
        path
    });
    path.to_str().unwrap()
}

/// Starts an agent with a fault at the act of this number.
fn start(site: &Site, fault: &str, number: usize, sql: bool) -> Agent {
    let mut variables = vec![
        ("LD_PRELOAD", library().to_owned()),
        ("FAULT_UNDER", site.path().display().to_string()),
        (fault, number.to_string()),
    ];
    if sql {
        variables.push(("FAULT_SQL", "1".to_owned()));
    }
    site.start_with(&variables)
}

/// Gives an order, and starts the agent again, without a fault, if it is killed. True if it was.
fn order(site: &Site, plane: &FakeControlPlane, agent: &mut Agent, work: &Work) -> (Outcome, bool) {
    let id = plane.give_work(work, 100);
    let mut killed = false;
    wait_until(
        "an outcome",
        || {
            if agent.has_ended() {
                killed = true;
                *agent = site.start();
            }
            !plane.outcomes(&id).is_empty()
        },
        || site.logged(),
    );
    (plane.outcome(&id), killed)
}

/// Has a new certificate made, installed and loaded, through kills. True if there was one.
#[track_caller]
fn rotate(site: &Site, plane: &FakeControlPlane, agent: &mut Agent, port: u16) -> bool {
    let (made, first) = order(site, plane, agent, &MAKE_KEY);
    let Outcome::Key { csr } = made else {
        panic!("{made:?}")
    };
    let (certificate_pem, ca_pem) = plane.certify(&csr);
    let leaf = first_certificate(&certificate_pem);
    let install = Work::Install {
        certificate_pem,
        ca_pem,
    };
    let (installed, second) = order(site, plane, agent, &install);
    assert_eq!(installed, Outcome::Installed);
    let (loaded, third) = order(site, plane, agent, &Work::Load);
    assert!(matches!(loaded, Outcome::Loaded { .. }), "{loaded:?}");
    assert_eq!(served(port), Some(leaf));
    first || second || third
}

/// Nothing is left of what was interrupted.
#[track_caller]
fn is_tidy(site: &Site) {
    let certificates = listing(&site.folder());
    let versions = certificates
        .iter()
        .filter(|name| name.contains("order-") && !name.contains("->"));
    assert!(versions.count() <= 2, "{certificates:?}");
    for folder in [site.folder(), site.state()] {
        let left = listing(&folder);
        assert!(
            !left
                .iter()
                .any(|name| name.ends_with(".new") || name.starts_with("pending")),
            "{left:?}"
        );
    }
}

#[test]
fn a_rotation_of_mariadb_is_finished_wherever_the_agent_is_killed() {
    let host = MariaDbHost::start();
    let mut agent = host.start_agent();
    install(&host.plane);
    expect(
        &host.plane,
        &Work::Load,
        &Outcome::Loaded { restarted: true },
    );
    let port = host.database.server().port();
    for number in 1..MANY {
        agent.kill();
        agent = start(&host.site, "FAULT_KILL_AT", number, true);
        if !rotate(&host.site, &host.plane, &mut agent, port) {
            println!("killed at {} places", number - 1);
            agent.kill();
            agent = host.start_agent();
            rotate(&host.site, &host.plane, &mut agent, port);
            is_tidy(&host.site);
            return;
        }
    }
    panic!("killed at {MANY} places, and there are still more");
}

#[test]
fn a_rotation_of_mysql_is_finished_wherever_the_agent_is_killed() {
    let server = lab::Server::start(lab::Kind::MySql, lab::Options::new().tls_auto()).unwrap();
    let (site, plane) = (Site::new(&server.socket(), ""), FakeControlPlane::start());
    site.enrol(&plane);
    for number in 1..MANY {
        let mut agent = start(&site, "FAULT_KILL_AT", number, true);
        if !rotate(&site, &plane, &mut agent, server.port()) {
            println!("killed at {} places", number - 1);
            is_tidy(&site);
            return;
        }
        agent.kill();
    }
    panic!("killed at {MANY} places, and there are still more");
}

#[test]
fn mariadb_goes_on_and_off_wherever_the_agent_is_killed() {
    let host = MariaDbHost::start();
    let mut agent = host.start_agent();
    let leaf = install(&host.plane);
    for number in 1..MANY {
        agent.kill();
        agent = start(&host.site, "FAULT_KILL_AT", number, false);
        let (on, first) = order(&host.site, &host.plane, &mut agent, &Work::Load);
        assert_eq!(
            (on, host.served()),
            (Outcome::Loaded { restarted: true }, Some(leaf.clone()))
        );
        let (off, second) = order(&host.site, &host.plane, &mut agent, &Work::SwitchOff);
        assert_eq!(
            (off, host.served()),
            (Outcome::SwitchedOff { restarted: true }, None)
        );
        if !first && !second {
            println!("killed at {} places", number - 1);
            is_tidy(&host.site);
            return;
        }
    }
    panic!("killed at {MANY} places, and there are still more");
}

/// Does an order with a disk that may be full once, and once more if it was. The first answer is as good as the second, or a reason.
#[track_caller]
fn insist(
    site: &Site,
    plane: &FakeControlPlane,
    agent: &mut Agent,
    work: &Work,
    before: &dyn Fn(),
) -> (Outcome, bool) {
    match order(site, plane, agent, work) {
        (Outcome::Failed { reason }, _) => {
            assert!(reason.contains("No space left on device (os error 28); make room on that file system and try again"), "{reason}");
            before();
            (order(site, plane, agent, work).0, true)
        }
        done => done,
    }
}

#[test]
fn a_full_disk_changes_nothing() {
    let host = MariaDbHost::start();
    let mut agent = host.start_agent();
    let mut leaf = install(&host.plane);
    expect(
        &host.plane,
        &Work::Load,
        &Outcome::Loaded { restarted: true },
    );
    // Some of what finds the disk full is not worth more than a warning, so a round without a failure is not the last.
    let mut quiet = 0;
    for number in 1..MANY {
        agent.kill();
        agent = start(&host.site, "FAULT_FULL_AT", number, false);
        let (site, plane) = (&host.site, &host.plane);
        let unchanged = || assert_eq!(host.served().as_ref(), Some(&leaf));
        let (made, first) = insist(site, plane, &mut agent, &MAKE_KEY, &unchanged);
        let Outcome::Key { csr } = made else {
            panic!("{made:?}")
        };
        let (certificate_pem, ca_pem) = host.plane.certify(&csr);
        let next = first_certificate(&certificate_pem);
        let (installed, second) = insist(
            site,
            plane,
            &mut agent,
            &Work::Install {
                certificate_pem,
                ca_pem,
            },
            &unchanged,
        );
        assert_eq!(installed, Outcome::Installed);
        let (loaded, third) = insist(site, plane, &mut agent, &Work::Load, &unchanged);
        assert_eq!(loaded, Outcome::Loaded { restarted: false });
        leaf = next;
        assert_eq!(host.served().as_ref(), Some(&leaf));
        quiet = if first || second || third {
            0
        } else {
            quiet + 1
        };
        if quiet == 12 {
            println!("the disk was full at {} places", number - quiet);
            is_tidy(&host.site);
            return;
        }
    }
    panic!("full at {MANY} places, and there are still more");
}
