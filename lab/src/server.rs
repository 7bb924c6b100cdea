//! A running server: its own directory, its own port, ended when it is dropped.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use std::os::unix::process::CommandExt;

use tempfile::TempDir;

use crate::process::{Watchdog, kill, terminate, wait_until};
use crate::template::{STORAGE_SETTINGS, copy_datadir, user_setting};
use crate::{Error, Installation, Kind, Options, Tls};

/// How long a server may take until it answers. It takes one second; a machine that is busy with other things
/// is slower.
const START_LIMIT: Duration = Duration::from_secs(90);

/// A real server. Dropping it ends it and removes its directory, unless `SIGNET_LAB_KEEP` is set.
#[derive(Debug)]
pub struct Server {
    installation: Installation,
    options: Options,
    port: u16,
    version: String,
    dir: Option<TempDir>,
    running: Option<Running>,
}

/// The process and the watchdog over it. The watchdog is ended after the process: see [`Watchdog`].
#[derive(Debug)]
struct Running {
    child: Child,
    _watchdog: Watchdog,
}

impl Server {
    /// Starts a server of this kind and waits until it answers.
    ///
    /// # Errors
    /// [`Error::NotInstalled`]; [`Error::NotLoopback`]; [`Error::NotReady`] with the end of the server's log.
    pub fn start(kind: Kind, options: Options) -> Result<Self, Error> {
        options.check_addresses()?;
        let installation = Installation::locate(kind)?;
        let dir = tempfile::Builder::new()
            .prefix(&format!("signet-lab-{}-", kind.name()))
            .tempdir();
        let dir = dir.map_err(Error::io("create a directory for the server"))?;
        copy_datadir(&installation, &dir.path().join("data"))?;
        for folder in ["files", "tmp"] {
            fs::create_dir(dir.path().join(folder))
                .map_err(Error::io("create a folder for the server"))?;
        }
        let port = options.port.unwrap_or_default();
        let mut server = Self {
            installation,
            options,
            port,
            version: String::new(),
            dir: Some(dir),
            running: None,
        };
        server.launch_on_a_port()?;
        Ok(server)
    }

