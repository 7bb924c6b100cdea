//! A read-only key calls as fast as it can: the calls of another key of the account are not refused for it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use server::api::action::Product::{Cdb, Signet};

use crate::signing::{Key, ROOT, Request};
use crate::support::Place;

#[test]
fn each_key_has_the_limit_to_itself() {
    let place = Place::with_documented_rates();
    let served = place.serve();
    let address = served.address();
    let made = Request::post(
        address,
        Signet,
        "CreateAccessKey",
        r#"{"Access":"ReadOnly"}"#,
    )
    .signed(ROOT)
    .send(address);
    let (id, secret) = (
        made["SecretId"].as_str().unwrap(),
        made["SecretKey"].as_str().unwrap(),
    );
    let (done, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = Request::post(address, Cdb, "DescribeSSLStatus", "{}")
                        .signed_by_sdk(Key { id, secret })
                        .send(address);
                    let is_refused = answer["Error"]["Code"] == "RequestLimitExceeded";
                    refused.fetch_add(usize::from(is_refused), Ordering::Relaxed);
                }
            });
        }
        place.wait_for("the flood", || refused.load(Ordering::Relaxed) > 10);
        // 15 calls of the other key, of the 20 a second that it has.
        let mut codes = Vec::new();
        for number in 0..15 {
            let body = json!({ "InstanceId": format!("cdb-none{number:04}") }).to_string();
            let answer = Request::post(address, Cdb, "DescribeSSLStatus", &body)
                .signed_by_sdk(ROOT)
                .send(address);
            codes.push(answer["Error"]["Code"].clone());
        }
        done.store(true, Ordering::Relaxed);
        assert!(
            codes
                .iter()
                .all(|code| code == "ResourceNotFound.InstanceNotFoundError"),
            "{codes:?}"
        );
    });
}
