//! Drift: a node does something else than the last task left it doing. It is told, never mended: somebody may have meant it.

use dbtls::Status;

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
pub fn of(node: &Node) -> Option<Drift> {
    let (expected, observed) = (node.managed()?, node.observed()?);
    let is_ours = observed.leaf == Some(pki::word(&expected.certificate));
    let what = match (expected.on, observed.status) {
        (_, Status::Unknown) => return None,
        (true, Status::Off) => "TLS is off, and was switched on by Signet",
        (false, Status::On) => "TLS is on, and was switched off by Signet",
        (true, Status::On) if !is_ours => {
            "it serves another certificate than the one that was issued for it"
        }
        (true, Status::On) | (false, Status::Off) => return None,
    };
    Some(Drift {
        what: what.to_owned(),
        // What it looked like before the task ended was no drift.
        since: observed.since.max(expected.since),
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
