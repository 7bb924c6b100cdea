use dbtls::switch;
use wire::agent::{OrderId, Outcome};

use super::snapshot::{Server, Snapshot};
use crate::certificate::date;
use crate::database::{self, Database, Way};
use crate::dropin::{DropIn, Settings, Tls};
use crate::host::{Failure, Host};
use crate::restart;

impl Host {
    /// Makes the server serve what was installed last.
    pub(super) async fn load(&self, id: &OrderId) -> Result<Outcome, Failure> {
        self.verify_next()?;
        let mut database = Database::open(&self.config).await?;
        let before = self.take_snapshot(id, &mut database).await?;
        let loaded = match database.way {
            Way::Sql => self
                .load_by_sql(&mut database, &before)
                .await
                .map(|()| false),
            Way::Reload | Way::Restart => self.load_configured(&mut database, &before).await,
        };
        database.close().await;
        let loaded = match loaded {
            Ok(restarted) => self.check_loaded().await.map(|()| restarted),
            failed => failed,
        };
        match loaded {
            Ok(restarted) => {
                self.versions()
                    .tidy(&[self.versions().current()?, before.version])?;
                Ok(Outcome::Loaded { restarted })
            }
            Err(failure) => Err(self.undo(&before, failure).await),
        }
    }

    /// Looks at what is to be loaded as the server will. Nothing is touched before.
    fn verify_next(&self) -> Result<(), Failure> {
        let versions = self.versions();
        let name = versions.next()?.or(versions.current()?);
        let name =
            name.ok_or_else(|| Failure("there is no certificate: install one first".to_owned()))?;
        versions.verify(&name, (self.clock)())?;
        self.check_readable(versions.files(&name).all())
    }

    async fn load_by_sql(&self, database: &mut Database, before: &Snapshot) -> Result<(), Failure> {
        let Server::Sql(settings) = &before.server else {
            return Err(Failure(
                "the database server was replaced by another kind while the order was under way: give it again".to_owned(),
            ));
        };
        self.versions().advance()?;
        let [ca, certificate, key] = self
            .versions()
            .served()
            .all()
            .map(|path| path.display().to_string());
        Ok(switch::load(
            &mut database.session,
            &switch::Paths {
                ca,
                certificate,
                key,
            },
            settings,
        )
        .await?)
    }

    /// A new certificate behind the paths that the server started with is taken at once; anything else when it starts.
    /// Answers whether the server was restarted, be it in an earlier attempt that was interrupted.
    async fn load_configured(
        &self,
        database: &mut Database,
        before: &Snapshot,
    ) -> Result<bool, Failure> {
        let now = database.witness().await?;
        if database.way == Way::Reload && database::serves(&now, &self.versions().served()) {
            self.versions().advance()?;
            switch::reload(&mut database.session).await?;
            return Ok(!before.is_of(&now));
        }
        let dropin = self.restartable()?;
        let (served, settings) = (self.versions().served(), dropin.settings()?);
        self.versions().advance()?;
        dropin.write(&Settings {
            tls: Some(Tls::On(served.clone())),
            ..settings
        })?;
        let mut restarted = self.restart().await?;
        let now = restarted.witness().await?;
        restarted.close().await;
        if database::serves(&now, &served) {
            Ok(true)
        } else {
            Err(ignored(&dropin))
        }
    }

    /// The server says that it loaded what `current` points to: it shows when that expires.
    async fn check_loaded(&self) -> Result<(), Failure> {
        let mut database = Database::open(&self.config).await?;
        let now = database.witness().await?;
        database.close().await;
        let wanted = date(self.versions().current_facts()?.not_after);
        // A server that does not tell is believed; the control plane looks at what it serves.
        if now.not_after.is_empty() || now.not_after == wanted {
            return Ok(());
        }
        Err(Failure(format!(
            "the server says that it serves a certificate that ends at {}, and was given one that ends at {wanted}",
            now.not_after
        )))
    }

    /// Switches TLS off.
    pub(super) async fn switch_off(&self, id: &OrderId) -> Result<Outcome, Failure> {
        let mut database = Database::open(&self.config).await?;
        let before = self.take_snapshot(id, &mut database).await?;
        let off = self.switch_off_in(&mut database).await;
        database.close().await;
        match off {
            Ok(()) => Ok(Outcome::SwitchedOff {
                restarted: before.was_on_by_configuration(),
            }),
            Err(failure) => Err(self.undo(&before, failure).await),
        }
    }

    async fn switch_off_in(&self, database: &mut Database) -> Result<(), Failure> {
        if database.way == Way::Sql {
            return Ok(switch::switch_off(&mut database.session).await?);
        }
        let now = database.witness().await?;
        if now.requires_tls {
            return Err(switch::Error::TlsIsRequired.into());
        }
        if !now.enabled {
            return self.stay_off();
        }
        let dropin = self.restartable()?;
        dropin.write(&Settings {
            tls: Some(Tls::Off),
            ..dropin.settings()?
        })?;
        let mut restarted = self.restart().await?;
        let now = restarted.witness().await?;
        restarted.close().await;
        if now.enabled {
            Err(ignored(&dropin))
        } else {
            Ok(())
        }
    }

    /// TLS is off already: the next start must not bring it back.
    fn stay_off(&self) -> Result<(), Failure> {
        let Some(dropin) = self.dropin() else {
            return Ok(());
        };
        let settings = dropin.settings()?;
        match settings.tls {
            Some(Tls::On(_)) => Ok(dropin.write(&Settings {
                tls: Some(Tls::Off),
                ..settings
            })?),
            Some(Tls::Off) | None => Ok(()),
        }
    }

    /// Makes the server refuse connections without TLS, or accept them again, now and when it starts.
    pub(super) async fn require(&self, id: &OrderId, on: bool) -> Result<Outcome, Failure> {
        let mut database = Database::open(&self.config).await?;
        let before = self.take_snapshot(id, &mut database).await?;
        let done = self.require_in(&mut database, on).await;
        database.close().await;
        match done {
            Ok(()) => Ok(Outcome::Required),
            Err(failure) => Err(self.undo(&before, failure).await),
        }
    }

    async fn require_in(&self, database: &mut Database, on: bool) -> Result<(), Failure> {
        switch::require(&mut database.session, on).await?;
        if database.way != Way::Sql
            && let Some(dropin) = self.dropin()
        {
            dropin.write(&Settings {
                require: on,
                ..dropin.settings()?
            })?;
        }
        Ok(())
    }

    /// Asks the server what it loaded.
    pub(super) async fn witness(&self) -> Result<Outcome, Failure> {
        let mut database = Database::open(&self.config).await?;
        let witness = database.witness().await?;
        database.close().await;
        Ok(Outcome::Witness {
            witness: serde_json::to_value(witness)?,
        })
    }

    /// The drop-in, if the server can be restarted to read it. Nothing is touched before.
    fn restartable(&self) -> Result<DropIn, Failure> {
        restart::check(&self.config.restart)?;
        let dropin = self.dropin().ok_or_else(|| {
            Failure("no `dropin` is configured: this server is switched by its configuration and a restart".to_owned())
        })?;
        dropin.text()?;
        Ok(dropin)
    }
}

fn ignored(dropin: &DropIn) -> Failure {
    Failure(format!(
        "the server was restarted and does not do what {} says: its configuration must include that folder (`!includedir`), \
         and nothing after it may say otherwise",
        dropin.path().display()
    ))
}
