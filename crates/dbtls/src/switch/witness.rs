//! What a server says about its own TLS: the second witness beside the wire, and the third, its next start.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Error, is_mariadb, pairs, settings};
use crate::Session;

/// What a server says that it loaded, and what its next start will load. A text that it does not tell is empty, never null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Witness {
    /// TLS is on.
    pub enabled: bool,
    /// The certificate's file, as loaded.
    pub certificate: String,
    /// The key's file, as loaded.
    pub key: String,
    /// The file of the CA certificates, as loaded.
    pub ca: String,
    /// The TLS versions that it speaks, like `TLSv1.2,TLSv1.3`.
    pub tls_version: String,
    /// The last moment of the loaded certificate's validity, RFC 3339.
    pub not_after: String,
    /// Connections without TLS are refused (`require_secure_transport`).
    pub requires_tls: bool,
    /// What its next start will load.
    pub after_restart: AfterRestart,
    /// What the X protocol's port serves.
    pub x_protocol: XProtocol,
}

/// What a server will load at its next start, as far as it can tell: a file that was changed on its disk since, it does not know. A
/// text that it cannot tell is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct AfterRestart {
    /// The certificate's file.
    pub certificate: String,
    /// The key's file.
    pub key: String,
    /// The file of the CA certificates.
    pub ca: String,
    /// It will speak these TLS versions.
    pub tls_version: String,
    /// It will have TLS switched off (`tls_version` is empty).
    pub off: bool,
    /// The settings that SQL persisted (`SET PERSIST`), by name; the configuration files decide about the others.
    pub persisted: Vec<String>,
}

/// What the X protocol's port serves: it reads its certificate when the server starts, and never again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum XProtocol {
    /// There is none, or it has no TLS.
    #[default]
    None,
    /// A certificate that ends with the main one's.
    Current,
    /// Another certificate than the main port does.
    Stale,
}

const NAMES: [&str; 4] = ["ssl_cert", "ssl_key", "ssl_ca", "tls_version"];

/// Asks the server. It needs no privilege on MariaDB, and `SELECT` on `performance_schema.tls_channel_status` on MySQL.
///
/// # Errors
/// [`Error::Sql`]
pub async fn witness(session: &mut Session) -> Result<Witness, Error> {
    if is_mariadb(session) {
        of_mariadb(session).await
    } else {
        of_mysql(session).await
    }
}

async fn of_mysql(session: &mut Session) -> Result<Witness, Error> {
    let channel = settings::channel(session).await?;
    let variables = variables(session).await?;
    let sql = "SELECT VARIABLE_NAME, VARIABLE_SOURCE FROM performance_schema.variables_info WHERE VARIABLE_NAME IN ('ssl_cert', 'ssl_key', 'ssl_ca', 'tls_version')";
    let sources: HashMap<_, _> = pairs(session, "tell its settings", sql)
        .await?
        .into_iter()
        .collect();
    let persisted = settings::persisted(session).await?;
    // A value that was set by SQL hides what the configuration says.
    let next = |name: &str| match (persisted.get(name), sources.get(name)) {
        (Some(value), _) => Some(value.clone()),
        (None, Some(source)) if source != "DYNAMIC" => variables.get(name).cloned(),
        _ => None,
    };
    let versions = next("tls_version");
    let after_restart = AfterRestart {
        certificate: next("ssl_cert").unwrap_or_default(),
        key: next("ssl_key").unwrap_or_default(),
        ca: next("ssl_ca").unwrap_or_default(),
        off: versions.as_deref() == Some(""),
        tls_version: versions.unwrap_or_default(),
        persisted: NAMES
            .into_iter()
            .chain(["require_secure_transport"])
            .filter(|name| persisted.contains_key(*name))
            .map(str::to_owned)
            .collect(),
    };
    let x_protocol = x_protocol(session, &channel.not_after).await?;
    Ok(Witness {
        enabled: channel.enabled,
        certificate: channel.certificate,
        key: channel.key,
        ca: channel.ca,
        tls_version: channel.tls_version,
        not_after: moment(&channel.not_after),
        requires_tls: is_on(&variables, "require_secure_transport"),
        after_restart,
        x_protocol,
    })
}

/// MariaDB reads its settings at the start only, and its files again at `FLUSH SSL`.
async fn of_mariadb(session: &mut Session) -> Result<Witness, Error> {
    let variables = variables(session).await?;
    let value = |name: &str| variables.get(name).cloned().unwrap_or_default();
    let sql = "SHOW SESSION STATUS LIKE 'Ssl_server_not_after'";
    let status = pairs(session, "tell its TLS status", sql).await?;
    let enabled = value("have_ssl") == "YES";
    let after_restart = AfterRestart {
        certificate: value("ssl_cert"),
        key: value("ssl_key"),
        ca: value("ssl_ca"),
        tls_version: value("tls_version"),
        off: !enabled,
        persisted: Vec::new(),
    };
    Ok(Witness {
        enabled,
        certificate: value("ssl_cert"),
        key: value("ssl_key"),
        ca: value("ssl_ca"),
        tls_version: value("tls_version"),
        not_after: status
            .first()
            .map(|(_, moment_)| moment(moment_))
            .unwrap_or_default(),
        requires_tls: is_on(&variables, "require_secure_transport"),
        after_restart,
        x_protocol: XProtocol::None,
    })
}

async fn variables(session: &mut Session) -> Result<HashMap<String, String>, Error> {
    let sql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('ssl_cert', 'ssl_key', 'ssl_ca', 'tls_version', 'require_secure_transport', 'have_ssl')";
    let pairs = pairs(session, "tell its settings", sql).await?;
    Ok(pairs.into_iter().collect())
}

async fn x_protocol(session: &mut Session, main: &str) -> Result<XProtocol, Error> {
    let sql = "SHOW GLOBAL STATUS LIKE 'Mysqlx_ssl_server_not_after'";
    let status = pairs(session, "tell its TLS status", sql).await?;
    Ok(match status.first() {
        Some((_, end)) if end.is_empty() => XProtocol::None,
        Some((_, end)) if end == main => XProtocol::Current,
        Some(_) => XProtocol::Stale,
        None => XProtocol::None,
    })
}

fn is_on(variables: &HashMap<String, String>, name: &str) -> bool {
    variables.get(name).is_some_and(|value| value == "ON")
}

/// `Nov 21 03:42:51 2036 GMT`, as OpenSSL writes it, in RFC 3339; anything else as it is.
fn moment(text: &str) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let parts: Vec<_> = text.split_ascii_whitespace().collect();
    let [month, day, clock, year, "GMT"] = parts[..] else {
        return text.to_owned();
    };
    match MONTHS.iter().position(|known| *known == month) {
        Some(index) => format!("{year}-{:02}-{day:0>2}T{clock}Z", index + 1),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_as_rfc_3339() {
        for (told, written) in [
            ("Nov 21 03:42:51 2036 GMT", "2036-11-21T03:42:51Z"),
            ("Feb  1 23:00:00 2027 GMT", "2027-02-01T23:00:00Z"),
            ("", ""),
            ("tomorrow", "tomorrow"),
            ("Foo 21 03:42:51 2036 GMT", "Foo 21 03:42:51 2036 GMT"),
        ] {
            assert_eq!(moment(told), written);
        }
    }
}
