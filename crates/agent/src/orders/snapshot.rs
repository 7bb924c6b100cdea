//! How the server was when an order found it. A snapshot stays on this host: the control plane gets its name and what people
//! want to know, and gives the name back.

use std::fs;

use dbtls::switch::{self, Before, Witness};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::agent::{OrderId, Outcome};

use super::files;
use crate::database::{self, Database, Way};
use crate::dropin::DropInError;
use crate::files::{Access, FileError};
use crate::host::{Failure, Host};
use crate::restart;
use crate::state::StateError;

/// How many are kept: those of the last few orders.
const KEPT: usize = 8;

/// How the server was.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Snapshot {
    /// Which order found it so.
    pub(super) order: OrderId,
    /// What `current` pointed to.
    pub(super) version: Option<String>,
    /// What was installed and not loaded yet.
    pub(super) next: Option<String>,
    /// The text of the drop-in.
    pub(super) dropin: Option<String>,
    /// What the server said.
    pub(super) server: Server,
}

/// What a server said, by its [`Way`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Server {
    /// It is switched by SQL.
    Sql(Before),
    /// It is switched by its configuration.
    Configured(Witness),
}

impl Snapshot {
    /// Whether a server that is switched by its configuration serves what it did.
    pub(super) fn is_of(&self, now: &Witness) -> bool {
        matches!(&self.server, Server::Configured(before) if database::is_same(before, now))
    }

    /// Whether TLS was on, and only a restart can switch it off.
    pub(super) const fn was_on_by_configuration(&self) -> bool {
        matches!(&self.server, Server::Configured(before) if before.enabled)
    }

    /// What the control plane gets.
    pub(super) fn describe(&self) -> Value {
        json!({ "snapshot": self.order, "version": self.version, "server": self.server })
    }
}

impl Host {
    /// Notes how the server is; if this order has noted it before, how it was then.
    pub(super) async fn take_snapshot(
        &self,
        order: &OrderId,
        database: &mut Database,
    ) -> Result<Snapshot, Failure> {
        if let Some(taken) = self.load_snapshot(order)? {
            return Ok(taken);
        }
        let server = match database.way {
            Way::Sql => Server::Sql(switch::before(&mut database.session).await?),
            Way::Reload | Way::Restart => Server::Configured(database.witness().await?),
        };
        let taken = Snapshot {
            order: order.clone(),
            version: self.versions().current()?,
            next: self.versions().next()?,
            dropin: self.dropin_text()?,
            server,
        };
        files::folder(
            &self.state.snapshots(),
            Access {
                mode: 0o700,
                owner: None,
            },
        )?;
        self.state.write_json(&self.state.snapshot(order), &taken)?;
        self.forget_old_snapshots()?;
        Ok(taken)
    }

    pub(super) fn load_snapshot(&self, order: &OrderId) -> Result<Option<Snapshot>, StateError> {
        self.state.read_json(&self.state.snapshot(order))
    }

    fn dropin_text(&self) -> Result<Option<String>, DropInError> {
        self.dropin().map_or(Ok(None), |dropin| dropin.text())
    }

    fn forget_old_snapshots(&self) -> Result<(), FileError> {
        let folder = self.state.snapshots();
        let entries = fs::read_dir(&folder).map_err(FileError::at("read", &folder))?;
        let mut entries: Vec<_> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        entries.sort();
        let old = entries.len().saturating_sub(KEPT);
        entries[..old]
            .iter()
            .try_for_each(|(_, path)| files::remove(path))
    }

    /// Puts the server back to how an earlier order found it.
    pub(super) async fn restore(&self, before: &Value) -> Result<Outcome, Failure> {
        let order: OrderId = serde_json::from_value(before["snapshot"].clone()).map_err(|e| {
            Failure(format!(
                "`before` is not what a check on this host answered: {e}"
            ))
        })?;
        let before = self.load_snapshot(&order)?.ok_or_else(|| {
            Failure(format!(
                "this host does not remember any more how it was at the order `{}`",
                order.as_str()
            ))
        })?;
        self.put_back(&before).await?;
        Ok(Outcome::Restored)
    }

    /// Puts the server back after something failed, and says how that went.
    pub(super) async fn undo(&self, before: &Snapshot, Failure(reason): Failure) -> Failure {
        match self.put_back(before).await {
            Ok(()) => Failure(format!("{reason}. Everything is as it was before.")),
            Err(Failure(second)) => {
                Failure(format!("{reason}. Then it could not be put back: {second}"))
            }
        }
    }

    async fn put_back(&self, before: &Snapshot) -> Result<(), Failure> {
        self.versions()
            .go_back(before.version.as_deref(), before.next.as_deref())?;
        if let Some(dropin) = self.dropin() {
            dropin.put(before.dropin.as_deref())?;
        }
        match &before.server {
            Server::Sql(server) => self.put_back_by_sql(server).await,
            Server::Configured(server) => self.put_back_configured(server).await,
        }
    }

    /// The paths may be the same as before and what lies there is not, so it reads them again in any case.
    async fn put_back_by_sql(&self, before: &Before) -> Result<(), Failure> {
        let mut database = Database::open(&self.config).await?;
        switch::restore(&mut database.session, before).await?;
        if before.enabled {
            switch::reload(&mut database.session).await?;
        }
        database.close().await;
        Ok(())
    }

    /// The files are as they were. A server that has not been restarted since reads them again, another one is restarted.
    async fn put_back_configured(&self, before: &Witness) -> Result<(), Failure> {
        let mut database = match self.reread(before).await? {
            Some(database) => database,
            None => self.restart().await?,
        };
        let now = database.witness().await?;
        if !database::is_same(&now, before) {
            return Err(Failure(
                "the server runs, but its TLS is not as it was: look into its configuration"
                    .to_owned(),
            ));
        }
        if now.requires_tls != before.requires_tls {
            switch::require(&mut database.session, before.requires_tls).await?;
        }
        database.close().await;
        Ok(())
    }

    /// Makes the server read its files again; nothing when it has to be restarted for it.
    async fn reread(&self, before: &Witness) -> Result<Option<Database>, Failure> {
        let mut database = match Database::open(&self.config).await {
            Err(e) if e.is_unreachable() => return Ok(None),
            opened => opened?,
        };
        let able = database.way == Way::Reload || !before.enabled;
        if !able || !database::is_same(&database.witness().await?, before) {
            database.close().await;
            return Ok(None);
        }
        if before.enabled {
            switch::reload(&mut database.session).await?;
        }
        Ok(Some(database))
    }

    /// Runs the restart command and waits until the server lets the agent in.
    pub(super) async fn restart(&self) -> Result<Database, Failure> {
        let limit = self.config.restart_timeout;
        restart::run(
            &self.config.restart,
            limit,
            &self.state.folder().join("restart.log"),
        )
        .await?;
        Ok(database::wait_for(&self.config, limit).await?)
    }
}
