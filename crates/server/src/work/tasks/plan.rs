//! What a task does next: a pure function of its record. So a task that was interrupted goes on where it was.

use crate::state::task::{State, Step, TaskRecord};

/// The next thing to do. Nodes are named by their place in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Look whether the change can be made on this node, and what it has now.
    Check(usize),
    /// Issue a certificate and bring it to this node.
    Deliver(usize),
    /// Make this node use it, or switch TLS off, or whatever the task is for.
    Load(usize),
    /// See by a handshake that this node does.
    Verify(usize),
    /// Put back what this node had before.
    Restore(usize),
    /// End.
    End(State),
}

/// All nodes are checked before the first is touched; then they are changed one after the other. A task that has failed puts the
/// changed nodes back, the last one first.
pub(super) fn next(task: &TaskRecord) -> Move {
    let mut work = task.nodes.iter().enumerate().filter(|(_, n)| !n.untouched);
    if task.failure.is_some() {
        return match work.rfind(|(_, node)| node.step.may_have_changed()) {
            Some((at, _)) => Move::Restore(at),
            None => Move::End(State::Failed),
        };
    }
    if let Some((at, _)) = work.clone().find(|(_, node)| node.step < Step::Checked) {
        return Move::Check(at);
    }
    match work.find(|(_, node)| node.step != Step::Done) {
        None => Move::End(State::Succeeded),
        Some((at, node)) => match node.step {
            Step::Checked | Step::Delivering if task.kind.issues() => Move::Deliver(at),
            Step::Loaded => Move::Verify(at),
            _ => Move::Load(at),
        },
    }
}

#[cfg(test)]
mod tests {
    use dbtls::Status;

    use super::*;
    use crate::state::ids::{Account, SubjectId};
    use crate::state::records::V1;
    use crate::state::task::{Cause, Kind, NodeWork};

    fn task(kind: Kind, nodes: usize) -> TaskRecord {
        TaskRecord {
            v: V1,
            id: "f96e4f3c-8fc96c86-2ec79ac8-cb63a7a7".parse().unwrap(),
            account: Account::FIRST,
            subject: SubjectId::Instance("cdb-c1nl9rpv".parse().unwrap()),
            kind,
            cause: Cause::Caller,
            state: State::Running,
            info: String::new(),
            failure: None,
            status_before: Status::Off,
            created: 1,
            ended: 0,
            nodes: (0..nodes)
                .map(|n| NodeWork::waiting(format!("127.0.0.1:{}", 3306 + n).parse().unwrap()))
                .collect(),
        }
    }

    /// What a task does to the end. A move that `fails` fails; `crash` tells after which moves the control plane dies, once before and
    /// once after the outcome is recorded.
    fn play(mut task: TaskRecord, fails: Option<Move>, crash: bool) -> Vec<Move> {
        let mut moves = Vec::new();
        loop {
            let now = next(&task);
            moves.push(now);
            let (at, doing, done) = match now {
                Move::Check(at) => (at, Step::Checking, Step::Checked),
                Move::Deliver(at) => (at, Step::Delivering, Step::Delivered),
                Move::Load(at) => (at, Step::Loading, Step::Loaded),
                Move::Verify(at) => (at, Step::Loaded, Step::Done),
                Move::Restore(at) => (at, Step::Restoring, Step::Restored),
                Move::End(_) => return moves,
            };
            task.nodes[at].step = doing;
            if crash {
                assert_eq!(
                    next(&task),
                    now,
                    "a task that dies during a move does it again"
                );
            }
            if fails == Some(now) {
                task.failure = Some("it failed".into());
            } else {
                task.nodes[at].step = done;
            }
        }
    }

    #[test]
    fn all_nodes_are_checked_before_the_first_is_changed() {
        use Move::{Check, Deliver, End, Load, Verify};
        for crash in [false, true] {
            assert_eq!(
                play(task(Kind::Open, 2), None, crash),
                [
                    Check(0),
                    Check(1),
                    Deliver(0),
                    Load(0),
                    Verify(0),
                    Deliver(1),
                    Load(1),
                    Verify(1),
                    End(State::Succeeded)
                ]
            );
            assert_eq!(
                play(task(Kind::Close, 2), None, crash),
                [
                    Check(0),
                    Check(1),
                    Load(0),
                    Verify(0),
                    Load(1),
                    Verify(1),
                    End(State::Succeeded)
                ]
            );
        }
    }

    #[test]
    fn a_node_that_cannot_be_verified_is_put_back_and_so_are_those_before_it() {
        use Move::{End, Restore};
        for crash in [false, true] {
            let moves = play(task(Kind::Rotate, 2), Some(Move::Verify(1)), crash);
            assert_eq!(
                moves[moves.len() - 3..],
                [Restore(1), Restore(0), End(State::Failed)]
            );
        }
    }

    #[test]
    fn what_fails_before_the_first_change_puts_nothing_back() {
        let moves = play(task(Kind::Open, 2), Some(Move::Check(1)), false);
        assert_eq!(
            moves,
            [Move::Check(0), Move::Check(1), Move::End(State::Failed)]
        );
        let moves = play(task(Kind::Open, 2), Some(Move::Deliver(0)), false);
        assert_eq!(moves[2..], [Move::Deliver(0), Move::End(State::Failed)]);
    }

    #[test]
    fn a_node_that_cannot_be_put_back_does_not_keep_the_task_from_ending() {
        let mut task = task(Kind::Open, 2);
        task.failure = Some("the second node went away".into());
        task.nodes[0].step = Step::Done;
        task.nodes[1].step = Step::Stuck;
        assert_eq!(next(&task), Move::Restore(0));
        task.nodes[0].step = Step::Restored;
        assert_eq!(next(&task), Move::End(State::Failed));
    }

    #[test]
    fn a_node_that_is_as_wanted_is_left_alone() {
        let mut task = task(Kind::Open, 2);
        task.nodes[0] = NodeWork::untouched(task.nodes[0].node.clone());
        let moves = play(task, Some(Move::Load(1)), false);
        assert_eq!(
            moves,
            [
                Move::Check(1),
                Move::Deliver(1),
                Move::Load(1),
                Move::Restore(1),
                Move::End(State::Failed)
            ]
        );
    }
}
