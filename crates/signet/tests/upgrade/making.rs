use std::fs;
use std::path::Path;

use lab::pki::{Authority, Leaf};
use serde_json::{Value, json};

use crate::answers::Answers;
use crate::left::{MARIADB, PLACE, copy};
use crate::scene::{GROUP, MARIADB_NODE, MYSQL_NODE, ORDERS, Scene, WATCHED, WATCHED_NODES};

/// As an operator would have it; certificates outlive the fixture, and so does the finished task.
const CONFIGURATION: &str = "\
allow_plaintext = true
task_retention = '36500d'
agents.listen = '192.0.2.1:7781'
ca.lifetime = '7000d'
rates.DescribeAsyncRequestInfo = 1000000
";

const YEARS: i64 = 365 * 86_400;

/// Makes a data directory with a bit of everything, and everything around it that an upgrade needs.
pub(crate) fn make(target: &Path) {
    fs::create_dir_all(target).unwrap();
    let watched = certificate_of_another_authority(&target.join("watched"));
    fs::write(target.join("signet.toml"), CONFIGURATION).unwrap();
    let mut scene = Scene::fresh(&watched, CONFIGURATION);
    scene.serve();
    scene.register();
    scene.accept_unproven_names();
    scene.enrol();
    scene.run_agent();
    scene.task("OpenSSL");
    let keys = scene.make_keys();
    write(&target.join("keys.json"), &keys);
    scene.wait_until_seen();
    write(&target.join("answers.json"), &Answers::ask(&mut scene).0);
    scene.end_agent();
    scene.stop();
    scene.keep(target);
}

/// What the two servers that are only watched serve.
pub(crate) fn certificate_of_another_authority(folder: &Path) -> lab::pki::CertFiles {
    let now = lab::now();
    let authority = Authority::root("Another authority", now).unwrap();
    let names = WATCHED_NODES.map(|node| node.trim_end_matches(":3306"));
    let leaf = Leaf::new(names, now).valid(now - 3600, now + 9 * YEARS);
    authority.issue(&leaf).unwrap().write_to(folder).unwrap()
}

impl Scene {
    fn register(&mut self) {
        let ca = fs::read_to_string(self.mysql.ca().unwrap()).unwrap();
        self.call(
            "RegisterInstance",
            &json!({
                "InstanceId": ORDERS, "InstanceName": "orders", "Architecture": "two-node", "Nodes": [MYSQL_NODE, MARIADB_NODE],
                "DnsNames": ["orders.example.com"], "Tags": [{ "Key": "team", "Value": "payments" }], "CaCertificates": ca,
                "Driver": "sql", "SqlUser": "signet", "SqlPassword": "secret", "ProbeUser": "probe", "ProbePassword": "probe-secret",
                "NodeDrivers": [{ "Node": MARIADB_NODE, "Driver": "agent" }],
            }),
        );
        self.call(
            "RegisterInstance",
            &json!({
                "InstanceId": WATCHED, "InstanceName": "reports", "Architecture": "two-node", "Nodes": WATCHED_NODES,
            }),
        );
        self.call(
            "RegisterRoGroup",
            &json!({
                "InstanceId": WATCHED, "RoGroupId": GROUP, "RoGroupName": "reports-ro", "Nodes": [WATCHED_NODES[1]],
            }),
        );
    }

    /// Nobody resolves the names of the instance in these namespaces. A build that does not prove names refuses the parameter.
    fn accept_unproven_names(&mut self) {
        let accepted = json!({ "InstanceId": ORDERS, "AcceptUnprovenNames": true });
        let answer = self.try_call("ModifyInstance", &accepted);
        let code = answer.get("Error").map(|error| error["Code"].clone());
        assert!(
            matches!(
                code.as_ref().map(Value::as_str),
                None | Some(Some("UnknownParameter"))
            ),
            "{code:?}"
        );
    }

    fn enrol(&mut self) {
        let node = json!({ "InstanceId": ORDERS, "Node": MARIADB_NODE });
        let made = self.call("CreateAgentToken", &node);
        self.enrol_agent(made["Token"].as_str().unwrap());
    }

    fn make_keys(&mut self) -> Value {
        let mut made = |access: &str, note: &str| {
            let parameters = json!({ "Access": access, "Note": note });
            self.call("CreateAccessKey", &parameters)
        };
        let keys = json!({
            "full": made("Full", "terraform"), "read-only": made("ReadOnly", "dashboard"), "disabled": made("Full", "former"),
        });
        let disabled = json!({ "SecretId": keys["disabled"]["SecretId"] });
        self.call("DisableAccessKey", &disabled);
        keys
    }

    /// Keeps the files of the service, the agent and the servers.
    fn keep(&self, target: &Path) {
        let (place, mariadb) = (self.place.path(""), self.mariadb.server().dir().to_owned());
        let (place, mariadb) = (place.to_str().unwrap(), mariadb.to_str().unwrap());
        let words = [(place.trim_end_matches('/'), PLACE), (mariadb, MARIADB)];
        fs::create_dir_all(target.join("control-plane")).unwrap();
        let to = target.join("control-plane");
        for name in ["signet.db", "signet.db-wal", "master.key", "audit.jsonl"] {
            let from = self.place.path("data").join(name);
            // A shutdown may leave the log of the database beside it, or take it in.
            if from.exists() {
                copy(&from, &to.join(name), &[]);
            }
        }
        fs::create_dir_all(target.join("agent")).unwrap();
        for name in ["state", "certificates"] {
            copy(
                &self.place.path("agent").join(name),
                &target.join("agent").join(name),
                &words,
            );
        }
        for passing in ["lock", "restart.log"] {
            fs::remove_file(target.join("agent/state").join(passing)).unwrap();
        }
        let dropin = self.mariadb.conf().join("99-signet.cnf");
        copy(&dropin, &target.join("agent/99-signet.cnf"), &words);
        fs::create_dir_all(target.join("mysql")).unwrap();
        for (variable, name) in [
            ("ssl_ca", "ca.pem"),
            ("ssl_cert", "cert.pem"),
            ("ssl_key", "key.pem"),
        ] {
            let path = self.mysql.sql(&format!("SELECT @@{variable}")).unwrap();
            copy(Path::new(&path), &target.join("mysql").join(name), &[]);
        }
    }
}

fn write(path: &Path, value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap();
    fs::write(path, text + "\n").unwrap();
}
