//! Faults that tests force. Builds with debug assertions alone have them; a release cannot be told to misbehave.

use crate::state::task::{Kind, Step};

/// Stops here for ever when `SIGNET_TEST_HOLD` names this point, like `OPEN SSL/loading/0/before`, so that a test can kill the program
/// exactly here. Says so on standard error first.
#[cfg(debug_assertions)]
pub(super) async fn hold(kind: Kind, step: Step, node: usize, moment: &str) {
    let point = format!("{}/{step}/{node}/{moment}", kind.task_type());
    if std::env::var("SIGNET_TEST_HOLD").is_ok_and(|wanted| wanted == point) {
        eprintln!("held at {point}");
        std::future::pending::<()>().await;
    }
}

/// Whether a key that does not fit its certificate is to be delivered.
#[cfg(debug_assertions)]
pub(super) fn mismatched_key() -> bool {
    std::env::var_os("SIGNET_TEST_MISMATCHED_KEY").is_some()
}

#[cfg(not(debug_assertions))]
pub(super) async fn hold(_: Kind, _: Step, _: usize, _: &str) {}

#[cfg(not(debug_assertions))]
pub(super) fn mismatched_key() -> bool {
    false
}
