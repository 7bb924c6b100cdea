//! Reloading certificates, and what can hold it up.
//!
//! MySQL reloads when no handshake is under way, and gives a handshake all the time of the world: a client that asks for TLS and then
//! falls silent holds the reload for ever. (MariaDB ends such a client after `connect_timeout`.) So a second session looks who is on
//! the way in, and ends whoever still is at the second look.

use std::{collections::HashSet, pin::pin, time::Duration};

use tokio::time::timeout;

use super::{Error, is_mariadb};
use crate::{Session, session::Entrance};

/// Between two looks: a login takes milliseconds, and seconds where a name is looked up.
const LOOK: Duration = Duration::from_secs(5);

/// Then it is something else.
const PATIENCE: Duration = Duration::from_secs(60);

const RELOAD: &str = "ALTER INSTANCE RELOAD TLS";
const RELOAD_WHATEVER_COMES: &str = "ALTER INSTANCE RELOAD TLS NO ROLLBACK ON ERROR";

/// Clients that have not logged in yet, by their threads: the list of processes says it shorter and wants a privilege more. Threads of the
/// server itself, as replication's, have no user either and another name. How long a client has been there is not told when its thread is a
/// used one.
const ON_THE_WAY_IN: &str = "SELECT PROCESSLIST_ID FROM performance_schema.threads WHERE NAME LIKE '%/%one_connection' AND PROCESSLIST_ID IS NOT NULL AND PROCESSLIST_USER IS NULL AND CONNECTION_TYPE IS NULL";
const ON_THE_WAY_IN_MARIADB: &str =
    "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'unauthenticated user'";

/// Makes the server read its certificate files again. Open connections keep what they have.
///
/// # Errors
/// [`Error::Sql`]: the server goes on with what it had.
pub async fn reload(session: &mut Session) -> Result<(), Error> {
    let sql = if is_mariadb(session) {
        "FLUSH SSL"
    } else {
        RELOAD
    };
    guarded(session, sql).await
}

/// Reloads MySQL's TLS, and switches it off if it cannot be loaded.
pub(super) async fn reload_whatever_comes(session: &mut Session) -> Result<(), Error> {
    guarded(session, RELOAD_WHATEVER_COMES).await
}

async fn guarded(session: &mut Session, sql: &str) -> Result<(), Error> {
    let doing = "reload its certificates";
    let mut guard = Guard::of(session);
    let mut reloading = pin!(session.query_within(sql, PATIENCE));
    loop {
        match timeout(LOOK, &mut reloading).await {
            Ok(answer) => {
                return answer
                    .map(drop)
                    .map_err(|cause| Error::Sql { doing, cause });
            }
            // Whatever keeps the guard from looking may pass, and its own limits end it; the reload has the last word.
            Err(_) => drop(guard.look().await),
        }
    }
}

/// Who was on the way in at the last look.
struct Guard {
    entrance: Entrance,
    query: &'static str,
    seen: HashSet<String>,
}

impl Guard {
    fn of(session: &Session) -> Self {
        let query = if is_mariadb(session) {
            ON_THE_WAY_IN_MARIADB
        } else {
            ON_THE_WAY_IN
        };
        Self {
            entrance: session.entrance().clone(),
            query,
            seen: HashSet::new(),
        }
    }

    /// Ends whoever was there the last time, too.
    async fn look(&mut self) -> Result<(), Error> {
        let mut session = self.entrance.clone().open().await?;
        let doing = "tell who is logging in";
        let rows = session.query(self.query).await;
        let rows = rows.map_err(|cause| Error::Sql { doing, cause })?;
        let now: HashSet<String> = rows.into_iter().flatten().flatten().collect();
        for stalled in now.intersection(&self.seen) {
            // It may have gone by itself.
            let _ = session.run(&format!("KILL {stalled}")).await;
        }
        self.seen = now;
        session.close().await;
        Ok(())
    }
}
