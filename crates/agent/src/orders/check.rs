use std::path::Path;

use dbtls::switch::{self, Delivery, Terms};
use rustix::fs::{Access, access};
use wire::agent::{Change, OrderId, Outcome};

use crate::database::{self, Database, Way};
use crate::host::{Failure, Host};
use crate::restart;

/// What stands in the way of a change, all of it, and what people should know.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) needs_restart: bool,
}

impl Findings {
    fn judge<T>(&mut self, result: Result<T, impl Into<Failure>>) -> Option<T> {
        result.map_err(|e| self.problems.push(e.into().0)).ok()
    }
}

impl Host {
    /// Finds out whether the change can be made, and notes how the server is.
    pub(super) async fn check(&self, id: &OrderId, change: Change) -> Result<Outcome, Failure> {
        let mut database = Database::open(&self.config).await?;
        let found = self.examine(&mut database, change).await?;
        if !found.problems.is_empty() {
            database.close().await;
            return Err(Failure(found.problems.join("; ")));
        }
        let before = self.take_snapshot(id, &mut database).await?.describe();
        database.close().await;
        Ok(Outcome::Checked {
            before,
            needs_restart: found.needs_restart,
            notes: found.notes,
        })
    }

    /// Looks at everything that the change will need, and changes nothing.
    pub(crate) async fn examine(
        &self,
        database: &mut Database,
        change: Change,
    ) -> Result<Findings, Failure> {
        let mut found = Findings::default();
        if matches!(change, Change::Open | Change::Rotate) {
            self.examine_files(&mut found);
        }
        match database.way {
            Way::Sql => self.examine_sql(database, change, &mut found).await?,
            Way::Reload | Way::Restart => {
                self.examine_configured(database, change, &mut found)
                    .await?;
            }
        }
        if found.needs_restart {
            self.examine_restart(&mut found);
        }
        Ok(found)
    }

    fn examine_files(&self, found: &mut Findings) {
        let folder = existing(&self.config.folder);
        found.judge(writable(folder));
        found.judge(self.access());
        found.judge(self.check_readable([folder]));
    }

    async fn examine_sql(
        &self,
        database: &mut Database,
        change: Change,
        found: &mut Findings,
    ) -> Result<(), Failure> {
        let change = match change {
            Change::Open => switch::Change::Open,
            Change::Close => switch::Change::Close,
            Change::Rotate => switch::Change::Rotate,
            Change::Require { on } => switch::Change::Require(on),
        };
        let terms = Terms {
            delivery: Delivery::Elsewhere,
            ..Terms::default()
        };
        match switch::check(&mut database.session, change, &terms).await {
            Ok(checked) => found.notes.extend(checked.notes),
            Err(switch::Error::Problems(problems)) => found.problems.extend(problems),
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }

    async fn examine_configured(
        &self,
        database: &mut Database,
        change: Change,
        found: &mut Findings,
    ) -> Result<(), Failure> {
        let now = database.witness().await?;
        let reloads =
            database.way == Way::Reload && database::serves(&now, &self.versions().served());
        found.needs_restart = match change {
            Change::Open | Change::Rotate => !reloads,
            Change::Close => now.enabled,
            Change::Require { .. } => false,
        };
        let refused = match change {
            Change::Close if now.requires_tls => Some(switch::Error::TlsIsRequired),
            Change::Require { on: true } if !now.enabled => Some(switch::Error::TlsIsOff),
            _ => None,
        };
        found.problems.extend(refused.map(|e| e.to_string()));
        if matches!(change, Change::Require { .. }) && self.config.dropin.is_none() {
            found.notes.push(
                "No `dropin` is configured, so the server will forget `require_secure_transport` when it restarts.".to_owned(),
            );
        }
        self.examine_privileges(database, change, found).await
    }

    /// MariaDB reads its certificate again for whoever has RELOAD; MySQL before 8.0.21 does not at all.
    async fn examine_privileges(
        &self,
        database: &mut Database,
        change: Change,
        found: &mut Findings,
    ) -> Result<(), Failure> {
        let needed = match change {
            Change::Require { .. } => "SUPER",
            Change::Open | Change::Rotate if database.way == Way::Reload => "RELOAD",
            Change::Open | Change::Rotate | Change::Close => return Ok(()),
        };
        let grants = database.session.query("SHOW GRANTS").await?;
        let mut lines = grants.iter().filter_map(|row| row.first()?.as_deref());
        if !lines.any(|line| grants_globally(line, needed)) {
            let account = database.session.user();
            found.problems.push(format!(
                "the account lacks {needed}: `GRANT {needed} ON *.* TO '{account}'@'localhost'`"
            ));
        }
        Ok(())
    }

    fn examine_restart(&self, found: &mut Findings) {
        found.judge(restart::check(&self.config.restart));
        let Some(dropin) = self.dropin() else {
            found.problems.push(
                "no `dropin` is configured: this server is switched by its configuration and a restart".to_owned(),
            );
            return;
        };
        found.judge(dropin.text());
        if let Some(folder) = dropin.path().parent() {
            found.judge(writable(folder));
        }
    }
}

/// The folder itself, or the one above it that is there.
fn existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"))
}

fn writable(folder: &Path) -> Result<(), Failure> {
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|e| {
        Failure(format!(
            "the agent cannot write to {}: {e}; give it the permission, and its service `ReadWritePaths=` for it",
            folder.display()
        ))
    })
}

/// Whether a line of `SHOW GRANTS` gives a privilege on everything.
fn grants_globally(line: &str, privilege: &str) -> bool {
    let given = line
        .strip_prefix("GRANT ")
        .and_then(|rest| rest.split_once(" ON *.* TO "));
    given.is_some_and(|(given, _)| {
        given
            .split(", ")
            .any(|one| one == privilege || one == "ALL PRIVILEGES")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_privilege_is_found_among_the_grants() {
        for (line, given) in [
            (
                "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED VIA unix_socket WITH GRANT OPTION",
                true,
            ),
            (
                "GRANT SELECT, RELOAD, PROCESS ON *.* TO `signet`@`localhost`",
                true,
            ),
            (
                "GRANT RELOAD ON *.* TO `signet`@`localhost` REQUIRE SSL",
                true,
            ),
            ("GRANT USAGE ON *.* TO `signet`@`localhost`", false),
            (
                "GRANT ALL PRIVILEGES ON `db`.* TO `signet`@`localhost`",
                false,
            ),
            ("GRANT `RELOAD` TO `signet`@`localhost`", false),
        ] {
            assert_eq!(grants_globally(line, "RELOAD"), given, "{line}");
        }
    }
}
