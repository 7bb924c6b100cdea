//! The configuration: one documented struct. Unknown keys stop the start; an option that cannot take effect does too.

mod edge;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ca::authority::{Permitted, SubjectName};
use serde::{Deserialize, Serialize};

pub use edge::{HealthConfig, HttpConfig, LimitsConfig, MetricsConfig};

use crate::state::sessions;
use crate::targets::{RuleError, Targets};

/// Everything that can be configured. The file is TOML; each field is a key of the same name.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address to listen on. An address that is not loopback needs `[tls]`, or `allow_plaintext = true`.
    pub listen: SocketAddr,
    /// The folder of the data file, the master key and the audit log. It is made if it is missing.
    pub data: PathBuf,
    /// The file of the master key. Empty: `master.key` in the data folder. `SIGNET_MASTER_KEY_FILE` goes first.
    pub master_key_file: PathBuf,
    /// What certificate links start with, as clients reach this service. Empty: made from `listen`.
    pub public_url: String,
    /// The regions that are served, the first being where instances say they are. Empty: every region of the vendor's.
    pub regions: Vec<String>,
    /// Allows an address that is not loopback without TLS.
    pub allow_plaintext: bool,
    /// Lets `signet serve` run as root, which it refuses otherwise. `SIGNET_ALLOW_ROOT=1` does the same, for containers.
    pub allow_root: bool,
    /// Accepts reads of `cdb` whose body is not signed (`X-TC-Content-SHA256: UNSIGNED-PAYLOAD`), as an SDK option sends them.
    pub allow_unsigned_payload: bool,
    /// Accepts the older signatures HmacSHA1 and HmacSHA256. Default: true.
    pub allow_v1: bool,
    /// Refuses writes of `cdb` that do not sign `X-TC-Action` and `X-TC-Version`. No SDK signs them; `signet` does. Default: false.
    pub require_signed_action: bool,
    /// Worker threads. 0: as many as the machine has cores.
    pub workers: usize,
    /// Connections of a listener at a time. Above 80 % of it the oldest idle connections are closed; see `[limits]`.
    pub max_connections: usize,
    /// How often every node is probed.
    #[serde(with = "humantime_serde")]
    pub probe_interval: Duration,
    /// How many nodes are probed at a time.
    pub probe_concurrency: usize,
    /// How long one probe may take, all steps together.
    #[serde(with = "humantime_serde")]
    pub probe_timeout: Duration,
    /// How long an observation stands when its node cannot be reached any more.
    #[serde(with = "humantime_serde")]
    pub stale_after: Duration,
    /// How often servers are asked what they loaded, where that takes a session of its own (the `sql` driver).
    #[serde(with = "humantime_serde")]
    pub witness_interval: Duration,
    /// How often it is looked for certificates that are due for renewal.
    #[serde(with = "humantime_serde")]
    pub renewal_interval: Duration,
    /// How many instances and groups are changed at a time.
    pub task_concurrency: usize,
    /// How long a task is remembered after its end.
    #[serde(with = "humantime_serde")]
    pub task_retention: Duration,
    /// How long a shutdown waits for requests under way.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// The certificate of the listener.
    pub tls: Option<Tls>,
    /// Hosts and proxies.
    pub http: HttpConfig,
    /// Budgets for callers.
    pub limits: LimitsConfig,
    /// Health checks.
    pub health: HealthConfig,
    /// Metrics.
    pub metrics: MetricsConfig,
    /// The certificate authority.
    pub ca: CaConfig,
    /// The agents on database hosts.
    pub agents: AgentsConfig,
    /// The `sql` driver.
    pub sql: SqlConfig,
    /// What may be probed and logged in to.
    pub targets: TargetsConfig,
    /// The console.
    pub console: ConsoleConfig,
    /// Calls per second and key, by action, where they differ from the documented ones.
    pub rates: BTreeMap<String, u32>,
    /// What is logged.
    pub log: Log,
    /// What is audited.
    pub audit: AuditConfig,
}

