//! A control plane for tests. It speaks the protocol over real TLS and issues real certificates, and does whatever a test asks of it.

use std::collections::{HashMap, VecDeque};
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ca::authority::{
    Authority, Order as CertificateOrder, Profile, Reason, Revoked, Serial, SubjectName,
};
use ca::key::{KeyKind, PrivateKey};
use ca::request::CertificateRequest;
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use wire::agent::{
    DONE, Done, ENROL, EnrolRequest, Enrolled, NEXT, Order, OrderId, Outcome, RENEW, RenewRequest,
    Renewed, Report, Token, Work,
};

/// How long a test waits for the agent before it fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// NOT a real control plane.
pub(crate) struct FakeControlPlane {
    shared: Arc<Shared>,
    port: u16,
    listening: Option<Listening>,
}

struct Shared {
    authority: Authority,
    state: Mutex<State>,
    changed: Condvar,
    serials: AtomicU64,
    /// How old a certificate is when it is issued, and how long it lasts from then.
    certificates: Mutex<(i64, Duration)>,
}

#[derive(Default)]
struct State {
    /// The secret of each token that is still good, by its id.
    tokens: HashMap<String, String>,
    orders: VecDeque<Value>,
    outcomes: HashMap<String, Vec<Outcome>>,
    reports: Vec<Report>,
    renewals: usize,
    serials: Vec<Serial>,
    /// Answered instead, as often as there is one: path, status, body.
    instead: VecDeque<(&'static str, u16, String)>,
    ended: bool,
}

struct Listening {
    thread: std::thread::JoinHandle<()>,
    ended: Arc<std::sync::atomic::AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl FakeControlPlane {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) fn start() -> Self {
        Self::start_on(0)
    }

    pub(crate) fn start_on(port: u16) -> Self {
        let authority = Authority::new_root(
            "Fake control plane",
            Serial::from_random([1; 16]),
            lab::now() - 8 * 86_400, // older than all that it issues
        )
        .unwrap();
        let shared = Arc::new(Shared {
            authority,
            state: Mutex::default(),
            changed: Condvar::new(),
            serials: AtomicU64::new(2),
            certificates: Mutex::new((0, Duration::from_secs(86_400))),
        });
        let mut plane = Self {
            shared,
            port,
            listening: None,
        };
        plane.listen();
        plane
    }

    /// Listens, again on the same port if there was one.
    pub(crate) fn listen(&mut self) {
        self.listen_with(self.shared.tls(&[]));
    }

    /// Listens, and does not accept the certificates any more that it has issued so far.
    pub(crate) fn listen_with_all_revoked(&mut self) {
        let serials = self.state().serials.clone();
        self.listen_with(self.shared.tls(&serials));
    }

    fn listen_with(&mut self, config: ServerConfig) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        self.port = listener.local_addr().unwrap().port();
        self.state().ended = false;
        let (ended, open) = (Arc::default(), Arc::default());
        let listening = (
            Arc::clone(&self.shared),
            Arc::clone(&ended),
            Arc::clone(&open),
        );
        let config = Arc::new(config);
        let thread = std::thread::spawn(move || {
            listening
                .0
                .accept(&listener, &config, &listening.1, &listening.2);
        });
        self.listening = Some(Listening {
            thread,
            ended,
            open,
        });
    }

