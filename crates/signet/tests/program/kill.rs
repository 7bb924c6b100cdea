//! `kill -9` while instances are registered: what was acknowledged is there, and nothing is half there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::support::{Connection, Place, Served, json_lines};

/// How many registrations were acknowledged in all when the service is killed, life after life.
const KILLED_AT: [usize; 10] = [1, 48, 170, 233, 390, 512, 600, 777, 901, 1_000];
/// Connections that register at the same time.
const CLIENTS: usize = 4;
/// A first start is killed after 0, 1, 2, … milliseconds up to here: before, while and after its files are made.
const FIRST_START: u64 = 40;
/// Smaller than the fleet, so that it comes in several pages.
const PAGE: usize = 150;

#[test]
fn what_was_acknowledged_survives_and_nothing_is_half_there() {
    let place = Place::new();
    let registrations = Registrations::default();
    for (life, count) in KILLED_AT.into_iter().enumerate() {
        let served = place.serve();
        // From right after an answer to well into the next ones.
        let pause = Duration::from_micros(400 * life as u64);
        registrations.go_on_until_killed(served, count, pause);

        let served = place.serve();
        let listed = fleet(served.address());
        registrations.check(&listed);
        registrations.retry(served.address(), &listed);
        check_audit(&place, &registrations);
        served.kill();
    }
    assert!(registrations.acknowledged().len() >= 1_000);
}

#[test]
fn a_first_start_that_was_killed_is_made_good_by_the_next() {
    for millisecond in 0..FIRST_START {
        let place = Place::new();
        let starting = place.start_serving();
        std::thread::sleep(Duration::from_millis(millisecond));
        starting.kill();

        let served = place.serve();
        assert_eq!(fleet(served.address()), BTreeMap::new());
    }
}

/// The instances that were registered so far; each has a number.
#[derive(Default)]
struct Registrations {
    begun: AtomicUsize,
    acknowledged: Mutex<BTreeSet<usize>>,
    is_more: Condvar,
}

impl Registrations {
    /// Registers over several connections, and kills the service at `count` and a pause.
    fn go_on_until_killed(&self, served: Served, count: usize, pause: Duration) {
        let address = served.address();
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| self.register_until_the_connection_breaks(address));
            }
            let acknowledged = self.acknowledged.lock().unwrap();
            drop(
                self.is_more
                    .wait_while(acknowledged, |known| known.len() < count)
                    .unwrap(),
            );
            std::thread::sleep(pause);
            served.kill();
        });
    }

    fn register_until_the_connection_breaks(&self, address: SocketAddr) {
        let mut connection = Connection::open(address).unwrap();
        loop {
            let number = self.begun.fetch_add(1, Ordering::SeqCst);
            let Ok(answer) = connection.call("RegisterInstance", &registration(number)) else {
                return;
            };
            assert_eq!(answer, registered(number));
            self.acknowledged.lock().unwrap().insert(number);
            self.is_more.notify_all();
        }
    }

    /// All that was acknowledged is listed, and whatever is listed is whole.
    fn check(&self, listed: &BTreeMap<usize, Value>) {
        for (number, item) in listed {
            assert_eq!(*item, whole_item(*number));
        }
        let acknowledged = self.acknowledged();
        let lost: Vec<_> = acknowledged
            .iter()
            .filter(|number| !listed.contains_key(number))
            .collect();
        assert!(lost.is_empty(), "acknowledged, and lost: {lost:?}");
        let most = acknowledged.len() + CLIENTS;
        assert!(
            listed.len() <= most,
            "{} are listed, {most} at most were sent",
            listed.len()
        );
    }

    /// Whoever got no answer asks again, and is told truly whether the instance is there.
    fn retry(&self, address: SocketAddr, listed: &BTreeMap<usize, Value>) {
        let mut connection = Connection::open(address).unwrap();
        let acknowledged = self.acknowledged();
        let begun = 0..self.begun.load(Ordering::SeqCst);
        for number in begun.filter(|number| !acknowledged.contains(number)) {
            let answer = connection
                .call("RegisterInstance", &registration(number))
                .unwrap();
            let expected = if listed.contains_key(&number) {
                in_use(number)
            } else {
                registered(number)
            };
            assert_eq!(answer, expected);
            self.acknowledged.lock().unwrap().insert(number);
        }
    }

    fn acknowledged(&self) -> BTreeSet<usize> {
        self.acknowledged.lock().unwrap().clone()
    }
}

