use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use wire::agent::{Change, KeyKind, Order, Outcome, Work};

use crate::hosts::{
    MAKE_KEY, MariaDbHost, check, expect, failure, fingerprint, install, listing, reason,
};
use crate::support::text;

const LOADED_BY_RESTART: Outcome = Outcome::Loaded { restarted: true };
const LOADED: Outcome = Outcome::Loaded { restarted: false };

#[test]
fn it_goes_on_rotates_goes_off_and_comes_back() {
    let host = MariaDbHost::start();
    let _agent = host.start_agent();
    let off = check(&host.plane, Change::Open, true);
    let first = install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    assert_eq!(host.served(), Some(first.clone()));

    let pid = host.pid();
    let with_first = check(&host.plane, Change::Rotate, false);
    let second = install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED);
    assert_eq!((host.served(), host.pid()), (Some(second.clone()), pid));

    expect(
        &host.plane,
        &Work::Restore { before: with_first },
        &Outcome::Restored,
    );
    assert_eq!((host.served(), host.pid()), (Some(first), pid));

    let third = install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED);
    assert_eq!(host.served(), Some(third.clone()));
    // The one that is served, and the one before.
    let kept = listing(&host.site.folder());
    assert_eq!(
        kept.iter()
            .filter(|name| name.starts_with("order-"))
            .count(),
        2,
        "{kept:?}"
    );

    let on = check(&host.plane, Change::Close, true);
    expect(
        &host.plane,
        &Work::SwitchOff,
        &Outcome::SwitchedOff { restarted: true },
    );
    assert_eq!(host.served(), None);
    assert!(host.dropin().unwrap().ends_with("[mysqld]\nskip-ssl\n"));
    expect(
        &host.plane,
        &Work::SwitchOff,
        &Outcome::SwitchedOff { restarted: false },
    );

    expect(
        &host.plane,
        &Work::Restore { before: on },
        &Outcome::Restored,
    );
    assert_eq!(host.served(), Some(third));
    expect(
        &host.plane,
        &Work::Restore { before: off },
        &Outcome::Restored,
    );
    assert_eq!((host.served(), host.dropin()), (None, None));
    assert_eq!(
        listing(&host.site.folder())
            .iter()
            .filter(|name| name.contains("->"))
            .count(),
        0
    );
}

#[test]
fn a_certificate_that_the_server_made_for_itself_gives_way_to_ours() {
    let host = MariaDbHost::start_with_own_certificate();
    let version = host.database.server().version().to_owned();
    assert!(version.starts_with("11."), "{version}");
    let _agent = host.start_agent();
    let own = host.served();
    assert!(own.is_some(), "TLS is on by itself");
    let before = check(&host.plane, Change::Open, true);
    let first = install(&host.plane);
    assert_eq!(host.served(), own);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    assert_eq!(host.served(), Some(first));

    let pid = host.pid();
    check(&host.plane, Change::Rotate, false);
    let second = install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED);
    assert_eq!((host.served(), host.pid()), (Some(second.clone()), pid));

    check(&host.plane, Change::Close, true);
    expect(
        &host.plane,
        &Work::SwitchOff,
        &Outcome::SwitchedOff { restarted: true },
    );
    assert_eq!(host.served(), None);
    assert!(host.dropin().unwrap().ends_with("[mysqld]\nskip-ssl\n"));

    check(&host.plane, Change::Open, true);
    let third = install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    assert_eq!(host.served(), Some(third.clone()));

    expect(&host.plane, &Work::Restore { before }, &Outcome::Restored);
    let again = host.served();
    assert!(again.is_some(), "TLS is on by itself again");
    assert!(again != Some(third) && again != Some(second), "{again:?}");
    assert_eq!(host.dropin(), None);
}

#[test]
fn tls_is_required_of_a_server_that_has_it_by_itself() {
    let host = MariaDbHost::start_with_own_certificate();
    let _agent = host.start_agent();
    install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    expect(&host.plane, &Work::Require { on: true }, &Outcome::Required);
    let required = host
        .database
        .server()
        .sql("SELECT @@require_secure_transport");
    assert_eq!(required.unwrap(), "1");
    let said = failure(&host.plane, &Work::SwitchOff);
    assert!(
        said.starts_with("`require_secure_transport` is ON: without TLS nobody could log in"),
        "{said}"
    );
}

#[test]
fn it_needs_little_memory() {
    const LIMIT_KIB: u64 = 15 * 1024;
    let host = MariaDbHost::start();
    let agent = host.start_agent();
    install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED);
    let most = agent.most_memory_kib();
    println!("{most} KiB at most");
    assert!((1..LIMIT_KIB).contains(&most), "{most} KiB");
}

