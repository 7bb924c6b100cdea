//! The fleet: one thread, a listener per address, a tally per behaviour.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use tokio::sync::{Semaphore, oneshot};

use super::Behaviour;
use super::connection::Fake;
use super::switch::Switch;
use crate::Error;
use crate::pki::{Authority, Leaf};

/// No connection lives longer.
const CONNECTION_LIMIT: Duration = Duration::from_secs(60);
/// No more connections at a time; further ones wait in the backlog.
const CONNECTIONS: usize = 4096;
/// Addresses are 127.1.0.1 to 127.1.249.250.
const MOST_TARGETS: usize = 250 * 250;

/// One address of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// An address of 127.1.0.0/16 and the fleet's port.
    pub address: SocketAddr,
    /// What it does.
    pub behaviour: Behaviour,
}

/// What peers did so far with all the addresses of one behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// TLS handshakes completed. For [`Behaviour::Tls11Only`], clients that went on after they saw the
    /// certificate.
    pub handshakes: u64,
    /// Logins read, whatever their answer.
    pub logins: u64,
    /// Sessions that ended with `COM_QUIT`.
    pub quits: u64,
}

/// Fake servers on many loopback addresses; they end when this is dropped.
#[derive(Debug)]
pub struct FakeFleet {
    targets: Vec<Target>,
    tallies: Vec<Arc<Tally>>,
    root_pem: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeFleet {
    /// Starts so many fakes of each behaviour, on addresses from 127.1.0.1 on, in this order. All have the
    /// same port.
    ///
    /// # Errors
    /// [`Error::Io`] if no port is free on all addresses, or the limit of open files is too low.
    pub fn start(mix: &[(Behaviour, usize)]) -> Result<Self, Error> {
        Self::start_on(0, mix)
    }

    /// The same on a given port, for fakes that take the place of others; 0 is any that is free.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_on(port: u16, mix: &[(Behaviour, usize)]) -> Result<Self, Error> {
        let behaviours: Vec<Behaviour> = mix
            .iter()
            .flat_map(|&(behaviour, count)| std::iter::repeat_n(behaviour, count))
            .collect();
        if behaviours.len() > MOST_TARGETS {
            return Err(Error::io(format!("start more than {MOST_TARGETS} fakes"))(
                std::io::ErrorKind::InvalidInput.into(),
            ));
        }
        allow_open_files(behaviours.len())?;
        let listeners = listen_on_one_port(port, behaviours.len())?;
        let tallies: Vec<Arc<Tally>> = Behaviour::ALL.iter().map(|_| Arc::default()).collect();
        let authority = Authority::root("Lab fake fleet root", crate::now())?;
        let old_certificate = old_certificate(&authority, &behaviours)?;
        let (mut targets, mut fakes) = (Vec::new(), Vec::new());
        for (listener, behaviour) in listeners.into_iter().zip(behaviours) {
            let address = listener
                .local_addr()
                .map_err(Error::io("read a listener's address"))?;
            let tls = if behaviour == Behaviour::Tls {
                Some(tls_config(&authority, address)?)
            } else {
                None
            };
            targets.push(Target { address, behaviour });
            let tally = Arc::clone(&tallies[behaviour as usize]);
            fakes.push((
                listener,
                Fake {
                    behaviour,
                    tally,
                    tls,
                    old_certificate: Arc::clone(&old_certificate),
                    switch: Switch::default(),
                },
            ));
        }
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("lab-fake-fleet".to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::io("start the fleet's runtime"))?;
        let thread = thread
            .spawn(move || runtime.block_on(run(fakes, stopped)))
            .map_err(Error::io("start the fleet's thread"))?;
        Ok(Self {
            targets,
            tallies,
            root_pem: authority.root_pem().to_owned(),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Every address with what it does.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// What peers did so far with the fakes of this behaviour.
    pub fn counts(&self, behaviour: Behaviour) -> Counts {
        self.tallies[behaviour as usize].counts()
    }

    /// The root that all the fleet's certificates stand under, in PEM.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }
}

impl Drop for FakeFleet {
    fn drop(&mut self) {
        drop(self.stop.take()); // the thread waits for this
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves until `stopped`; the runtime's end then ends all tasks.
async fn run(fakes: Vec<(TcpListener, Fake)>, stopped: oneshot::Receiver<()>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    for (listener, fake) in fakes {
        let listener = tokio::net::TcpListener::from_std(listener)
            .expect("the listener is non-blocking, the runtime has I/O");
        tokio::spawn(accept(listener, Arc::new(fake), Arc::clone(&slots)));
    }
    let _ = stopped.await;
}

async fn accept(listener: tokio::net::TcpListener, fake: Arc<Fake>, slots: Arc<Semaphore>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await; // out of files: they come back as connections end
            continue;
        };
        let slot = Arc::clone(&slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        fake.tally.connection();
        let fake = Arc::clone(&fake);
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let _ = tokio::time::timeout(CONNECTION_LIMIT, fake.serve(stream)).await;
            drop(slot);
        });
    }
}

/// A certificate for one address.
fn tls_config(authority: &Authority, address: SocketAddr) -> Result<Arc<ServerConfig>, Error> {
    let issued = authority.issue(&Leaf::new([address.ip().to_string()], crate::now()))?;
    let chain = issued
        .sent_der()
        .into_iter()
        .map(|der| CertificateDer::from(der.to_vec()))
        .collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.key_der().to_vec()));
    Ok(server_config(chain, key).expect("key and certificate were made for each other"))
}

