use std::collections::BTreeMap;

use dbtls::{ProbeLogin, Report, Status};
use lab::fake::{Behaviour, FakeFleet};
use serde_json::{Value, json};

use crate::support::{Place, fakes};

/// A fleet as no one should have it.
const MIX: [(Behaviour, usize); 11] = [
    (Behaviour::Tls, 400),
    (Behaviour::NoTls, 250),
    (Behaviour::Tls11Only, 50),
    (Behaviour::Blocked, 50),
    (Behaviour::TooMany, 50),
    (Behaviour::NotAllowed, 50),
    (Behaviour::ClosesAtOnce, 50),
    (Behaviour::Garbage, 40),
    (Behaviour::Http, 20),
    (Behaviour::Silent, 20),
    (Behaviour::StallsInHandshake, 20),
];

/// What each of them is, and the beginning of the reason.
fn verdict(behaviour: Behaviour) -> (Status, &'static str) {
    match behaviour {
        Behaviour::Tls => (Status::On, ""),
        Behaviour::NoTls | Behaviour::Switchable => (Status::Off, ""),
        Behaviour::Tls11Only => (Status::On, "TLS is on, but obsolete (TLSv1.1, "),
        Behaviour::Blocked => (Status::Unknown, "the server has blocked this host (1129 "),
        Behaviour::TooMany => (Status::Unknown, "the server has no free connection (1040 "),
        Behaviour::NotAllowed => (
            Status::Unknown,
            "the server has no account that may connect from this host (1130 ",
        ),
        Behaviour::ClosesAtOnce => (Status::Unknown, "the server closed the connection while "),
        Behaviour::Garbage => (Status::Unknown, "this is not a MySQL server: it answered `"),
        // An HTTP server waits for its client to speak first.
        Behaviour::Http | Behaviour::Silent => (
            Status::Unknown,
            "the port accepts connections but sends no greeting",
        ),
        Behaviour::StallsInHandshake => (Status::Unknown, "timed out while "),
    }
}

#[test]
fn every_verdict_on_a_mixed_list_of_a_thousand_is_right() {
    let place = Place::new();
    let fleet = FakeFleet::start(&MIX).unwrap();
    // Mixed, so that no worker has all the slow ones: 7 has no divisor in common with 1,000.
    let targets: Vec<_> = (0..1000)
        .map(|index| fleet.targets()[index * 7 % 1000])
        .collect();
    let lines: Vec<_> = targets
        .iter()
        .map(|target| format!("{} # {}\n", target.address, target.behaviour.name()))
        .collect();
    place.write("hosts.txt", &lines.concat());

    let done = place
        .run("probe --targets hosts.txt --format json --timeout 5s --concurrency 128")
        .ends_with(1); // not every target got a verdict

    assert_eq!(
        done.err,
        "250/1000 probed\n500/1000 probed\n750/1000 probed\n1000/1000 probed\n"
    );
    let reports: Vec<Report> = serde_json::from_str(&done.out).unwrap();
    assert_eq!(reports.len(), 1000);
    let mut seen = BTreeMap::new();
    for (target, report) in targets.iter().zip(&reports) {
        let (status, reason) = verdict(target.behaviour);
        assert_eq!(report.target, target.address.to_string());
        assert_eq!(report.status, status, "{target:?}: {report:?}");
        if reason.is_empty() {
            assert_eq!(report.reason, "", "{target:?}");
        }
        assert!(
            report.reason.starts_with(reason),
            "{target:?}: {}",
            report.reason
        );
        *seen.entry(target.behaviour.name()).or_insert(0) += 1;
    }
    assert_eq!(
        seen,
        MIX.map(|(behaviour, count)| (behaviour.name(), count))
            .into()
    );
    // Polite: each handshake went on to a login, and nobody was asked twice for nothing.
    let counts = fleet.counts(Behaviour::Tls);
    assert_eq!(
        (counts.connections, counts.handshakes, counts.logins),
        (400, 400, 400)
    );
}

#[test]
fn people_get_a_table() {
    let mut place = Place::new();
    let (fleet, targets) = fakes(&mut place, 1);
    place.write("ca.pem", fleet.root_pem());
    let line = format!("probe {} --ca ca.pem", targets.join(" "));
    let out = place.run(&line).ends_with(0).out;
    // The certificate was made a moment ago for 90 days.
    let out = out.replace("  90 ", "  89 ");
    assert_eq!(
        out,
        "\
TARGET           STATUS  TLS      CIPHER                  SERVER                CERTIFICATE   ISSUER                  DAYS LEFT  VERIFIES  REASON
127.1.0.1:#####  ON      TLSv1.3  TLS_AES_256_GCM_SHA384  MySQL 9.7.4-lab-fake  CN=127.1.0.1  CN=Lab fake fleet root  89         yes       -
127.1.0.2:#####  OFF     -        -                       MySQL 9.7.4-lab-fake  -             -                       -          -         -
"
    );
}