#[test]
fn the_files_are_for_the_server_and_nobody_else() {
    let host = MariaDbHost::start();
    let agent = host.start_agent();
    install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    let current = host.site.folder().join("current");
    let socket = fs::metadata(host.database.server().socket()).unwrap();
    for file in ["server.pem", "server-key.pem", "ca.pem"] {
        let meta = fs::metadata(current.join(file)).unwrap();
        assert_eq!(
            (meta.mode() & 0o7777, meta.gid()),
            (0o640, socket.gid()),
            "{file}"
        );
    }
    assert!(!host.site.state().join("pending-key.pem").exists());
    // An operator's choice is kept.
    let key = current.join("server-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o440)).unwrap();
    std::os::unix::fs::chown(&key, None, Some(4711)).unwrap();
    install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED);
    let meta = fs::metadata(&key).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.gid()), (0o440, 4711));
    agent.terminate();
    // No key in the log, nor in what is kept of orders.
    let order = fs::read_to_string(host.site.state().join("order.json")).unwrap();
    for text in [host.site.logged(), order] {
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
}

#[test]
fn an_rsa_key_is_made_for_old_clients() {
    let host = MariaDbHost::start();
    let _agent = host.start_agent();
    let Outcome::Key { csr } = host.plane.order(&Work::MakeKey {
        kind: KeyKind::Rsa2048,
    }) else {
        panic!("no key")
    };
    let (certificate_pem, ca_pem) = host.plane.certify(&csr);
    expect(
        &host.plane,
        &Work::Install {
            certificate_pem,
            ca_pem,
        },
        &Outcome::Installed,
    );
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    assert!(host.served().is_some());
}

#[test]
fn what_a_server_would_not_start_with_is_refused_before_anything_is_touched() {
    let host = MariaDbHost::start();
    let _agent = host.start_agent();
    let plane = &host.plane;
    assert_eq!(
        failure(plane, &Work::Load),
        "there is no certificate: install one first"
    );
    let Outcome::Key { csr: older } = plane.order(&MAKE_KEY) else {
        panic!("no key")
    };
    let Outcome::Key { csr } = plane.order(&MAKE_KEY) else {
        panic!("no key")
    };
    let (good, ca) = plane.certify(&csr);
    let other_root = lab::pki::Authority::root("Another", lab::now()).unwrap();
    let day = Duration::from_secs(86_400);
    let cases = [
        (
            (plane.certify(&older).0, ca.clone()),
            "the certificate is for another key than the one that was made here",
        ),
        (
            (plane.certify_for(&csr, 2 * 86_400, day).0, ca.clone()),
            "the certificate expired at ",
        ),
        (
            (plane.certify_for(&csr, -86_400, day).0, ca.clone()),
            "the certificate is not valid before ",
        ),
        (
            (good.clone(), other_root.root_pem().to_owned()),
            "the certificate does not lead to a root in its CA file: UnknownIssuer",
        ),
        (
            (good.clone(), String::new()),
            "the CA file is not PEM with at least one certificate in it",
        ),
        (
            ("nonsense".to_owned(), ca.clone()),
            "the certificate is not PEM with at least one certificate in it",
        ),
    ];
    for ((certificate_pem, ca_pem), expected) in cases {
        let said = failure(
            plane,
            &Work::Install {
                certificate_pem,
                ca_pem,
            },
        );
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(listing(&host.site.folder()), Vec::<String>::new());
    }
    // The key still waits for its certificate.
    expect(
        plane,
        &Work::Install {
            certificate_pem: good.clone(),
            ca_pem: ca.clone(),
        },
        &Outcome::Installed,
    );
    assert_eq!(
        failure(
            plane,
            &Work::Install {
                certificate_pem: good,
                ca_pem: ca
            }
        ),
        "there is no key for this certificate: make one first"
    );
    // Somebody damages it before it is loaded.
    let next = host.site.folder().join("next");
    fs::write(next.join("server-key.pem"), "").unwrap();
    let said = failure(plane, &Work::Load);
    assert!(
        said.contains("server-key.pem: expected one PEM block `PRIVATE KEY`"),
        "{said}"
    );
    assert_eq!((host.served(), host.dropin()), (None, None));
}

#[test]
fn a_server_that_does_not_come_back_gets_its_old_settings_back() {
    let host = MariaDbHost::start();
    // Without TLS nobody minds.
    fs::write(
        host.database.conf().join("50.cnf"),
        "[mysqld]\nssl-cipher=NONSENSE\nskip-ssl\n",
    )
    .unwrap();
    let _agent = host.start_agent();
    let before = host.pid();
    let leaf = install(&host.plane);
    let said = failure(&host.plane, &Work::Load);
    assert!(
        said.starts_with("the restart command ended with exit status: 1 and said: "),
        "{said}"
    );
    assert!(said.contains("Failed to setup SSL"), "{said}");
    assert!(
        said.ends_with(". Everything is as it was before."),
        "{said}"
    );
    assert_eq!((host.served(), host.dropin()), (None, None));
    assert_ne!(host.pid(), before);
    let left = listing(&host.site.folder());
    assert!(
        !left.iter().any(|name| name.starts_with("current")),
        "{left:?}"
    );
    // The operator mends it.
    fs::remove_file(host.database.conf().join("50.cnf")).unwrap();
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    assert_eq!(host.served(), Some(leaf));
}