/// A certificate and its key, PEM files.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain, the leaf first. ECDSA P-256 is the cheapest for clients that connect anew for each call.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The certificate authority. Without a certificate here, the first start makes a root of its own.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaConfig {
    /// What the root that is made is called.
    pub common_name: String,
    /// An authority of your own, PEM: the issuing certificate first, then what leads to its root, and the root.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM. It is taken over into the data, sealed.
    pub key: Option<PathBuf>,
    /// How long a certificate is valid: 1 day or more, 90 days by default. It is renewed at two thirds of that.
    #[serde(with = "humantime_serde")]
    pub lifetime: Duration,
    /// The names that databases may get certificates for: domains (`example.com`: it and all below it; `*.example.com`: all below it),
    /// addresses and networks (`192.0.2.0/24`). Roots that are made from then on are limited to them and to the control plane's own. Empty,
    /// the default: every name.
    #[serde(with = "texts")]
    pub allowed_names: Vec<Permitted>,
    /// What happens with a name of an instance that is not the address of one of its nodes and was not proven to lead to one: `required`
    /// (the default: no certificate), `warn` (the task says so), `off` (nothing is checked).
    pub name_proof: NameProof,
}

/// Whether names are proven before a certificate covers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NameProof {
    /// No certificate for a name that cannot be proven, unless the registration accepts it.
    #[default]
    Required,
    /// The task's text names what could not be proven.
    Warn,
    /// Nothing is checked.
    Off,
}

/// A list of what reads and writes itself as text.
mod texts {
    use ca::authority::Permitted;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(all: &[Permitted], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Permitted>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let read = texts
            .iter()
            .map(|text| text.parse().map_err(D::Error::custom));
        read.collect()
    }
}

/// The agents on database hosts, and the listener that they connect to.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsConfig {
    /// The address of the agents' own listener, which is always TLS. Without it there are no agents.
    pub listen: Option<SocketAddr>,
    /// The host names and addresses by which agents reach it; its certificate covers them. Empty: the address that it listens on.
    pub names: Vec<String>,
}

/// The `sql` driver.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqlConfig {
    /// Brings keys to servers with an audit plugin, too. Such a plugin may write down the statement that has the key in it.
    pub despite_audit: bool,
    /// Logs in over a network also where nothing is registered to verify the server with. **Dangerous**: whoever can get between Signet and the
    /// server gets the driver's SQL session. It has no effect where `CaCertificates` are registered or a certificate of ours is expected.
    pub allow_unverified: bool,
}

/// What may be probed and logged in to. Checked when a node is registered and before every connection, with the address that its name resolves
/// to then. Link-local, unspecified, multicast and metadata addresses are denied unless `allow` names the address; where Signet itself listens
/// is denied always.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetsConfig {
    /// If not empty, only these: addresses, networks (`10.0.0.0/8`), domains (`db.example.com`, with all below), each with ports if not all are
    /// meant (`10.0.0.0/8:3306`, `*:3300-3399`).
    pub allow: Vec<String>,
    /// Never these, in the same form; goes before `allow`.
    pub deny: Vec<String>,
    /// The directories below which Unix sockets may be. A symbolic link that leads out of them is refused.
    pub sockets: Vec<PathBuf>,
}

impl Default for TargetsConfig {
    fn default() -> Self {
        let usual = [
            "/run/mysqld",
            "/var/run/mysqld",
            "/run/mariadb",
            "/var/lib/mysql",
        ];
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            sockets: usual.map(PathBuf::from).to_vec(),
        }
    }
}

/// The console, under `/console/`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// How long a session may be idle before it ends.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
}

/// The log, on standard error.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `json` or `text`.
    pub format: LogFormat,
    /// What is logged, as in `info` or `server=debug`. Refused requests are at `info`, answered ones at `debug`.
    pub filter: String,
    /// How many bytes of lines about refused requests are logged in a minute; further ones are counted. 1 MiB by default.
    pub refused_bytes_per_minute: usize,
    /// How many of them for one source address (an IPv6 /64 is one). 64 KiB by default.
    pub refused_bytes_per_source: usize,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for programs.
    #[default]
    Json,
    /// For people.
    Text,
}

