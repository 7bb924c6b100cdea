use lab::fake::FakeFleet;
use serde_json::{Value, json};

use crate::support::{Place, SECRET_ID, SECRET_KEY, Serving, fakes};

/// A service that knows an instance with TLS, one without, and an RO group, all of them seen.
struct Fleet {
    place: Place,
    targets: Vec<String>,
    _serving: Serving,
    _fakes: FakeFleet,
}

fn fleet() -> Fleet {
    let (mut place, serving) = Place::with_service();
    let (fakes, targets) = fakes(&mut place, 3);
    let [on_1, on_2, read_only, off_1, off_2, _] = targets.as_slice() else {
        panic!("six were asked for");
    };
    for (line, answer) in [
        (
            format!(
                "instance add --name orders --architecture two-node --node {on_1} --node {on_2} --id cdb-orders01 --vip 192.0.2.10 --vport 3306 --dns orders.example.com --tag env=production --tag team=a=b"
            ),
            "Registered cdb-orders01 (orders).",
        ),
        (
            format!(
                "instance add --name legacy --architecture two-node --node {off_1} {off_2} --id cdb-legacy01"
            ),
            "Registered cdb-legacy01 (legacy).",
        ),
    ] {
        place.run(&line).prints(answer);
    }
    let line = format!(
        "ro-group add --instance cdb-orders01 --name reports --node {read_only} --id cdbrg-reports1"
    );
    let done = place.run(&line).ends_with(0);
    let ro_instance = done
        .out
        .trim_end()
        .strip_prefix("Registered cdbrg-reports1 (reports) with cdbro-");
    assert_eq!(
        ro_instance.map(str::len),
        Some("12345678.".len()),
        "{}",
        done.out
    );
    for (id, status) in [
        ("cdb-orders01", "ON"),
        ("cdb-legacy01", "OFF"),
        ("cdbrg-reports1", "ON"),
    ] {
        place
            .run(&format!("probe-now {id}"))
            .prints(&format!("{id} is {status}."));
    }
    Fleet {
        place,
        targets,
        _serving: serving,
        _fakes: fakes,
    }
}

/// Everything behind `expires=` differs from day to day and from service to service.
fn without_signature(text: &str) -> String {
    let mut parts = text.split("expires=");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '&' || c == '='));
        shown.push_str("SIGNED");
        shown.push_str(&part[end.unwrap_or(part.len())..]);
    }
    shown
}

#[test]
fn status_tells_whether_ssl_is_on() {
    let fleet = fleet();
    let place = &fleet.place;
    let url = |id| format!("ENDPOINT/certificates/{id}/TencentDB-CA-Chain.zip?SIGNED");

    let done = place.run("status cdb-orders01").ends_with(0);
    assert_eq!(
        without_signature(&done.out),
        format!(
            "ID            STATUS  CA BUNDLE\ncdb-orders01  ON      {}\n",
            url("cdb-orders01")
        )
    );
    // What the API answered, as it came: the order of the fields is its.
    let done = place
        .run("status cdbrg-reports1 --format json")
        .ends_with(0);
    assert_eq!(
        without_signature(&done.out),
        format!(
            "{{\"Status\":\"ON\",\"Url\":\"{}\",\"RequestId\":\"REQUEST\"}}\n",
            url("cdbrg-reports1")
        )
    );
    place
        .run("status cdb-legacy01 --format json")
        .answers(&json!({ "Status": "OFF", "Url": "", "RequestId": "REQUEST" }));
}

#[test]
fn several_are_answered_in_their_order_and_what_is_refused_is_said() {
    let fleet = fleet();
    let place = &fleet.place;
    let refusal = "cdb-nobody00: ResourceNotFound.InstanceNotFoundError: The instance `cdb-nobody00` does not exist.\nRequestId: REQUEST\n";

    let done = place
        .run("status cdb-legacy01 cdb-nobody00 cdbrg-reports1")
        .ends_with(1);
    let rows: Vec<Vec<_>> = done
        .out
        .lines()
        .map(|line| line.split_whitespace().take(2).collect())
        .collect();
    assert_eq!(
        rows,
        [
            ["ID", "STATUS"],
            ["cdb-legacy01", "OFF"],
            ["cdbrg-reports1", "ON"]
        ]
    );
    assert_eq!(done.err, refusal);

    let done = place
        .run("status cdb-legacy01 cdb-nobody00 --format json")
        .ends_with(1);
    assert_eq!(done.err, refusal);
    let answers: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        answers,
        json!([
            { "Status": "OFF", "Url": "", "RequestId": "REQUEST" },
            {
                "Error": { "Code": "ResourceNotFound.InstanceNotFoundError", "Message": "The instance `cdb-nobody00` does not exist." },
                "RequestId": "REQUEST"
            },
        ])
    );
}

