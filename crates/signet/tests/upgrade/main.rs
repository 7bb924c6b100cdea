//! The upgrade from the version before: this program starts on a data directory that an earlier build made, gives the same answers, and
//! changes the same servers; the agents that enrolled with the earlier build go on.
//!
//! `data/` holds what the build before left behind (its README says what). The servers are real and fresh in each run; they stand on the
//! addresses that are registered there, in network namespaces.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

/// What the service is asked before and after the upgrade.
mod answers;

/// The files that the build before left, and how they are put in place.
mod left;

/// Makes such a data directory.
mod making;

/// The network, the servers, the agent.
mod scene;

/// Starts the program, and calls it over connections that stay open.
#[path = "../program/support.rs"]
#[allow(dead_code, reason = "the other suites use the rest")]
mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::answers::Answers;
use crate::left::Left;
use crate::scene::{ORDERS, Scene, WATCHED};

/// The data that the build before made.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade/data")
}

/// `SIGNET_AGENT_PROGRAM_BEFORE` names an agent of the build before, which has to go on as well.
#[test]
fn a_data_directory_of_the_version_before_goes_on() {
    goes_on(&data(), &scene::agent_program());
    if let Some(before) = std::env::var_os("SIGNET_AGENT_PROGRAM_BEFORE") {
        goes_on(&data(), Path::new(&before));
    }
}

/// Keeps the code that made `data/` working. With `SIGNET_UPGRADE_DATA` set it keeps what it makes in that directory; `SIGNET_PROGRAM` and
/// `SIGNET_AGENT_PROGRAM` name another build to make it with.
#[test]
fn a_data_directory_made_now_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let asked = std::env::var_os("SIGNET_UPGRADE_DATA").map(PathBuf::from);
    let target = asked.unwrap_or_else(|| folder.path().to_owned());
    making::make(&target);
    goes_on(&target, &scene::agent_program());
}

/// The authorities that the version before saw are pinned before the first probe.
#[test]
fn an_authority_that_is_first_seen_after_the_upgrade_is_not_taken_into_the_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let impostor = making::certificate_of_another_authority(folder.path());
    let left = Left::read(&data());
    let mut scene = Scene::restored_beside(&left, &scene::agent_program(), &impostor);
    scene.serve();
    scene.wait_until_seen();
    for node in scene.posture(WATCHED) {
        assert_ne!(node["Drift"], "", "{node}");
    }
    let before = &left.answers.0[format!("bundle of {WATCHED}")];
    assert_eq!(json!(answers::bundle(&mut scene, WATCHED)), *before);
}

/// Everything that an operator does after an upgrade.
fn goes_on(data: &Path, agent: &Path) {
    let left = Left::read(data);
    let mut scene = Scene::restored(&left, agent);
    scene.audit_is_unbroken();
    scene.serve();
    scene.answers_as(&left.answers);
    scene.keys_are_as_before(&left.keys);
    scene.run_agent();
    scene.switches();
    scene.audit_is_unbroken();
    // What this version wrote, it reads.
    scene.crash();
    scene.serve();
    assert_eq!(scene.status(ORDERS), "ON");
}

impl Scene {
    fn answers_as(&mut self, before: &Answers) {
        self.wait_until_seen();
        let now = Answers::ask(self);
        now.assert_contains(before);
    }

    /// A key that may do everything, one that may only read, and one that is disabled.
    fn keys_are_as_before(&mut self, keys: &Value) {
        let read = json!({ "InstanceId": ORDERS });
        for (name, reading, writing) in [
            ("full", Ok(()), Ok(())),
            (
                "read-only",
                Ok(()),
                Err("AuthFailure.UnauthorizedOperation"),
            ),
            (
                "disabled",
                Err("AuthFailure.SecretIdNotFound"),
                Err("AuthFailure.SecretIdNotFound"),
            ),
        ] {
            let key = &keys[name];
            let may = |scene: &Self, action: &str| scene.may(key, action, &read);
            assert_eq!(
                may(self, "DescribePosture"),
                reading.map_err(str::to_owned),
                "{name}"
            );
            assert_eq!(
                may(self, "ProbeNow"),
                writing.map_err(str::to_owned),
                "{name}"
            );
        }
    }

    /// Rotates, switches off and on again. Clients that have the bundle connect after each.
    fn switches(&mut self) {
        let before = self.serials();
        self.task("RotateCertificate");
        let after = self.serials();
        assert!(
            before.iter().zip(&after).all(|(a, b)| a != b),
            "{before:?}, {after:?}"
        );
        self.verify();
        self.task("CloseSSL");
        assert_eq!(self.status(ORDERS), "OFF");
        // A key is sent by SQL over TLS alone, so a DBA switches it on with the files that MySQL has.
        self.mysql.switch_tls_on().unwrap();
        self.task("OpenSSL");
        assert_eq!(self.status(ORDERS), "ON");
        self.verify();
    }
}