/// The audit log. Writes and refusals are always in it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Logs calls that only read, too.
    pub reads: bool,
    /// The size in bytes at which a file is put aside and the next one begun; 64 kB or more, 64 MiB by default.
    pub max_size: u64,
    /// How many files that were put aside are kept; 0, the default, keeps all.
    pub keep_files: usize,
    /// How many bytes of refusals are written in a minute; further ones are counted. 1 MiB by default.
    pub refused_bytes_per_minute: usize,
    /// How many of them for one source address (an IPv6 /64 is one). 64 KiB by default.
    pub refused_bytes_per_source: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7780)),
            data: PathBuf::from("signet-data"),
            master_key_file: PathBuf::new(),
            public_url: String::new(),
            regions: Vec::new(),
            allow_plaintext: false,
            allow_root: false,
            allow_unsigned_payload: true,
            allow_v1: true,
            require_signed_action: false,
            workers: 0,
            max_connections: 8192,
            probe_interval: Duration::from_secs(30),
            probe_concurrency: 64,
            probe_timeout: Duration::from_secs(10),
            stale_after: Duration::from_secs(600),
            witness_interval: Duration::from_secs(300),
            renewal_interval: Duration::from_secs(60),
            task_concurrency: 8,
            task_retention: Duration::from_secs(180 * 86_400),
            shutdown_timeout: Duration::from_secs(10),
            tls: None,
            http: HttpConfig::default(),
            limits: LimitsConfig::default(),
            health: HealthConfig::default(),
            metrics: MetricsConfig::default(),
            ca: CaConfig::default(),
            agents: AgentsConfig::default(),
            sql: SqlConfig::default(),
            targets: TargetsConfig::default(),
            console: ConsoleConfig::default(),
            rates: BTreeMap::new(),
            log: Log::default(),
            audit: AuditConfig::default(),
        }
    }
}

impl Default for CaConfig {
    fn default() -> Self {
        Self {
            common_name: "Signet CA".into(),
            certificate: None,
            key: None,
            lifetime: ca::authority::SERVER_LIFETIME,
            allowed_names: Vec::new(),
            name_proof: NameProof::default(),
        }
    }
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            idle_timeout: Duration::from_secs(30 * 60),
        }
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            reads: false,
            max_size: 64 << 20,
            keep_files: 0,
            refused_bytes_per_minute: 1 << 20,
            refused_bytes_per_source: 64 << 10,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            filter: "info".into(),
            refused_bytes_per_minute: 1 << 20,
            refused_bytes_per_source: 64 << 10,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{path}: {cause}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
    /// A key has a value that cannot take effect.
    #[error("`{key}`: {why}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong and what to do.
        why: String,
    },
}

impl Error {
    /// A rule of `[targets]` that cannot be read.
    pub fn targets(error: RuleError) -> Self {
        Self::Value {
            key: "targets",
            why: error.to_string(),
        }
    }
}

