//! The SQL of a fake whose TLS can be switched: the statements of the `sql` driver, each by its beginning, and nothing else.
//!
//! It has no files and no settings but those of TLS, and keeps them in memory. What it serves, it does serve: the certificate and the key
//! that were brought to it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::connection::ACCOUNT;
use super::fleet::server_config;

/// Where it says that it writes files.
const DIRECTORY: &str = "/fake/";
const CA: &str = "ssl_ca";
const CERTIFICATE: &str = "ssl_cert";
const KEY: &str = "ssl_key";
const VERSIONS: &str = "tls_version";

/// What a statement comes to.
pub(super) enum Answer {
    /// It was done.
    Done,
    /// Rows of so many columns.
    Rows(usize, Vec<Vec<String>>),
    /// It was refused.
    Refused(u16, String),
}

impl Answer {
    fn row<const N: usize>(values: [&str; N]) -> Self {
        Self::Rows(N, vec![values.map(str::to_owned).into()])
    }

    fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let rows = pairs.into_iter();
        let rows = rows.map(|(name, value)| vec![name.to_owned(), value.to_owned()]);
        Self::Rows(2, rows.collect())
    }
}

/// TLS that is off until somebody switches it on.
#[derive(Default)]
pub(super) struct Switch(Mutex<State>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    global: BTreeMap<String, String>,
    persisted: BTreeMap<String, String>,
    loaded: Option<Loaded>,
}

/// What is served, whatever is set meanwhile.
struct Loaded {
    settings: BTreeMap<String, String>,
    config: Arc<ServerConfig>,
}

impl Switch {
    /// What to serve TLS with; `None` while it is off.
    pub(super) fn config(&self) -> Option<Arc<ServerConfig>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&state.loaded.as_ref()?.config))
    }

    pub(super) fn answer(&self, sql: &str) -> Answer {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.answer(sql).unwrap_or_else(|| {
            let text = format!("this is a fake, which does not know `{sql:.60}`");
            Answer::Refused(1064, text)
        })
    }
}

impl State {
    /// `None` for a statement that it does not know.
    fn answer(&mut self, sql: &str) -> Option<Answer> {
        let starts = |beginnings: &[&str]| beginnings.iter().any(|known| sql.starts_with(known));
        if starts(&["SET GLOBAL ", "SET PERSIST "]) {
            return self.set(sql);
        }
        if starts(&["SELECT 0x"]) {
            return self.write(sql);
        }
        if starts(&["ALTER INSTANCE RELOAD TLS"]) {
            return Some(self.reload());
        }
        if starts(&["SET SESSION ", "UPDATE performance_schema.threads "]) {
            return Some(Answer::Done);
        }
        self.tell(sql)
    }

    fn tell(&self, sql: &str) -> Option<Answer> {
        let has = |words: &str| sql.contains(words);
        let account = format!("`{ACCOUNT}`@`%`");
        Some(match sql {
            "SELECT CURRENT_USER()" => Answer::row([&format!("{ACCOUNT}@%")]),
            "SHOW GRANTS" => Answer::row([&format!("GRANT ALL PRIVILEGES ON *.* TO {account}")]),
            "SHOW CREATE USER CURRENT_USER()" => Answer::row([&format!(
                "CREATE USER {account} REQUIRE NONE ACCOUNT UNLOCK"
            )]),
            "SELECT @@GLOBAL.secure_file_priv" => Answer::row([DIRECTORY]),
            "SELECT @@GLOBAL.tls_version" => Answer::row([self.global(VERSIONS)]),
            _ if has("@@GLOBAL.persisted_globals_load, ") => Answer::row(["1", "1"]),
            _ if has("@@SESSION.sql_log_off = 1, ") => Answer::row(["1", "1", "1"]),
            _ if has("@@GLOBAL.ssl_crl, ") => Answer::row(["", "", "", ""]),
            _ if has("@@GLOBAL.ssl_ca, ") => Answer::row([
                self.global(CA),
                self.global(CERTIFICATE),
                self.global(KEY),
                self.global(VERSIONS),
                "OFF",
            ]),
            _ if has("FROM performance_schema.tls_channel_status ") => self.channel(),
            _ if has("FROM performance_schema.persisted_variables") => {
                Answer::pairs(texts(&self.persisted))
            }
            _ if sql.starts_with("SHOW GLOBAL VARIABLES ") => Answer::pairs(texts(&self.global)),
            _ if has("FROM performance_schema.variables_info ")
                || has("FROM information_schema.PLUGINS ")
                || has("FROM mysql.component")
                || sql.starts_with("SHOW GLOBAL STATUS ") =>
            {
                Answer::pairs([])
            }
            _ => return None,
        })
    }

    fn global(&self, name: &str) -> &str {
        self.global.get(name).map_or("", String::as_str)
    }

    fn channel(&self) -> Answer {
        let Some(Loaded { settings, .. }) = &self.loaded else {
            return Answer::pairs([("Enabled", "No")]);
        };
        let used = |name: &str| settings.get(name).map_or("", String::as_str);
        Answer::pairs([
            ("Enabled", "Yes"),
            ("Current_tls_ca", used(CA)),
            ("Current_tls_cert", used(CERTIFICATE)),
            ("Current_tls_key", used(KEY)),
            ("Current_tls_version", used(VERSIONS)),
        ])
    }

    /// `SET GLOBAL a = 'x', GLOBAL b = 'y'`; what is persisted is set as well.
    fn set(&mut self, sql: &str) -> Option<Answer> {
        for assignment in sql.strip_prefix("SET ")?.split(", ") {
            let (scope, rest) = assignment.split_once(' ')?;
            let (name, value) = rest.split_once(" = ")?;
            let value = value.trim_matches('\'').to_owned();
            if scope == "PERSIST" {
                self.persisted.insert(name.to_owned(), value.clone());
            }
            self.global.insert(name.to_owned(), value);
        }
        Some(Answer::Done)
    }

    /// `SELECT 0x… INTO DUMPFILE '…'`
    fn write(&mut self, sql: &str) -> Option<Answer> {
        let (hex, path) = sql
            .strip_prefix("SELECT 0x")?
            .split_once(" INTO DUMPFILE ")?;
        let bytes = hex.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        });
        let bytes = bytes.collect::<Option<Vec<u8>>>()?;
        self.files.insert(path.trim_matches('\'').to_owned(), bytes);
        Some(Answer::Done)
    }

    fn reload(&mut self) -> Answer {
        if self.global(VERSIONS).is_empty() {
            self.loaded = None;
            return Answer::Done;
        }
        match self.configuration() {
            Ok(config) => {
                let settings = self.global.clone();
                self.loaded = Some(Loaded { settings, config });
                Answer::Done
            }
            Err(error) => Answer::Refused(3888, format!("Failed to set up SSL: {error}")),
        }
    }

    fn configuration(&self) -> io::Result<Arc<ServerConfig>> {
        let file = |name: &str| {
            let found = self.files.get(self.global(name));
            found.ok_or_else(|| io::Error::other(format!("{name} names no file")))
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(file(CERTIFICATE)?).collect();
        let chain = chain.map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(file(KEY)?).map_err(io::Error::other)?;
        server_config(chain, key).map_err(io::Error::other)
    }
}

fn texts(settings: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    let settings = settings.iter();
    settings.map(|(name, value)| (name.as_str(), value.as_str()))
}
