use std::time::Duration;

use serde_json::json;
use wire::agent::{DONE, KeyKind, NEXT, Order, OrderId, Outcome, Work};

use crate::plane::FakeControlPlane;
use crate::support::{Site, text, wait_until};

fn enrolled() -> (FakeControlPlane, Site) {
    let (plane, site) = (FakeControlPlane::start(), Site::bare());
    site.enrol(&plane);
    (plane, site)
}

const MAKE_KEY: Work = Work::MakeKey {
    kind: KeyKind::EcdsaP256,
};

#[test]
fn an_agent_that_is_not_enrolled_says_how_to() {
    let output = Site::bare().run_to_end(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "error: this agent is not enrolled: make a token on the control plane and run `signet-agent enrol --server https://HOST:PORT`\n"
    );
}

#[test]
fn it_says_who_it_is_and_ends_when_it_is_asked_to() {
    let (plane, site) = enrolled();
    let agent = site.start();
    let report = plane.next_report();
    assert_eq!(
        (report.node.as_str(), report.witness),
        ("db1.example.com:3306", None)
    );
    assert_eq!(report.version, env!("CARGO_PKG_VERSION"));
    agent.terminate();
    assert!(
        site.logged().contains("signet-agent ends"),
        "{}",
        site.logged()
    );
}

#[test]
fn a_second_agent_does_not_start_beside_the_first() {
    let (plane, site) = enrolled();
    let _agent = site.start();
    plane.next_report();
    let output = site.run_to_end(&["run"]);
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: another signet-agent is at work with {}: stop it first (`systemctl stop signet-agent`)\n",
            site.state().display()
        )
    );
}

#[test]
fn it_works_through_restarts_of_the_control_plane() {
    let (mut plane, site) = enrolled();
    let _agent = site.start();
    for _ in 0..3 {
        plane.next_report();
        plane.leave();
        site.wait_for_log("cannot reach the control plane");
        plane.listen();
        assert!(matches!(plane.order(&MAKE_KEY), Outcome::Key { .. }));
    }
}

#[test]
fn an_order_that_is_given_twice_is_done_once() {
    let (plane, site) = enrolled();
    let _agent = site.start();
    let order = Order {
        id: plane.new_id(),
        deadline_seconds: 60,
        work: MAKE_KEY,
    };
    plane.give(&order);
    let first = plane.outcome(&order.id);
    plane.give(&order);
    wait_until(
        "the second answer",
        || plane.outcomes(&order.id).len() == 2,
        || site.logged(),
    );
    // A key that had been made anew would be another one.
    assert_eq!(plane.outcomes(&order.id), [first.clone(), first]);
}

#[test]
fn an_outcome_that_does_not_arrive_is_remembered_over_a_crash() {
    let (plane, site) = enrolled();
    plane.answer_instead(DONE, 500, "{}");
    let order = Order {
        id: plane.new_id(),
        deadline_seconds: 60,
        work: MAKE_KEY,
    };
    plane.give(&order);
    let agent = site.start();
    site.wait_for_log("answered 500: it gave no reason");
    let key = std::fs::read_to_string(site.state().join("pending-key.pem")).unwrap();
    agent.kill();
    let _agent = site.start();
    assert!(matches!(plane.outcome(&order.id), Outcome::Key { .. }));
    assert_eq!(
        std::fs::read_to_string(site.state().join("pending-key.pem")).unwrap(),
        key
    );
}

