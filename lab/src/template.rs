//! An empty data directory per server program: made once (MySQL takes 2 s for it), kept in the cache and
//! copied.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::installation::cache_dir;
use crate::{Error, Installation, Kind};

/// Settings that a data directory is made with and every server on a copy of it runs with: small files, no
/// waiting for disks.
pub(crate) const STORAGE_SETTINGS: &[&str] = &[
    "innodb-buffer-pool-size=32M",
    "innodb-flush-log-at-trx-commit=2",
    "loose-innodb-redo-log-capacity=8M", // MySQL 8.0.30 and newer
    "loose-innodb-log-file-size=8M",     // the others
];

/// Copies an empty data directory to `target`, which must not exist. `root` has no password and may come in
/// by the socket.
pub(crate) fn copy_datadir(installation: &Installation, target: &Path) -> Result<(), Error> {
    let template = ready_template(installation)?;
    let mut copy = Command::new("cp");
    copy.args(["-r", "--reflink=auto", "--sparse=always"])
        .arg(template)
        .arg(target);
    run("cp", &mut copy, None)
}

/// The template, made now if it was not yet. The lock makes parallel test processes wait for one of them to
/// make it.
fn ready_template(installation: &Installation) -> Result<PathBuf, Error> {
    let templates = cache_dir().join("templates");
    fs::create_dir_all(&templates).map_err(Error::io(format!("create {}", templates.display())))?;
    let template = templates.join(format!(
        "{}-{}",
        installation.kind().name(),
        installation.release()
    ));
    let lock =
        File::create(templates.join("lock")).map_err(Error::io("create the template lock"))?;
    lock.lock().map_err(Error::io("lock the templates"))?;
    if !template.is_dir() {
        let work = tempfile::tempdir_in(&templates)
            .map_err(Error::io("create a directory for a template"))?;
        initialise(installation, &work.path().join("data"))?;
        fs::rename(work.path().join("data"), &template)
            .map_err(Error::io("put the template in place"))?;
    }
    Ok(template)
}

fn initialise(installation: &Installation, data: &Path) -> Result<(), Error> {
    let mut settings = installation.location_settings();
    settings.push(format!("datadir={}", data.display()));
    settings.extend(STORAGE_SETTINGS.iter().map(|&line| line.to_owned()));
    settings.extend(user_setting());
    let mut server = installation.server();
    server
        .arg("--no-defaults")
        .args(settings.iter().map(|line| format!("--{line}")));
    match installation.kind() {
        Kind::MySql => initialise_mysql(server, data),
        Kind::MariaDb | Kind::MariaDb11 => bootstrap_mariadb(server, data, &installation.share()),
    }
}

/// MySQL makes its certificate here too, so all servers on copies of one template share the generated one.
fn initialise_mysql(mut server: Command, data: &Path) -> Result<(), Error> {
    run(
        "mysqld --initialize-insecure",
        server.args(["--initialize-insecure", "--secure-file-priv=NULL"]),
        None,
    )?;
    let identity = data.join("auto.cnf"); // each server makes its own server_uuid
    fs::remove_file(identity).map_err(Error::io("remove auto.cnf from the template"))
}

/// What `mariadb-install-db` does, in a sixth of the time: no shell, no perl, no time zones.
fn bootstrap_mariadb(mut server: Command, data: &Path, share: &Path) -> Result<(), Error> {
    fs::create_dir_all(data.join("mysql")).map_err(Error::io("create the data directory"))?;
    let mut sql =
        String::from("SET @auth_root_socket=NULL;\nSET @skip_auth_anonymous=1;\nuse mysql;\n");
    for script in [
        "system_tables",
        "performance_tables",
        "system_tables_data",
        "sys_schema",
    ] {
        sql.push_str(&mariadb_script(share, script)?);
    }
    run(
        "mariadbd --bootstrap",
        server.args(["--bootstrap", "--skip-ssl", "--log-warnings=0"]),
        Some(sql),
    )
}

/// Reads a script without the accounts for this machine's own host name. The files are called `mysql_…` up to
/// 10.11.
fn mariadb_script(share: &Path, name: &str) -> Result<String, Error> {
    let path = ["mariadb", "mysql"].map(|prefix| share.join(format!("{prefix}_{name}.sql")));
    let path = path.iter().find(|path| path.is_file()).unwrap_or(&path[0]);
    let script = fs::read_to_string(path).map_err(Error::io(format!("read {}", path.display())))?;
    Ok(script
        .lines()
        .filter(|line| !line.contains("@current_hostname"))
        .fold(String::new(), |sql, line| sql + line + "\n"))
}

/// Servers refuse to run as root unless it is said.
pub(crate) fn user_setting() -> Option<String> {
    rustix::process::geteuid()
        .is_root()
        .then(|| "user=root".to_owned())
}

/// Runs a program to its end, with `input` to read; what it printed becomes the error if it fails.
fn run(name: &str, command: &mut Command, input: Option<String>) -> Result<(), Error> {
    let what = format!("run {name}");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Error::io(&what))?;
    let mut pipe = child.stdin.take().expect("stdin is piped");
    let feeder = std::thread::spawn(move || pipe.write_all(input.unwrap_or_default().as_bytes()));
    let output = child.wait_with_output().map_err(Error::io(&what))?;
    let _ = feeder.join(); // a program that ends early says why itself
    if output.status.success() {
        return Ok(());
    }
    let message = format!(
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Err(Error::Program {
        program: name.to_owned(),
        message,
    })
}
