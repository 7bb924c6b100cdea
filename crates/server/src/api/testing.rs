//! A running service for the tests of actions, called without HTTP and without a signature: an account is given.
//!
//! Nodes are at loopback ports where nobody listens, so that a probe finds nothing out; what a test wants to have been
//! observed, it says.

use std::net::SocketAddr;
use std::sync::Arc;

use dbtls::{Flavor, Greeting, LoginOutcome, Observation, Status};
use serde_json::{Value, json};
use wire::{Language, Parameters, RequestId};

use crate::ambient::{Clock, Entropy, UnixTime};
use crate::api::action::{Context, Product};
use crate::api::error::ApiError;
use crate::config::Config;
use crate::service::{Running, Service};
use crate::state::ids::Account;
use crate::state::records::{Leaf, ObservationRecord, V1, encode};
use crate::state::store::{Expect, Write};

/// When tests take place: 2026-11-24 11:13:20 in Beijing.
pub(crate) const NOW: UnixTime = 1_795_490_000;

/// The service, and who calls it.
pub(crate) struct Api {
    running: Arc<Running>,
    account: Account,
    now: Arc<std::sync::atomic::AtomicI64>,
    _data: Arc<tempfile::TempDir>,
}

/// A group that was registered.
pub(crate) struct Group {
    /// Its ID.
    pub(crate) id: String,
    /// The IDs of its read-only instances.
    pub(crate) ids: Vec<String>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_in(&[]).await
    }

    /// A service that serves these regions.
    pub(crate) async fn start_in(regions: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: data.path().to_owned(),
            regions: regions.iter().map(|name| (*name).to_owned()).collect(),
            ..Config::default()
        };
        let running = Service::start(config, Clock::fixed(NOW), Entropy::seeded(7), None)
            .await
            .unwrap();
        Self {
            running: Arc::new(running),
            account: Account::FIRST,
            now: Arc::new(NOW.into()),
            _data: Arc::new(data),
        }
    }

    /// The same service, called by somebody else.
    pub(crate) fn of_another_account(&self) -> Self {
        Self {
            running: Arc::clone(&self.running),
            account: Account(Account::FIRST.0 + 1),
            now: Arc::clone(&self.now),
            _data: Arc::clone(&self._data),
        }
    }

    /// The time at which the next calls come.
    pub(crate) fn set_time(&self, now: UnixTime) {
        self.now.store(now, std::sync::atomic::Ordering::Relaxed);
    }

    /// Calls an action of either service.
    pub(crate) async fn call(&self, action: &str, parameters: Value) -> Result<Value, ApiError> {
        let service = &self.running.service;
        let route = Product::ALL
            .iter()
            .find_map(|product| service.table.find(action, product.version()).ok())
            .unwrap();
        let Value::Object(map) = parameters else {
            panic!("parameters are an object")
        };
        let map = route.shape.check(Parameters { map, text: false })?;
        let answer = (route.entry.run)(map, self.context()).await?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    fn context(&self) -> Context {
        let service = &self.running.service;
        Context {
            service: Arc::clone(service),
            account: self.account,
            key: service.catalog.keys().remove(0),
            from: SocketAddr::from(([127, 0, 0, 1], 1)),
            request_id: RequestId::from_random([0; 16]),
            language: Language::EnUs,
            now: self.now.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    /// Registers an instance with the nodes `127.1.0.{n}:1` and `127.1.0.{n}:2`.
    pub(crate) async fn register_two_node(&self, id: &str, name: &str, n: u8) {
        self.register_instance(json!({
            "InstanceId": id, "InstanceName": name, "Architecture": "two-node",
            "Nodes": [format!("127.1.0.{n}:1"), format!("127.1.0.{n}:2")],
        }))
        .await;
    }

    pub(crate) async fn register_instance(&self, parameters: Value) {
        self.call("RegisterInstance", parameters).await.unwrap();
    }

    pub(crate) async fn register_group(&self, parameters: Value) -> Group {
        let answer = self.call("RegisterRoGroup", parameters).await.unwrap();
        Group {
            id: answer["RoGroupId"].as_str().unwrap().to_owned(),
            ids: serde_json::from_value(answer["RoInstanceIds"].clone()).unwrap(),
        }
    }

    /// Has a node been seen with TLS off, as this server.
    pub(crate) async fn observe(&self, node: &str, flavor: &str, version: &str) {
        let flavor = match flavor {
            "MariaDB" => Flavor::MariaDb,
            _ => Flavor::MySql,
        };
        let record = ObservationRecord {
            v: V1,
            node: node.parse().unwrap(),
            since: NOW,
            seen: Observation {
                status: Status::Off,
                reason: None,
                greeting: Some(Greeting {
                    flavor,
                    server_version: version.to_owned(),
                }),
                tls: None,
                login: LoginOutcome::NotTried,
                took: std::time::Duration::ZERO,
            },
            chain: Vec::new(),
            leaf: Leaf::default(),
            digest: 1,
        };
        let key = ObservationRecord::key(&record.node);
        let write = Write::put(key, encode(&record), Expect::Anything);
        self.running
            .service
            .catalog
            .commit(vec![write])
            .await
            .unwrap();
    }
}
