//! What the agent on a database host and the control plane say to each other: JSON over TLS, the agent always asking.
//!
//! ```text
//! POST /agent/enrol   EnrolRequest → Enrolled     once, by a token; from then on by the certificate that it brought
//! POST /agent/next    Report       → Next         held for up to HOLD until there is something to do
//! POST /agent/done    Done         → Received
//! POST /agent/renew   RenewRequest → Renewed
//! ```
//!
//! Every answer but 200 is a [`Refused`]. An [`Order`] says *that* something is to be done, never how: no command, no path
//! and no SQL crosses the wire in this direction. Each end ignores fields that it does not know, so that either may be newer.
//!
//! Both certificates carry the mark of their role ([`MACHINE`] says where the agent runs), so that a certificate which the same authority
//! issued to a database is neither a control plane's nor an agent's.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod token;

pub use token::{InvalidToken, Token};

/// Where an agent enrols.
pub const ENROL: &str = "/agent/enrol";
/// Where an agent asks for its next order.
pub const NEXT: &str = "/agent/next";
/// Where an agent says what became of an order.
pub const DONE: &str = "/agent/done";
/// Where an agent renews its own certificate.
pub const RENEW: &str = "/agent/renew";

/// The header in which an agent names the machine that it runs on: 64 hexadecimal digits, the same for every request. Agents before 0.2 send
/// none.
pub const MACHINE: &str = "signet-machine";

/// How long the control plane holds [`NEXT`] open when there is nothing to do.
pub const HOLD: Duration = Duration::from_secs(30);

/// The largest body that either end reads, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// An agent introduces itself.
#[derive(Serialize, Deserialize)]
pub struct EnrolRequest {
    /// The right to enrol, once.
    pub token: Token,
    /// The certificate request for the agent's own key, PEM.
    pub csr: String,
    /// What the host calls itself, for people.
    pub hostname: String,
    /// The agent's version.
    pub version: String,
}

/// Who the agent is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The agent's name, which its certificate carries.
    pub agent_id: String,
    /// The node that it looks after, as `host:port`.
    pub node: String,
    /// The agent's certificate, then the intermediates, PEM.
    pub certificate: String,
    /// The roots that the control plane's certificate leads to, PEM.
    pub roots: String,
    /// Statements by which one of the roots vouches for another, each a certificate chain in PEM. An agent accepts a root that it does not
    /// know only if one that it knows vouches for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vouchers: Vec<String>,
}

/// An agent asks for a certificate for its next key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewRequest {
    /// The certificate request, PEM.
    pub csr: String,
}

/// The next certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// The agent's certificate, then the intermediates, PEM.
    pub certificate: String,
    /// The roots that the control plane's certificate leads to, PEM.
    pub roots: String,
    /// As in [`Enrolled`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vouchers: Vec<String>,
}

/// An agent asks what to do next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The agent's version.
    pub version: String,
    /// The node that it looks after, as `host:port`.
    pub node: String,
    /// What the server says that it loaded; absent when it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Value>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Next {
    /// Nothing, or one order. It is given again until its [`Done`] arrived.
    pub order: Option<Order>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its name. An order with the id of the last one is answered from memory, not done again.
    pub id: OrderId,
    /// How long it may take, from its arrival. When that is over it is undone.
    pub deadline_seconds: u32,
    /// What to do.
    pub work: Work,
}

/// What an order is about. A file name is made of the id, so it has nothing but letters, digits and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderId(String);

/// The text cannot be the id of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of an order is 1 to 64 letters, digits and `-`")]
pub struct InvalidOrderId;

impl OrderId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OrderId {
    type Error = InvalidOrderId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits {
            Ok(Self(text))
        } else {
            Err(InvalidOrderId)
        }
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.0
    }
}

/// All that an agent can be told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Find out whether the change can be made, and remember how the server is now. Answered by [`Outcome::Checked`].
    Check {
        /// What is intended.
        change: Change,
    },
    /// Make a key for the server and ask for a certificate. Answered by [`Outcome::Key`].
    MakeKey {
        /// What kind of key.
        kind: KeyKind,
    },
    /// Write the certificate for the key of the last `MakeKey` beside it; nothing is loaded yet. Answered by
    /// [`Outcome::Installed`].
    Install {
        /// The certificate, then the intermediates, PEM.
        certificate_pem: String,
        /// What clients verify it with: the root and the intermediates, PEM.
        ca_pem: String,
    },
    /// Make the server serve what was installed last. Answered by [`Outcome::Loaded`].
    Load,
    /// Switch TLS off. Answered by [`Outcome::SwitchedOff`].
    SwitchOff,
    /// Put the server back to how a `Check` found it. Answered by [`Outcome::Restored`].
    Restore {
        /// What [`Outcome::Checked`] said, unchanged.
        before: Value,
    },
    /// Make the server refuse connections without TLS, or accept them again. Answered by [`Outcome::Required`].
    Require {
        /// Whether to refuse them.
        on: bool,
    },
    /// Ask the server what it loaded. Answered by [`Outcome::Witness`].
    Witness,
    /// What a newer control plane knows and this end does not. It is answered by [`Outcome::Failed`].
    #[serde(untagged)]
    Unknown(Value),
}

impl Work {
    /// What the order is called on the wire, as far as that can be told.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(name)) => name,
            Ok(Value::Object(fields)) => fields.into_iter().next().map_or_else(String::new, first),
            _ => String::new(),
        }
    }
}

