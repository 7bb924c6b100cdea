//! Whether a change can be made, before anything is touched.

use serde::{Deserialize, Serialize};

use super::{
    Before, Change, Error, before,
    grants::{NEEDS, account},
    is_mariadb, pairs, row,
};
use crate::Session;

/// Since when a server tells by SQL whether TLS is on. `ALTER INSTANCE RELOAD TLS` is as old as 8.0.16.
const OLDEST: (u16, u16, u16) = (8, 0, 21);

/// How a change is going to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// How the files come to the server.
    pub delivery: Delivery,
    /// The operator accepts that an audit plugin, or whatever else reads all statements, gets to see the key.
    pub despite_audit: bool,
}

/// How the files come to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// By SQL, into `secure_file_priv`, or into this directory, which must be below it.
    Sql(Option<String>),
    /// They are there already: an agent wrote them, or an earlier change.
    Elsewhere,
}

impl Default for Delivery {
    fn default() -> Self {
        Self::Sql(None)
    }
}

/// A server that can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// How it is now.
    pub before: Before,
    /// Where files can be delivered to, if any are going to be.
    pub directory: Option<String>,
    /// What the operator should know, one sentence each.
    pub notes: Vec<String>,
}

/// Looks whether a change can be made by this session's account.
///
/// # Errors
/// [`Error::Problems`] with everything that speaks against it and what to do; [`Error::NeedsAgent`] for MariaDB; else what kept it from
/// looking.
pub async fn check(session: &mut Session, change: Change, terms: &Terms) -> Result<Checked, Error> {
    if is_mariadb(session) {
        return Err(Error::NeedsAgent);
    }
    let mut look = Look {
        session,
        change,
        terms,
        problems: Vec::new(),
        notes: Vec::new(),
    };
    look.version();
    look.channel();
    // What follows asks for what older servers do not have.
    look.settle()?;
    look.privileges().await?;
    look.memory().await?;
    let directory = look.directory().await?;
    look.settle()?;
    look.listeners().await?;
    let before = before(look.session).await?;
    look.combination(&before).await?;
    look.settle()?;
    look.hints(&before).await?;
    Ok(Checked {
        before,
        directory,
        notes: look.notes,
    })
}

/// Whether this session's account may change the TLS of the server that answers it.
///
/// # Errors
/// [`Error::Problems`] with the privileges that it lacks; [`Error::NeedsAgent`] for MariaDB; [`Error::Sql`].
pub async fn check_privileges(session: &mut Session) -> Result<(), Error> {
    if is_mariadb(session) {
        return Err(Error::NeedsAgent);
    }
    let terms = Terms {
        delivery: Delivery::Elsewhere,
        ..Terms::default()
    };
    let mut look = Look {
        session,
        change: Change::Rotate,
        terms: &terms,
        problems: Vec::new(),
        notes: Vec::new(),
    };
    look.privileges().await?;
    look.settle()
}

