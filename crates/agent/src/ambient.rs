//! What comes from outside the program and would make it unrepeatable: time, randomness, and the machine.

use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Tells the time, in seconds since 1970-01-01 UTC.
pub(crate) type Clock = fn() -> i64;

/// The machine's clock.
#[allow(clippy::disallowed_methods)] // this is the one place that asks the machine
pub(crate) fn system_clock() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        })
}

/// The machine that this is, as the control plane knows it: the SHA-256 of a prefix and `/etc/machine-id`, which is not to leave the host as it
/// is (machine-id(5)); 64 hexadecimal digits. `None` where there is no such file.
pub(crate) fn machine() -> Option<String> {
    let id = std::fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    if id.is_empty() {
        return None;
    }
    let mut hash = Context::new(&SHA256);
    hash.update(b"signet-agent ");
    hash.update(id.as_bytes());
    Some(crate::certificate::hex(hash.finish().as_ref()))
}

/// A number for jitter: not secret, but not the same on every host.
pub(crate) fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, which is no reason to stop.
    let _ = SystemRandom::new().fill(&mut bytes);
    u32::from_le_bytes(bytes)
}
