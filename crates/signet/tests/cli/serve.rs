use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use wire::{SecretId, SecretKey};

use crate::support::{Place, SECRET_ID, SECRET_KEY, until};

#[test]
fn a_first_start_shows_the_root_key_once() {
    let place = Place::new();

    let first = place.serve(&["--listen", "127.0.0.1:0"]);
    let log = place.path("log");
    first.signal(Signal::TERM);
    let (code, shown) = first.end();
    assert_eq!(code, Some(0));
    let lines: Vec<_> = shown.lines().collect();
    let [words, id, key] = lines.as_slice() else {
        panic!("{shown}");
    };
    assert_eq!(
        *words,
        "The root key, made on this first start. It is not shown again:"
    );
    assert!(id.starts_with("export TENCENTCLOUD_SECRET_ID=AKID"), "{id}");
    let key = key.strip_prefix("export TENCENTCLOUD_SECRET_KEY=").unwrap();
    assert_eq!(key.len(), 32);
    assert!(!std::fs::read_to_string(log).unwrap().contains(key));

    let second = place.serve(&["--listen", "127.0.0.1:0"]);
    second.signal(Signal::INT);
    assert_eq!(second.end(), (Some(0), String::new()));
}

#[test]
fn the_key_that_was_shown_works() {
    let mut place = Place::new();
    let mut child = place.spawn(
        &["serve", "--data", "data", "--listen", "127.0.0.1:0"],
        "log",
    );
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut shown = String::new();
    for _ in 0..4 {
        std::io::BufRead::read_line(&mut out, &mut shown).unwrap();
    }
    let lines: Vec<_> = shown.lines().collect();
    place.set(
        "SIGNET_ENDPOINT",
        lines[0].strip_prefix("Signet listens on ").unwrap(),
    );
    for line in &lines[2..] {
        let (name, value) = line
            .strip_prefix("export ")
            .unwrap()
            .split_once('=')
            .unwrap();
        place.set(name, value);
    }
    let done = place.run("key list");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(done.ends_with(0).out.contains("root"));
}

/// The head of a request whose body is waited for: that of an unknown key is refused at once.
fn head_of_a_known_key() -> String {
    let timestamp = lab::now();
    let authorization = wire::tc3::authorization(
        &SecretId::new(SECRET_ID).unwrap(),
        &SecretKey::new(SECRET_KEY.to_owned()),
        &wire::tc3::Unsigned {
            method: &"POST".parse().unwrap(),
            host: "x",
            content_type: "application/json",
            query: "",
            body: b"",
            service: "cdb",
            timestamp,
            headers: &[],
        },
    );
    format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-TC-Action: DescribeSSLStatus\r\nX-TC-Version: 2017-03-20\r\n\
         X-TC-Timestamp: {timestamp}\r\nAuthorization: {authorization}\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"
    )
}

#[test]
fn a_second_signal_ends_at_once() {
    let (_place, serving) = Place::with_configured_service("shutdown_timeout = '10m'\n");
    // A request whose body never comes is under way for as long as it may be.
    let address = serving.endpoint.strip_prefix("http://").unwrap();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(head_of_a_known_key().as_bytes()).unwrap();
    // The service asks for the body, so it is in the middle of this request.
    let mut asked = [0; 12];
    slow.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");

    serving.signal(Signal::TERM);
    until("the word that it stops", || {
        serving.log().contains("stopping")
    });
    serving.signal(Signal::TERM);
    let log = {
        until("the word that it was ended", || {
            serving.log().contains("ended by a second SIGTERM")
        });
        serving.log()
    };
    assert_eq!(serving.end(), (Some(1), String::new()));
    assert_eq!(
        log.lines().last(),
        Some("error: ended by a second SIGTERM before everything was finished")
    );
}

#[test]
fn a_start_that_fails_says_why_in_one_line() {
    let (mut place, serving) = Place::with_service();
    place.run("serve --data data --listen 127.0.0.1:0").fails(
        1,
        "error: the data folder data is in use by another signet. Stop that one, or name another folder with --data",
    );

    let address = serving.endpoint.strip_prefix("http://").unwrap().to_owned();
    place.mask(&address, "ADDRESS");
    place
        .run_words(&["serve", "--data", "other", "--listen", &address], "")
        .fails(
            1,
            "error: cannot listen on ADDRESS: Address already in use (os error 98)",
        );

    place.run("serve --data data --listen 0.0.0.0:0").fails(
        1,
        "error: `listen`: 0.0.0.0 is not loopback, and requests would cross the network in clear. Give [tls] a certificate and a key, or set allow_plaintext = true",
    );

    place.set("SIGNET_ROOT_SECRET_KEY", "");
    place.run("serve --data other --listen 127.0.0.1:0").fails(
        1,
        "error: set SIGNET_ROOT_SECRET_ID and SIGNET_ROOT_SECRET_KEY together, or neither",
    );
}

#[test]
fn a_wrong_command_line_is_told_from_a_failure() {
    let place = Place::new();
    for line in [
        "serve --listen nowhere",
        "serve --no-such-flag",
        "no-such-command",
        "",
    ] {
        place.run(line).ends_with(2);
    }
}

#[test]
fn flags_go_before_the_file_and_the_file_before_the_defaults() {
    let place = Place::new();
    // On its own this file cannot be used; the flag makes it right.
    place.write("signet.toml", "listen = '0.0.0.0:0'\ndata = 'elsewhere'\n");
    place.serve(&["--listen", "127.0.0.1:0"]);
    assert!(place.path("data/signet.db").exists());
    assert!(!place.path("elsewhere").exists());

    place.write("another.toml", "probe_interval = '7s'\n");
    let config = place.run("check-config --config another.toml").ends_with(0);
    assert!(config.out.contains("probe_interval = \"7s\"\n"));
    assert!(config.out.contains("listen = \"127.0.0.1:7780\"\n"));
}