#[test]
fn the_fleet_at_a_glance() {
    let fleet = fleet();
    let place = &fleet.place;
    let out = place.run("status --all").ends_with(0).out;
    let heading = "ID              NAME     STATUS  KIND                      NODES                             SERVERS               TLS      EXPIRES\n";
    let legacy = "cdb-legacy01    legacy   OFF     two-node                  127.1.0.4:#####, 127.1.0.5:#####  MySQL 9.7.4-lab-fake  -        -\n";
    assert!(
        out.starts_with(&format!(
            "{heading}{legacy}cdb-orders01    orders   ON      two-node"
        )),
        "{out}"
    );
    assert!(
        out.contains("cdbrg-reports1  reports  ON      RO group of cdb-orders01  127.1.0.3:#####"),
        "{out}"
    );

    place.run("fleet --status off").prints(
        "ID            NAME    STATUS  KIND      NODES                             SERVERS               TLS  EXPIRES\n\
         cdb-legacy01  legacy  OFF     two-node  127.1.0.4:#####, 127.1.0.5:#####  MySQL 9.7.4-lab-fake  -    -",
    );
    let ids = |line: &str| -> Vec<Value> {
        let answer = place.run(&format!("{line} --format json")).json();
        let items = answer["Items"].as_array().unwrap();
        assert_eq!(answer["TotalCount"], items.len());
        assert_eq!(answer["RequestId"], "REQUEST");
        items.iter().map(|item| item["Id"].clone()).collect()
    };
    assert_eq!(
        ids("fleet"),
        ["cdb-legacy01", "cdb-orders01", "cdbrg-reports1"]
    );
    assert_eq!(ids("fleet --search report"), ["cdbrg-reports1"]);
    assert_eq!(
        ids("fleet --expires-within 100"),
        ["cdb-orders01", "cdbrg-reports1"]
    );
    assert_eq!(ids("fleet --expires-within 10"), [""; 0]);
    assert_eq!(ids("instance list"), ["cdb-legacy01", "cdb-orders01"]);
    assert_eq!(ids("ro-group list"), ["cdbrg-reports1"]);
    assert_eq!(ids("ro-group list --instance cdb-legacy01"), [""; 0]);
}

#[test]
fn an_instance_is_shown_changed_and_forgotten() {
    let fleet = fleet();
    let (place, targets) = (&fleet.place, &fleet.targets);
    place.run("instance modify cdb-orders01 --name billing --dns a.example.com b.example.com --tag env=test").prints("Changed cdb-orders01.");

    let out = place.run("instance show cdb-orders01").ends_with(0).out;
    let shown: Vec<_> = out.lines().take(11).collect();
    assert_eq!(
        shown,
        [
            "ID               cdb-orders01",
            "Name             billing",
            "Architecture     two-node",
            "Nodes            127.1.0.1:#####, 127.1.0.2:#####",
            "Virtual address  192.0.2.10:3306",
            "DNS names        a.example.com, b.example.com",
            "Driver           observe",
            "Tags             env=test",
            "Status           ON",
            "Servers          MySQL 9.7.4-lab-fake",
            "TLS              TLSv1.3",
        ]
    );
    let answer = place.run("instance show cdb-orders01 --format json").json();
    assert_eq!(answer["TotalCount"], 1);
    assert_eq!(answer["Items"][0]["Name"], "billing");

    place
        .run("instance modify cdb-orders01")
        .fails(2, "error: nothing to change was given");
    place.run(&format!("instance modify cdb-orders01 --node {}", targets[0])).fails(
        1,
        "InvalidParameterValue: The value of parameter `Nodes` is not valid: two-node has 2 node(s), 1 given.\nRequestId: REQUEST",
    );
    place.run("instance rm cdb-orders01").fails(
        1,
        "OperationDenied: The instance `cdb-orders01` still has the RO group `cdbrg-reports1`. Deregister its RO groups first.\nRequestId: REQUEST",
    );
    place
        .run("ro-group rm cdbrg-reports1")
        .prints("Forgot cdbrg-reports1. Its servers stay as they are.");
    place
        .run("instance rm cdb-orders01")
        .prints("Forgot cdb-orders01. Its servers stay as they are.");
    place
        .run("instance rm cdb-legacy01 --format json")
        .answers(&json!({ "RequestId": "REQUEST" }));
    place.run("instance show cdb-orders01").fails(
        1,
        "error: no instance has the ID `cdb-orders01`: `signet instance list` shows all",
    );
}

