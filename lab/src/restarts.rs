//! A server that another program restarts: what an agent on a database host is configured to run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::{Error, Options, Server};

/// How often it is looked for a request.
const PAUSE: Duration = Duration::from_millis(20);

/// A server with a command that restarts it, and a folder whose `*.cnf` it reads when it starts.
#[derive(Debug)]
pub struct Restartable {
    server: Arc<Mutex<Server>>,
    folder: PathBuf,
    ended: Arc<AtomicBool>,
    watching: Option<JoinHandle<()>>,
}

impl Restartable {
    /// Makes a running server restartable with these options, and restarts it once so that it reads the folder.
    ///
    /// # Errors
    /// When the folder cannot be made, or the server does not start.
    pub fn new(mut server: Server, options: Options) -> Result<Self, Error> {
        let folder = server.dir().join("restarts");
        let conf = folder.join("conf.d");
        fs::create_dir_all(&conf).map_err(Error::io("create a folder for drop-ins"))?;
        let options = options.set(format!("!includedir {}", conf.display()));
        server.restart(options.clone())?;
        write_command(&folder)?;
        let server = Arc::new(Mutex::new(server));
        let ended = Arc::new(AtomicBool::new(false));
        let watching = std::thread::spawn({
            let (server, folder, ended) = (Arc::clone(&server), folder.clone(), Arc::clone(&ended));
            move || watch(&server, &folder, &options, &ended)
        });
        Ok(Self {
            server,
            folder,
            ended,
            watching: Some(watching),
        })
    }

    /// The server. While somebody holds it, it is not restarted, and who asks for it a second time waits for ever.
    pub fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program that restarts it: it ends well once the server answers again, and else prints why it does not.
    pub fn command(&self) -> PathBuf {
        self.folder.join("restart")
    }

    /// The folder whose `*.cnf` the server reads when it starts.
    pub fn conf(&self) -> PathBuf {
        self.folder.join("conf.d")
    }
}

impl Drop for Restartable {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(watching) = self.watching.take() {
            // A panic there was printed there.
            let _ = watching.join();
        }
    }
}

fn write_command(folder: &Path) -> Result<(), Error> {
    // It ends with its folder, which whoever watches over the server may remove meanwhile.
    let script = format!(
        "#!/bin/sh
cd '{}' || exit 1
rm -f done
: > request
while [ ! -f done ]; do
    [ -f restart ] || {{ echo 'the server is gone'; exit 1; }}
    sleep 0.05
done
cat done
test ! -s done
",
        folder.display()
    );
    let path = folder.join("restart");
    fs::write(&path, script).map_err(Error::io("write the restart command"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .map_err(Error::io("make the restart command a program"))
}

fn watch(server: &Mutex<Server>, folder: &Path, options: &Options, ended: &AtomicBool) {
    let (request, done, draft) = (
        folder.join("request"),
        folder.join("done"),
        folder.join("done.new"),
    );
    while !ended.load(Ordering::SeqCst) {
        if fs::remove_file(&request).is_err() {
            std::thread::sleep(PAUSE);
            continue;
        }
        let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
        let said = server
            .restart(options.clone())
            .err()
            .map_or_else(String::new, |error| error.to_string());
        // The folder goes with the server; whoever waits then has gone, too.
        let _ = fs::write(&draft, said).and_then(|()| fs::rename(&draft, &done));
    }
}
