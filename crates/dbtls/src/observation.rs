//! What a probe saw: facts, no judgement.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Greeting, Reason};

/// Everything that one probe learned about one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Whether the server speaks TLS.
    pub status: Status,
    /// Why the status is unknown, or what is remarkable about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How the server introduced itself, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<Greeting>,
    /// What the handshake negotiated, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// How the login ended.
    pub login: LoginOutcome,
    /// From the first packet to the last.
    pub took: Duration,
}

impl Observation {
    /// Of a server about which nothing is known.
    pub(crate) fn unknown(reason: Option<Reason>) -> Self {
        Self {
            status: Status::Unknown,
            reason,
            greeting: None,
            tls: None,
            login: LoginOutcome::NotTried,
            took: Duration::ZERO,
        }
    }
}

/// Whether a server speaks TLS.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Its greeting offers TLS and a handshake showed it.
    On,
    /// Its greeting does not offer TLS.
    Off,
    /// It could not be told; the reason says why.
    Unknown,
}

impl Status {
    /// `ON`, `OFF` or `UNKNOWN`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "ON",
            Self::Off => "OFF",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What a TLS handshake showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// `TLSv1.3`, `TLSv1.2`, or an obsolete one.
    pub version: String,
    /// The cipher suite by its IANA name.
    pub cipher: String,
    /// The certificates as sent, DER, the server's own first.
    #[serde(with = "base64_list")]
    pub chain: Vec<Vec<u8>>,
    /// The server proved that it holds the key of the first certificate. False where our library cannot check it, too: X.509 v1,
    /// RSA-1024, P-521, and whatever is older than TLS 1.2.
    pub signature_checked: bool,
}

/// How the login that ends a probe went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginOutcome {
    /// The probe did not come so far, or the server's TLS is too old to log in through.
    NotTried,
    /// The server refused a user that does not exist, as it should.
    Nobody,
    /// The probe account was logged in and said goodbye.
    Accepted,
    /// The probe account was refused.
    Denied {
        /// The server's error number.
        code: u16,
        /// The server's text.
        text: String,
    },
    /// The server asked for the clear password, and its chain does not verify: it got a wrong one.
    Withheld,
    /// The connection broke off.
    Broken {
        /// How.
        reason: Reason,
    },
}

/// Certificates in JSON: base64 is a third of the size of a list of numbers.
mod base64_list {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        list: &[Vec<u8>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| STANDARD.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts
            .iter()
            .map(|text| STANDARD.decode(text).map_err(D::Error::custom))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Flavor, Step};

    #[test]
    fn an_observation_is_stored_as_compact_json() {
        let observation = Observation {
            status: Status::On,
            reason: None,
            greeting: Some(Greeting {
                flavor: Flavor::MariaDb,
                server_version: "10.11.19-MariaDB".to_owned(),
            }),
            tls: Some(Tls {
                version: "TLSv1.3".to_owned(),
                cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
                chain: vec![vec![48, 0]],
                signature_checked: true,
            }),
            login: LoginOutcome::Nobody,
            took: Duration::from_millis(3),
        };
        let stored = serde_json::to_value(&observation).unwrap();
        assert_eq!(
            stored,
            json!({
                "status": "ON",
                "greeting": { "flavor": "MariaDB", "server_version": "10.11.19-MariaDB" },
                "tls": { "version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256", "chain": ["MAA="], "signature_checked": true },
                "login": "Nobody",
                "took": { "secs": 0, "nanos": 3_000_000 },
            })
        );
        assert_eq!(
            serde_json::from_value::<Observation>(stored).unwrap(),
            observation
        );
    }

    #[test]
    fn a_reason_survives_the_store() {
        let observation = Observation {
            status: Status::Unknown,
            reason: Some(Reason::TimedOut {
                step: Step::Handshake,
            }),
            greeting: None,
            tls: None,
            login: LoginOutcome::Broken {
                reason: Reason::Closed { step: Step::Login },
            },
            took: Duration::ZERO,
        };
        let stored = serde_json::to_string(&observation).unwrap();
        assert_eq!(
            serde_json::from_str::<Observation>(&stored).unwrap(),
            observation
        );
    }
}