/// One check under way.
struct Look<'a> {
    session: &'a mut Session,
    change: Change,
    terms: &'a Terms,
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Look<'_> {
    /// Ends the check if there are problems.
    fn settle(&mut self) -> Result<(), Error> {
        match std::mem::take(&mut self.problems) {
            none if none.is_empty() => Ok(()),
            some => Err(Error::Problems(some)),
        }
    }

    /// Whether a key is going to cross the session.
    fn brings_key(&self) -> bool {
        matches!(self.change, Change::Open | Change::Rotate)
            && matches!(self.terms.delivery, Delivery::Sql(_))
    }

    fn version(&mut self) {
        let greeting = self.session.greeting();
        if greeting.version().is_none_or(|version| version < OLDEST) {
            self.problems.push(format!(
                "this is MySQL {}; by SQL alone it takes 8.0.21 or newer: upgrade it, or install `signet-agent` on its host, which knows MySQL since 5.7",
                greeting.server_version
            ));
        }
    }

    fn channel(&mut self) {
        let channel = self.session.channel();
        if self.brings_key() && !channel.is_private() {
            self.problems
                .push(Error::NotPrivate(channel.clone()).to_string());
        }
    }

    async fn privileges(&mut self) -> Result<(), Error> {
        let doing = "tell the account's privileges";
        let whoami = row(self.session, doing, "SELECT CURRENT_USER()").await?;
        let whoami = whoami.into_iter().next().flatten().unwrap_or_default();
        let account = match whoami.rsplit_once('@') {
            Some((user, host)) => account(user, host),
            None => account(&whoami, "%"),
        };
        let lines = pairs(self.session, doing, "SHOW GRANTS").await?;
        let lines: Vec<_> = lines.into_iter().map(|(line, _)| line).collect();
        let brings_key = self.brings_key();
        let missing = NEEDS
            .iter()
            .filter(|need| !need.for_key || brings_key)
            .filter(|need| !need.is_met_by(&lines));
        self.problems.extend(missing.map(|need| {
            format!(
                "the account lacks {} on {}, {}: `GRANT {} ON {} TO {account}` (a privilege by a role counts while the role is active: `SET DEFAULT ROLE`)",
                need.privilege, need.on, need.why, need.privilege, need.on
            )
        }));
        Ok(())
    }

    /// What the server must remember, and what it must be able to tell.
    async fn memory(&mut self) -> Result<(), Error> {
        let sql = "SELECT @@GLOBAL.persisted_globals_load, @@GLOBAL.performance_schema";
        let asked = row(self.session, "tell its settings", sql).await?;
        let off = |index: usize| asked.get(index).is_none_or(|on| on.as_deref() != Some("1"));
        if off(0) {
            self.problems.push(
                "the server forgets at its next start what is set by SQL: set `persisted_globals_load=ON` in its configuration and restart it".to_owned(),
            );
        }
        if off(1) {
            self.problems.push(
                "the server cannot tell whether TLS is on: set `performance_schema=ON` in its configuration and restart it".to_owned(),
            );
        }
        Ok(())
    }

    async fn directory(&mut self) -> Result<Option<String>, Error> {
        let Delivery::Sql(wanted) = &self.terms.delivery else {
            return Ok(None);
        };
        if !self.brings_key() {
            return Ok(None);
        }
        let asked = "SELECT @@GLOBAL.secure_file_priv";
        let asked = row(self.session, "tell where it writes files", asked).await?;
        // NULL is told as a text.
        let allowed = asked.into_iter().next().flatten();
        let allowed = allowed.filter(|path| path != "NULL");
        match choose(allowed.as_deref(), wanted.as_deref()) {
            Ok(directory) => Ok(Some(directory)),
            Err(problem) => {
                self.problems.push(problem);
                Ok(None)
            }
        }
    }

    /// Whatever else reads statements and could keep the key.
    async fn listeners(&mut self) -> Result<(), Error> {
        if !self.brings_key() {
            return Ok(());
        }
        let doing = "tell its plugins";
        // Those without a library are part of the server and drop caches.
        let plugins = "SELECT PLUGIN_NAME, PLUGIN_LIBRARY FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'AUDIT' AND PLUGIN_STATUS = 'ACTIVE' AND PLUGIN_LIBRARY IS NOT NULL";
        let components = "SELECT component_urn, '' FROM mysql.component";
        let mut readers = pairs(self.session, doing, plugins).await?;
        readers.extend(pairs(self.session, doing, components).await?);
        let readers: Vec<_> = readers
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| !is_harmless(name))
            .collect();
        if readers.is_empty() {
            return Ok(());
        }
        let readers = readers.join(", ");
        if self.terms.despite_audit {
            self.notes.push(format!(
                "The key may be read by {readers}; this was accepted."
            ));
        } else {
            self.problems.push(format!(
                "{readers} may read all statements and would keep the key: unload it meanwhile, use the agent, or accept it expressly"
            ));
        }
        Ok(())
    }

    /// What does not go together.
    async fn combination(&mut self, before: &Before) -> Result<(), Error> {
        match self.change {
            Change::Close if before.require_secure_transport.is_on() => {
                self.problems.push(Error::TlsIsRequired.to_string());
            }
            Change::Require(true) if !before.enabled => {
                self.problems.push(Error::TlsIsOff.to_string());
            }
            _ => {}
        }
        if self.change == Change::Close {
            self.way_back().await?;
        }
        Ok(())
    }

    /// An account that must use TLS could not switch it on again.
    async fn way_back(&mut self) -> Result<(), Error> {
        let sql = "SHOW CREATE USER CURRENT_USER()";
        let account = row(self.session, "tell how its account logs in", sql).await?;
        let account = account.into_iter().next().flatten().unwrap_or_default();
        if !account.contains(" REQUIRE NONE ") {
            self.problems.push(format!(
                "the account `{}` may log in by TLS only, so that nobody could switch it on again: `ALTER USER … REQUIRE NONE`",
                self.session.user()
            ));
        }
        Ok(())
    }

    /// What does not stop a change and may surprise later.
    async fn hints(&mut self, before: &Before) -> Result<(), Error> {
        let sql = "SELECT VARIABLE_NAME, VARIABLE_PATH FROM performance_schema.variables_info WHERE VARIABLE_NAME IN ('ssl_ca', 'ssl_cert', 'ssl_key', 'tls_version') AND VARIABLE_SOURCE NOT IN ('COMPILED', 'DYNAMIC', 'PERSISTED')";
        for (name, path) in pairs(self.session, "tell its settings", sql).await? {
            let place = if path.is_empty() {
                "the command line"
            } else {
                &path
            };
            self.notes.push(format!(
                "`{name}` is set in {place}; from now on what is persisted goes before it."
            ));
        }
        let sql = "SELECT @@GLOBAL.ssl_crl, @@GLOBAL.ssl_crlpath, @@GLOBAL.ssl_cipher, @@GLOBAL.tls_ciphersuites";
        let asked = row(self.session, "tell its settings", sql).await?;
        let names = ["ssl_crl", "ssl_crlpath", "ssl_cipher", "tls_ciphersuites"];
        for (name, _) in names
            .into_iter()
            .zip(asked)
            .filter(|(_, value)| value.as_deref().is_some_and(|text| !text.is_empty()))
        {
            self.notes.push(format!(
                "`{name}` is set and stays as it is; it must fit the certificate."
            ));
        }
        let sql = "SELECT PLUGIN_NAME, '' FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'mysqlx' AND PLUGIN_STATUS = 'ACTIVE'";
        if !pairs(self.session, "tell its plugins", sql)
            .await?
            .is_empty()
        {
            self.notes.push(
                "The X protocol's port (33060) keeps the TLS that it has until the server restarts.".to_owned(),
            );
        }
        if self.change == Change::Close && before.enabled && !self.session.channel().is_local() {
            self.notes.push(
                "If the server restarts while TLS is off, `caching_sha2_password` wants this account's password in full, which is not sent over a network without TLS: somebody has to log in as it once before, with `mysql --get-server-public-key`.".to_owned(),
            );
        }
        Ok(())
    }
}