#[test]
fn programs_get_everything_that_was_seen() {
    let mut place = Place::new();
    let (fleet, targets) = fakes(&mut place, 1);
    let ca = place.write("ca.pem", fleet.root_pem());
    let password = place.write("password", "any\n");
    let line = format!(
        "probe --format json --ca {ca} --user probe --password-file {password} --name db.example.com {}",
        targets[0]
    );
    let mut answer = place.run(&line).json();
    let report: Report = serde_json::from_value(answer[0].clone()).unwrap();
    assert_eq!(report.probe_login, ProbeLogin::Accepted);
    for changing in ["NotAfter", "DaysLeft", "TookMs", "Chain"] {
        answer[0][changing] = Value::Null;
    }
    assert_eq!(
        answer,
        json!([{
            "Target": "127.1.0.1:#####", "Status": "ON", "Reason": "", "Flavor": "MySQL", "ServerVersion": "9.7.4-lab-fake",
            "TlsVersion": "TLSv1.3", "Cipher": report.cipher, "SignatureChecked": true, "Chain": null, "SelfContained": false,
            "NotAfter": null, "DaysLeft": null, "Expired": false, "ChainVerifies": true, "ChainProblem": "",
            "TrustedBy": "CN=Lab fake fleet root",
            "Names": [
                { "Name": "127.1.0.1", "Covered": true, "CommonNameOnly": false },
                { "Name": "db.example.com", "Covered": false, "CommonNameOnly": false },
            ],
            "ProbeLogin": "ACCEPTED", "ProbeLoginMessage": "", "TookMs": null,
        }])
    );
}

#[test]
fn spreadsheets_get_csv() {
    let mut place = Place::new();
    let (_fleet, targets) = fakes(&mut place, 1);
    let words = ["probe", "--format", "csv", "--targets", "-"];
    let input = format!("{}\n{}\nlocalhost:1\n", targets[0], targets[1]);
    let out = place.run_words(&words, &input).ends_with(1).out;
    let mut reader = csv::Reader::from_reader(out.as_bytes());
    let heading = reader
        .headers()
        .unwrap()
        .iter()
        .collect::<Vec<_>>()
        .join(",");
    assert_eq!(
        heading,
        "target,status,tls_version,cipher,flavor,server_version,subject,issuer,not_after,days_left,expired,chain_verifies,chain_problem,reason"
    );
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let column = |index| rows.iter().map(|row| &row[index]).collect::<Vec<_>>();
    assert_eq!(
        column(0),
        ["127.1.0.1:#####", "127.1.0.2:#####", "localhost:1"]
    );
    assert_eq!(column(1), ["ON", "OFF", "UNKNOWN"]);
    assert_eq!(column(6), ["CN=127.1.0.1", "", ""]);
    assert_eq!(column(12), ["no CA to verify against", "", ""]);
    let refused = "127.0.0.1:1 refuses connections: check that the server runs, its port and its `bind_address`";
    assert_eq!(column(13), ["", "", refused]);
}

#[test]
fn a_target_named_twice_is_probed_once() {
    let mut place = Place::new();
    let (fleet, targets) = fakes(&mut place, 1);
    let (on, off) = (&targets[0], &targets[1]);
    place.write(
        "hosts.txt",
        &format!("# ours\n\n{on}\n  {off}  # legacy\n{on}\n"),
    );
    let done = place
        .run(&format!("probe {on} --targets hosts.txt --format json"))
        .ends_with(0);
    let reports: Vec<Value> = serde_json::from_str(&done.out).unwrap();
    let names: Vec<_> = reports
        .iter()
        .map(|report| report["Target"].clone())
        .collect();
    assert_eq!(names, ["127.1.0.1:#####", "127.1.0.2:#####"]);
    assert_eq!(fleet.counts(Behaviour::Tls).connections, 1);
}

#[test]
fn mistakes_are_named() {
    let place = Place::new();
    place.write("hosts.txt", "db1\n\ndb2:port\n");
    place.run("probe --targets hosts.txt").fails(
        2,
        "error: hosts.txt: line 3: `db2:port` is not a target: expected HOST, HOST:PORT, [IPV6]:PORT or unix:/path/to.sock",
    );
    place.run("probe db2:port").fails(
        2,
        "error: `db2:port` is not a target: expected HOST, HOST:PORT, [IPV6]:PORT or unix:/path/to.sock",
    );
    place.run("probe --targets missing.txt").fails(
        2,
        "error: missing.txt: No such file or directory (os error 2)",
    );
    place
        .run_words(&["probe", "--targets", "-"], "# nothing\n")
        .fails(2, "error: no target is named");
    for line in [
        "probe",
        "probe db1 --timeout 1ms",
        "probe db1 --concurrency 0",
        "probe db1 --user u",
    ] {
        place.run(line).ends_with(2);
    }

    place.write("ca.pem", "no certificate\n");
    place
        .run("probe 127.0.0.1:1 --ca ca.pem")
        .fails(1, "error: ca.pem: the CA bundle holds no certificate");
}

#[test]
fn a_password_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let path = place.write("password", "secret\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    place
        .run("probe 127.0.0.1:1 --user u --password-file password")
        .fails(
            1,
            "error: password: others may read this secret (mode 0644): run `chmod 600` on it",
        );
}