#[test]
fn a_server_that_does_not_read_the_dropin_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("99-signet.cnf");
    let host = MariaDbHost::start_with(&format!("dropin = '{}'\n", path.display()));
    let _agent = host.start_agent();
    install(&host.plane);
    assert_eq!(
        failure(&host.plane, &Work::Load),
        format!(
            "the server was restarted and does not do what {} says: its configuration must include that folder \
             (`!includedir`), and nothing after it may say otherwise. Everything is as it was before.",
            path.display()
        )
    );
    assert_eq!((host.served(), path.exists()), (None, false));
}

#[test]
fn without_a_restart_command_nothing_is_touched() {
    let host = MariaDbHost::start_with("");
    let socket = host.database.server().socket();
    host.site
        .configure(&format!("socket = '{}'\nuser = 'root'", socket.display()));
    let _agent = host.start_agent();
    let expected = "no `restart` command is configured; the server reads its configuration only when it starts";
    assert_eq!(
        failure(
            &host.plane,
            &Work::Check {
                change: Change::Open
            }
        ),
        format!(
            "{expected}; no `dropin` is configured: this server is switched by its configuration and a restart"
        )
    );
    install(&host.plane);
    let said = failure(&host.plane, &Work::Load);
    assert_eq!(said, format!("{expected}. Everything is as it was before."));
    assert_eq!(host.served(), None);
}

#[test]
fn an_order_that_takes_too_long_is_undone() {
    let host = MariaDbHost::start_with("restart = ['/bin/sleep', '600']\n");
    let _agent = host.start_agent();
    install(&host.plane);
    let said = reason(host.plane.order_within(&Work::Load, 3));
    assert_eq!(
        said,
        "it was not done within its 3 s. Everything is as it was before."
    );
    assert_eq!((host.served(), host.dropin()), (None, None));
}

#[test]
fn an_order_that_was_interrupted_and_is_too_late_is_undone() {
    let host = MariaDbHost::start_with("restart = ['/bin/sleep', '600']\n");
    let agent = host.start_agent();
    install(&host.plane);
    let id = host.plane.new_id();
    host.plane.give(&Order {
        id: id.clone(),
        deadline_seconds: 2,
        work: Work::Load,
    });
    crate::support::wait_until(
        "the drop-in",
        || host.dropin().is_some(),
        || host.site.logged(),
    );
    agent.kill();
    std::thread::sleep(Duration::from_secs(3)); // the deadline is what is waited for
    let _agent = host.start_agent();
    let said = reason(host.plane.outcome(&id));
    assert_eq!(
        said,
        "it was not done within its 2 s. Everything is as it was before."
    );
    assert_eq!((host.served(), host.dropin()), (None, None));
}

#[test]
fn tls_is_required_now_and_after_a_restart() {
    let host = MariaDbHost::start();
    let _agent = host.start_agent();
    let require = |on| Work::Require { on };
    let said = failure(&host.plane, &require(true));
    assert!(
        said.starts_with("TLS is off: if it was required now"),
        "{said}"
    );
    install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    let lax = check(&host.plane, Change::Require { on: true }, false);
    expect(&host.plane, &require(true), &Outcome::Required);
    let required = || {
        host.database
            .server()
            .sql("SELECT @@require_secure_transport")
            .unwrap()
    };
    assert_eq!(required(), "1");
    assert!(
        host.dropin()
            .unwrap()
            .ends_with("ssl=1\nrequire-secure-transport=ON\n")
    );
    for work in [
        Work::SwitchOff,
        Work::Check {
            change: Change::Close,
        },
    ] {
        let said = failure(&host.plane, &work);
        assert!(
            said.starts_with("`require_secure_transport` is ON: without TLS nobody could log in"),
            "{said}"
        );
    }
    expect(
        &host.plane,
        &Work::Restore { before: lax },
        &Outcome::Restored,
    );
    assert_eq!(required(), "0");
    assert!(host.dropin().unwrap().ends_with("ssl=1\n"));
}

