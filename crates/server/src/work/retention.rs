//! Retention: a task that ended long ago is forgotten, so that neither the store nor memory grows for ever. The audit log still says who
//! wanted it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ambient::UnixTime;
use crate::service::Service;
use crate::state::store::{Expect, Write};
use crate::state::task::TaskRecord;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(3600);
/// How many tasks are forgotten by one commit: others wait for it.
const AT_ONCE: usize = 100;

/// Forgets what is too old until the service stops.
pub async fn run(service: Arc<Service>, stopped: CancellationToken) {
    loop {
        let old = service.catalog.tasks.ended_before(oldest(&service));
        for tasks in old.chunks(AT_ONCE) {
            forget(&service, tasks).await;
        }
        if tokio::time::timeout(PAUSE, stopped.cancelled())
            .await
            .is_ok()
        {
            return;
        }
    }
}

/// What ended before this is forgotten.
fn oldest(service: &Service) -> UnixTime {
    let kept = service.config.task_retention.as_secs();
    service.clock.now().saturating_sub_unsigned(kept)
}

/// A record is not written any more once its task has ended.
async fn forget(service: &Service, tasks: &[Arc<TaskRecord>]) {
    let delete = |task: &Arc<TaskRecord>| Write::delete(TaskRecord::key(task.id), Expect::Anything);
    match service
        .catalog
        .commit(tasks.iter().map(delete).collect())
        .await
    {
        Ok(_) => tracing::info!(
            tasks = tasks.len(),
            "tasks that ended long ago were forgotten"
        ),
        // Their turn comes again in the next round.
        Err(error) => tracing::error!(%error, "old tasks could not be forgotten"),
    }
}