#[test]
fn work_of_a_newer_control_plane_is_answered() {
    let (plane, site) = enrolled();
    let _agent = site.start();
    for (work, name) in [
        (json!({ "dance": { "tempo": 3 } }), "dance"),
        (json!({ "make_key": { "kind": "ml-dsa-65" } }), "make_key"),
    ] {
        let id = plane.new_id();
        plane.give_json(json!({ "id": id, "deadline_seconds": 60, "work": work }));
        let reason = format!(
            "signet-agent {} does not know the order `{name}`: update it to the version of the control plane",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(plane.outcome(&id), Outcome::Failed { reason });
    }
}

#[test]
fn an_order_whose_id_is_a_path_is_not_even_read() {
    let (plane, site) = enrolled();
    let _agent = site.start();
    plane.give_json(json!({ "id": "../../etc/x", "deadline_seconds": 60, "work": "load" }));
    site.wait_for_log("answered what this agent does not understand (the id of an order is 1 to 64 letters, digits and `-`");
    assert!(!site.state().join("order.json").exists());
}

#[test]
fn a_control_plane_that_answers_nonsense_is_asked_ever_more_slowly() {
    let (plane, site) = enrolled();
    for body in ["", "[]", "{\"order\":{}}"] {
        plane.answer_instead(NEXT, 200, body);
    }
    plane.answer_instead(NEXT, 503, "{\"reason\":\"the store is away\"}");
    plane.answer_instead(NEXT, 200, &"x".repeat(wire::agent::MAX_BODY + 1));
    let _agent = site.start();
    site.wait_for_log("answered 503: the store is away");
    site.wait_for_log("length limit exceeded");
    assert!(matches!(plane.order(&MAKE_KEY), Outcome::Key { .. }));
}

#[test]
fn a_certificate_is_renewed_at_two_thirds_of_its_life() {
    let (plane, site) = (FakeControlPlane::start(), Site::bare());
    plane.issue_for(700, Duration::from_secs(1000));
    site.enrol(&plane);
    let before = std::fs::read(site.state().join("identity.json")).unwrap();
    plane.issue_for(500, Duration::from_secs(1000));
    let agent = site.start();
    plane.wait_for_renewals(1);
    plane.next_report();
    plane.next_report();
    plane.wait_for_renewals(1);
    agent.terminate();
    let after = std::fs::read(site.state().join("identity.json")).unwrap();
    let field = |bytes: &[u8], name: &str| {
        serde_json::from_slice::<serde_json::Value>(bytes).unwrap()[name].clone()
    };
    for name in ["key", "certificate"] {
        assert_ne!(field(&before, name), field(&after, name), "{name}");
    }
    assert_eq!(field(&before, "server"), field(&after, "server"));
    assert_eq!(
        site.logged()
            .matches("the agent's certificate was renewed")
            .count(),
        1
    );
}

#[test]
fn a_renewal_that_fails_stops_nothing() {
    let (plane, site) = (FakeControlPlane::start(), Site::bare());
    plane.issue_for(700, Duration::from_secs(1000));
    site.enrol(&plane);
    plane.answer_instead(
        "/agent/renew",
        500,
        "{\"reason\":\"the authority is away\"}",
    );
    let _agent = site.start();
    assert!(matches!(plane.order(&MAKE_KEY), Outcome::Key { .. }));
    site.wait_for_log("the agent's certificate could not be renewed: the control plane at");
    site.wait_for_log("the authority is away");
}

#[test]
fn an_agent_whose_certificate_is_revoked_says_so_and_goes_on_asking() {
    let (mut plane, site) = enrolled();
    let agent = site.start();
    plane.next_report();
    plane.leave();
    plane.listen_with_all_revoked();
    site.wait_for_log(
        "the control plane refuses this agent: TLS alert CertificateRevoked: this agent's certificate is revoked, expired or unknown there; enrol again, with a new token and --force",
    );
    let refusals = |site: &Site| site.logged().matches("CertificateRevoked").count();
    wait_until("a second try", || refusals(&site) >= 2, || site.logged());
    // Pardoned.
    plane.leave();
    plane.listen();
    plane.next_report();
    agent.terminate();
}

#[test]
fn an_agent_that_the_control_plane_does_not_know_any_more_says_so() {
    let (plane, site) = enrolled();
    plane.answer_instead(NEXT, 401, "{\"reason\":\"agent-7 was removed\"}");
    let _agent = site.start();
    site.wait_for_log("the control plane refuses this agent: agent-7 was removed");
    plane.next_report();
}

#[test]
fn an_impostor_is_not_asked() {
    let (mut plane, site) = enrolled();
    let port = plane.url().rsplit(':').next().unwrap().parse().unwrap();
    plane.leave();
    let impostor = FakeControlPlane::start_on(port);
    let _agent = site.start();
    site.wait_for_log("is not the control plane that this agent trusts: ");
    assert_eq!(impostor.report_count(), 0);
}

#[test]
fn an_order_whose_time_is_over_is_not_begun() {
    let (plane, site) = enrolled();
    let _agent = site.start();
    let id: OrderId = plane.new_id();
    plane.give(&Order {
        id: id.clone(),
        deadline_seconds: 0,
        work: Work::Witness,
    });
    let reason = "it was not done within its 0 s. Nothing was changed.".to_owned();
    assert_eq!(plane.outcome(&id), Outcome::Failed { reason });
}