#[test]
fn accounts_come_from_files_and_are_never_shown() {
    let (mut place, _serving) = Place::with_service();
    let (fleet, targets) = fakes(&mut place, 1);
    place.write("ca.pem", fleet.root_pem());
    place.write("password", "the-password\n");
    let line = format!(
        "instance add --name one --architecture single-node --node {} --id cdb-single01 --ca ca.pem --probe-user probe --probe-password-file password",
        targets[0]
    );
    place.run(&line).prints("Registered cdb-single01 (one).");
    place
        .run("probe-now cdb-single01")
        .prints("cdb-single01 is ON.");
    let posture = place.run("posture cdb-single01 --format json").json();
    let node = &posture["Nodes"][0];
    assert_eq!(
        (&node["ProbeLogin"], &node["ChainVerifies"]),
        (&json!("ACCEPTED"), &json!(true))
    );

    // A password may come from standard input, and an account can be taken away again.
    let words = [
        "instance",
        "modify",
        "cdb-single01",
        "--driver",
        "sql",
        "--sql-user",
        "signet",
        "--sql-password-file",
        "-",
    ];
    place
        .run_words(&words, "another-password\n")
        .prints("Changed cdb-single01.");
    place
        .run("instance modify cdb-single01 --no-sql-user --no-probe-user --no-ca --driver observe")
        .prints("Changed cdb-single01.");
    place
        .run("probe-now cdb-single01")
        .prints("cdb-single01 is ON.");
    let posture = place.run("posture cdb-single01 --format json").json();
    let node = &posture["Nodes"][0];
    assert_eq!(
        (&node["ProbeLogin"], &node["ChainVerifies"]),
        (&json!("NOBODY"), &json!(false))
    );

    for file in ["log", "data/audit.jsonl"] {
        let text = std::fs::read_to_string(place.path(file)).unwrap();
        for secret in ["the-password", "another-password", SECRET_KEY] {
            assert!(!text.contains(secret), "{file} shows {secret}");
        }
    }
}

#[test]
fn posture_tells_everything_about_each_node() {
    let fleet = fleet();
    let place = &fleet.place;
    let out = place.run("posture cdb-orders01").ends_with(0).out;
    let words: Vec<Vec<_>> = out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let lines: Vec<_> = words.iter().map(|words| words.join(" ")).collect();
    assert_eq!(lines[0], "cdb-orders01 ON");
    for line in [
        "127.1.0.1:##### ON",
        "Server MySQL 9.7.4-lab-fake",
        "Certificate CN=127.1.0.1",
        "Issued by CN=Lab fake fleet root",
        "Names 127.1.0.1",
        "Key EC 256",
        "Verifies no: no trusted CA signed it",
        "Plaintext not known",
        "Covers 127.1.0.1 yes, 192.0.2.10 no, orders.example.com no",
        "127.1.0.2:##### ON",
    ] {
        assert!(
            lines.iter().any(|found| found == line),
            "{line:?} is not in\n{out}"
        );
    }

    let out = place.run("posture cdb-legacy01").ends_with(0).out;
    assert!(
        out.starts_with("cdb-legacy01 OFF\n\n127.1.0.4:##### OFF\n  Reason         -\n"),
        "{out}"
    );
}