    /// Goes away, with every connection.
    pub(crate) fn leave(&mut self) {
        let Some(listening) = self.listening.take() else {
            return;
        };
        listening.ended.store(true, Ordering::SeqCst);
        self.state().ended = true;
        self.shared.changed.notify_all();
        let _ = TcpStream::connect(("127.0.0.1", self.port)); // wakes the thread up
        listening.thread.join().unwrap();
        for connection in listening.open.lock().unwrap().drain(..) {
            let _ = connection.shutdown(std::net::Shutdown::Both);
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A token that is good for one enrolment.
    pub(crate) fn token(&self) -> String {
        self.token_pinned_to(self.root())
    }

    /// A token for a control plane with another root.
    pub(crate) fn token_pinned_to(&self, root: [u8; 32]) -> String {
        let id = format!("t{}", self.shared.serials.fetch_add(1, Ordering::SeqCst));
        self.state().tokens.insert(id.clone(), "s3cret".to_owned());
        Token::new(&id, "s3cret", root)
            .unwrap()
            .expose()
            .to_string()
    }

    fn root(&self) -> [u8; 32] {
        digest(&SHA256, &self.shared.authority.anchors()[0])
            .as_ref()
            .try_into()
            .unwrap()
    }

    /// The agent's certificates that are issued from now on are `age` seconds old and last `lifetime`.
    pub(crate) fn issue_for(&self, age: i64, lifetime: Duration) {
        *self.shared.certificates.lock().unwrap() = (age, lifetime);
    }

    /// Its certificate authority.
    pub(crate) fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// Answers the next question to `path` so.
    pub(crate) fn answer_instead(&self, path: &'static str, status: u16, body: &str) {
        self.state()
            .instead
            .push_back((path, status, body.to_owned()));
    }

    /// Gives an order and waits for what becomes of it.
    #[track_caller]
    pub(crate) fn order(&self, work: &Work) -> Outcome {
        self.order_within(work, 100)
    }

    #[track_caller]
    pub(crate) fn order_within(&self, work: &Work, deadline_seconds: u32) -> Outcome {
        let id = self.give_work(work, deadline_seconds);
        self.outcome(&id)
    }

    /// Gives an order, and tells its name.
    pub(crate) fn give_work(&self, work: &Work, deadline_seconds: u32) -> OrderId {
        let id = self.new_id();
        self.give(&Order {
            id: id.clone(),
            deadline_seconds,
            work: work.clone(),
        });
        id
    }

    /// A name for an order.
    pub(crate) fn new_id(&self) -> OrderId {
        OrderId::try_from(format!(
            "T-{}",
            self.shared.serials.fetch_add(1, Ordering::SeqCst)
        ))
        .unwrap()
    }

    /// Gives an order.
    pub(crate) fn give(&self, order: &Order) {
        self.give_json(serde_json::to_value(order).unwrap());
    }

    /// Gives an order that this version cannot even express.
    pub(crate) fn give_json(&self, order: Value) {
        self.state().orders.push_back(order);
        self.shared.changed.notify_all();
    }

    /// Waits for what becomes of an order.
    #[track_caller]
    pub(crate) fn outcome(&self, id: &OrderId) -> Outcome {
        self.wait(&format!("the outcome of {}", id.as_str()), |state| {
            state.outcomes.get(id.as_str())?.last().cloned()
        })
    }

    /// What the agent said about an order so far, in turn.
    pub(crate) fn outcomes(&self, id: &OrderId) -> Vec<Outcome> {
        self.state()
            .outcomes
            .get(id.as_str())
            .cloned()
            .unwrap_or_default()
    }

    /// Waits for the next question of the agent.
    #[track_caller]
    pub(crate) fn next_report(&self) -> Report {
        let heard = self.state().reports.len();
        self.wait("a question of the agent", |state| {
            state.reports.get(heard).cloned()
        })
    }

    /// How many questions there were so far.
    pub(crate) fn report_count(&self) -> usize {
        self.state().reports.len()
    }

    /// Waits until the agent has renewed its certificate so often.
    #[track_caller]
    pub(crate) fn wait_for_renewals(&self, count: usize) {
        self.wait("a renewal", |state| (state.renewals >= count).then_some(()));
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, condition: impl Fn(&State) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut state = self.state();
        loop {
            if let Some(found) = condition(&state) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {PATIENCE:?} for {what}");
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// A certificate for a database server, and its CA file, for a request of the agent.
    pub(crate) fn certify(&self, csr: &str) -> (String, String) {
        self.certify_for(csr, 0, Duration::from_secs(86_400))
    }

    /// The same, `age` seconds old, lasting `lifetime` from then.
    pub(crate) fn certify_for(&self, csr: &str, age: i64, lifetime: Duration) -> (String, String) {
        let names = ["localhost", "127.0.0.1"].map(|name| name.parse::<SubjectName>().unwrap());
        let validity = (age, lifetime);
        let issued =
            self.shared
                .issue(csr, Profile::DatabaseServer, "db", names.to_vec(), validity);
        (issued.chain_pem(), self.shared.authority.ca_pem())
    }
}

impl Drop for FakeControlPlane {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    fn issue(
        &self,
        csr: &str,
        profile: Profile,
        common_name: &str,
        names: Vec<SubjectName>,
        (age, lifetime): (i64, Duration),
    ) -> ca::authority::Issued {
        let request = CertificateRequest::from_pem(csr).unwrap();
        let order = CertificateOrder {
            profile,
            common_name: common_name.to_owned(),
            names,
            lifetime,
        };
        self.authority
            .issue(&request, &order, self.serial(), lab::now() - age)
            .unwrap()
    }

    fn serial(&self) -> Serial {
        let number = self.serials.fetch_add(1, Ordering::SeqCst);
        Serial::from_random(u128::from(number).to_be_bytes())
    }

    /// Sends its root as well: that is what a token names.
    fn tls(&self, revoked: &[Serial]) -> ServerConfig {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let order = CertificateOrder {
            profile: Profile::AgentListener,
            common_name: "127.0.0.1".to_owned(),
            names: vec!["127.0.0.1".parse().unwrap()],
            lifetime: Duration::from_secs(86_400),
        };
        let issued = self
            .authority
            .issue(
                &CertificateRequest::of(&key),
                &order,
                self.serial(),
                lab::now(),
            )
            .unwrap();
        let chain = vec![
            issued.leaf.into(),
            CertificateDer::from(self.authority.anchors()[0].clone()),
        ];
        let key = PrivateKeyDer::try_from(key.to_der().to_vec()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(self.authority.anchors()[0].clone()))
            .unwrap();
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .with_crls([CertificateRevocationListDer::from(self.revoked(revoked))])
                .allow_unauthenticated()
                .build()
                .unwrap();
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap()
    }

    fn revoked(&self, serials: &[Serial]) -> Vec<u8> {
        let (at, reason) = (lab::now(), Reason::KeyCompromise);
        let revoked: Vec<_> = serials
            .iter()
            .map(|&serial| Revoked { serial, at, reason })
            .collect();
        self.authority.crl(&revoked, 1, at, at + 86_400).unwrap()
    }

    fn accept(
        self: &Arc<Self>,
        listener: &TcpListener,
        config: &Arc<ServerConfig>,
        ended: &std::sync::atomic::AtomicBool,
        open: &Mutex<Vec<TcpStream>>,
    ) {
        for connection in listener.incoming().map_while(Result::ok) {
            if ended.load(Ordering::SeqCst) {
                return;
            }
            open.lock().unwrap().push(connection.try_clone().unwrap());
            let (shared, config) = (Arc::clone(self), Arc::clone(config));
            std::thread::spawn(move || {
                shared.serve(StreamOwned::new(
                    ServerConnection::new(config).unwrap(),
                    connection,
                ));
            });
        }
    }

    /// Answers one question after the other, until the connection ends.
    fn serve(&self, stream: StreamOwned<ServerConnection, TcpStream>) {
        let mut stream = BufReader::new(stream);
        while let Some((path, body)) = read_request(&mut stream) {
            let known = stream.get_ref().conn.peer_certificates().is_some();
            let (status, answer) = self
                .instead(&path)
                .unwrap_or_else(|| self.answer(&path, &body, known));
            let head = format!(
                "HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            let stream = stream.get_mut();
            if stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(answer.as_bytes()))
                .is_err()
            {
                return;
            }
        }
    }

    fn instead(&self, path: &str) -> Option<(u16, String)> {
        let mut state = self.state.lock().unwrap();
        let index = state.instead.iter().position(|(of, _, _)| *of == path)?;
        state
            .instead
            .remove(index)
            .map(|(_, status, body)| (status, body))
    }

    fn answer(&self, path: &str, body: &[u8], known: bool) -> (u16, String) {
        match path {
            ENROL => self.enrol(&serde_json::from_slice(body).unwrap()),
            _ if !known => refused(401, "a certificate is needed"),
            NEXT => self.next(serde_json::from_slice(body).unwrap()),
            DONE => self.done(serde_json::from_slice(body).unwrap()),
            RENEW => self.renew(&serde_json::from_slice(body).unwrap()),
            _ => refused(404, "no such path"),
        }
    }

    fn enrol(&self, request: &EnrolRequest) -> (u16, String) {
        let secret = self.state.lock().unwrap().tokens.remove(request.token.id());
        if secret.as_deref() != Some(request.token.secret()) {
            return refused(401, "the token was used before, has expired or never was");
        }
        let enrolled = Enrolled {
            agent_id: "agent-7".to_owned(),
            node: "db1.example.com:3306".to_owned(),
            certificate: self.client_certificate(&request.csr),
            roots: self.authority.ca_pem(),
            vouchers: Vec::new(),
        };
        (200, serde_json::to_string(&enrolled).unwrap())
    }

    fn renew(&self, request: &RenewRequest) -> (u16, String) {
        let renewed = Renewed {
            certificate: self.client_certificate(&request.csr),
            roots: self.authority.ca_pem(),
            vouchers: Vec::new(),
        };
        self.state.lock().unwrap().renewals += 1;
        self.changed.notify_all();
        (200, serde_json::to_string(&renewed).unwrap())
    }

    fn client_certificate(&self, csr: &str) -> String {
        let validity = *self.certificates.lock().unwrap();
        let issued = self.issue(csr, Profile::AgentClient, "agent-7", Vec::new(), validity);
        self.state.lock().unwrap().serials.push(issued.serial);
        issued.chain_pem()
    }

    /// Holds the question for two seconds at most, so that tests see many of them.
    fn next(&self, report: Report) -> (u16, String) {
        let mut state = self.state.lock().unwrap();
        state.reports.push(report);
        self.changed.notify_all();
        let empty = |state: &mut State| state.orders.is_empty() && !state.ended;
        state = self
            .changed
            .wait_timeout_while(state, Duration::from_secs(2), empty)
            .unwrap()
            .0;
        let order = state.orders.front().filter(|_| !state.ended).cloned();
        (
            200,
            json!({ "order": order, "a field of the future": [] }).to_string(),
        )
    }

    fn done(&self, done: Done) -> (u16, String) {
        let mut state = self.state.lock().unwrap();
        state
            .orders
            .retain(|order| order["id"] != done.order_id.as_str());
        state
            .outcomes
            .entry(done.order_id.into())
            .or_default()
            .push(done.outcome);
        self.changed.notify_all();
        (200, "{}".to_owned())
    }
}

fn refused(status: u16, reason: &str) -> (u16, String) {
    (status, json!({ "reason": reason }).to_string())
}

/// The path and the body of a request, if a whole one comes.
fn read_request(stream: &mut impl std::io::BufRead) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let path = line.strip_prefix("POST ")?.split(' ').next()?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((path, body))
}
