use serde_json::{Value, json};

use crate::support::{Place, fakes};

/// What the service knows, without what was seen.
fn registered(place: &Place) -> Vec<Value> {
    let answer = place.run("fleet --format json").json();
    let fields = [
        "Kind", "Name", "Nodes", "Vip", "Vport", "DnsNames", "Driver", "Tags",
    ];
    let items = answer["Items"].as_array().unwrap().iter();
    items
        .map(|item| fields.map(|field| item[field].clone()).into())
        .collect()
}

#[test]
fn a_file_is_planned_applied_and_applied_again() {
    let (mut place, _serving) = Place::with_service();
    let (_fleet, targets) = fakes(&mut place, 2);
    let [a, b, c, d] = targets.as_slice() else {
        panic!("four were asked for")
    };
    let file = format!(
        "[[instance]]\nname = 'orders'\nid = 'cdb-orders01'\narchitecture = 'two-node'\nnodes = ['{a}', '{b}']\n\
         vip = '192.0.2.10'\nvport = 3306\ndns = ['Orders.Example.com']\ntags = {{ team = 'shop', env = 'production' }}\n\n\
         [[instance]]\nname = 'legacy'\narchitecture = 'single-node'\nnodes = ['{c}']\n\n\
         [[ro_group]]\nname = 'reports'\nid = 'cdbrg-reports1'\ninstance = 'orders'\nnodes = ['{d}']\n\n\
         [[ro_group]]\nname = 'old-reports'\ninstance = 'legacy'\nnodes = ['{b}']\n"
    );
    place.write("fleet.toml", &file);

    let plan = "\
+ instance orders (cdb-orders01)
+ instance legacy
+ RO group reports (cdbrg-reports1)
+ RO group old-reports
4 to add, 0 to change, 0 to remove, 0 the same.
";
    place
        .run("apply -f fleet.toml --dry-run")
        .prints(&format!("{plan}Nothing was done (--dry-run)."));
    assert_eq!(registered(&place), [Value::Null; 0]);

    place
        .run("apply -f fleet.toml")
        .prints(&format!("{plan}Done."));
    let known = registered(&place);
    assert_eq!(known.len(), 4);
    let orders = json!([
        "Instance", "orders", ["127.1.0.1:#####", "127.1.0.2:#####"], "192.0.2.10", 3306, ["orders.example.com"], "observe",
        [{ "Key": "env", "Value": "production" }, { "Key": "team", "Value": "shop" }]
    ]);
    assert!(known.contains(&orders), "{known:?}");

    let again = place.run("apply -f fleet.toml --format json").json();
    let deeds: Vec<_> = again
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["Deed"])
        .collect();
    assert_eq!(deeds, ["Same"; 4]);
    assert_eq!(registered(&place), known);

    // Changed, left out, new: each has its sign. What the file leaves out of an instance stays as it is.
    let changed = format!(
        "[[instance]]\nname = 'shop'\nid = 'cdb-orders01'\narchitecture = 'two-node'\nnodes = ['{b}', '{a}']\ntags = {{}}\n\n\
         [[instance]]\nname = 'fresh'\nid = 'cdb-fresh001'\narchitecture = 'single-node'\nnodes = ['{c}']\n\n\
         [[ro_group]]\nname = 'reports'\ninstance = 'cdb-orders01'\nnodes = ['{d}', '{c}']\nvip = '192.0.2.11'\n"
    );
    place.write("fleet.toml", &changed);
    let out = place.run("apply -f fleet.toml --prune").ends_with(0).out;
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(
        lines[2..],
        [
            "~ instance shop (cdb-orders01): name orders → shop; nodes 127.1.0.1:#####, 127.1.0.2:##### → 127.1.0.2:#####, 127.1.0.1:#####; tags env=production, team=shop → -",
            "+ instance fresh (cdb-fresh001)",
            "~ RO group reports (cdbrg-reports1): nodes 127.1.0.4:##### → 127.1.0.4:#####, 127.1.0.3:#####; vip → 192.0.2.11; registered anew: its read-only instances get new IDs, and accounts that the file does not name are gone",
            "1 to add, 2 to change, 2 to remove, 1 the same."
                .replace("1 the same", "0 the same")
                .as_str(),
            "Done.",
        ]
    );
    assert!(
        lines[0].starts_with("- RO group old-reports (cdbrg-"),
        "{out}"
    );
    assert!(lines[1].starts_with("- instance legacy (cdb-"), "{out}");
    let known = registered(&place);
    let names: Vec<_> = known.iter().map(|item| item[1].as_str().unwrap()).collect();
    assert_eq!(names, ["fresh", "shop", "reports"]);
    assert_eq!(
        known[1],
        json!([
            "Instance",
            "shop",
            ["127.1.0.2:#####", "127.1.0.1:#####"],
            "192.0.2.10",
            3306,
            ["orders.example.com"],
            "observe",
            []
        ])
    );
}

