//! The changes themselves. Always: the running server first, then what it says, then what it shall remember.

use super::{
    Before, Error, Paths, Setting, is_mariadb,
    reload::{reload, reload_whatever_comes},
    row, run,
    settings::{ChannelStatus, before, channel, persisted, set},
};
use crate::{Session, SqlError};

/// What current clients speak, for a server that was told to speak nothing.
const VERSIONS: &str = "TLSv1.2,TLSv1.3";
/// The same of a server whose TLS library is older than 1.3.
const VERSIONS_BEFORE_1_3: &str = "TLSv1.2";

/// Makes the server serve these files, now and after a restart; switches TLS on if it was off. Open connections stay as they are.
///
/// # Errors
/// [`Error::NotLoaded`], with whether everything is as it was; the server went on with what it had.
pub async fn load(session: &mut Session, paths: &Paths, before: &Before) -> Result<(), Error> {
    mysql_only(session)?;
    let Err(cause) = try_to_load(session, paths).await else {
        return Ok(());
    };
    // The session may be what broke.
    let undone = match session.another().await {
        Ok(mut fresh) => restore(&mut fresh, before).await,
        Err(error) => Err(error.into()),
    };
    Err(Error::NotLoaded {
        cause: Box::new(cause),
        undone: undone.err().map(|error| error.to_string()),
    })
}

async fn try_to_load(session: &mut Session, paths: &Paths) -> Result<(), Error> {
    let files = [
        ("ssl_ca", Some(paths.ca.as_str())),
        ("ssl_cert", Some(paths.certificate.as_str())),
        ("ssl_key", Some(paths.key.as_str())),
    ];
    let doing = "take the new certificate";
    let versions = choose_versions(session).await?;
    run(session, doing, &set("GLOBAL", &files)).await?;
    reload(session).await?;
    let now = channel(session).await?;
    if !now.enabled || !now.serves(paths) {
        return Err(not_followed(&now));
    }
    let versions = versions
        .as_deref()
        .map(|value| ("tls_version", Some(value)));
    let lasting: Vec<_> = files.into_iter().chain(versions).collect();
    run(
        session,
        "remember the new certificate",
        &set("PERSIST", &lasting),
    )
    .await
}

/// Sets `tls_version` if it is empty, now or after a restart; answers what must then be remembered.
async fn choose_versions(session: &mut Session) -> Result<Option<String>, Error> {
    let doing = "choose its TLS versions";
    let asked = row(session, doing, "SELECT @@GLOBAL.tls_version").await?;
    let value = asked.into_iter().next().flatten().unwrap_or_default();
    if !value.is_empty() {
        let kept = persisted(session).await?.remove("tls_version");
        return Ok(kept.filter(String::is_empty).map(|_| value));
    }
    let chosen = match run(
        session,
        doing,
        &set("GLOBAL", &[("tls_version", Some(VERSIONS))]),
    )
    .await
    {
        Err(Error::Sql {
            cause: SqlError::Server { code: 1231, .. },
            ..
        }) => {
            let older = [("tls_version", Some(VERSIONS_BEFORE_1_3))];
            run(session, doing, &set("GLOBAL", &older)).await?;
            VERSIONS_BEFORE_1_3
        }
        done => done.map(|()| VERSIONS)?,
    };
    Ok(Some(chosen.to_owned()))
}

/// Switches TLS off, now and after a restart. Open connections keep theirs.
///
/// # Errors
/// [`Error::TlsIsRequired`]: nothing was done. Any other leaves it to [`restore`].
pub async fn switch_off(session: &mut Session) -> Result<(), Error> {
    mysql_only(session)?;
    if before(session).await?.require_secure_transport.is_on() {
        return Err(Error::TlsIsRequired);
    }
    let none = [("tls_version", Some(""))];
    run(session, "speak no TLS version", &set("GLOBAL", &none)).await?;
    // A warning says that the empty version is invalid. Without the last words of the statement it would be rolled back for that.
    reload_whatever_comes(session).await?;
    let now = channel(session).await?;
    if now.enabled {
        return Err(not_followed(&now));
    }
    run(session, "remember that TLS is off", &set("PERSIST", &none)).await
}

