//! Watches how full the disk of the data folder is: a full one refuses every write.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::service::Service;

/// How often.
const INTERVAL: Duration = Duration::from_secs(60);
/// From which share of its blocks a disk is reported, in percent.
const WARNING: u64 = 80;

/// Runs until it is stopped.
pub async fn run(service: Arc<Service>, stopped: CancellationToken) {
    let mut was_full = false;
    loop {
        match used_percent(&service.config.data) {
            Ok(percent) => {
                service.metrics.disk_used_percent.set(percent.cast_signed());
                if percent >= WARNING && !was_full {
                    tracing::warn!(percent, data = %service.config.data.display(), "the disk of the data folder is nearly full; when it is full, every write is refused");
                }
                was_full = percent >= WARNING;
            }
            Err(error) => tracing::warn!(%error, "the disk of the data folder cannot be measured"),
        }
        if tokio::time::timeout(INTERVAL, stopped.cancelled())
            .await
            .is_ok()
        {
            return;
        }
    }
}

/// How much of a disk is used, as `df` counts it: without what only root may use.
fn used_percent(folder: &std::path::Path) -> rustix::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    let used = disk.f_blocks.saturating_sub(disk.f_bfree);
    let usable = used + disk.f_bavail;
    Ok((used * 100).checked_div(usable).unwrap_or(100))
}