#[test]
fn accounts_are_written_with_what_is_new_and_again_when_asked() {
    let (mut place, _serving) = Place::with_service();
    let (fleet, targets) = fakes(&mut place, 1);
    place.write("deploy/ca.pem", fleet.root_pem());
    place.write("deploy/password", "any\n");
    // Files are meant from where the fleet file is.
    let file = format!(
        "[[instance]]\nname = 'orders'\nid = 'cdb-orders01'\narchitecture = 'single-node'\nnodes = ['{}']\n\
         probe_user = 'probe'\nprobe_password_file = 'password'\nca = 'ca.pem'\n",
        targets[0]
    );
    place.write("deploy/fleet.toml", &file);
    let login = || {
        place.run("probe-now cdb-orders01").ends_with(0);
        let posture = place.run("posture cdb-orders01 --format json").json();
        posture["Nodes"][0]["ProbeLogin"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    place.run("apply -f deploy/fleet.toml").ends_with(0);
    assert_eq!(login(), "ACCEPTED");

    place
        .run("instance modify cdb-orders01 --no-probe-user")
        .ends_with(0);
    place.run("apply -f deploy/fleet.toml").prints(
        "= instance orders (cdb-orders01)\n0 to add, 0 to change, 0 to remove, 1 the same.\nDone.",
    );
    assert_eq!(login(), "NOBODY");
    place.run("apply -f deploy/fleet.toml --accounts").prints(
        "~ instance orders (cdb-orders01): accounts → as in the file\n0 to add, 1 to change, 0 to remove, 0 the same.\nDone.",
    );
    assert_eq!(login(), "ACCEPTED");
}

#[test]
fn each_mistake_in_a_file_is_named_with_its_line_and_field() {
    let place = Place::new();
    let instance = "[[instance]]\nname = 'a'\narchitecture = 'two-node'\nnodes = ['db1', 'db2']\n";
    for (file, expected) in [
        (
            "[[instance]]\nname = 'a'\narchitecture = 'two-node'\nnodes = ['db1']\n".to_owned(),
            "fleet.toml:4: `nodes`: two-node has 2 node(s), 1 given",
        ),
        (
            "[[instance]]\nname = 'a'\narchitecture = 'two-node'\nnodes = [\n  'db1',\n  'db2:port',\n]\n".to_owned(),
            "fleet.toml:6: `nodes`: `db2:port` is not a target: expected HOST, HOST:PORT, [IPV6]:PORT or unix:/path/to.sock",
        ),
        (
            "[[instance]]\nname = 'a'\narchitecture = 'two-node'\nnodes = ['db1', 'DB1:3306']\n".to_owned(),
            "fleet.toml:4: `nodes`: `db1:3306` is there twice",
        ),
        (
            format!("{instance}\n{instance}"),
            "fleet.toml:7: `name`: `a` is there already, at fleet.toml:2",
        ),
        (
            format!("{instance}driver = 'sql'\n"),
            "fleet.toml:2: `driver`: the driver `sql` needs sql_user and sql_password_file",
        ),
        (
            format!("{instance}probe_user = 'p'\n"),
            "fleet.toml:5: `probe_user`: its password file is missing",
        ),
        (
            format!("{instance}\n[[ro_group]]\nname = 'r'\ninstance = 'b'\nnodes = ['db3']\n"),
            "fleet.toml:7: `instance`: `b` is neither the name of an instance in this file nor an ID like cdb-c1nl9rpv",
        ),
    ] {
        place.write("fleet.toml", &file);
        place.run("apply -f fleet.toml").fails(1, &format!("error: {expected}"));
    }

    // What TOML itself, or the type of a field, does not allow is shown in its line.
    for (file, line, expected) in [
        (
            "[[instance]]\nname = 'a'\nnode = 'db1'\n",
            "line 3, column 1",
            "unknown field `node`, expected one of `name`",
        ),
        (
            "[[instance]]\nname = 'a'\narchitecture = 'four-node'\nnodes = []\n",
            "line 3, column 16",
            "unknown variant `four-node`",
        ),
        (
            "[[instance]]\nname = 'a'\nid = 'cdb-1'\n",
            "line 3, column 6",
            "cdb-",
        ),
        ("[[instance]]\nname = \n", "line 2, column 8", ""),
    ] {
        place.write("fleet.toml", file);
        let done = place.run("apply -f fleet.toml").ends_with(1);
        assert!(
            done.err
                .starts_with(&format!("error: fleet.toml: TOML parse error at {line}\n")),
            "{}",
            done.err
        );
        assert!(done.err.contains(expected), "{}", done.err);
    }
}

#[test]
fn what_the_service_knows_better_is_told_before_anything_is_done() {
    let (mut place, _serving) = Place::with_service();
    let (_fleet, targets) = fakes(&mut place, 1);
    let node = &targets[0];
    for id in ["cdb-same0001", "cdb-same0002"] {
        place
            .run(&format!(
                "instance add --name same --architecture single-node --node {node} --id {id}"
            ))
            .ends_with(0);
    }
    let instance = |name: &str, id: &str, nodes: &str, architecture: &str| {
        format!(
            "[[instance]]\nname = '{name}'\n{id}architecture = '{architecture}'\nnodes = [{nodes}]\n"
        )
    };
    let first = instance("new", "", &format!("'{node}'"), "single-node");
    for (second, flag, expected) in [
        (
            instance("same", "", &format!("'{node}'"), "single-node"),
            "",
            "fleet.toml:6: `name`: several are registered as `same` (cdb-same0001, cdb-same0002): give the `id` of the one that is meant",
        ),
        (
            instance("same", "id = 'cdb-same0001'\n", "'db1', 'db2'", "two-node"),
            "",
            "fleet.toml:6: `architecture`: cdb-same0001 is registered as single-node, which cannot be changed: remove it first, or give another `id`",
        ),
        (
            format!("[[ro_group]]\nname = 'r'\ninstance = 'cdb-nobody00'\nnodes = ['{node}']\n"),
            "",
            "fleet.toml:6: `instance`: `cdb-nobody00` is neither in this file nor registered",
        ),
        (
            format!("[[ro_group]]\nname = 'r'\ninstance = 'cdb-same0001'\nnodes = ['{node}']\n"),
            "--prune",
            "fleet.toml:6: `instance`: --prune would deregister `cdb-same0001`: add it to the file",
        ),
    ] {
        place.write("fleet.toml", &format!("{first}{second}"));
        place
            .run(&format!("apply -f fleet.toml {flag}"))
            .fails(1, &format!("error: {expected}"));
    }
    assert_eq!(registered(&place).len(), 2);
}

#[test]
fn a_large_file_shows_progress_and_waits_for_the_rate_limit() {
    let (place, _serving) = Place::with_service();
    // More than may be registered in a second. Nobody listens there; it is registered all the same.
    let file: String = (0..240)
        .map(|n| {
            format!(
                "[[instance]]\nname = 'n{n}'\narchitecture = 'single-node'\nnodes = ['127.0.0.1:1']\n"
            )
        })
        .collect();
    place.write("fleet.toml", &file);
    let done = place.run("apply -f fleet.toml").ends_with(0);
    assert_eq!(
        done.err,
        "60/240 applied\n120/240 applied\n180/240 applied\n240/240 applied\n"
    );
    assert!(
        done.out
            .ends_with("240 to add, 0 to change, 0 to remove, 0 the same.\nDone.\n")
    );
    assert_eq!(registered(&place).len(), 240);
}

#[test]
fn what_the_service_refuses_is_named_and_can_be_corrected() {
    let (mut place, _serving) = Place::with_service();
    let (_fleet, targets) = fakes(&mut place, 1);
    let node = &targets[0];
    let file = |tail: &str| {
        format!(
            "[[instance]]\nname = 'good'\narchitecture = 'single-node'\nnodes = ['{node}']\n\n\
             [[instance]]\nname = 'bad'\narchitecture = 'single-node'\nnodes = ['{node}']\ndns = ['{tail}']\n"
        )
    };
    place.write("fleet.toml", &file("not a name"));
    let done = place.run("apply -f fleet.toml").ends_with(1);
    assert_eq!(
        done.err,
        "instance bad is as far as it went; run the command again when this is corrected:\n\
         InvalidParameterValue: The value of parameter `DnsNames.0` is not valid: a DNS name is letters, digits and hyphens between dots, like db.example.com.\n\
         RequestId: REQUEST\n"
    );
    place.write("fleet.toml", &file("db.example.com"));
    let out = place.run("apply -f fleet.toml").ends_with(0).out;
    assert!(
        out.ends_with("1 to add, 0 to change, 0 to remove, 1 the same.\nDone.\n"),
        "{out}"
    );
}
