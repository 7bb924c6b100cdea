//! The threads on which everything goes on that no caller waits for: probes, tasks, renewal. Their priority is lower than that of the
//! threads that answer requests, so that a crowd of handshakes and signatures does not hold up reads.

use tokio::runtime::{Builder, EnterGuard, Runtime};

/// How much lower, as `nice` counts.
const NICENESS: i32 = 10;

/// The threads. They end with it; what still runs on them is cut off.
pub struct Background(Option<Runtime>);

impl Background {
    /// Starts as many threads; 0: as many as the machine has cores.
    ///
    /// # Errors
    /// When the operating system has no threads to give.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        if threads > 0 {
            builder.worker_threads(threads);
        }
        builder
            .thread_name("signet-background")
            .on_thread_start(be_nice)
            .enable_all();
        Ok(Self(Some(builder.build()?)))
    }

    /// What is spawned while the guard lives runs here, and so does what that spawns.
    pub fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A runtime must not wait for its threads inside of another one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// On Linux a thread has a priority of its own; elsewhere it is the process's, which is left alone.
fn be_nice() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS)
    {
        tracing::warn!(%error, "background threads keep the usual priority");
    }
}
