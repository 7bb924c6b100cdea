//! What comes from outside the program and would make it unrepeatable: time and randomness.

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

/// A number for jitter: not secret, but not the same on every host.
pub(crate) fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, which is no reason to stop.
    let _ = SystemRandom::new().fill(&mut bytes);
    u32::from_le_bytes(bytes)
}
