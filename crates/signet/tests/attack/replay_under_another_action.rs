//! Whoever records a signed request sends it again as something else: SDKs sign neither the action nor its version.

use std::net::SocketAddr;

use serde_json::{Value, json};
use server::api::action::Product::{Cdb, Signet};

use crate::signing::{ROOT, Request, fails, on_one_connection, v1_get};
use crate::support::{Connection, Place, json_lines};

const REPLAYED: &str = "This signature was already used for another action: a recorded request may have been replayed. SDKs do not sign \
    the action, so two calls with the same parameters in the same second have one signature; sign this one again, a second later.";
const HEADER: &str =
    "The request `Authorization` header does not conform to tencentcloud standards: ";
const UNSIGNED: &str = "an action of `signet` needs `x-tc-action` and `x-tc-version` among its `SignedHeaders`. SDKs do not sign them: \
    `signet sample signet ACTION` prints a program that does.";

fn keys(address: SocketAddr) -> Value {
    let mut connection = Connection::open(address).unwrap();
    connection.call("ListAccessKeys", &json!({})).unwrap()["TotalCount"].clone()
}

/// A request that was signed after the second in which the service started.
fn after_start(place: &Place, address: SocketAddr, action: &str, body: &str) -> Request {
    let made = || Request::post(address, Cdb, action, body);
    let first = made();
    place.wait_for("the next second", || {
        made().header("X-TC-Timestamp") != first.header("X-TC-Timestamp")
    });
    made().signed_by_sdk(ROOT)
}

#[test]
fn a_recorded_read_makes_no_key() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let recorded = Request::post(address, Cdb, "DescribeDBInstances", "{}").signed_by_sdk(ROOT);
    assert_eq!(recorded.send(address)["TotalCount"], 0);
    for _ in 0..3 {
        let replayed = recorded
            .clone()
            .with("X-TC-Action", "CreateAccessKey")
            .with("X-TC-Version", Signet.version());
        let answer = replayed.send(address);
        let why =
            "the credential scope is for the service `cdb`, and the action belongs to `signet`.";
        fails(
            &answer,
            "AuthFailure.InvalidAuthorization",
            &format!("{HEADER}{why}"),
        );
    }
    assert_eq!(keys(address), 1);
}

#[test]
fn a_recorded_call_of_an_sdks_generic_client_makes_no_key() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let recorded =
        Request::post(address, Signet, "DescribeFleet", "{}").signed_for(ROOT, "signet", &[]);
    let as_sent = recorded.send(address);
    let replayed = recorded
        .with("X-TC-Action", "CreateAccessKey")
        .send(address);
    assert_eq!(keys(address), 1, "{replayed}");
    for answer in [as_sent, replayed] {
        fails(
            &answer,
            "AuthFailure.InvalidAuthorization",
            &format!("{HEADER}{UNSIGNED}"),
        );
    }
}

#[test]
fn a_recorded_status_does_not_switch_tls_off() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let recorded = after_start(
        &place,
        address,
        "DescribeSSLStatus",
        r#"{"InstanceId":"cdb-c1nl9rpv"}"#,
    );
    assert_eq!(
        recorded.send(address)["Error"]["Code"],
        "ResourceNotFound.InstanceNotFoundError"
    );
    for action in ["CloseSSL", "OpenSSL"] {
        let answer = recorded.clone().with("X-TC-Action", action).send(address);
        fails(&answer, "AuthFailure.SignatureFailure", REPLAYED);
    }
    let lines = json_lines(&place.path("data/audit.jsonl"));
    assert!(
        lines
            .iter()
            .all(|line| line["action"] != "CloseSSL" || line["outcome"] == "refused"),
        "{lines:?}"
    );
}

/// Also one that was refused before: the signature was right.
#[test]
fn a_recorded_mistake_does_not_switch_tls_off() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let body = r#"{"InstanceId":"cdb-c1nl9rpv"}"#;
    for (action, region) in [
        ("DescribeNothing", "ap-guangzhou"),
        ("DescribeSSLStatus", "nowhere"),
    ] {
        let recorded = after_start(&place, address, action, body).with("X-TC-Region", region);
        assert!(recorded.send(address)["Error"].is_object());
        let replayed = recorded
            .with("X-TC-Action", "CloseSSL")
            .with("X-TC-Region", "ap-guangzhou");
        fails(
            &replayed.send(address),
            "AuthFailure.SignatureFailure",
            REPLAYED,
        );
    }
}

#[test]
fn a_request_from_before_a_restart_does_not_switch_tls_off() {
    let place = Place::new();
    let served = place.serve();
    let recorded = Request::post(
        served.address(),
        Cdb,
        "DescribeSSLStatus",
        r#"{"InstanceId":"cdb-c1nl9rpv"}"#,
    )
    .signed_by_sdk(ROOT);
    assert!(recorded.send(served.address())["Error"].is_object());
    served.kill();
    let served = place.serve();
    let answer = recorded
        .with("X-TC-Action", "CloseSSL")
        .send(served.address());
    fails(
        &answer,
        "AuthFailure.SignatureFailure",
        "This write does not sign its action, and it was signed before the service started, so that it cannot be told from a \
         replayed request. Sign it again, a second later; or sign `x-tc-action` and `x-tc-version` with it.",
    );
}

