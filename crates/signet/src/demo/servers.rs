use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use lab::pki::{Authority, Leaf};
use lab::{Installation, Kind, Options, Restartable, Server};
use server::Clock;

use crate::failure::Failure;

/// The account that applications connect as in the demo.
const APPLICATION: &str = "app";

/// The demo's real servers. They end, and their data goes, when this is dropped.
pub(super) struct Servers {
    /// An instance that encrypts.
    pub(super) on: [Server; 2],
    /// The first node of an instance that does not: it can be switched by SQL alone.
    pub(super) off: Server,
    /// Its second node: it is switched by its configuration and a restart, which takes an agent.
    pub(super) legacy: Restartable,
    /// A read-only instance that encrypts.
    pub(super) read_only: Server,
}

impl Servers {
    /// Starts all of them side by side, with certificates of one CA that name 127.0.0.1. Files go below `folder`.
    pub(super) fn start(folder: &Path) -> Result<Self, Failure> {
        let now = Clock::System.now();
        let authority = Authority::root("Signet demo root", now).map_err(Failure::failed)?;
        let with_tls = |name: &str| -> Result<Options, Failure> {
            let issued = authority.issue(&Leaf::for_loopback(now));
            let files = issued.and_then(|issued| issued.write_to(&folder.join(name)));
            Ok(Options::new().tls(files.map_err(Failure::failed)?))
        };
        let wanted = [
            (Kind::MySql, with_tls("on-1")?),
            (Kind::MariaDb, with_tls("on-2")?),
            (Kind::MySql, Options::new()),
            (Kind::MariaDb, Options::new()),
            (Kind::MariaDb, with_tls("read-only")?),
        ];
        let [on_1, on_2, off_1, off_2, read_only] = side_by_side(wanted);
        Ok(Self {
            on: [on_1?, on_2?],
            off: off_1?,
            legacy: Restartable::new(off_2?, Options::new()).map_err(Failure::failed)?,
            read_only: read_only?,
        })
    }

    /// What each is, and where; those of the instance that encrypts first.
    pub(super) fn described(&self) -> Vec<String> {
        let legacy = self.legacy.server();
        let [one, two] = &self.on;
        [one, two, &self.off, &legacy, &self.read_only]
            .map(|server| {
                format!(
                    "{} {} on {}",
                    server.kind(),
                    server.version(),
                    address(server)
                )
            })
            .into()
    }
}

fn side_by_side<const N: usize>(wanted: [(Kind, Options); N]) -> [Result<Server, Failure>; N] {
    thread::scope(|scope| {
        wanted
            .map(|(kind, options)| scope.spawn(move || Server::start(kind, options)))
            .map(|starting| match starting.join() {
                Ok(started) => started.map_err(Failure::failed),
                Err(_) => Err(Failure::failed("the start of a server panicked")),
            })
    })
}

/// As it is registered.
pub(super) fn address(server: &Server) -> String {
    format!("{}:{}", server.host(), server.port())
}

/// Connects with the server's own client as an application does, the chain and the host name verified with `pem`, and
/// returns the TLS version that the server says is spoken.
pub(super) fn connect(server: &Server, pem: &Path) -> Result<String, Failure> {
    server
        .sql(&format!("CREATE USER IF NOT EXISTS {APPLICATION}@'%'"))
        .map_err(Failure::failed)?;
    let installation = Installation::locate(server.kind()).map_err(Failure::failed)?;
    let output = installation
        .verifying_client(server.host(), server.port(), pem)
        .arg(format!("--user={APPLICATION}"))
        .args(["--execute", "SHOW STATUS LIKE 'Ssl_version'"])
        .output()
        .map_err(Failure::failed)?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::failed(error.trim()));
    }
    let answer = String::from_utf8_lossy(&output.stdout);
    match answer.split_whitespace().last() {
        Some(version) if version.starts_with("TLSv1.") => Ok(version.to_owned()),
        _ => Err(Failure::failed(format!(
            "the connection is not encrypted: {answer}"
        ))),
    }
}

/// Looks at the server with OpenSSL, which has to find a chain to one of the CAs in `pem`, and the address among the names.
pub(super) fn look_with_openssl(server: &Server, pem: &Path) -> Result<(), Failure> {
    let output = Command::new("openssl")
        .args(["s_client", "-starttls", "mysql", "-verify_return_error"])
        .args(["-verify_ip", server.host(), "-connect", &address(server)])
        .arg("-CAfile")
        .arg(pem)
        .stdin(Stdio::null())
        .output()
        .map_err(Failure::failed)?;
    let said = String::from_utf8_lossy(&output.stdout);
    if said.contains("Verify return code: 0 (ok)") {
        Ok(())
    } else {
        let error = String::from_utf8_lossy(&output.stderr);
        Err(Failure::failed(format!("openssl s_client: {error}")))
    }
}

/// A CA that has signed nothing here, written into `folder`.
pub(super) fn another_ca(folder: &Path) -> Result<std::path::PathBuf, Failure> {
    let other = Authority::root("Somebody else", Clock::System.now()).map_err(Failure::failed)?;
    let path = folder.join("another-ca.pem");
    fs::write(&path, other.root_pem()).map_err(Failure::failed)?;
    Ok(path)
}
