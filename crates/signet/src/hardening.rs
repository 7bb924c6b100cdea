use rustix::fs::Mode;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, geteuid, getrlimit, set_dumpable_behavior, setrlimit, umask,
};
use server::Config;

use crate::failure::Failure;
use crate::settings::from_env;

/// Files that are open beside connections: data, log, probes, tasks.
const OTHER_FILES: u64 = 512;

/// Takes from the process what a service does not need, before it opens anything: no root, no files for others, no core dumps, no debugger
/// of the same user. Opens the limit of files as far as it may.
pub(crate) fn harden(config: &Config) -> Result<(), Failure> {
    if geteuid().is_root()
        && !config.allow_root
        && from_env("SIGNET_ALLOW_ROOT").as_deref() != Some("1")
    {
        return Err(Failure::failed(
            "signet serve does not run as root: start it as a user of its own (packaging/signet.service), or set SIGNET_ALLOW_ROOT=1 or `allow_root = true` if there is none, as in a container",
        ));
    }
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // A sandbox may forbid to change limits; the unit of systemd sets them itself.
    let _ = setrlimit(Resource::Core, none);
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(Failure::failed)?;
    let files = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: files.maximum,
        ..files
    };
    let _ = setrlimit(Resource::Nofile, raised);
    Ok(())
}

/// Warns when there may be more connections than files.
pub(crate) fn warn_about_files(config: &Config) {
    let listeners = 1 + u64::from(config.agents.listen.is_some());
    let wanted = listeners * config.max_connections as u64 + OTHER_FILES;
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if allowed < wanted {
        tracing::warn!(
            allowed,
            wanted,
            "the limit of open files is lower than `max_connections` needs: raise it (LimitNOFILE=, ulimit -n), or lower max_connections"
        );
    }
}