/// No line is broken, and every acknowledged registration has one. The service runs, and may be adding lines.
fn check_audit(place: &Place, registrations: &Registrations) {
    let audited: BTreeSet<_> = json_lines(&place.path("data/audit.jsonl"))
        .into_iter()
        .filter(|line| line["action"] == "RegisterInstance")
        .map(|line| line["resource"].as_str().unwrap().to_owned())
        .collect();
    let acknowledged = registrations.acknowledged();
    let missing: Vec<_> = acknowledged
        .iter()
        .filter(|number| !audited.contains(&id(**number)))
        .collect();
    assert!(missing.is_empty(), "acknowledged, not audited: {missing:?}");

    let verified = place.run("audit verify --data data");
    let lines: Option<usize> = verified
        .strip_prefix("data/audit.jsonl: ")
        .and_then(|text| text.strip_suffix(" lines, unbroken"))
        .and_then(|count| count.parse().ok());
    assert!(lines >= Some(acknowledged.len()), "{verified}");
}

/// The whole fleet, page by page, by number.
fn fleet(address: SocketAddr) -> BTreeMap<usize, Value> {
    let mut connection = Connection::open(address).unwrap();
    let mut items = BTreeMap::new();
    loop {
        let parameters = json!({ "Offset": items.len(), "Limit": PAGE });
        let mut page = connection.call("DescribeFleet", &parameters).unwrap();
        let Some(Value::Array(more)) = page.remove("Items") else {
            panic!("no Items: {page:?}")
        };
        let is_last = more.len() < PAGE;
        for item in more {
            let number = item["Id"].as_str().unwrap()["cdb-".len()..]
                .parse()
                .unwrap();
            assert!(
                items.insert(number, item).is_none(),
                "{number} is listed twice"
            );
        }
        if is_last {
            assert_eq!(page["TotalCount"], items.len());
            return items;
        }
    }
}

fn id(number: usize) -> String {
    format!("cdb-{number:08}")
}

/// What instance `number` is registered with. Nobody listens on its node.
fn registration(number: usize) -> Value {
    json!({
        "InstanceId": id(number), "InstanceName": format!("orders-{number}"), "Architecture": "single-node", "Nodes": ["127.0.0.1:1"],
        "Vip": "192.0.2.10", "Vport": 1 + number, "DnsNames": [format!("orders-{number}.db.example.com")],
        "Tags": [{ "Key": "number", "Value": number.to_string() }], "ProbeUser": "signet_probe", "ProbePassword": format!("secret-{number}"),
    })
}

/// The same as the fleet shows it.
fn whole_item(number: usize) -> Value {
    json!({
        "Id": id(number), "Kind": "Instance", "Name": format!("orders-{number}"), "Architecture": "single-node", "PrimaryInstanceId": "",
        "Nodes": ["127.0.0.1:1"], "Vip": "192.0.2.10", "Vport": 1 + number, "DnsNames": [format!("orders-{number}.db.example.com")],
        "Driver": "observe", "NodeDrivers": [], "KeyType": "ecdsa-p256", "Tags": [{ "Key": "number", "Value": number.to_string() }], "Status": "UNKNOWN", "TlsVersions": [],
        "Issuers": [], "NotAfter": "", "DaysLeft": 0, "Servers": [], "LastSeen": "", "Drift": [], "Enforcement": "UNKNOWN",
    })
}

fn registered(number: usize) -> Map<String, Value> {
    Map::from_iter([("InstanceId".to_owned(), json!(id(number)))])
}

fn in_use(number: usize) -> Map<String, Value> {
    let message = format!(
        "An instance with the ID `{}` is registered already.",
        id(number)
    );
    Map::from_iter([(
        "Error".to_owned(),
        json!({ "Code": "ResourceInUse", "Message": message }),
    )])
}