fn first((name, _): (String, Value)) -> String {
    name
}

/// What is going to be done with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Switch TLS on.
    Open,
    /// Switch TLS off.
    Close,
    /// Replace the certificate.
    Rotate,
    /// Refuse connections without TLS, or accept them again.
    Require {
        /// Whether to refuse them.
        on: bool,
    },
}

/// The key of a server certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum KeyKind {
    /// ECDSA on P-256.
    #[default]
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
    /// RSA with 2048 bits, for old clients.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
}

/// An order is done with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Which order.
    pub order_id: OrderId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The change can be made.
    Checked {
        /// How the server is now: for [`Work::Restore`], to be given back unchanged.
        before: Value,
        /// Whether the change will restart the server.
        needs_restart: bool,
        /// What people should know, one sentence each.
        notes: Vec<String>,
    },
    /// A key was made; it stays where it is.
    Key {
        /// The certificate request, PEM.
        csr: String,
    },
    /// The certificate lies beside its key.
    Installed,
    /// The server was told to serve it, and says that it does.
    Loaded {
        /// Whether the server was restarted.
        restarted: bool,
    },
    /// The server says that TLS is off.
    SwitchedOff {
        /// Whether the server was restarted.
        restarted: bool,
    },
    /// The server is as it was.
    Restored,
    /// The server says what was wanted.
    Required,
    /// What the server says that it loaded.
    Witness {
        /// Its words.
        witness: Value,
    },
    /// It could not be done. What was begun has been undone, or the reason says that it was not.
    Failed {
        /// Why, and what the operator can do.
        reason: String,
    },
}

/// An outcome has arrived: the order will not be given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {}

/// What the control plane answers instead, with an HTTP status that is not 200: 401 when it does not know who asks (a
/// token or certificate that is unknown, used up, expired or revoked), 400 when it does not understand, 5xx when it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why, and what the operator can do.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(work: &Value) -> Order {
        serde_json::from_value(json!({ "id": "t-1", "deadline_seconds": 60, "work": work }))
            .unwrap()
    }

    #[test]
    fn every_work_reads_as_it_is_written() {
        for (work, written) in [
            (
                Work::Check {
                    change: Change::Open,
                },
                json!({ "check": { "change": "open" } }),
            ),
            (
                Work::Check {
                    change: Change::Require { on: true },
                },
                json!({ "check": { "change": { "require": { "on": true } } } }),
            ),
            (
                Work::MakeKey {
                    kind: KeyKind::EcdsaP256,
                },
                json!({ "make_key": { "kind": "ecdsa-p256" } }),
            ),
            (
                Work::Install {
                    certificate_pem: "C".into(),
                    ca_pem: "A".into(),
                },
                json!({ "install": { "certificate_pem": "C", "ca_pem": "A" } }),
            ),
            (Work::Load, json!("load")),
            (Work::SwitchOff, json!("switch_off")),
            (
                Work::Restore {
                    before: json!({ "x": 1 }),
                },
                json!({ "restore": { "before": { "x": 1 } } }),
            ),
            (
                Work::Require { on: false },
                json!({ "require": { "on": false } }),
            ),
            (Work::Witness, json!("witness")),
        ] {
            assert_eq!(serde_json::to_value(&work).unwrap(), written);
            assert_eq!(order(&written).work, work);
        }
    }

    #[test]
    fn work_of_a_newer_control_plane_is_kept_and_named() {
        for (written, name) in [
            (json!("dance"), "dance"),
            (json!({ "dance": { "tempo": 3 } }), "dance"),
            (json!({ "make_key": { "kind": "ml-dsa-65" } }), "make_key"),
            (json!(7), ""),
        ] {
            let work = order(&written).work;
            assert_eq!(
                (work.name().as_str(), &work),
                (name, &Work::Unknown(written))
            );
        }
    }

    #[test]
    fn unknown_fields_are_no_mistake() {
        let next: Next = serde_json::from_value(json!({
            "order": { "id": "t-1", "deadline_seconds": 60, "work": "load", "priority": "high" }, "more": []
        }))
        .unwrap();
        assert_eq!(next.order.unwrap().work, Work::Load);
        let received: Received = serde_json::from_value(json!({ "thanks": true })).unwrap();
        assert_eq!(received, Received {});
    }

    #[test]
    fn the_id_of_an_order_cannot_leave_its_folder() {
        for id in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "a b",
            "a\0",
            "ä",
            &"a".repeat(65),
        ] {
            let read = serde_json::from_value::<OrderId>(json!(id)).unwrap_err();
            assert_eq!(
                read.to_string(),
                "the id of an order is 1 to 64 letters, digits and `-`",
                "{id:?}"
            );
        }
        assert!(OrderId::try_from("T-20261124-7f".to_owned()).is_ok());
    }

    #[test]
    fn an_outcome_reads_as_it_is_written() {
        let done = Done {
            order_id: OrderId("t-1".into()),
            outcome: Outcome::Checked {
                before: json!({}),
                needs_restart: true,
                notes: vec!["a note".into()],
            },
        };
        let written = json!({
            "order_id": "t-1", "outcome": { "checked": { "before": {}, "needs_restart": true, "notes": ["a note"] } }
        });
        assert_eq!(serde_json::to_value(&done).unwrap(), written);
        assert_eq!(serde_json::from_value::<Done>(written).unwrap(), done);
    }
}