#[test]
fn a_write_that_is_sent_again_is_done_once() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let body = json!({ "InstanceName": "orders", "Architecture": "single-node", "Nodes": ["192.0.2.1:3306"] });
    let write = Request::post(address, Signet, "RegisterInstance", &body.to_string()).signed(ROOT);
    let ids: Vec<_> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| write.send(address)["InstanceId"].clone()))
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect()
    });
    assert!(
        ids[0].is_string() && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    let mut connection = Connection::open(address).unwrap();
    assert_eq!(
        connection.call("DescribeDBInstances", &json!({})).unwrap()["TotalCount"],
        1
    );
    let lines = json_lines(&place.path("data/audit.jsonl"));
    let of = |outcome: &str| {
        lines
            .iter()
            .filter(|line| line["action"] == "RegisterInstance" && line["outcome"] == outcome)
            .count()
    };
    assert_eq!(of("attempt"), 1);
}

#[test]
fn a_secret_is_answered_once() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let write =
        Request::post(address, Signet, "CreateAccessKey", r#"{"Access":"Full"}"#).signed(ROOT);
    assert!(write.send(address)["SecretKey"].is_string());
    let again = write.send(address);
    assert_eq!(keys(address), 2, "{again}");
    fails(
        &again,
        "AuthFailure.SignatureFailure",
        "This very request was sent before, and its answer holds a secret, which is shown once. Nothing was done again; sign the \
         call again to repeat it.",
    );
}

#[test]
fn a_key_reads_unless_more_is_asked_for() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let made = Request::post(address, Signet, "CreateAccessKey", "{}")
        .signed(ROOT)
        .send(address);
    let mut connection = Connection::open(address).unwrap();
    let listed = connection.call("ListAccessKeys", &json!({})).unwrap();
    let access = listed["Items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["SecretId"] == made["SecretId"]);
    assert_eq!(access.unwrap()["Access"], "ReadOnly");
}

#[test]
fn a_body_that_is_not_signed_changes_nothing() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let unsigned = |action: &str, body: &str| {
        let mut request =
            Request::post(address, Cdb, action, "UNSIGNED-PAYLOAD").signed_by_sdk(ROOT);
        body.as_bytes().clone_into(&mut request.body);
        request.with("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD")
    };
    assert_eq!(
        unsigned("DescribeDBInstances", "{}").send(address)["TotalCount"],
        0
    );
    let answer = unsigned("CloseSSL", r#"{"InstanceId":"cdb-c1nl9rpv"}"#).send(address);
    let why = "`UNSIGNED-PAYLOAD` is accepted for actions of `cdb` that only read: sign the body.";
    fails(
        &answer,
        "AuthFailure.InvalidAuthorization",
        &format!("{HEADER}{why}"),
    );
}

/// What SDKs do by themselves: the action's order and its look at the status share parameters, and perhaps a second.
#[test]
fn a_look_right_after_a_write_of_the_same_second_is_answered() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let body = r#"{"InstanceId":"cdb-c1nl9rpv"}"#;
    let write = after_start(&place, address, "OpenSSL", body);
    assert_eq!(
        write.send(address)["Error"]["Code"],
        "ResourceNotFound.InstanceNotFoundError"
    );
    let look = write.with("X-TC-Action", "DescribeSSLStatus").send(address);
    assert_eq!(
        look["Error"]["Code"],
        "ResourceNotFound.InstanceNotFoundError"
    );
}

/// SDKs that keep connections look and change within a second, with one signature. Whoever only records cannot use their connection.
#[test]
fn a_write_right_after_a_look_is_done_on_the_same_connection_alone() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let body = r#"{"InstanceId":"cdb-c1nl9rpv"}"#;
    let look = after_start(&place, address, "DescribeSSLStatus", body);
    let write = look.clone().with("X-TC-Action", "OpenSSL");
    let proxied = write.clone().with("X-Forwarded-For", "192.0.2.1");
    let answers = on_one_connection(address, &[look.clone(), proxied, write]);
    fails(&answers[1], "AuthFailure.SignatureFailure", REPLAYED);
    for answer in [&answers[0], &answers[2]] {
        let code = &answer["Error"]["Code"];
        assert_eq!(
            code, "ResourceNotFound.InstanceNotFoundError",
            "{answers:?}"
        );
    }
    let elsewhere = look.with("X-TC-Action", "CloseSSL").send(address);
    fails(&elsewhere, "AuthFailure.SignatureFailure", REPLAYED);
}

#[test]
fn what_the_operator_can_ask_for_is_asked_for() {
    let place = Place::configured("require_signed_action = true\nallow_v1 = false\n");
    let served = place.serve();
    let address = served.address();
    let write = after_start(
        &place,
        address,
        "CloseSSL",
        r#"{"InstanceId":"cdb-c1nl9rpv"}"#,
    );
    let why = "this server requires `x-tc-action` and `x-tc-version` among the `SignedHeaders` of every write \
        (`require_signed_action`). SDKs do not sign them: `signet call cdb ACTION` does.";
    fails(
        &write.send(address),
        "AuthFailure.InvalidAuthorization",
        &format!("{HEADER}{why}"),
    );
    let signed = write.signed(ROOT).send(address);
    assert_eq!(
        signed["Error"]["Code"], "ResourceNotFound.InstanceNotFoundError",
        "{signed}"
    );
    let parameters = [
        ("Action", "DescribeDBInstances"),
        ("Version", Cdb.version()),
    ];
    let old = v1_get(address, ROOT, &address.to_string(), &parameters).send(address);
    let why = "This server does not accept HmacSHA1 and HmacSHA256 (`allow_v1 = false`): sign with TC3-HMAC-SHA256.";
    fails(&old, "AuthFailure.SignatureFailure", why);
}
