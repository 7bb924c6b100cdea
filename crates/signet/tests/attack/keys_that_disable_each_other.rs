//! Two keys that may change everything disable each other at once: one of them must stay, or nobody gets in any more.

use std::sync::Barrier;

use serde_json::{Value, json};
use server::api::action::Product::Signet;

use crate::signing::{Key, ROOT, Request};
use crate::support::Place;

const ROUNDS: usize = 40;

#[test]
fn one_of_them_stays() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let mut holder = (ROOT.id.to_owned(), ROOT.secret.to_owned());
    for round in 0..ROUNDS {
        let make = json!({ "Access": "Full", "Note": round.to_string() }).to_string();
        let made = Request::post(address, Signet, "CreateAccessKey", &make)
            .signed(key(&holder))
            .send(address);
        let text = |name: &str| {
            made[name]
                .as_str()
                .unwrap_or_else(|| panic!("round {round}: {made}"))
                .to_owned()
        };
        let keys = [holder, (text("SecretId"), text("SecretKey"))];
        let together = Barrier::new(2);
        let answers: Vec<Value> = std::thread::scope(|scope| {
            let calls = [(0, 1), (1, 0)].map(|(by, whom)| {
                let (keys, together) = (&keys, &together);
                scope.spawn(move || {
                    let body = json!({ "SecretId": keys[whom].0 }).to_string();
                    let request = Request::post(address, Signet, "DisableAccessKey", &body)
                        .signed(key(&keys[by]));
                    together.wait();
                    request.send(address)
                })
            });
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        let stays = |pair: &(String, String)| {
            let list = Request::post(address, Signet, "ListAccessKeys", "{}")
                .signed(key(pair))
                .send(address);
            list["TotalCount"].is_number()
        };
        let left: Vec<_> = keys.iter().filter(|pair| stays(pair)).cloned().collect();
        assert_eq!(left.len(), 1, "round {round}: {answers:?}");
        holder = left[0].clone();
    }
}

fn key((id, secret): &(String, String)) -> Key<'_> {
    Key { id, secret }
}
