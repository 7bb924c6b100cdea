use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lab::Restartable;

use crate::failure::Failure;

/// The agent on a database host, the real program; it ends when this is dropped.
pub(super) struct Agent(Child);

impl Agent {
    /// Enrols an agent with a token, and lets it run. Its files go below `folder`.
    pub(super) fn start(
        folder: &Path,
        database: &Restartable,
        control_plane: SocketAddr,
        token: &str,
    ) -> Result<Self, Failure> {
        let program = program()?;
        let folder = folder.join("agent");
        let config = folder.join("agent.toml");
        fs::create_dir(&folder).map_err(Failure::failed)?;
        fs::write(&config, configuration(&folder, database)).map_err(Failure::failed)?;
        let token_file = folder.join("token");
        fs::write(&token_file, token).map_err(Failure::failed)?;
        let enrolled = Command::new(&program)
            .arg("enrol")
            .arg("--config")
            .arg(&config)
            .arg(format!("--server=https://{control_plane}"))
            .arg("--token-file")
            .arg(&token_file)
            .output()
            .map_err(|e| Failure::failed(format!("{}: {e}", program.display())))?;
        if !enrolled.status.success() {
            let error = String::from_utf8_lossy(&enrolled.stderr);
            return Err(Failure::failed(format!("signet-agent: {}", error.trim())));
        }
        let log = fs::File::create(folder.join("log")).map_err(Failure::failed)?;
        let running = Command::new(&program)
            .arg("run")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(Failure::failed)?;
        Ok(Self(running))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The agent's program, which is built and installed beside this one.
fn program() -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()
        .map_err(Failure::failed)?
        .with_file_name("signet-agent");
    if path.is_file() {
        Ok(path)
    } else {
        Err(Failure::failed(format!(
            "{} is missing: build it with `cargo build --release -p signet-agent`",
            path.display()
        )))
    }
}

fn configuration(folder: &Path, database: &Restartable) -> String {
    format!(
        "state = '{folder}/state'\nsocket = '{socket}'\nuser = 'root'\nfolder = '{folder}/certificates'\n\
         dropin = '{conf}/99-signet.cnf'\nrestart = ['{restart}']\n",
        folder = folder.display(),
        socket = database.server().socket().display(),
        conf = database.conf().display(),
        restart = database.command().display(),
    )
}
