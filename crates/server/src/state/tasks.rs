//! The tasks in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dbtls::{Status, Target};

use crate::ambient::UnixTime;
use crate::state::ids::{Account, SubjectId, TaskId};
use crate::state::index::Index;
use crate::state::task::{Kind, TaskRecord};

/// Every task that is known. The catalog's writer alone changes it.
pub struct Tasks {
    by_id: Index<Arc<TaskRecord>>,
    /// The task that has not ended, by what it changes.
    running: Index<Arc<TaskRecord>>,
    /// How many have not ended: nearly always none, and then `status` need not look further.
    running_count: AtomicUsize,
}

impl Tasks {
    /// With these tasks.
    pub(super) fn of_records(tasks: Vec<TaskRecord>) -> Self {
        let tasks: Vec<_> = tasks.into_iter().map(Arc::new).collect();
        let running: Vec<_> = tasks
            .iter()
            .filter(|task| !task.state.is_final())
            .map(|task| (task.subject.word(), Arc::clone(task)))
            .collect();
        Self {
            running_count: AtomicUsize::new(running.len()),
            running: Index::of(running),
            by_id: Index::of(tasks.into_iter().map(|task| (task.id.word(), task))),
        }
    }

    /// The task with this ID, whoever's it is.
    pub fn get(&self, id: TaskId) -> Option<Arc<TaskRecord>> {
        self.by_id.get(id.word()).filter(|task| task.id == id)
    }

    /// The tasks of an account, the newest first.
    pub fn of(&self, account: Account) -> Vec<Arc<TaskRecord>> {
        let mut tasks = self.by_id.values();
        tasks.retain(|task| task.account == account);
        tasks.sort_unstable_by_key(|task| std::cmp::Reverse((task.created, task.id)));
        tasks
    }

    /// Every task that ended before this, in no order.
    pub fn ended_before(&self, time: UnixTime) -> Vec<Arc<TaskRecord>> {
        let mut tasks = self.by_id.values();
        tasks.retain(|task| task.state.is_final() && task.ended < time);
        tasks
    }

    /// Every task that has not ended, the oldest first.
    pub fn unfinished(&self) -> Vec<Arc<TaskRecord>> {
        let mut tasks = self.running.values();
        tasks.sort_unstable_by_key(|task| (task.created, task.id));
        tasks
    }

    /// The task that changes this now.
    pub fn running(&self, subject: SubjectId) -> Option<Arc<TaskRecord>> {
        if self.running_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.running.get(subject.word())
    }

    /// What the task that works on this node now does to it.
    pub fn running_on(&self, node: &Target) -> Option<Kind> {
        if self.running_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let running = self.running.values();
        let task = running
            .iter()
            .find(|task| task.nodes.iter().any(|work| work.node == *node));
        task.map(|task| task.kind)
    }

    /// What `Status` was before the task that changes this now; `None` when there is no such task.
    pub fn status_before(&self, subject: SubjectId) -> Option<Status> {
        if self.running_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.running.with(subject.word(), |task| task.status_before)
    }

    pub(super) fn set(&self, id: TaskId, task: Option<TaskRecord>) {
        let before = self.get(id).filter(|task| !task.state.is_final());
        let task = task.map(Arc::new);
        let after = task.clone().filter(|task| !task.state.is_final());
        self.by_id.set(id.word(), task);
        match (before, after) {
            (None, Some(task)) => {
                self.running.set(task.subject.word(), Some(task));
                self.running_count.fetch_add(1, Ordering::Release);
            }
            (Some(_), Some(task)) => self.running.set(task.subject.word(), Some(task)),
            (Some(task), None) => {
                self.running_count.fetch_sub(1, Ordering::Release);
                self.running.set(task.subject.word(), None);
            }
            (None, None) => {}
        }
    }
}
