use lab::{Kind, Options, Server};
use wire::agent::{Change, Outcome, Work};

use crate::hosts::{check, expect, failure, install, served};
use crate::plane::FakeControlPlane;
use crate::support::Site;

const LOADED: Outcome = Outcome::Loaded { restarted: false };

struct Host {
    site: Site,
    plane: FakeControlPlane,
    server: Server,
}

fn host(options: Options) -> Host {
    let server = Server::start(Kind::MySql, options).unwrap();
    let (site, plane) = (Site::new(&server.socket(), ""), FakeControlPlane::start());
    site.enrol(&plane);
    Host {
        site,
        plane,
        server,
    }
}

#[test]
fn it_goes_on_rotates_goes_off_and_comes_back_without_a_restart() {
    let Host {
        site,
        plane,
        mut server,
    } = host(Options::new().tls_auto());
    let _agent = site.start();
    let (own, pid) = (served(server.port()), server.pid());
    assert!(own.is_some());

    let with_own = check(&plane, Change::Open, false);
    let first = install(&plane);
    expect(&plane, &Work::Load, &LOADED);
    assert_eq!(served(server.port()), Some(first.clone()));

    let with_first = check(&plane, Change::Rotate, false);
    let second = install(&plane);
    expect(&plane, &Work::Load, &LOADED);
    assert_eq!(served(server.port()), Some(second.clone()));

    // The same paths, and other files behind them.
    expect(
        &plane,
        &Work::Restore { before: with_first },
        &Outcome::Restored,
    );
    assert_eq!(served(server.port()), Some(first.clone()));

    let with_first = check(&plane, Change::Close, false);
    expect(
        &plane,
        &Work::SwitchOff,
        &Outcome::SwitchedOff { restarted: false },
    );
    assert_eq!(served(server.port()), None);
    expect(
        &plane,
        &Work::Restore { before: with_first },
        &Outcome::Restored,
    );
    assert_eq!(served(server.port()), Some(first.clone()));
    assert_eq!(server.pid(), pid);

    // It outlives a restart.
    server.restart(Options::new().tls_auto()).unwrap();
    assert_eq!(served(server.port()), Some(first));
    expect(
        &plane,
        &Work::Restore { before: with_own },
        &Outcome::Restored,
    );
    assert_eq!(served(server.port()), own);
}

#[test]
fn tls_is_required_and_not_any_more() {
    let Host {
        site,
        plane,
        server,
    } = host(Options::new().tls_auto());
    let _agent = site.start();
    let lax = check(&plane, Change::Require { on: true }, false);
    expect(&plane, &Work::Require { on: true }, &Outcome::Required);
    assert_eq!(
        server.sql("SELECT @@require_secure_transport").unwrap(),
        "1"
    );
    let said = failure(&plane, &Work::SwitchOff);
    assert!(
        said.starts_with("`require_secure_transport` is ON: without TLS nobody could log in"),
        "{said}"
    );
    assert!(
        said.ends_with(". Everything is as it was before."),
        "{said}"
    );
    expect(&plane, &Work::Restore { before: lax }, &Outcome::Restored);
    assert_eq!(
        server.sql("SELECT @@require_secure_transport").unwrap(),
        "0"
    );
}

#[test]
fn what_the_account_lacks_is_said_at_once() {
    let Host {
        site,
        plane,
        server,
    } = host(Options::new());
    server.sql("CREATE USER agent@localhost").unwrap();
    site.configure(&format!(
        "socket = '{}'\nuser = 'agent'",
        server.socket().display()
    ));
    let _agent = site.start();
    let said = failure(
        &plane,
        &Work::Check {
            change: Change::Open,
        },
    );
    for missing in [
        "SYSTEM_VARIABLES_ADMIN",
        "CONNECTION_ADMIN",
        "performance_schema.tls_channel_status",
    ] {
        assert!(said.contains(missing), "{said}");
    }
    // The agent writes the files itself.
    assert!(!said.contains("FILE on"), "{said}");
}

#[test]
fn a_database_server_that_is_away_is_said_once_and_comes_back() {
    let Host {
        site,
        plane,
        mut server,
    } = host(Options::new());
    let _agent = site.start();
    assert!(plane.next_report().witness.is_some());
    server.stop().unwrap();
    site.wait_for_log("the database server at unix:");
    let said = failure(&plane, &Work::Load);
    assert_eq!(said, "there is no certificate: install one first");
    let said = failure(&plane, &Work::SwitchOff);
    assert!(said.contains("cannot be reached"), "{said}");
    server.restart(Options::new()).unwrap();
    site.wait_for_log("the database server answers again");
    assert_eq!(
        site.logged()
            .matches("the database server at unix:")
            .count(),
        2,
        "{}",
        site.logged()
    );
}
