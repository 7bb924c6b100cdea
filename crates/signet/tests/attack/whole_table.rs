//! Every action, called by everybody who must not: refused with its code, audited, and nothing has changed.

use std::net::SocketAddr;

use serde_json::{Value, json};
use server::api::action::{Effect, Entry, Product};
use server::api::actions::ACTIONS;

use crate::signing::{Key, ROOT, Request};
use crate::support::{Connection, Place, json_lines};

/// A caller, and the code that each action answers to it; none where it may call.
struct Caller<'a> {
    name: &'a str,
    request: &'a dyn Fn(Request) -> Request,
    code: &'a dyn Fn(&Entry) -> Option<&'static str>,
}

#[test]
fn every_action_refuses_everybody_who_must_not_call_it() {
    // One source causes more refusals here than it may have written down.
    let place = Place::configured("[audit]\nrefused_bytes_per_source = 1048576\n");
    let served = place.serve();
    let address = served.address();
    let [reader, disabled] = ["ReadOnly", "Full"].map(|access| make_key(address, access));
    let mut connection = Connection::open(address).unwrap();
    connection
        .call("DisableAccessKey", &json!({ "SecretId": disabled.0 }))
        .unwrap();
    let before = everything(&mut connection);

    let signed_by =
        |id: &'static str, secret: &'static str| move |r: Request| r.signed(Key { id, secret });
    let always = |code: &'static str| move |_: &Entry| Some(code);
    let moved = |seconds: i64| {
        move |r: Request| {
            let time: i64 = r.header("X-TC-Timestamp").parse().unwrap();
            r.with("X-TC-Timestamp", &(time + seconds).to_string())
                .signed(ROOT)
        }
    };
    let own = |entry: &Entry| entry.spec.product == Product::Signet;
    let callers = [
        Caller {
            name: "nobody",
            request: &signed_by("AKIDNOBODY", "nothing"),
            code: &always("AuthFailure.SecretIdNotFound"),
        },
        Caller {
            name: "another secret",
            request: &signed_by(ROOT.id, "nothing"),
            code: &always("AuthFailure.SignatureFailure"),
        },
        Caller {
            name: "a disabled key",
            request: &|r| {
                r.signed(Key {
                    id: &disabled.0,
                    secret: &disabled.1,
                })
            },
            code: &always("AuthFailure.SecretIdNotFound"),
        },
        Caller {
            name: "a read-only key",
            request: &|r| {
                r.signed(Key {
                    id: &reader.0,
                    secret: &reader.1,
                })
            },
            code: &|entry| {
                (entry.spec.effect == Effect::Writes).then_some("AuthFailure.UnauthorizedOperation")
            },
        },
        Caller {
            name: "too late",
            request: &moved(-310),
            code: &always("AuthFailure.SignatureExpire"),
        },
        Caller {
            name: "too early",
            request: &moved(310),
            code: &always("AuthFailure.SignatureExpire"),
        },
        Caller {
            name: "another service",
            request: &|r| r.signed_for(ROOT, "cvm", &["X-TC-Action", "X-TC-Version"]),
            code: &always("AuthFailure.InvalidAuthorization"),
        },
        Caller {
            name: "an SDK's generic client",
            request: &|r| r.signed_for(ROOT, "signet", &[]),
            code: &always("AuthFailure.InvalidAuthorization"),
        },
        Caller {
            name: "only the action signed",
            request: &|r| r.signed_for(ROOT, "signet", &["X-TC-Action"]),
            code: &|entry| own(entry).then_some("AuthFailure.InvalidAuthorization"),
        },
        Caller {
            name: "a token",
            request: &|r| r.with("X-TC-Token", "token").signed(ROOT),
            code: &always("AuthFailure.TokenFailure"),
        },
        Caller {
            name: "not signed",
            request: &|r| r.with("Authorization", "SKIP"),
            code: &always("AuthFailure.InvalidAuthorization"),
        },
    ];
    for caller in callers {
        refuses(&place, address, &caller);
    }
    assert_eq!(everything(&mut connection), before);
}

fn make_key(address: SocketAddr, access: &str) -> (String, String) {
    let body = json!({ "Access": access, "Note": "table" }).to_string();
    let made = Request::post(address, Product::Signet, "CreateAccessKey", &body)
        .signed(ROOT)
        .send(address);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("SecretId"), text("SecretKey"))
}

/// What can be read of the whole state.
fn everything(connection: &mut Connection) -> Vec<Value> {
    let reads = ACTIONS
        .iter()
        .filter(|entry| entry.spec.effect == Effect::Reads);
    let answers = reads.map(|entry| connection.call(entry.spec.name, &json!({})).unwrap().into());
    answers.map(without_time).collect()
}

/// How many days are left changes by itself.
fn without_time(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.remove("DaysLeft");
            fields
                .values_mut()
                .for_each(|field| *field = without_time(field.take()));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| *item = without_time(item.take())),
        _ => {}
    }
    value
}

fn refuses(place: &Place, address: SocketAddr, caller: &Caller<'_>) {
    let mut expected = Vec::new();
    for entry in ACTIONS {
        let Some(code) = (caller.code)(entry) else {
            continue;
        };
        let request = Request::post(address, entry.spec.product, entry.spec.name, "{}");
        let answer = (caller.request)(request).send(address);
        assert_eq!(
            answer["Error"]["Code"], code,
            "{} calls {}: {answer}",
            caller.name, entry.spec.name
        );
        expected.push((answer["RequestId"].clone(), entry.spec.name, code));
    }
    place.wait_for("the audit lines", || {
        let lines = json_lines(&place.path("data/audit.jsonl"));
        expected.iter().all(|(id, action, code)| {
            lines.iter().any(|line| {
                line["request_id"] == *id
                    && line["action"] == *action
                    && line["code"] == *code
                    && line["outcome"] == "refused"
            })
        })
    });
}