#[test]
fn the_configuration_that_is_shown_can_be_used() {
    let mut place = Place::new();
    place.set("SIGNET_MASTER_KEY_FILE", "/etc/signet/master.key");
    place.write("signet.toml", "[rates]\nDescribeSSLStatus = 500\n");
    let shown = place.run("check-config").ends_with(0).out;
    assert!(shown.contains("master_key_file = \"/etc/signet/master.key\"\n"));
    assert!(shown.contains("[rates]\nDescribeSSLStatus = 500\n"));

    place.write("again.toml", &shown);
    place.run("check-config --config again.toml").prints(&shown);
}

#[test]
fn what_is_wrong_with_a_configuration_is_named() {
    let place = Place::new();
    place.write("signet.toml", "probe_interval = '0s'\n");
    place
        .run("check-config")
        .fails(1, "error: `probe_interval`: it must be at least 1s");

    place.run("check-config --config missing.toml").fails(
        1,
        "error: missing.toml: No such file or directory (os error 2)",
    );

    place.write("signet.toml", "prob_interval = '5s'\n");
    let done = place.run("serve").ends_with(1);
    assert!(
        done.err.starts_with(
            "error: signet.toml: TOML parse error at line 1, column 1\n  |\n1 | prob_interval = '5s'\n"
        ),
        "{}",
        done.err
    );
    assert!(
        done.err
            .contains("unknown field `prob_interval`, expected one of `listen`, `data`")
    );
}

#[test]
fn the_audit_log_can_be_checked() {
    let (place, serving) = Place::with_service();
    place.run("key create").ends_with(0);
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));

    // An attempt and its outcome, and nothing else was called.
    place
        .run("audit verify --data data")
        .prints("data/audit.jsonl: 2 lines, unbroken");

    let path = place.path("data/audit.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let broken = |changed: &str, why: &str| {
        place.write("data/audit.jsonl", changed);
        let error = format!("error: data/audit.jsonl: {why}");
        place.run("audit verify --data data").fails(1, &error);
    };
    broken(
        &text.replacen("CreateAccessKey", "ListAccessKeys", 1),
        "audit.jsonl: line 1 does not follow from the line before it: a line here was changed, removed or added",
    );
    let first: String = text.split_inclusive('\n').take(1).collect();
    broken(
        &first,
        "the log ends with line 1, but 2 lines were written: the end was cut off",
    );
    broken(
        "",
        "the log ends with line 0, but 2 lines were written: the end was cut off",
    );
    place
        .run("audit verify data/audit.jsonl")
        .prints("data/audit.jsonl: 0 lines, unbroken");
}

#[test]
fn a_checkpoint_that_was_kept_elsewhere_finds_a_log_that_was_rewritten_with_its_store() {
    let (place, serving) = Place::with_service();
    place.run("key create").ends_with(0);
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    let checkpoint = place.run("audit checkpoint --data data").out;
    place.write("kept", &checkpoint);
    place
        .run("audit verify --data data --checkpoint kept")
        .prints("data/audit.jsonl: 2 lines, unbroken");
    let (count, mac) = checkpoint.trim().split_once(' ').unwrap();
    assert_eq!(count, "2");
    place.write(
        "kept",
        &format!("2 {}\n", mac.chars().rev().collect::<String>()),
    );
    place.run("audit verify --data data --checkpoint kept").fails(
        1,
        "error: data/audit.jsonl: line 2 is not the one that the checkpoint speaks of: the log was rewritten",
    );
    place.write("kept", "3\n");
    place.run("audit verify --data data --checkpoint kept").fails(
        1,
        "error: kept: a checkpoint is a number and 64 hexadecimal digits, as `signet audit checkpoint` prints them",
    );
}

#[test]
fn one_thread_is_enough() {
    let (place, serving) = Place::with_configured_service("workers = 1\n");
    place
        .run("instance add --name one --architecture single-node --node 127.0.0.1:1 --id cdb-single01")
        .prints("Registered cdb-single01 (one).");
    place
        .run("probe-now cdb-single01")
        .prints("cdb-single01 is UNKNOWN.");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end(), (Some(0), String::new()));
}

#[test]
fn shells_get_completions() {
    let place = Place::new();
    for (shell, mark) in [
        ("bash", "_signet()"),
        ("zsh", "#compdef signet"),
        ("fish", "complete -c signet"),
    ] {
        let done = place.run(&format!("completions {shell}")).ends_with(0);
        assert!(done.out.contains(mark), "{shell}");
        assert!(done.out.contains("probe-now"), "{shell}");
    }
}

#[test]
fn the_contract_that_is_checked_in_is_that_of_the_code() {
    let place = Place::new();
    place.run("contract .").prints("");
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for file in [
        "contract/cdb-2017-03-20.json",
        "contract/signet-2026-11-24.json",
        "docs/src/reference/cdb.md",
        "docs/src/reference/signet.md",
    ] {
        let checked_in = std::fs::read_to_string(format!("{repository}/{file}")).unwrap();
        let generated = std::fs::read_to_string(place.path(file)).unwrap();
        assert!(
            checked_in == generated,
            "{file} is not what `make contract` writes"
        );
    }
}
