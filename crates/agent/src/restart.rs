//! The one command that the agent runs: the one that the host's operator configured to restart the database server.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Why the server was not restarted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestartError {
    #[error(
        "no `restart` command is configured; the server reads its configuration only when it starts"
    )]
    NotConfigured,
    #[error("the restart command {program} cannot be run: {cause}")]
    NotRun { program: String, cause: String },
    #[error("the restart command ended with {status}{said}")]
    Failed {
        status: std::process::ExitStatus,
        said: String,
    },
    #[error("the restart command did not end within {} s", .0.as_secs())]
    Late(Duration),
}

/// Checks that there is a command to run.
pub(crate) fn check(command: &[String]) -> Result<(), RestartError> {
    let program = command.first().ok_or(RestartError::NotConfigured)?;
    let not_run = |cause: &str| RestartError::NotRun {
        program: program.clone(),
        cause: cause.to_owned(),
    };
    if !Path::new(program).is_file() {
        return Err(not_run("there is no such file"));
    }
    rustix::fs::access(program.as_str(), rustix::fs::Access::EXEC_OK)
        .map_err(|e| not_run(&e.to_string()))
}

/// Runs the command to its end. It gets no input and nothing of the agent's environment but a `PATH`; what it says goes to
/// the file `log`, which a server that it leaves running may go on to write to.
pub(crate) async fn run(
    command: &[String],
    limit: Duration,
    log: &Path,
) -> Result<(), RestartError> {
    let (program, arguments) = command.split_first().ok_or(RestartError::NotConfigured)?;
    let not_run = |e: std::io::Error| RestartError::NotRun {
        program: program.clone(),
        cause: e.to_string(),
    };
    let out = File::create(log).map_err(not_run)?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .stdin(Stdio::null())
        .stderr(out.try_clone().map_err(not_run)?)
        .stdout(out)
        .kill_on_drop(true)
        .spawn()
        .map_err(not_run)?;
    let status = tokio::time::timeout(limit, child.wait())
        .await
        .map_err(|_| RestartError::Late(limit))?;
    let status = status.map_err(not_run)?;
    if status.success() {
        Ok(())
    } else {
        Err(RestartError::Failed {
            status,
            said: said(log),
        })
    }
}

/// The end of what the command said, for the operator: of a server's log the errors, if there are any. A server that does not start names files, never what is in them; what
/// looks like a key is left out all the same.
fn said(log: &Path) -> String {
    const LINES: usize = 10;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(4096)..]).into_owned();
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let errors: Vec<_> = lines().filter(|line| line.contains("[ERROR]")).collect();
    let lines = if errors.is_empty() {
        lines().collect()
    } else {
        errors
    };
    let end = lines[lines.len().saturating_sub(LINES)..].join(" | ");
    if end.is_empty() {
        return " and said nothing".to_owned();
    }
    if end.contains("PRIVATE KEY") {
        return " and printed a key".to_owned();
    }
    format!(" and said: {}", end.replace(char::is_control, "?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run_for_a_second(command: &[&str]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let command: Vec<_> = command.iter().map(ToString::to_string).collect();
        run(&command, Duration::from_secs(1), &folder.path().join("log"))
            .await
            .map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn a_command_that_fails_is_quoted() {
        assert_eq!(run_for_a_second(&["/bin/true"]).await, Ok(()));
        for (command, said) in [
            (
                vec!["/bin/false"],
                "the restart command ended with exit status: 1 and said nothing",
            ),
            (
                vec!["/bin/sh", "-c", "echo out; echo; echo err >&2; exit 3"],
                "the restart command ended with exit status: 3 and said: out | err",
            ),
            (
                vec![
                    "/bin/sh",
                    "-c",
                    "echo 'a [Note]'; echo '1 [ERROR] no'; echo 'b [Note]'; echo '2 [ERROR] Aborting'; exit 1",
                ],
                "the restart command ended with exit status: 1 and said: 1 [ERROR] no | 2 [ERROR] Aborting",
            ),
            (
                vec!["/bin/sh", "-c", "echo -----BEGIN PRIVATE KEY-----; exit 1"],
                "the restart command ended with exit status: 1 and printed a key",
            ),
            (
                vec!["/nowhere/systemctl"],
                "the restart command /nowhere/systemctl cannot be run: No such file or directory (os error 2)",
            ),
            (
                vec![],
                "no `restart` command is configured; the server reads its configuration only when it starts",
            ),
            (
                vec!["/bin/sleep", "60"],
                "the restart command did not end within 1 s",
            ),
        ] {
            assert_eq!(run_for_a_second(&command).await.unwrap_err(), said);
        }
    }

    #[tokio::test]
    async fn what_the_command_leaves_running_does_not_hold_it_up() {
        assert_eq!(
            run_for_a_second(&["/bin/sh", "-c", "sleep 5 & exit 0"]).await,
            Ok(())
        );
    }

    #[test]
    fn a_command_that_cannot_be_run_is_found_before_it_is_needed() {
        let check = |program: &str| check(&[program.to_owned()]).map_err(|e| e.to_string());
        assert_eq!(check("/bin/true"), Ok(()));
        assert_eq!(
            check("/etc/passwd").unwrap_err(),
            "the restart command /etc/passwd cannot be run: Permission denied (os error 13)"
        );
        assert_eq!(
            check("/nowhere/x").unwrap_err(),
            "the restart command /nowhere/x cannot be run: there is no such file"
        );
    }
}
