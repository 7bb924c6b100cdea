//! A real server, the account that changes it, and certificates for it.

use dbtls::{
    Account, CertificateReport, Limits, Login, Password, Prober, Session, Status, Target, Trust,
    switch::{self, Before, Change, Checked, Files, Paths, Terms},
};
use lab::{
    Kind, Options, Server,
    pki::{Authority, Leaf},
};

pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) account: Account,
    root: Authority,
}

/// What is delivered, as texts.
pub(crate) struct Material {
    pub(crate) chain: String,
    pub(crate) key: String,
    pub(crate) ca: String,
}

impl Material {
    pub(crate) fn files(&self) -> Files<'_> {
        Files {
            certificate_chain_pem: &self.chain,
            key_pem: &self.key,
            ca_pem: &self.ca,
        }
    }
}

impl Site {
    pub(crate) fn mysql(options: Options) -> Self {
        let server = Server::start(Kind::MySql, options).unwrap();
        let account = administrator(&server, "signet");
        let root = Authority::root("Switch Root", lab::now()).unwrap();
        Self {
            server,
            account,
            root,
        }
    }

    /// A server that made its certificates itself, as one does that was just installed.
    pub(crate) fn fresh() -> Self {
        Self::mysql(Options::new().tls_auto())
    }

    /// The options that it was started with.
    pub(crate) fn options() -> Options {
        Options::new().tls_auto()
    }

    pub(crate) fn target(&self) -> Target {
        format!("{}:{}", self.server.host(), self.server.port())
            .parse()
            .unwrap()
    }

    pub(crate) async fn session(&self) -> Session {
        self.session_as(&self.account).await
    }

    pub(crate) async fn session_as(&self, account: &Account) -> Session {
        open(&self.target(), account).await
    }

    /// A certificate for a server on loopback, below an intermediate, with its key.
    pub(crate) fn issue(&self) -> Material {
        self.issue_for(&Leaf::for_loopback(lab::now()))
    }

    pub(crate) fn issue_for(&self, leaf: &Leaf) -> Material {
        let issued = self.root.intermediate("Switch Issuing").unwrap();
        let issued = issued.issue(leaf).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let files = issued.write_to(dir.path()).unwrap();
        let read = |path| std::fs::read_to_string(path).unwrap();
        Material {
            chain: read(files.cert),
            key: read(files.key),
            ca: read(files.ca),
        }
    }

    /// Check, deliver, load: all that switches TLS on or brings another certificate.
    pub(crate) async fn open_ssl(&self, name: &str, material: &Material) -> (Before, Paths) {
        let mut session = self.session().await;
        let checked = check(&mut session, Change::Open).await.unwrap();
        let directory = checked.directory.unwrap();
        let paths = switch::deliver(&mut session, &directory, name, &material.files())
            .await
            .unwrap();
        switch::load(&mut session, &paths, &checked.before)
            .await
            .unwrap();
        session.close().await;
        (checked.before, paths)
    }

    pub(crate) async fn before(&self) -> Before {
        switch::before(&mut self.session().await).await.unwrap()
    }

    /// What the wire shows: the fingerprint of the certificate, or that there is no TLS.
    pub(crate) async fn wire(&self) -> Option<String> {
        let seen = Prober::new(Limits::default())
            .observe(&self.target(), &Login::Nobody, &Trust::none())
            .await;
        match seen.status {
            Status::On => Some(CertificateReport::of(&seen.tls.unwrap().chain[0]).sha256),
            Status::Off => None,
            Status::Unknown => panic!("{:?}", seen.reason),
        }
    }

    /// OpenSSL finds chain and host right by the delivered CA. Our own sessions do not look at either on this host.
    pub(crate) fn a_client_verifies(&self, material: &Material) {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, &material.ca).unwrap();
        let output = std::process::Command::new("openssl")
            .args(["s_client", "-starttls", "mysql", "-verify_return_error"])
            .args(["-verify_ip", self.server.host()])
            .args(["-connect", &self.target().to_string()])
            .arg("-CAfile")
            .arg(&ca)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }

    /// SIGKILL, and a new start.
    pub(crate) fn kill(&mut self) {
        self.server.kill().unwrap();
        self.server.restart(Self::options()).unwrap();
    }

    pub(crate) fn persisted(&self) -> String {
        self.server
            .sql("SELECT CONCAT(VARIABLE_NAME, '=', VARIABLE_VALUE) FROM performance_schema.persisted_variables ORDER BY VARIABLE_NAME")
            .unwrap()
    }
}

pub(crate) async fn check(session: &mut Session, change: Change) -> Result<Checked, switch::Error> {
    switch::check(session, change, &Terms::default()).await
}

pub(crate) async fn open(target: &Target, account: &Account) -> Session {
    let opened = Session::open(target, account, &Trust::none(), Limits::default()).await;
    opened.unwrap_or_else(|error| panic!("{error}"))
}

/// The fingerprint of the first certificate of a PEM text.
pub(crate) fn fingerprint(pem: &str) -> String {
    let trust = Trust::from_pem(pem.as_bytes()).unwrap();
    CertificateReport::of(trust.certificates().next().unwrap()).sha256
}

/// Makes the account as an operator would: by the statements that we print. The server shows the password that it made up.
pub(crate) fn administrator(server: &Server, user: &str) -> Account {
    let shown = server.sql(&switch::grants(user, "%")).unwrap();
    let password = shown.split('\t').nth(2).unwrap();
    Account::new(user, Password::new(password.to_owned()))
}