    /// Stops the server if it runs, and starts it again with its data and other options. Without a port in
    /// `options` it keeps the one it had.
    ///
    /// What was persisted by SQL (`SET PERSIST`) still wins over the configuration, as on any MySQL.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self, options: Options) -> Result<(), Error> {
        options.check_addresses()?;
        self.stop()?;
        self.port = options.port.unwrap_or(self.port);
        self.options = options;
        self.launch()
    }

    /// Shuts the server down and waits for its end. Its data stay for a [`restart`](Self::restart). Does
    /// nothing if it does not run.
    ///
    /// # Errors
    /// When the operating system refuses the signal.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.end(terminate)
    }

    /// Ends the server with SIGKILL, as a crash would. Its data stay for a [`restart`](Self::restart).
    ///
    /// # Errors
    /// When the operating system refuses the signal.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.end(kill)
    }

    /// Runs statements as `root` over the Unix socket, through the client that belongs to the server. Returns
    /// what it prints: a line per row, columns between tabs, no headings, no last newline.
    ///
    /// # Errors
    /// [`Error::Sql`] with the server's own words.
    pub fn sql(&self, statements: &str) -> Result<String, Error> {
        let what = format!("run the {} client", self.kind());
        let mut client = self.installation.client();
        client.args([
            "--no-defaults",
            "--protocol=socket",
            "--user=root",
            "--batch",
            "--raw",
            "--skip-column-names",
        ]);
        client.arg(format!("--socket={}", self.socket().display()));
        if self.kind().is_mariadb() {
            client.arg("--skip-ssl"); // 11.4's insists on TLS otherwise, even over the socket
        }
        let mut child = client
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::io(&what))?;
        let (mut pipe, text) = (
            child.stdin.take().expect("stdin is piped"),
            statements.to_owned(),
        );
        let feeder = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
        let output = child.wait_with_output().map_err(Error::io(&what))?;
        let _ = feeder.join(); // a client that ends early says why itself
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            // MySQL's client repeats the statement first.
            let message = text.find("ERROR ").map_or(&*text, |start| &text[start..]);
            return Err(Error::Sql {
                message: message.trim().to_owned(),
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end_matches('\n')
            .to_owned())
    }

    /// Switches TLS off while MySQL runs, and for its next starts. Open sessions keep theirs.
    ///
    /// # Errors
    /// [`Error::NeedsRestart`] for MariaDB.
    pub fn switch_tls_off(&self) -> Result<(), Error> {
        self.switch_tls(
            "SET PERSIST tls_version=''; ALTER INSTANCE RELOAD TLS NO ROLLBACK ON ERROR;",
        )
    }

    /// Switches TLS on while MySQL runs, and for its next starts, with the files it has: configured ones, or
    /// those it made itself.
    ///
    /// # Errors
    /// [`Error::NeedsRestart`] for MariaDB; [`Error::Sql`] if the files cannot be loaded.
    pub fn switch_tls_on(&self) -> Result<(), Error> {
        self.switch_tls("SET PERSIST tls_version='TLSv1.2,TLSv1.3'; ALTER INSTANCE RELOAD TLS;")
    }

    /// MySQL or MariaDB.
    pub const fn kind(&self) -> Kind {
        self.installation.kind()
    }

    /// The programs that this server was started from, for its client.
    pub const fn installation(&self) -> &Installation {
        &self.installation
    }

    /// What `SELECT VERSION()` answers.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Always `127.0.0.1`.
    pub const fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// The TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.dir().join("mysqld.sock")
    }

    /// The server's directory: `my.cnf`, `server.log`, `data/`, and `files/`, which is its
    /// `secure_file_priv`.
    pub fn dir(&self) -> &Path {
        self.dir
            .as_ref()
            .expect("only drop takes the directory")
            .path()
    }

    /// What a client verifies the server with: the configured `ssl_ca`, or the one that MySQL made for
    /// itself.
    pub fn ca(&self) -> Option<PathBuf> {
        match &self.options.tls {
            Tls::On(files) => Some(files.ca.clone()),
            Tls::Auto => Some(self.dir().join("data/ca.pem")).filter(|file| file.is_file()),
            Tls::Off => None,
        }
    }

    /// The process, while the server runs.
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    /// What the server has logged since its first start.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    fn switch_tls(&self, statements: &str) -> Result<(), Error> {
        match self.kind() {
            Kind::MySql => self.sql(statements).map(drop),
            Kind::MariaDb | Kind::MariaDb11 => Err(Error::NeedsRestart),
        }
    }

    /// Launches on the given port, or on a free one: another process may take it first, then on the next.
    fn launch_on_a_port(&mut self) -> Result<(), Error> {
        if self.options.port.is_some() {
            return self.launch();
        }
        for _ in 0..3 {
            self.port = free_port(&self.options.addresses)?;
            match self.launch() {
                Err(Error::NotReady { log_tail, .. })
                    if log_tail.contains("Address already in use") => {}
                done => return done,
            }
        }
        self.launch()
    }

    fn launch(&mut self) -> Result<(), Error> {
        self.write_configuration()?;
        let logged = self.log().len();
        let child = self.spawn()?;
        let remove = (!keep_directories()).then(|| self.dir());
        let watchdog = Watchdog::over(child.id(), remove);
        self.running = Some(Running {
            child,
            _watchdog: watchdog.map_err(Error::io("start the watchdog"))?,
        });
        self.wait_until_ready(logged)?;
        self.keep_directory(false); // an earlier start that failed has kept it
        self.version = self.sql("SELECT VERSION()")?;
        Ok(())
    }

    fn spawn(&self) -> Result<Child, Error> {
        let console = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .map_err(Error::io("open the server's log"))?;
        let mut server: Command = self.installation.server();
        server.arg(format!(
            "--defaults-file={}",
            self.dir().join("my.cnf").display()
        ));
        server
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(console);
        server.process_group(0); // a Ctrl-C in the terminal is for us; we end the server
        server
            .spawn()
            .map_err(Error::io(format!("start {}", self.kind())))
    }

    /// Ready is when it says so: by then every address and the socket are bound. A try to connect would be
    /// counted as a broken client.
    fn wait_until_ready(&mut self, logged: usize) -> Result<(), Error> {
        let log_path = self.log_path();
        let child = &mut self.running.as_mut().expect("it was just started").child;
        let mut ended = None;
        let in_time = wait_until(START_LIMIT, || {
            ended = child.try_wait().ok().flatten();
            let log = fs::read(&log_path).unwrap_or_default();
            ended.is_some()
                || String::from_utf8_lossy(log.get(logged..).unwrap_or_default())
                    .contains(": ready for connections")
        });
        let reason = match ended {
            Some(status) => format!("it ended, {status}"),
            None if in_time => return Ok(()),
            None => format!("it was not ready within {} s", START_LIMIT.as_secs()),
        };
        self.kill()?;
        Err(self.not_ready(reason))
    }

    fn not_ready(&mut self, reason: String) -> Error {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let log_tail = lines[lines.len().saturating_sub(15)..].join("\n");
        self.keep_directory(true);
        Error::NotReady {
            kind: self.kind(),
            reason,
            dir: self.dir().to_owned(),
            log_tail,
        }
    }

    fn keep_directory(&mut self, keep: bool) {
        if let Some(dir) = &mut self.dir {
            dir.disable_cleanup(keep);
        }
    }

    fn end(&mut self, how: impl FnOnce(&mut Child) -> std::io::Result<()>) -> Result<(), Error> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        how(&mut running.child).map_err(Error::io(format!("end {}", self.kind())))
    }

    fn write_configuration(&self) -> Result<(), Error> {
        let path = self.dir().join("my.cnf");
        let text = format!("[mysqld]\n{}\n", self.configuration().join("\n"));
        fs::write(&path, text).map_err(Error::io(format!("write {}", path.display())))
    }

    fn configuration(&self) -> Vec<String> {
        let dir = self.dir().display();
        let addresses: Vec<String> = self
            .options
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        let mut lines = self.installation.location_settings();
        lines.extend(user_setting());
        lines.extend(STORAGE_SETTINGS.iter().map(|&line| line.to_owned()));
        lines.extend([
            format!("datadir={dir}/data"),
            format!("tmpdir={dir}/tmp"),
            format!("secure-file-priv={dir}/files"),
            format!("socket={}", self.socket().display()),
            format!("pid-file={dir}/server.pid"),
            format!("log-error={}", self.log_path().display()),
            format!("bind-address={}", addresses.join(",")),
            format!("port={}", self.port),
        ]);
        if self.kind() == Kind::MySql {
            lines.extend(["mysqlx=OFF", "skip-log-bin"].map(str::to_owned));
        }
        lines.extend(self.tls_settings());
        lines.extend(self.options.extra.iter().cloned());
        lines
    }

    fn tls_settings(&self) -> Vec<String> {
        match (&self.options.tls, self.kind()) {
            (Tls::Auto, _) => Vec::new(),
            (Tls::Off, Kind::MySql) => vec!["tls-version=".to_owned()], // MySQL 9 does not know skip-ssl any more
            (Tls::Off, Kind::MariaDb | Kind::MariaDb11) => vec!["skip-ssl".to_owned()],
            (Tls::On(files), _) => vec![
                format!("ssl-ca={}", files.ca.display()),
                format!("ssl-cert={}", files.cert.display()),
                format!("ssl-key={}", files.key.display()),
            ],
        }
    }

    fn log_path(&self) -> PathBuf {
        self.dir().join("server.log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody will read the data again, so there is no need to wait for a clean end of them.
        let ended = if keep_directories() {
            self.stop()
        } else {
            self.kill()
        };
        let Some(mut dir) = self.dir.take() else {
            return;
        };
        if keep_directories() || ended.is_err() {
            dir.disable_cleanup(true);
            eprintln!("lab: kept {}", dir.path().display());
        }
    }
}

/// Whether the user wants to look at what servers leave behind.
fn keep_directories() -> bool {
    std::env::var_os("SIGNET_LAB_KEEP").is_some()
}

/// A port that is free on every one of the addresses right now.
fn free_port(addresses: &[IpAddr]) -> Result<u16, Error> {
    let first = addresses
        .first()
        .copied()
        .unwrap_or(IpAddr::from([127, 0, 0, 1]));
    for _ in 0..100 {
        let listener =
            TcpListener::bind(SocketAddr::new(first, 0)).map_err(Error::io("find a free port"))?;
        let port = listener
            .local_addr()
            .map_err(Error::io("find a free port"))?
            .port();
        if addresses
            .iter()
            .skip(1)
            .all(|&address| TcpListener::bind(SocketAddr::new(address, port)).is_ok())
        {
            return Ok(port);
        }
    }
    Err(Error::io("find a free port")(
        std::io::ErrorKind::AddrInUse.into(),
    ))
}
