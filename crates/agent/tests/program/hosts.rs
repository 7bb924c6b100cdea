use std::path::Path;

use dbtls::{Limits, Login, Prober, Target, Trust};
use lab::{Kind, Options, Restartable, Server};
use serde_json::Value;
use wire::agent::{Change, KeyKind, Outcome, Work};

use crate::plane::FakeControlPlane;
use crate::support::{Agent, Site};

/// Asks for an EC key.
pub(crate) const MAKE_KEY: Work = Work::MakeKey {
    kind: KeyKind::EcdsaP256,
};

/// A host with a real MariaDB that nobody has configured TLS for, an agent that can restart it, and its control plane.
pub(crate) struct MariaDbHost {
    pub(crate) site: Site,
    pub(crate) plane: FakeControlPlane,
    pub(crate) database: Restartable,
}

impl MariaDbHost {
    /// One that starts without TLS.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// One that makes a certificate for itself whenever it starts.
    pub(crate) fn start_with_own_certificate() -> Self {
        Self::of(Kind::MariaDb11, "")
    }

    /// With further lines in the agent's configuration, which win.
    pub(crate) fn start_with(settings: &str) -> Self {
        Self::of(Kind::MariaDb, settings)
    }

    fn of(kind: Kind, settings: &str) -> Self {
        let options = Options::new().tls_auto();
        let server = Server::start(kind, options.clone()).unwrap();
        let database = Restartable::new(server, options).unwrap();
        let lines = [
            (
                "dropin",
                format!("'{}'", database.conf().join("99-signet.cnf").display()),
            ),
            ("restart", format!("['{}']", database.command().display())),
        ];
        let lines: Vec<_> = lines
            .iter()
            .filter(|(key, _)| !settings.contains(&format!("{key} =")))
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect();
        let socket = database.server().socket();
        let site = Site::new(&socket, &(lines.concat() + settings));
        let plane = FakeControlPlane::start();
        site.enrol(&plane);
        Self {
            site,
            plane,
            database,
        }
    }

    pub(crate) fn dropin(&self) -> Option<String> {
        std::fs::read_to_string(self.database.conf().join("99-signet.cnf")).ok()
    }

    pub(crate) fn served(&self) -> Option<String> {
        let port = self.database.server().port();
        served(port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.database.server().pid().unwrap()
    }

    pub(crate) fn start_agent(&self) -> Agent {
        self.site.start()
    }
}

/// The certificate that a server shows; `None` while TLS is off.
pub(crate) fn served(port: u16) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let target: Target = format!("127.0.0.1:{port}").parse().unwrap();
    let prober = Prober::new(Limits::default());
    let seen = runtime.block_on(prober.observe(&target, &Login::Nobody, &Trust::none()));
    match seen.status {
        dbtls::Status::On => Some(fingerprint(&seen.tls.unwrap().chain[0])),
        dbtls::Status::Off => None,
        dbtls::Status::Unknown => panic!("{seen:?}"),
    }
}

/// Has a key made, certifies it and has the certificate installed: what the server is to show.
#[track_caller]
pub(crate) fn install(plane: &FakeControlPlane) -> String {
    let Outcome::Key { csr } = plane.order(&MAKE_KEY) else {
        panic!("no key")
    };
    let (certificate_pem, ca_pem) = plane.certify(&csr);
    let leaf = first_certificate(&certificate_pem);
    assert_eq!(
        plane.order(&Work::Install {
            certificate_pem,
            ca_pem
        }),
        Outcome::Installed
    );
    leaf
}

/// The order must end so.
#[track_caller]
pub(crate) fn expect(plane: &FakeControlPlane, work: &Work, outcome: &Outcome) {
    assert_eq!(&plane.order(work), outcome);
}

/// The change can be made; how the server was before.
#[track_caller]
pub(crate) fn check(plane: &FakeControlPlane, change: Change, restarts: bool) -> Value {
    match plane.order(&Work::Check { change }) {
        Outcome::Checked {
            before,
            needs_restart,
            ..
        } => {
            assert_eq!(needs_restart, restarts);
            before
        }
        other => panic!("{other:?}"),
    }
}

/// Why the order failed.
#[track_caller]
pub(crate) fn failure(plane: &FakeControlPlane, work: &Work) -> String {
    reason(plane.order(work))
}

#[track_caller]
pub(crate) fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { reason } => reason,
        other => panic!("{other:?}"),
    }
}

/// What is in the folder of the certificates, links with their targets.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(Result::unwrap);
    let mut names: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            match std::fs::read_link(entry.path()) {
                Ok(target) => format!("{name} -> {}", target.display()),
                Err(_) => name,
            }
        })
        .collect();
    names.sort();
    names
}

/// The fingerprint of the first certificate of a chain.
pub(crate) fn first_certificate(pem: &str) -> String {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    fingerprint(&CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
}

/// What certificates are told apart by.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, der);
    digest.as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