/// Serves this. Without tickets and session cache every connection is a full handshake. In TLS 1.3 nothing then answers the
/// client's last message, so that a client without `TCP_NODELAY` logs in 40 ms later.
pub(super) fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has TLS 1.2 and 1.3");
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// The certificate of the fakes with TLS 1.1, which share one; RSA, because their key exchange is.
fn old_certificate(authority: &Authority, behaviours: &[Behaviour]) -> Result<Arc<[u8]>, Error> {
    if !behaviours.contains(&Behaviour::Tls11Only) {
        return Ok(Arc::default());
    }
    let issued = authority.issue(&Leaf::new(["old.fake.test"], crate::now()).rsa())?;
    Ok(issued.leaf_der().into())
}

fn listen_on_one_port(port: u16, count: usize) -> Result<Vec<TcpListener>, Error> {
    let mut last = std::io::ErrorKind::AddrInUse.into();
    for _ in 0..20 {
        match try_listen(port, count) {
            Ok(listeners) => return Ok(listeners),
            Err(error) => last = error,
        }
    }
    Err(Error::io(format!("listen on {count} loopback addresses"))(
        last,
    ))
}

fn try_listen(mut port: u16, count: usize) -> std::io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(count);
    for index in 0..count {
        let listener = TcpListener::bind((nth_address(index), port))?;
        port = listener.local_addr()?.port();
        listener.set_nonblocking(true)?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn nth_address(index: usize) -> Ipv4Addr {
    let part = |number: usize| u8::try_from(number).expect("below 251 by MOST_TARGETS");
    Ipv4Addr::new(127, 1, part(index / 250), part(index % 250 + 1))
}

/// A listener is a file, and so is each connection, served or waiting for its turn; the usual limit is 1,024.
fn allow_open_files(targets: usize) -> Result<(), Error> {
    let needed = (2 * targets + CONNECTIONS + 256) as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(raised),
            maximum: limit.maximum,
        },
    )
    .map_err(|error| Error::io("raise the limit of open files")(error.into()))
}

/// Counters of one behaviour.
#[derive(Debug, Default)]
pub(super) struct Tally {
    connections: AtomicU64,
    handshakes: AtomicU64,
    logins: AtomicU64,
    quits: AtomicU64,
}

impl Tally {
    fn connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn handshake(&self) {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn login(&self) {
        self.logins.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn quit(&self) {
        self.quits.fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> Counts {
        let [connections, handshakes, logins, quits] = [
            &self.connections,
            &self.handshakes,
            &self.logins,
            &self.quits,
        ]
        .map(|counter| counter.load(Ordering::Relaxed));
        Counts {
            connections,
            handshakes,
            logins,
            quits,
        }
    }
}
