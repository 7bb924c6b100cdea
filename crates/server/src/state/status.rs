//! What `Status` means: the rule that turns what was seen on the nodes into ON, OFF or "cannot be told".

use std::sync::Arc;

use dbtls::Status;

use crate::ambient::UnixTime;
use crate::state::node::Node;

/// What is known of an instance or a group.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// Every node was seen doing TLS.
    On,
    /// At least one node was seen without.
    Off,
    /// Nothing can be said: this node was never seen, or not for too long.
    Unknown(&'a Node),
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.target)
    }
}

impl Verdict<'_> {
    /// The word for it in our own actions.
    pub fn word(&self) -> Status {
        match self {
            Self::On => Status::On,
            Self::Off => Status::Off,
            Self::Unknown(_) => Status::Unknown,
        }
    }
}

/// Judges the nodes of one instance, or of all read-only instances of a group.
///
/// A node whose last observation is older than `stale_after` seconds counts as unknown. One node seen OFF decides,
/// whatever the others do: a client may be sent to it.
pub fn verdict(nodes: &[Arc<Node>], now: UnixTime, stale_after: UnixTime) -> Verdict<'_> {
    let mut verdict = Verdict::On;
    for node in nodes {
        match node.fresh() {
            (Status::Off, seen) if now - seen <= stale_after => return Verdict::Off,
            (Status::On, seen) if now - seen <= stale_after => {}
            // The first one is named.
            _ if matches!(verdict, Verdict::On) => verdict = Verdict::Unknown(node),
            _ => {}
        }
    }
    verdict
}

/// Why nothing can be said of a node, in one sentence for the caller.
pub fn why_unknown(node: &Node, stale_after: UnixTime) -> String {
    let reason = match (node.failure(), node.observed()) {
        (Some(failure), _) => failure.reason.clone(),
        (None, Some(_)) => format!("it was not seen for {stale_after} seconds"),
        (None, None) => "it was not observed yet".to_owned(),
    };
    format!("The node `{}` cannot be judged: {reason}.", node.target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::node::{Observed, Profile};

    const NOW: UnixTime = 1_795_490_000;

    fn node(status: Status, age: i64) -> Arc<Node> {
        let node = Node::new("127.0.0.1:3306".parse().unwrap());
        let observed = Observed {
            profile: Arc::new(Profile::default()),
            status,
            since: 0,
            not_after: None,
            leaf: None,
            digest: 0,
        };
        node.set_observed(observed, NOW - age);
        Arc::new(node)
    }

    #[test]
    fn the_rule() {
        use Status::{Off, On, Unknown};
        let never = || Arc::new(Node::new("127.0.0.1:3306".parse().unwrap()));
        for (nodes, expected) in [
            (vec![node(On, 0), node(On, 600)], On),
            (vec![node(On, 0), node(Off, 0)], Off),
            (vec![node(Off, 600), never()], Off),
            (vec![never(), node(Off, 0)], Off),
            (vec![node(On, 0), node(On, 601)], Unknown),
            (vec![node(On, 0), node(Off, 601)], Unknown),
            (vec![node(On, 0), never()], Unknown),
        ] {
            assert_eq!(verdict(&nodes, NOW, 600).word(), expected, "{nodes:?}");
        }
    }

    #[test]
    fn the_reason_names_the_node() {
        let fresh = Node::new("db1.example.com:3306".parse().unwrap());
        assert_eq!(
            why_unknown(&fresh, 600),
            "The node `db1.example.com:3306` cannot be judged: it was not observed yet."
        );
        fresh.fail("the connection was refused".into(), NOW);
        assert_eq!(
            why_unknown(&fresh, 600),
            "The node `db1.example.com:3306` cannot be judged: the connection was refused."
        );
        assert_eq!(
            why_unknown(&node(Status::On, 700), 600),
            "The node `127.0.0.1:3306` cannot be judged: it was not seen for 600 seconds."
        );
    }
}