/// Where to write, from what the server allows and the operator wants.
fn choose(allowed: Option<&str>, wanted: Option<&str>) -> Result<String, String> {
    if let Some(wanted) = wanted
        && (!wanted.starts_with('/') || wanted.contains(char::is_control))
    {
        return Err(format!(
            "`{wanted}` is not an absolute path: name a directory on the server's host"
        ));
    }
    match (allowed, wanted) {
        (None, _) => Err(
            "the server writes no files (`secure_file_priv` is NULL): set `secure_file_priv` to a directory that only its user can read, for example /var/lib/mysql-files, and restart it, or use the agent".to_owned(),
        ),
        (Some(""), None) => Err(
            "the server would write files anywhere (`secure_file_priv` is empty): set it to a directory that only its user can read, or name one for the certificates".to_owned(),
        ),
        (Some(allowed), Some(wanted)) if !is_below(wanted, allowed) => Err(format!(
            "the server writes files below {allowed} only (`secure_file_priv`), not into {wanted}"
        )),
        (Some(allowed), None) => Ok(allowed.to_owned()),
        (Some(_), Some(wanted)) => Ok(wanted.to_owned()),
    }
}

fn is_below(wanted: &str, allowed: &str) -> bool {
    let (wanted, allowed) = (std::path::Path::new(wanted), std::path::Path::new(allowed));
    let climbs = wanted
        .components()
        .any(|part| part == std::path::Component::ParentDir);
    allowed.as_os_str().is_empty() || wanted.starts_with(allowed) && !climbs
}

/// Loaded things that read no statements. What is not known here may.
fn is_harmless(name: &str) -> bool {
    const HARMLESS: &[&str] = &[
        "CONNECTION_CONTROL",
        "component_connection_control",
        "component_group_replication_",
        "component_keyring_",
        "component_log_",
        "component_mysqlbackup",
        "component_option_tracker",
        "component_query_attributes",
        "component_reference_cache",
        "component_replication_applier_metrics",
        "component_validate_password",
    ];
    let name = name.strip_prefix("file://").unwrap_or(name);
    HARMLESS.iter().any(|known| name.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_where_the_server_and_the_operator_allow_it() {
        let files = Some("/var/lib/mysql-files/");
        assert_eq!(choose(files, None).as_deref(), Ok("/var/lib/mysql-files/"));
        assert_eq!(
            choose(files, Some("/var/lib/mysql-files/tls")).as_deref(),
            Ok("/var/lib/mysql-files/tls")
        );
        assert_eq!(
            choose(Some(""), Some("/etc/tls")).as_deref(),
            Ok("/etc/tls")
        );
        for (allowed, wanted, told) in [
            (None, None, "`secure_file_priv` is NULL"),
            (None, Some("/etc/tls"), "`secure_file_priv` is NULL"),
            (Some(""), None, "`secure_file_priv` is empty"),
            (Some(""), Some("tls"), "not an absolute path"),
            (Some(""), Some("/a\nb"), "not an absolute path"),
            (
                files,
                Some("/var/lib/mysql-files2"),
                "below /var/lib/mysql-files/ only",
            ),
            (
                files,
                Some("/var/lib/mysql-files/../x"),
                "below /var/lib/mysql-files/ only",
            ),
        ] {
            let problem = choose(allowed, wanted).unwrap_err();
            assert!(problem.contains(told), "{problem}");
        }
    }

    #[test]
    fn what_reads_statements_is_told_from_what_does_not() {
        for harmless in ["CONNECTION_CONTROL", "file://component_log_sink_json"] {
            assert!(is_harmless(harmless), "{harmless}");
        }
        for reader in [
            "audit_log",
            "file://component_audit_log_filter",
            "server_audit",
            "file://component_telemetry",
        ] {
            assert!(!is_harmless(reader), "{reader}");
        }
    }
}
