//! One authority after the other.

use lab::Options;
use serde_json::{Value, json};

use crate::support::{ANY, TestServer};
use crate::switching::{ca_file, mysql, register, succeeds, verify};

fn roles(api: &TestServer) -> Vec<(Value, Value)> {
    let mut authorities = api.call("DescribeAuthorities", json!({}));
    let items = authorities.fields["Items"].as_array_mut().unwrap();
    items
        .iter_mut()
        .map(|item| (item["Role"].take(), item["Authority"].take()))
        .collect()
}

#[test]
fn clients_that_took_the_bundle_in_time_notice_nothing() {
    let mut api = TestServer::start();
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    succeeds(&api, "OpenSSL");
    let first = roles(&api)[0].1.clone();

    let staged = api.call("StageAuthority", json!({}));
    staged.answers(json!({ "Authority": ANY }));
    let next = staged.fields["Authority"].clone();
    let both = [
        (json!("current"), first.clone()),
        (json!("next"), next.clone()),
    ];
    assert_eq!(roles(&api), both);
    let folder = tempfile::tempdir().unwrap();
    let ca = ca_file(&api, folder.path());
    verify(&one, &ca);

    let promoted = api.call("PromoteAuthority", json!({}));
    promoted.answers(json!({ "Authority": next }));
    verify(&one, &ca);
    succeeds(&api, "RotateCertificate");
    verify(&one, &ca);
    verify(&two, &ca);
    let newest = api.call("DescribeCertificates", json!({ "State": "active" }));
    for item in newest.fields["Items"].as_array().unwrap() {
        assert_eq!(item["Authority"], next);
    }

    api.restart();
    let after = [(json!("current"), next), (json!("former"), first)];
    assert_eq!(roles(&api), after);
}

#[test]
fn a_former_authority_is_retired_when_nothing_depends_on_it() {
    let mut api = TestServer::start();
    let (one, two) = (mysql(Options::new()), mysql(Options::new()));
    register(&api, [&one, &two]);
    succeeds(&api, "OpenSSL");
    let first = roles(&api)[0].1.clone();
    let retire = |api: &TestServer| api.call("RetireAuthority", json!({ "Authority": first }));
    let id = first.as_str().unwrap();
    retire(&api).fails(
        "OperationDenied",
        &format!("The authority `{id}` is not a former one. Only one whose place another took can be retired."),
    );
    api.call("StageAuthority", json!({}));
    api.call("PromoteAuthority", json!({}));
    let mut nodes =
        [&one, &two].map(|server| format!("the node `{}:{}`", server.host(), server.port()));
    nodes.sort();
    let needed = format!(
        "These depend on the authority still: {}. Rotate the certificates of the nodes (signet rotate ID); an agent gets another certificate when it renews, or enrols again.",
        nodes.join(", ")
    );
    retire(&api).fails("OperationDenied", &needed);
    succeeds(&api, "RotateCertificate");
    retire(&api).answers(json!({ "Authority": first }));
    retire(&api).fails(
        "InvalidParameterValue",
        &format!("The value of parameter `Authority` is not valid: there is no authority `{id}`; `signet ca show` and `DescribeAuthorities` list them."),
    );
    assert_eq!(roles(&api).len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let ca = ca_file(&api, folder.path());
    let bundle = std::fs::read_to_string(&ca).unwrap();
    assert_eq!(bundle.matches("BEGIN CERTIFICATE").count(), 1);
    verify(&one, &ca);
    api.restart();
    assert_eq!(roles(&api).len(), 1);
}

#[test]
fn there_is_one_successor_at_a_time() {
    let api = TestServer::start();
    api.call("PromoteAuthority", json!({})).fails(
        "OperationDenied",
        "There is no next authority. Stage one first.",
    );
    api.call("StageAuthority", json!({}))
        .answers(json!({ "Authority": ANY }));
    api.call("StageAuthority", json!({})).fails(
        "OperationDenied",
        "There is a next authority already. Promote it first.",
    );
}

#[test]
fn an_authority_of_the_operators_is_followed_by_what_the_operator_configures() {
    let folder = tempfile::tempdir().unwrap();
    let root = lab::pki::Authority::root("Operator root", lab::now()).unwrap();
    let (chain, secret) = root.intermediate("Operator issuing").unwrap().issuing_pem();
    let [certificate, key] = ["issuing.pem", "issuing.key"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, chain).unwrap();
    std::fs::write(&key, secret).unwrap();
    let api = TestServer::configured(|config| {
        config.ca.certificate = Some(certificate);
        config.ca.key = Some(key);
    });
    api.call("StageAuthority", json!({})).fails(
        "OperationDenied",
        "The authority is the one that `ca.certificate` names. Name the next one there, and start the service again.",
    );
}