fn bad<T>(key: &'static str, why: impl Into<String>) -> Result<T, Error> {
    Err(Error::Value {
        key,
        why: why.into(),
    })
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or has a key that there is none of. Values are judged by [`check`](Self::check).
    pub fn read(path: &Path) -> Result<Self, Error> {
        let read = |cause: String| Error::Read {
            path: path.display().to_string(),
            cause,
        };
        let text = std::fs::read_to_string(path).map_err(|e| read(e.to_string()))?;
        toml::from_str(&text).map_err(|e| read(e.to_string()))
    }

    /// Finds what cannot take effect.
    ///
    /// # Errors
    /// Names the key, what is wrong, and what to do.
    pub fn check(&self) -> Result<(), Error> {
        if !self.listen.ip().is_loopback() && self.tls.is_none() && !self.allow_plaintext {
            return bad(
                "listen",
                format!(
                    "{} is not loopback, and requests would cross the network in clear. Give [tls] a certificate and a key, or set allow_plaintext = true",
                    self.listen.ip()
                ),
            );
        }
        if !self.public_url.is_empty()
            && !self.public_url.starts_with("http://")
            && !self.public_url.starts_with("https://")
        {
            return bad("public_url", "it must start with http:// or https://");
        }
        for (key, number) in [
            ("max_connections", self.max_connections),
            ("probe_concurrency", self.probe_concurrency),
            ("task_concurrency", self.task_concurrency),
        ] {
            if number == 0 {
                return bad(key, "it must be at least 1");
            }
        }
        if self.probe_interval < Duration::from_secs(1) {
            return bad("probe_interval", "it must be at least 1s");
        }
        if self.task_retention < Duration::from_secs(86_400) {
            return bad(
                "task_retention",
                "it must be at least 1d, or a task is gone before everybody has asked how it ended",
            );
        }
        if self.probe_timeout < Duration::from_millis(100) {
            return bad("probe_timeout", "it must be at least 100ms");
        }
        if self.stale_after < self.probe_interval + self.probe_timeout {
            return bad(
                "stale_after",
                "it must be longer than probe_interval and probe_timeout together, or observations are too old before the next one comes",
            );
        }
        let idle = self.console.idle_timeout;
        if !(Duration::from_secs(1)..=sessions::LONGEST).contains(&idle) {
            return bad(
                "console.idle_timeout",
                "it must be 1s to 12h, after which a session ends anyway",
            );
        }
        if self.audit.max_size < 64_000 {
            return bad(
                "audit.max_size",
                "it must be at least 64000 bytes, or files would follow each other too fast",
            );
        }
        self.targets.check()?;
        self.http.check()?;
        self.limits.check(self.max_connections)?;
        self.check_side_listeners()?;
        self.ca.check()?;
        self.agents.names()?;
        self.check_rates()
    }

    /// The names of the control plane: those of the agents' listener, the host of `public_url`, and the address that the API listens on.
    /// No database gets a certificate for them. Loopback is left out of the addresses that are listened on.
    ///
    /// # Errors
    /// As [`AgentsConfig::names`].
    pub fn control_plane_names(&self) -> Result<Vec<SubjectName>, Error> {
        let mut names = self.agents.names()?;
        let listens = [Some(self.listen.ip()), self.agents.listen.map(|at| at.ip())];
        names.extend(
            listens
                .into_iter()
                .flatten()
                .filter(|ip| !ip.is_unspecified() && !ip.is_loopback())
                .map(SubjectName::from),
        );
        let url = self.public_url.parse::<::http::Uri>().ok();
        let host = url.as_ref().and_then(::http::Uri::host).unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        names.extend(host.parse::<SubjectName>());
        Ok(names)
    }

    fn check_rates(&self) -> Result<(), Error> {
        for (name, limit) in &self.rates {
            if !crate::api::actions::ACTIONS
                .iter()
                .any(|entry| entry.spec.name == name)
            {
                return bad("rates", format!("no action is called `{name}`"));
            }
            if *limit == 0 {
                return bad("rates", format!("`{name}` must be at least 1"));
            }
        }
        Ok(())
    }

    /// What certificate links start with, without a slash at the end. `bound` is the address that was bound.
    pub fn link_base(&self, bound: SocketAddr) -> String {
        if !self.public_url.is_empty() {
            return self.public_url.trim_end_matches('/').to_owned();
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let host = if bound.ip().is_unspecified() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            bound.ip()
        };
        format!("{scheme}://{}", SocketAddr::new(host, bound.port()))
    }
}

impl AgentsConfig {
    /// The names that the listener's certificate covers.
    ///
    /// # Errors
    /// When one of them is no name, or there is none because the listener has no address of its own.
    pub fn names(&self) -> Result<Vec<SubjectName>, Error> {
        let address = self.listen.map(|listen| listen.ip());
        let own = address
            .filter(|ip| !ip.is_unspecified())
            .map(|ip| ip.to_string());
        let names: Vec<_> = if self.names.is_empty() {
            own.into_iter().collect()
        } else {
            self.names.clone()
        };
        if self.listen.is_some() && names.is_empty() {
            return bad(
                "agents",
                "`listen` names no address, so give the `names` by which agents reach it",
            );
        }
        names
            .iter()
            .map(|name| {
                name.parse().map_err(|error| Error::Value {
                    key: "agents",
                    why: format!("`names`: {error}"),
                })
            })
            .collect()
    }
}

