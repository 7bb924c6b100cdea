//! A service on a host of its own, and callers on others.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lab::{Host, Network};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::support::{Connection, Place, Served};

/// A good request has to be answered within this.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How much memory a flood may take, in KiB.
pub(crate) const BOUND: u64 = 256 << 10;

/// The service, an attacker and somebody else, each with an address of its own.
pub(crate) struct Site {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    pid: u32,
    /// Never locked: a mutex lets the site be seen from the threads of all hosts.
    _served: Mutex<Served>,
    pub(crate) place: Place,
    pub(crate) attacker: Host,
    pub(crate) friend: Host,
    pub(crate) home: Host,
    _network: Network,
}

impl Site {
    /// With the configuration under which the service may listen on an address that is not loopback, and more.
    pub(crate) fn new(more: &str) -> Self {
        Self::with(&format!("allow_plaintext = true\n{more}"))
    }

    /// With this configuration alone.
    pub(crate) fn with(configuration: &str) -> Self {
        allow_many_files();
        let network = Network::new().unwrap();
        let [home, attacker, friend] = [1, 9, 77].map(|last| network.host(last).unwrap());
        let place = Place::configured(configuration);
        let served = home.run(|| place.serve_on(home.address().into(), &[]));
        Self {
            address: served.address(),
            pid: served.id(),
            _served: Mutex::new(served),
            place,
            attacker,
            friend,
            home,
            _network: network,
        }
    }

    /// Somebody else calls the service on fresh connections, so many times; each call has to be answered by the deadline.
    #[track_caller]
    pub(crate) fn answers_a_friend(&self, times: usize) {
        let outcome = self.friend.run(|| {
            for _ in 0..times {
                let mut connection = Connection::open_for(self.address, DEADLINE)?;
                let answer = connection.call("DescribeFleet", &json!({}))?;
                assert_eq!(answer["TotalCount"], 0, "{answer:?}");
            }
            std::io::Result::Ok(())
        });
        if let Err(error) = outcome {
            panic!("a good request was not answered: {error}");
        }
    }

    /// Memory in KiB: what the service has now, and what it had at most.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.unwrap().trim().split(' ').next();
            number.unwrap().parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// The audit log's newest line that fits.
    pub(crate) fn audited(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let file = self.place.path("data/audit.jsonl");
        for _ in 0..500 {
            let lines = crate::support::json_lines(&file);
            if let Some(line) = lines.iter().rev().find(|line| fits(line)) {
                return line.clone();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no such line in the audit log")
    }
}

/// Sends bytes on a fresh connection and reads until it is closed, or the deadline has passed.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let _ = stream.write_all(bytes); // it may be closed before
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Connections that say nothing, as many as are let in: twenty in a row that are not end it.
pub(crate) fn silent(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let second = Duration::from_secs(1);
    let (mut held, mut refused) = (Vec::new(), 0);
    while held.len() < count && refused < 20 {
        match TcpStream::connect_timeout(&address, second) {
            Ok(stream) => {
                held.push(stream);
                refused = 0;
            }
            Err(_) => refused += 1,
        }
    }
    held
}

/// One flood of many connections at a time: they are all files of this process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static FLOOD: Mutex<()> = Mutex::new(());
    FLOOD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As many files as the system allows; the programs that are started inherit it.
fn allow_many_files() {
    let files = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: files.maximum,
        ..files
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}
