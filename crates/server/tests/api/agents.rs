//! Agents that are revoked while they renew themselves.

use std::net::SocketAddr;
use std::sync::Arc;

use ca::key::{KeyKind, PrivateKey};
use serde_json::json;
use server::state::pki::AgentRecord;
use server::work::enrolment::{self, Denied, Shown};
use wire::agent::{EnrolRequest, Enrolled, RenewRequest};

use crate::support::{ANY, TestServer};

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

fn request() -> String {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    pem(&key.csr("agent").unwrap())
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
        lines.join("\n")
    )
}

const MACHINE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn register(server: &TestServer) {
    server.call(
        "RegisterInstance",
        json!({ "InstanceId": "cdb-agents01", "InstanceName": "orders", "Architecture": "single-node", "Nodes": ["127.0.0.1:1"], "Driver": "agent" }),
    )
    .answers(json!({ "InstanceId": "cdb-agents01" }));
}

fn enrol(server: &TestServer, replace: bool, machine: Option<&str>) -> Result<Enrolled, Denied> {
    let made = server.call(
        "CreateAgentToken",
        json!({ "InstanceId": "cdb-agents01", "Node": "127.0.0.1:1", "Replace": replace }),
    );
    let token: wire::agent::Token = serde_json::from_value(json!(made.text("Token"))).unwrap();
    let asked = EnrolRequest {
        token,
        csr: request(),
        hostname: "db1".into(),
        version: "0.1.0".into(),
    };
    let machine = machine.map(str::to_owned);
    server.wait(enrolment::enrol(server.service(), HERE, machine, asked))
}

/// An agent that was let in, and the certificate that it shows.
fn enrolled(server: &TestServer) -> (Arc<AgentRecord>, String) {
    register(server);
    enrol(server, false, None).unwrap();
    let agent = Arc::clone(&server.service().catalog.pki.agents()[0]);
    let shown = agent.certificates[0].clone();
    (agent, shown)
}

#[test]
fn a_renewal_that_began_before_a_revocation_does_not_undo_it() {
    let server = TestServer::configured(|config| {
        config.agents.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    });
    let (before, shown) = enrolled(&server);
    let id = before.id.to_string();
    server
        .call("RevokeAgent", json!({ "AgentId": id }))
        .answers(json!({}));

    let asked = RenewRequest { csr: request() };
    let renewed = server.wait(enrolment::renew(
        server.service(),
        HERE,
        &before,
        &shown,
        asked,
    ));
    assert_eq!(
        renewed.unwrap_err().to_string(),
        "this agent was revoked: enrol again with a new token"
    );
    let admitted = server.wait(enrolment::admit(server.service(), Some(&shown)));
    assert_eq!(
        admitted.unwrap_err().to_string(),
        "this agent was revoked: enrol again with a new token"
    );
    server
        .call("DescribeCertificates", json!({ "State": "revoked" }))
        .answers(json!({ "TotalCount": 1, "Items": [ANY] }));
}

fn with_agents() -> TestServer {
    TestServer::configured(|config| {
        config.agents.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    })
}

#[test]
fn a_node_has_one_agent_and_another_takes_its_place_only_if_its_token_says_so() {
    let server = with_agents();
    let (first, shown) = enrolled(&server);
    let refused = enrol(&server, false, None).unwrap_err().to_string();
    assert_eq!(
        refused,
        "another agent is enrolled for this node: revoke it (signet agent list, signet agent revoke), or make a token that replaces it (signet agent token --replace)"
    );
    assert_eq!(server.service().catalog.pki.agents().len(), 1);

    let second = enrol(&server, true, None).unwrap();
    assert_ne!(second.agent_id, first.id.to_string());
    let admitted = server.wait(enrolment::admit(server.service(), Some(&shown)));
    assert_eq!(
        admitted.unwrap_err().to_string(),
        "this agent was revoked: enrol again with a new token"
    );

    // One whose certificate ended cannot call any more, so it is in nobody's way.
    server.pass(91 * 86_400);
    enrol(&server, false, None).unwrap();
}

#[test]
fn of_two_that_enrol_at_once_one_is_refused() {
    let server = with_agents();
    register(&server);
    let outcomes = std::thread::scope(|scope| {
        let enrolling = [(); 2].map(|()| scope.spawn(|| enrol(&server, false, None).is_ok()));
        enrolling.map(|thread| thread.join().unwrap())
    });
    assert!(outcomes[0] != outcomes[1], "{outcomes:?}");
}

#[test]
fn an_agent_is_bound_to_the_machine_that_it_named() {
    let server = with_agents();
    register(&server);
    let other = MACHINE.replace('0', "f");
    let elsewhere = "this agent enrolled on another machine, or a newer version of it did (/etc/machine-id): enrol again here, with a token that replaces it (signet agent token --replace) and --force";
    let identify = |machine: Option<&str>| {
        let agents = server.service().catalog.pki.agents();
        let agent = agents.iter().find(|agent| agent.revoked == 0).unwrap();
        let shown = Shown {
            sha256: agent.certificates[0].clone(),
            is_agents: true,
        };
        server
            .wait(enrolment::identify(server.service(), Some(&shown), machine))
            .map(drop)
            .map_err(|denied| denied.to_string())
    };
    enrol(&server, false, Some(MACHINE)).unwrap();
    assert_eq!(identify(Some(MACHINE)), Ok(()));
    for machine in [Some(other.as_str()), None] {
        assert_eq!(identify(machine), Err(elsewhere.to_owned()));
    }

    // One of a version that names no machine goes on, and is bound once it names one.
    enrol(&server, true, None).unwrap();
    assert_eq!(identify(None), Ok(()));
    assert_eq!(identify(Some(&other)), Ok(()));
    assert_eq!(identify(Some(MACHINE)), Err(elsewhere.to_owned()));
}

#[test]
fn an_order_is_for_one_agent_and_no_other_of_the_node_gets_it() {
    let server = with_agents();
    let (first, _) = enrolled(&server);
    enrol(&server, true, None).unwrap();
    let agents = server.service().catalog.pki.agents();
    let second = agents.iter().find(|agent| agent.id != first.id).unwrap();
    let hub = &server.service().agents;
    let id = wire::agent::OrderId::try_from("t-1".to_owned()).unwrap();
    let patience = std::time::Duration::from_secs(5);
    let order = hub.order(second, id, wire::agent::Work::Load, patience);
    let of_first = hub.next(first.id);
    let given = server.wait(async {
        let second_gets = async {
            let order = hub.next(second.id).await;
            hub.done(
                second.id,
                wire::agent::Done {
                    order_id: order.clone().unwrap().id,
                    outcome: wire::agent::Outcome::Loaded { restarted: false },
                },
            );
            order
        };
        tokio::select! {
            order = of_first => panic!("the first agent got {order:?}"),
            both = async { tokio::join!(order, second_gets) } => both.1,
        }
    });
    assert_eq!(given.unwrap().work, wire::agent::Work::Load);
}