impl TargetsConfig {
    fn check(&self) -> Result<(), Error> {
        Targets::of(self, Vec::new()).map_err(Error::targets)?;
        match self.sockets.iter().find(|path| !path.is_absolute()) {
            Some(path) => bad(
                "targets",
                format!("`sockets`: {} is not an absolute path", path.display()),
            ),
            None => Ok(()),
        }
    }
}

impl CaConfig {
    fn check(&self) -> Result<(), Error> {
        if self.certificate.is_some() != self.key.is_some() {
            return bad("ca", "give both `certificate` and `key`, or neither");
        }
        // Renewal comes at two thirds, and a failed one is tried again every hour.
        if self.lifetime < Duration::from_secs(86_400) {
            return bad("ca", "`lifetime` must be at least 1d");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        config.check().map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn nothing_configured_is_safe() {
        let config = parse("").unwrap();
        assert!(config.listen.ip().is_loopback());
        assert_eq!(config.link_base(config.listen), "http://127.0.0.1:7780");
    }

    #[test]
    fn what_cannot_take_effect_is_refused() {
        for (text, expected) in [
            (
                "listen = '0.0.0.0:7780'",
                "`listen`: 0.0.0.0 is not loopback, and requests would cross the network in clear. Give [tls] a certificate and a key, or set allow_plaintext = true",
            ),
            (
                "probe_interval = '0s'",
                "`probe_interval`: it must be at least 1s",
            ),
            (
                "probe_concurrency = 0",
                "`probe_concurrency`: it must be at least 1",
            ),
            (
                "task_retention = '0s'",
                "`task_retention`: it must be at least 1d, or a task is gone before everybody has asked how it ended",
            ),
            (
                "stale_after = '30s'",
                "`stale_after`: it must be longer than probe_interval and probe_timeout together, or observations are too old before the next one comes",
            ),
            (
                "[targets]\nsockets = ['mysqld']",
                "`targets`: `sockets`: mysqld is not an absolute path",
            ),
            (
                "public_url = 'db.example.com'",
                "`public_url`: it must start with http:// or https://",
            ),
            (
                "[rates]\nDescribeNothing = 5",
                "`rates`: no action is called `DescribeNothing`",
            ),
            (
                "[rates]\nDescribeSSLStatus = 0",
                "`rates`: `DescribeSSLStatus` must be at least 1",
            ),
            (
                "[http]\nproxy_protocol = true",
                "`http`: `proxy_protocol` needs `trusted_proxies`, the addresses of the load balancers that send the header",
            ),
            (
                "[http]\nallowed_hosts = ['signet.example.com:443']",
                "`http`: `allowed_hosts`: `signet.example.com:443` is not a host name without a port",
            ),
            (
                "[limits]\nconnections_per_address = 0",
                "`limits`: `connections_per_address` must be at least 1",
            ),
            (
                "max_connections = 8\n[limits]\nreserved_connections = 8",
                "`limits`: `reserved_connections` must be less than `max_connections`, or nobody can connect",
            ),
            (
                "[limits]\nhead_timeout = '0s'",
                "`limits`: `head_timeout` must be 1s to 600s",
            ),
            (
                "[limits]\nbody_bytes_per_address = 1",
                "`limits`: `body_bytes_per_address` must be 65536 to `body_bytes`",
            ),
            (
                "[health]\nlisten = '127.0.0.1:7780'",
                "`health`: `listen`: another listener has 127.0.0.1:7780 already",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected, "{text}");
        }
        assert!(
            parse("prob_interval = '5s'")
                .unwrap_err()
                .starts_with("unknown field `prob_interval`, expected one of `listen`, `data`")
        );
        assert!(parse("listen = '0.0.0.0:7780'\nallow_plaintext = true").is_ok());
    }
}
