//! Drift: a node does something else than the last task left it doing. It is told, never mended: somebody may have meant it.

use dbtls::Status;
use dbtls::switch::Witness;

use crate::ambient::UnixTime;
use crate::state::node::Node;
use crate::state::pki;

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// In one sentence.
    pub what: String,
    /// Since when it was seen.
    pub since: UnixTime,
}

/// How a node differs from what it is expected to do; `None` when it does not, or nothing is expected of it.
///
/// Of a node without a certificate of ours its accepted authorities are expected. For one with, there are three witnesses: what the wire shows,
/// what the server says that it loaded, and what it will load at its next start.
pub fn of(node: &Node) -> Option<Drift> {
    let Some(expected) = node.managed() else {
        return of_authorities(node);
    };
    let observed = node.observed()?;
    let is_ours = observed.leaf == Some(pki::word(&expected.certificate));
    if let Some(what) = on_the_wire(expected.on, observed.status, is_ours) {
        // What it looked like before the task ended was no drift.
        let since = observed.since.max(expected.since);
        return Some(Drift { what, since });
    }
    let witness = node
        .witness()
        .filter(|witness| witness.at >= expected.since)?;
    let what = by_its_own_words(expected.on, &witness.said)?;
    let since = witness.at;
    Some(Drift { what, since })
}

/// Another authority than the accepted one is reported as long as it is served.
fn of_authorities(node: &Node) -> Option<Drift> {
    let pin = node.pin()?;
    let foreign = pin.foreign.as_ref()?;
    let what = format!(
        "its certificate leads to another authority than the accepted one (SHA-256 {}), so clients are not given it: if you replaced the certificate, accept it with AcceptAuthority (`signet ca accept`); if it changes whenever the server restarts, the server makes it by itself, as MariaDB 11.4 and newer do: give it a certificate with OpenSSL; if neither, look for somebody between",
        foreign.anchors.join(", ")
    );
    let since = foreign.since;
    Some(Drift { what, since })
}

fn on_the_wire(on: bool, status: Status, is_ours: bool) -> Option<String> {
    let what = match (on, status) {
        (true, Status::Off) => "TLS is off, and was switched on by Signet",
        (false, Status::On) => "TLS is on, and was switched off by Signet",
        (true, Status::On) if !is_ours => {
            "it serves another certificate than the one that was issued for it"
        }
        (true, Status::On) | (false, Status::Off) | (_, Status::Unknown) => return None,
    };
    Some(what.to_owned())
}

/// What the server says of itself against what it was left doing.
fn by_its_own_words(on: bool, said: &Witness) -> Option<String> {
    let next = &said.after_restart;
    if said.enabled != on {
        let word = if said.enabled { "on" } else { "off" };
        return Some(format!("the server says that TLS is {word}"));
    }
    if on && next.off {
        return Some("after its next restart TLS will be off".to_owned());
    }
    if !on && !next.off && !next.tls_version.is_empty() {
        return Some("after its next restart TLS will be on".to_owned());
    }
    (on && !next.certificate.is_empty() && next.certificate != said.certificate).then(|| {
        format!(
            "after its next restart it will load `{}` instead of `{}`",
            next.certificate, said.certificate
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::state::ids::SubjectId;
    use crate::state::node::{Observed, Profile};
    use crate::state::pki::ManagedRecord;
    use crate::state::records::V1;

    fn drift(on: bool, status: Status, serves: &str) -> Option<String> {
        let node = Node::new("127.0.0.1:3306".parse().unwrap());
        node.set_managed(Some(Arc::new(ManagedRecord {
            v: V1,
            node: node.target.clone(),
            subject: SubjectId::Instance("cdb-c1nl9rpv".parse().unwrap()),
            on,
            certificate: "00000000000000aa".into(),
            since: 100,
        })));
        let observed = Observed {
            profile: Arc::new(Profile::default()),
            status,
            since: 50,
            not_after: None,
            leaf: Some(pki::word(serves)),
            digest: 0,
        };
        node.set_observed(observed, 200);
        of(&node).map(|drift| {
            assert_eq!(drift.since, 100);
            drift.what
        })
    }

    #[test]
    fn what_differs_is_named() {
        let (ours, other) = ("00000000000000aa", "00000000000000bb");
        for (on, status, serves, expected) in [
            (true, Status::On, ours, None),
            (
                true,
                Status::On,
                other,
                Some("it serves another certificate than the one that was issued for it"),
            ),
            (
                true,
                Status::Off,
                ours,
                Some("TLS is off, and was switched on by Signet"),
            ),
            (false, Status::Off, ours, None),
            (
                false,
                Status::On,
                ours,
                Some("TLS is on, and was switched off by Signet"),
            ),
            (true, Status::Unknown, other, None),
        ] {
            assert_eq!(
                drift(on, status, serves).as_deref(),
                expected,
                "{on} {status:?} {serves}"
            );
        }
    }

    #[test]
    fn of_a_node_that_no_task_changed_nothing_is_expected() {
        assert_eq!(of(&Node::new("127.0.0.1:3306".parse().unwrap())), None);
    }
}
