//! Agents that are revoked while they renew themselves.

use std::net::SocketAddr;
use std::sync::Arc;

use ca::key::{KeyKind, PrivateKey};
use serde_json::json;
use server::state::pki::AgentRecord;
use server::work::enrolment;
use wire::agent::{EnrolRequest, RenewRequest};

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

/// An agent that was let in, and the certificate that it shows.
fn enrolled(server: &TestServer) -> (Arc<AgentRecord>, String) {
    server.call(
        "RegisterInstance",
        json!({ "InstanceId": "cdb-agents01", "InstanceName": "orders", "Architecture": "single-node", "Nodes": ["127.0.0.1:1"], "Driver": "agent" }),
    )
    .answers(json!({ "InstanceId": "cdb-agents01" }));
    let made = server.call(
        "CreateAgentToken",
        json!({ "InstanceId": "cdb-agents01", "Node": "127.0.0.1:1" }),
    );
    let token: wire::agent::Token = serde_json::from_value(json!(made.text("Token"))).unwrap();
    let asked = EnrolRequest {
        token,
        csr: request(),
        hostname: "db1".into(),
        version: "0.1.0".into(),
    };
    server
        .wait(enrolment::enrol(server.service(), HERE, None, asked))
        .unwrap();
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
