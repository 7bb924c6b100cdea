//! A server's settings of TLS: what they are, what of them outlives a restart, what is in use.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Error, Paths, is_mariadb, pairs, row};
use crate::{Session, session::quoted};

/// How a server was before a change: everything that [`restore`](super::restore) needs to put it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Whether TLS was on.
    pub enabled: bool,
    /// `ssl_ca`.
    pub ssl_ca: Setting,
    /// `ssl_cert`.
    pub ssl_cert: Setting,
    /// `ssl_key`.
    pub ssl_key: Setting,
    /// `tls_version`.
    pub tls_version: Setting,
    /// `require_secure_transport`.
    pub require_secure_transport: Setting,
}

/// A setting of the running server, and of its next start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The global value; `None` for NULL, which is something else than an empty text.
    pub value: Option<String>,
    /// What `SET PERSIST` wrote into `mysqld-auto.cnf`; `None` if the configuration files decide.
    pub persisted: Option<String>,
}

impl Before {
    /// The files that the settings name, if they name all three: with them TLS can be switched on again and no key needs to cross.
    pub fn paths(&self) -> Option<Paths> {
        let path = |setting: &Setting| setting.value.clone().filter(|path| !path.is_empty());
        Some(Paths {
            ca: path(&self.ssl_ca)?,
            certificate: path(&self.ssl_cert)?,
            key: path(&self.ssl_key)?,
        })
    }

    pub(super) fn settings(&self) -> [(&'static str, &Setting); 5] {
        [
            ("ssl_ca", &self.ssl_ca),
            ("ssl_cert", &self.ssl_cert),
            ("ssl_key", &self.ssl_key),
            ("tls_version", &self.tls_version),
            ("require_secure_transport", &self.require_secure_transport),
        ]
    }
}

/// Reads how a MySQL server is now.
///
/// # Errors
/// [`Error::NeedsAgent`] for MariaDB, [`Error::Sql`].
pub async fn before(session: &mut Session) -> Result<Before, Error> {
    if is_mariadb(session) {
        return Err(Error::NeedsAgent);
    }
    let channel = channel(session).await?;
    let doing = "tell its settings";
    let values = "SELECT @@GLOBAL.ssl_ca, @@GLOBAL.ssl_cert, @@GLOBAL.ssl_key, @@GLOBAL.tls_version, IF(@@GLOBAL.require_secure_transport, 'ON', 'OFF')";
    let mut values = row(session, doing, values).await?.into_iter();
    let mut persisted = persisted(session).await?;
    let mut setting = |name: &str| Setting {
        value: values.next().flatten(),
        persisted: persisted.remove(name),
    };
    Ok(Before {
        enabled: channel.enabled,
        ssl_ca: setting("ssl_ca"),
        ssl_cert: setting("ssl_cert"),
        ssl_key: setting("ssl_key"),
        tls_version: setting("tls_version"),
        require_secure_transport: setting("require_secure_transport"),
    })
}

/// What `SET PERSIST` wrote down, of all variables.
pub(super) async fn persisted(session: &mut Session) -> Result<HashMap<String, String>, Error> {
    let sql = "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.persisted_variables";
    let pairs = pairs(session, "tell what is persisted", sql).await?;
    Ok(pairs.into_iter().collect())
}

/// What MySQL's main channel serves.
#[derive(Debug, Default)]
pub(super) struct ChannelStatus {
    pub(super) enabled: bool,
    pub(super) ca: String,
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) tls_version: String,
    /// As the server writes it: `Nov 21 03:42:51 2036 GMT`.
    pub(super) not_after: String,
}

pub(super) async fn channel(session: &mut Session) -> Result<ChannelStatus, Error> {
    let sql = "SELECT PROPERTY, VALUE FROM performance_schema.tls_channel_status WHERE CHANNEL = 'mysql_main'";
    let mut status = ChannelStatus::default();
    for (property, value) in pairs(session, "tell its TLS status", sql).await? {
        match property.as_str() {
            "Enabled" => status.enabled = value == "Yes",
            "Current_tls_ca" => status.ca = value,
            "Current_tls_cert" => status.certificate = value,
            "Current_tls_key" => status.key = value,
            "Current_tls_version" => status.tls_version = value,
            "Ssl_server_not_after" => status.not_after = value,
            _ => {}
        }
    }
    Ok(status)
}

/// `SET` of several variables at once, which is all or nothing. `scope` is `GLOBAL` or `PERSIST`; `None` is the built-in default,
/// which for the paths is NULL.
pub(super) fn set(scope: &str, assignments: &[(&str, Option<&str>)]) -> String {
    let assignments = assignments.iter().map(|(name, value)| match value {
        Some(value) => format!("{scope} {name} = {}", quoted(value)),
        None => format!("{scope} {name} = DEFAULT"),
    });
    format!("SET {}", assignments.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_variables_are_set_by_one_statement() {
        assert_eq!(
            set(
                "PERSIST",
                &[("ssl_ca", Some("/it's/ca.pem")), ("ssl_key", None)]
            ),
            "SET PERSIST ssl_ca = '/it''s/ca.pem', PERSIST ssl_key = DEFAULT"
        );
    }
}