/// Puts a server back to how it was.
///
/// Previous values are written back as values, and what was not persisted is not persisted again: an empty text is not the same as
/// nothing, and the built-in default is not what a server uses that made its own certificates.
///
/// # Errors
/// When the server does not say that it is as before.
pub async fn restore(session: &mut Session, before: &Before) -> Result<(), Error> {
    mysql_only(session)?;
    put_back(session, before).await?;
    if is_as(before, &channel(session).await?) {
        return Ok(());
    }
    if before.enabled {
        reload(session).await?;
    } else {
        reload_whatever_comes(session).await?;
    }
    let now = channel(session).await?;
    if is_as(before, &now) {
        return Ok(());
    }
    Err(not_followed(&now))
}

async fn put_back(session: &mut Session, before: &Before) -> Result<(), Error> {
    let doing = "take its previous settings back";
    let kept = persisted(session).await?;
    for (name, setting) in before.settings() {
        if setting.persisted.is_none() && kept.contains_key(name) {
            run(session, doing, &format!("RESET PERSIST IF EXISTS {name}")).await?;
        }
    }
    let lasting = before.settings().into_iter();
    let lasting = lasting.filter(|(_, setting)| setting.persisted.is_some());
    let lasting: Vec<_> = lasting
        .map(|(name, setting)| (name, setting.persisted.as_deref()))
        .collect();
    if !lasting.is_empty() {
        run(session, doing, &set("PERSIST", &lasting)).await?;
    }
    let values = before.settings();
    let values = values.map(|(name, setting)| (name, setting.value.as_deref()));
    run(session, doing, &set("GLOBAL", &values)).await
}

/// Whether the server serves what it did. One without TLS serves nothing, whatever its settings name.
fn is_as(before: &Before, now: &ChannelStatus) -> bool {
    let same = |setting: &Setting, used: &str| setting.value.as_deref().unwrap_or_default() == used;
    now.enabled == before.enabled
        && (!now.enabled
            || same(&before.ssl_ca, &now.ca)
                && same(&before.ssl_cert, &now.certificate)
                && same(&before.ssl_key, &now.key)
                && same(&before.tls_version, &now.tls_version))
}

/// Refuses connections without TLS from now on, or lets them in again; a Unix socket always counts as secure. On MySQL it outlives a
/// restart, on MariaDB the configuration must say it as well.
///
/// # Errors
/// [`Error::TlsIsOff`]: nothing was done.
pub async fn require(session: &mut Session, on: bool) -> Result<(), Error> {
    if on && !offers_tls(session).await? {
        return Err(Error::TlsIsOff);
    }
    let scope = if is_mariadb(session) {
        "GLOBAL"
    } else {
        "PERSIST"
    };
    let value = if on { "ON" } else { "OFF" };
    let doing = "set `require_secure_transport`";
    run(
        session,
        doing,
        &format!("SET {scope} require_secure_transport = {value}"),
    )
    .await
}

async fn offers_tls(session: &mut Session) -> Result<bool, Error> {
    if !is_mariadb(session) {
        return Ok(channel(session).await?.enabled);
    }
    let asked = row(
        session,
        "tell whether TLS is on",
        "SELECT @@GLOBAL.have_ssl",
    )
    .await?;
    Ok(asked == [Some("YES".to_owned())])
}

fn mysql_only(session: &Session) -> Result<(), Error> {
    if is_mariadb(session) {
        Err(Error::NeedsAgent)
    } else {
        Ok(())
    }
}

fn not_followed(now: &ChannelStatus) -> Error {
    let what = if now.enabled {
        format!(
            "TLS is on with the certificate `{}`, the key `{}` and the CA `{}`",
            now.certificate, now.key, now.ca
        )
    } else {
        "TLS is off".to_owned()
    };
    Error::NotFollowed { what }
}

impl ChannelStatus {
    fn serves(&self, paths: &Paths) -> bool {
        self.ca == paths.ca && self.certificate == paths.certificate && self.key == paths.key
    }
}

impl Setting {
    pub(super) fn is_on(&self) -> bool {
        self.value.as_deref() == Some("ON")
    }
}