#[test]
fn keys_are_made_listed_and_disabled() {
    let (mut place, _serving) = Place::with_service();
    let done = place
        .run_words(
            &[
                "key",
                "create",
                "--access",
                "read-only",
                "--note",
                "a dashboard",
            ],
            "",
        )
        .ends_with(0);
    let lines: Vec<_> = done.out.lines().collect();
    assert_eq!(
        lines[0],
        "A new key pair. The SecretKey is not shown again:"
    );
    let id = lines[1]
        .strip_prefix("export TENCENTCLOUD_SECRET_ID=")
        .unwrap()
        .to_owned();
    let key = lines[2]
        .strip_prefix("export TENCENTCLOUD_SECRET_KEY=")
        .unwrap()
        .to_owned();

    let listed = place.run("key list --format json").json();
    let shown: Vec<_> = listed["Items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| json!([key["SecretId"], key["Access"], key["Enabled"], key["Note"]]))
        .collect();
    assert_eq!(shown.len(), 2);
    for expected in [
        json!([SECRET_ID, "Full", true, "root"]),
        json!([id, "ReadOnly", true, "a dashboard"]),
    ] {
        assert!(shown.contains(&expected), "{expected} is not in {shown:?}");
    }
    let table = place.run("key list").ends_with(0).out;
    assert!(!table.contains(&key) && !table.contains(SECRET_KEY));

    place.set("TENCENTCLOUD_SECRET_ID", &id);
    place.set("TENCENTCLOUD_SECRET_KEY", &key);
    place.run("key list").ends_with(0);
    let refused = place.run("key create").ends_with(1);
    assert!(
        refused
            .err
            .starts_with("AuthFailure.UnauthorizedOperation: "),
        "{}",
        refused.err
    );

    place.set("TENCENTCLOUD_SECRET_ID", SECRET_ID);
    place.set("TENCENTCLOUD_SECRET_KEY", SECRET_KEY);
    place
        .run(&format!("key disable {id}"))
        .prints(&format!("{id} is refused from now on."));
    place.run("key disable AKIDnobody").fails(
        1,
        "ResourceNotFound: No key has the SecretId `AKIDnobody`.\nRequestId: REQUEST",
    );
}

#[test]
fn any_action_can_be_called() {
    let fleet = fleet();
    let place = &fleet.place;
    let call = |line: &str| place.run(&format!("call {line}"));
    call("cdb DescribeSSLStatus --InstanceId cdb-legacy01 --format json")
        .answers(&json!({ "Status": "OFF", "Url": "", "RequestId": "REQUEST" }));
    call("cdb DescribeSSLStatus --InstanceId cdb-legacy01")
        .prints("{\n  \"Status\": \"OFF\",\n  \"Url\": \"\",\n  \"RequestId\": \"REQUEST\"\n}");
    let listed =
        call("cdb DescribeDBInstances --InstanceIds cdb-legacy01 --Limit 5 --format json").json();
    assert_eq!(listed["Items"][0]["InstanceName"], "legacy");
    let listed = call(
        "--format json cdb DescribeDBInstances --InstanceIds [\"cdb-legacy01\",\"cdb-orders01\"]",
    )
    .json();
    assert_eq!(listed["TotalCount"], 2);
    let renamed = [
        "call",
        "signet",
        "ModifyInstance",
        "--json",
        "{\"InstanceId\":\"cdb-legacy01\"}",
        "--InstanceName",
        "42",
        "--format",
        "json",
    ];
    place
        .run_words(&renamed, "")
        .answers(&json!({ "RequestId": "REQUEST" }));
    let listed = call("signet DescribeFleet --Search 42 --format json").json();
    assert_eq!(listed["Items"][0]["Name"], "42");
    let words = [
        "call",
        "cdb",
        "DescribeSSLStatus",
        "--json",
        "-",
        "--format",
        "json",
    ];
    place
        .run_words(&words, "{\"InstanceId\":\"cdb-legacy01\"}")
        .answers(&json!({ "Status": "OFF", "Url": "", "RequestId": "REQUEST" }));

    call("cdb DescribeSSLStatus").fails(
        1,
        "MissingParameter.MissingParamError: Specify `InstanceId` or `RoGroupId`.\nRequestId: REQUEST",
    );
    call("rds DescribeSSLStatus").fails(
        2,
        "error: no service is called `rds`: there are cdb and signet",
    );
    call("cdb DescribeSSLStatus --InstanceId")
        .fails(2, "error: the parameter --InstanceId has no value");
    call("cdb DescribeSSLStatus --json []").fails(2, "error: --json is not a JSON object");
    let refused = call("cdb NoSuchAction").ends_with(1);
    assert!(refused.err.starts_with("InvalidAction"), "{}", refused.err);
    let help = call("cdb DescribeSSLStatus --help").ends_with(0);
    assert!(help.out.contains("--json <OBJECT>"), "{}", help.out);
}

#[test]
fn any_call_can_be_shown_as_a_program() {
    let mut place = Place::new();
    let tccli = "--language tccli";
    let heading = "# DescribeSSLStatus of cdb 2017-03-20.\n# Needs: pip install tccli\n\
                   # Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY\n";
    let sample = format!("sample cdb DescribeSSLStatus --InstanceId cdb-legacy01 {tccli}");
    let command = |to: &str| {
        format!("{heading}tccli cdb DescribeSSLStatus {to} \\\n    --InstanceId cdb-legacy01")
    };
    let default = command("--endpoint http://127.0.0.1:7780 --region ap-guangzhou");
    place.run(&sample).prints(&default);
    let chosen = command("--endpoint https://db.example.com --region eu-frankfurt");
    place
        .run(&format!(
            "{sample} --endpoint https://db.example.com --region eu-frankfurt"
        ))
        .prints(&chosen);
    place.set("SIGNET_ENDPOINT", "https://db.example.com");
    place.set("TENCENTCLOUD_REGION", "eu-frankfurt");
    place.run(&sample).prints(&chosen);

    let python = place.run("sample cdb DescribeSSLStatus").ends_with(0);
    let request = "request = models.DescribeSSLStatusRequest()";
    assert!(python.out.contains(request), "{}", python.out);
}

#[test]
fn a_sample_of_what_is_no_call_is_refused() {
    let place = Place::new();
    let sample = |line: &str| place.run(&format!("sample {line}"));
    sample("rds DescribeSSLStatus").fails(
        2,
        "error: no service is called `rds`: there are cdb and signet",
    );
    sample("cdb DescribeFleet").fails(2, "error: cdb has no action called `DescribeFleet`");
    sample("cdb DescribeSSLStatus --Instance x").fails(
        2,
        "error: UnknownParameter: The parameter `Instance` is not recognized.",
    );
    sample("cdb DescribeSSLStatus --endpoint db.example.com").fails(
        2,
        "error: the endpoint `db.example.com` is not a URL like http://127.0.0.1:7780 or https://signet.example.com",
    );
    sample("cdb DescribeSSLStatus --region a.b")
        .fails(2, "error: the region `a.b` is not a name like ap-guangzhou");
    let refused = sample("cdb DescribeSSLStatus --language cobol").ends_with(2);
    assert!(
        refused
            .err
            .contains("[possible values: python, go, java, nodejs,"),
        "{}",
        refused.err
    );
}

#[test]
fn grants_are_statements_for_a_dba() {
    let place = Place::new();
    place.run("instance grants --from signet.example.com").prints(
        "-- MySQL and MariaDB: the account that probes log in with. It may do nothing but log in. With it, probes\n\
         -- leave no trace in the server's log and never count towards max_connect_errors.\n\
         CREATE USER 'signet_probe'@'signet.example.com' IDENTIFIED BY '<a long random password>';\n\
         GRANT USAGE ON *.* TO 'signet_probe'@'signet.example.com';",
    );
    let with_sql = place.run("instance grants --sql").ends_with(0).out;
    let of_driver = dbtls::switch::grants("signet", "%");
    assert!(with_sql.ends_with(&format!("{of_driver}\n")), "{with_sql}");
}

#[test]
fn real_servers_take_the_grants() {
    let place = Place::new();
    let statements = place.run("instance grants --sql").ends_with(0).out;
    let mysql = lab::Server::start(lab::Kind::MySql, lab::Options::new()).unwrap();
    mysql.sql(&statements).unwrap();
    let grants = mysql.sql("SHOW GRANTS FOR 'signet_probe'@'%'").unwrap();
    assert_eq!(grants, "GRANT USAGE ON *.* TO `signet_probe`@`%`");

    let statements = place.run("instance grants").ends_with(0).out;
    let mariadb = lab::Server::start(lab::Kind::MariaDb, lab::Options::new()).unwrap();
    mariadb.sql(&statements).unwrap();
    let grants = mariadb.sql("SHOW GRANTS FOR 'signet_probe'@'%'").unwrap();
    assert!(
        grants.starts_with("GRANT USAGE ON *.* TO `signet_probe`@`%` IDENTIFIED BY PASSWORD "),
        "{grants}"
    );
}

#[test]
fn another_root_is_staged_and_promoted() {
    let (place, _serving) = Place::with_service();
    place.run("ca promote").fails(
        1,
        "OperationDenied: There is no next authority. Stage one first.\nRequestId: REQUEST",
    );
    let roots = || {
        let answer = place.run("ca show --format json").json();
        let items = answer["Items"].as_array().unwrap();
        items
            .iter()
            .map(|item| ["Role", "Authority"].map(|name| item[name].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let first = roots()[0][1].clone();

    let done = place.run("ca stage").ends_with(0);
    let next = roots()[1][1].clone();
    assert_eq!(
        done.out,
        format!(
            "{next} is in every bundle from now on. Give clients the new bundle, then: signet ca promote\n"
        )
    );
    let exported = place.run("ca export").ends_with(0).out;
    assert_eq!(exported.matches("BEGIN CERTIFICATE").count(), 2);

    place.run("ca promote").prints(&format!(
        "{next} issues from now on. Certificates of the one before are good until they are rotated: signet rotate ID"
    ));
    let expected = [("current", next), ("former", first)];
    let expected = expected.map(|(role, authority)| [role.to_owned(), authority]);
    assert_eq!(roots(), expected);
}