#[test]
fn what_was_configured_by_others_is_put_back_too() {
    let host = MariaDbHost::start();
    let authority = lab::pki::Authority::root("The operator's", lab::now()).unwrap();
    let issued = authority
        .issue(&lab::pki::Leaf::for_loopback(lab::now()))
        .unwrap();
    let files = issued.write_to(&host.site.path().join("operator")).unwrap();
    let text = format!(
        "[mysqld]\nssl-ca={}\nssl-cert={}\nssl-key={}\n",
        files.ca.display(),
        files.cert.display(),
        files.key.display()
    );
    fs::write(host.database.conf().join("50-operator.cnf"), text).unwrap();
    let restarted = std::process::Command::new(host.database.command())
        .status()
        .unwrap();
    assert!(restarted.success());
    let theirs = Some(fingerprint(issued.leaf_der()));
    assert_eq!(host.served(), theirs);

    let _agent = host.start_agent();
    let before = check(&host.plane, Change::Rotate, true);
    let ours = install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    assert_eq!(host.served(), Some(ours));
    expect(&host.plane, &Work::Restore { before }, &Outcome::Restored);
    assert_eq!(host.served(), theirs);
}

#[test]
fn the_witness_is_what_the_server_says() {
    let host = MariaDbHost::start();
    let _agent = host.start_agent();
    let report = host.plane.next_report();
    assert_eq!(report.witness.unwrap()["Enabled"], false);
    install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    let Outcome::Witness { witness } = host.plane.order(&Work::Witness) else {
        panic!("no witness")
    };
    let certificate = host.site.folder().join("current/server.pem");
    assert_eq!(
        (&witness["Enabled"], &witness["Certificate"]),
        (&true.into(), &certificate.to_str().unwrap().into())
    );
}

#[test]
fn what_was_not_made_here_is_not_restored() {
    let host = MariaDbHost::start();
    let _agent = host.start_agent();
    let restore = |before| failure(&host.plane, &Work::Restore { before });
    assert_eq!(
        restore(
            serde_json::json!({ "snapshot": "T-unknown", "server": { "ssl_cert": "/etc/shadow" } })
        ),
        "this host does not remember any more how it was at the order `T-unknown`"
    );
    assert_eq!(
        restore(serde_json::json!({ "snapshot": "../../etc/x" })),
        "`before` is not what a check on this host answered: the id of an order is 1 to 64 letters, digits and `-`"
    );
}

#[test]
fn a_certificate_that_is_not_kept_any_more_is_not_gone_back_to() {
    let host = MariaDbHost::start();
    let _agent = host.start_agent();
    install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED_BY_RESTART);
    let with_first = check(&host.plane, Change::Rotate, false);
    install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED);
    let third = install(&host.plane);
    expect(&host.plane, &Work::Load, &LOADED);
    let said = failure(&host.plane, &Work::Restore { before: with_first });
    assert!(
        said.ends_with(
            " is not kept any more: only the certificate that is loaded and the one before are"
        ),
        "{said}"
    );
    assert_eq!(host.served(), Some(third));
}

#[test]
fn check_says_what_is_there_and_what_is_missing() {
    let host = MariaDbHost::start();
    let output = host.site.run_to_end(&["check"]);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
    let said = text(&output.stdout);
    let lines: Vec<_> = said.lines().collect();
    let version = host.database.server().version().to_owned();
    assert!(
        lines[0].starts_with(
            "ok       enrolled as agent-7 for db1.example.com:3306; https://127.0.0.1:"
        ),
        "{said}"
    );
    assert!(
        lines[1].starts_with(&format!(
            "ok       MariaDB {version} lets the agent in, at unix:/"
        )),
        "{said}"
    );
    assert_eq!(
        lines[2..],
        ["ok       the next change restarts the database server once"]
    );
    assert!(!host.site.folder().exists());

    fs::set_permissions(host.site.path(), fs::Permissions::from_mode(0o700)).unwrap();
    host.database
        .server()
        .sql("CREATE USER agent@localhost")
        .unwrap();
    let socket = host.database.server().socket();
    host.site.configure(&format!(
        "socket = '{}'\nuser = 'agent'\ngroup = 'nobody-knows'\ntest_readable_as = '65534'\nrestart = ['/nowhere/restart']\ndropin = '/nowhere/99-signet.cnf'",
        socket.display()
    ));
    let output = host.site.run_to_end(&["check"]);
    let said = text(&output.stdout);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(1), "error: 5 things are missing\n".to_owned()),
        "{said}"
    );
    for missing in [
        "MISSING  there is no group `nobody-knows` in /etc/group; a number can be given instead of a name\n",
        "as whom the database server runs, may not enter /",
        "MISSING  the account lacks RELOAD: `GRANT RELOAD ON *.* TO 'agent'@'localhost'`\n",
        "MISSING  the restart command /nowhere/restart cannot be run: there is no such file\n",
        "MISSING  the agent cannot write to /nowhere: No such file or directory (os error 2); give it the permission, and its service `ReadWritePaths=` for it\n",
    ] {
        assert!(said.contains(missing), "{missing}\n{said}");
    }
}
