//! Tasks: what switches TLS on and off and rotates certificates.
//!
//! A task is a record; [`plan`] says what comes next, [`run`] does it and writes it down before and after. Any number of tasks wait,
//! a bounded number run, one per instance or group at most.

mod ending;
mod plan;
mod run;
mod start;
mod verify;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::service::Service;
use crate::state::ids::TaskId;

pub use start::{Refused, Wish, start};

/// The way to what runs tasks.
#[derive(Clone)]
pub struct Tasks {
    wanted: mpsc::UnboundedSender<TaskId>,
}

/// Where wanted tasks come out.
pub type Wanted = mpsc::UnboundedReceiver<TaskId>;

impl Tasks {
    /// The way to what runs tasks, and where what was wanted comes out.
    pub fn channel() -> (Self, Wanted) {
        let (wanted, out) = mpsc::unbounded_channel();
        (Self { wanted }, out)
    }

    fn run(&self, id: TaskId) {
        // At shutdown nobody takes it; the record is there, and the next start goes on.
        let _ = self.wanted.send(id);
    }
}

/// Runs what is wanted, first of all what an earlier run of the program left unfinished. At the stop, tasks end at their next step; the
/// next start goes on with them.
pub fn serve(
    service: Arc<Service>,
    mut wanted: Wanted,
    stopped: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let room = Arc::new(Semaphore::new(service.config.task_concurrency));
        let mut running = JoinSet::new();
        for task in service.catalog.tasks.unfinished() {
            service.tasks.run(task.id);
        }
        loop {
            tokio::select! {
                Some(id) = wanted.recv() => {
                    let (service, room, stopped) = (Arc::clone(&service), Arc::clone(&room), stopped.clone());
                    running.spawn(async move {
                        // The semaphore is never closed.
                        let _turn = room.acquire().await;
                        run::run(&service, id, &stopped).await;
                    });
                }
                Some(ended) = running.join_next(), if !running.is_empty() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a task ended badly");
                    }
                }
                () = stopped.cancelled() => break,
            }
        }
        while running.join_next().await.is_some() {}
    })
}
