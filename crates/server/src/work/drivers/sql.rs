//! The `sql` driver: MySQL 8.0.16 and newer, by SQL alone. The private key is made here, crosses the connection, and is forgotten.

use std::sync::Arc;

use ca::key::KeyKind;
use dbtls::switch::{self, Before, Change, Files, Paths, Terms, Witness};
use dbtls::{Account, Conditions, Password, Session, Target, Trust};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Checked, Delivery, Trouble, recall, remember};
use crate::service::Service;
use crate::state::catalog;
use crate::state::credentials::{Field, HasAccounts, Place};
use crate::state::ids::SubjectId;
use crate::state::records::{InstanceRecord, RoGroupRecord};
use crate::state::store::Revision;
use crate::state::subject::Subject;
use crate::state::task::Kind;
use crate::work::faults;
use crate::work::issuing::Issuing;

/// A node, and the account that may change it.
pub struct Hand {
    service: Arc<Service>,
    node: Target,
    account: Account,
    conditions: Conditions,
}

/// What the check found: how the server is, and where files may be written.
#[derive(Serialize, Deserialize)]
struct Found {
    before: Before,
    directory: String,
}

impl From<dbtls::SessionError> for Trouble {
    fn from(error: dbtls::SessionError) -> Self {
        Self(error.to_string())
    }
}

impl From<switch::Error> for Trouble {
    fn from(error: switch::Error) -> Self {
        Self(error.to_string())
    }
}

impl Hand {
    /// The hand for one node.
    ///
    /// # Errors
    /// When no account was registered.
    pub async fn of(
        service: &Arc<Service>,
        subject: SubjectId,
        node: &Target,
    ) -> Result<Self, Trouble> {
        let (account, trust) = registered(service, subject).await?;
        let of = Subject::of(&service.catalog, subject);
        let known = of
            .as_ref()
            .and_then(|subject| subject.common().node(node))
            .ok_or_else(|| Trouble::new(format!("`{node}` is no node of `{subject}` any more")))?;
        Ok(Self {
            service: Arc::clone(service),
            node: node.clone(),
            account,
            conditions: service.peers.for_session(known, &trust),
        })
    }

    pub(super) async fn check(&self, kind: Kind) -> Result<Checked, Trouble> {
        let change = match kind {
            Kind::Open => Change::Open,
            Kind::Close => Change::Close,
            Kind::Rotate => Change::Rotate,
            Kind::Enforce => Change::Require(true),
            Kind::Relax => Change::Require(false),
        };
        let mut session = self.session().await?;
        let terms = Terms {
            despite_audit: self.service.config.sql.despite_audit,
            ..Terms::default()
        };
        let checked = switch::check(&mut session, change, &terms).await;
        session.close().await;
        let checked = checked?;
        let before = remember(&Found {
            before: checked.before,
            directory: checked.directory.unwrap_or_default(),
        })?;
        Ok(Checked {
            before,
            notes: checked.notes,
        })
    }

    pub(super) async fn deliver(
        &self,
        issuing: &Issuing<'_>,
        kind: KeyKind,
        found: &Value,
    ) -> Result<Delivery, Trouble> {
        let found: Found = recall(found)?;
        let issue = self.service.metrics.task_step("issue").start_timer();
        let (certificate, mut key) = issuing.issue_with_key(kind).await?;
        issue.observe_duration();
        if faults::mismatched_key() {
            key = ca::key::PrivateKey::generate(kind)
                .map_err(|error| Trouble::new(error.to_string()))?;
        }
        let key_pem = key.to_pem();
        let files = Files {
            certificate_chain_pem: &certificate.chain_pem,
            key_pem: &key_pem,
            ca_pem: &certificate.ca_pem,
        };
        // Existing files are never written over, so the names are fresh: those of this certificate.
        let name = format!("signet-{}", &certificate.sha256[..16]);
        let mut session = self.session().await?;
        let paths = switch::deliver(&mut session, &found.directory, &name, &files).await;
        session.close().await;
        Ok(Delivery {
            delivered: remember(&paths?)?,
            certificate: certificate.sha256,
        })
    }

    pub(super) async fn load(&self, delivered: &Value, found: &Value) -> Result<(), Trouble> {
        let paths: Paths = recall(delivered)?;
        let found: Found = recall(found)?;
        let mut session = self.session().await?;
        let loaded = switch::load(&mut session, &paths, &found.before).await;
        session.close().await;
        Ok(loaded?)
    }

    pub(super) async fn switch_off(&self) -> Result<(), Trouble> {
        let mut session = self.session().await?;
        let off = switch::switch_off(&mut session).await;
        session.close().await;
        Ok(off?)
    }

    pub(super) async fn require(&self, on: bool) -> Result<(), Trouble> {
        let mut session = self.session().await?;
        let required = switch::require(&mut session, on).await;
        session.close().await;
        Ok(required?)
    }

    pub(super) async fn restore(&self, found: &Value) -> Result<(), Trouble> {
        let found: Found = recall(found)?;
        let mut session = self.session().await?;
        let restored = switch::restore(&mut session, &found.before).await;
        session.close().await;
        Ok(restored?)
    }

    /// What the server says that it loaded.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn witness(&self) -> Result<Witness, Trouble> {
        let mut session = self.session().await?;
        let said = switch::witness(&mut session).await;
        session.close().await;
        Ok(said?)
    }

    async fn session(&self) -> Result<Session, dbtls::SessionError> {
        let limits = dbtls::Limits {
            total: self.service.config.probe_timeout,
            ..dbtls::Limits::default()
        };
        Session::open(&self.node, &self.account, self.conditions.clone(), limits).await
    }
}

/// The account that was registered, and the CA certificates that its servers are verified with.
async fn registered(service: &Service, subject: SubjectId) -> Result<(Account, Trust), Trouble> {
    match subject {
        SubjectId::Instance(id) => {
            let key = InstanceRecord::key(id);
            let found = service.catalog.document::<InstanceRecord>(&key).await;
            account(service, subject, found)
        }
        SubjectId::Group(id) => {
            let key = RoGroupRecord::key(id);
            let found = service.catalog.document::<RoGroupRecord>(&key).await;
            account(service, subject, found)
        }
    }
}

fn account<T: HasAccounts>(
    service: &Service,
    subject: SubjectId,
    found: Result<Option<(T, Revision)>, catalog::Error>,
) -> Result<(Account, Trust), Trouble> {
    let (mut record, _) = found
        .map_err(|error| Trouble::new(error.to_string()))?
        .ok_or_else(|| Trouble::new(format!("`{subject}` was deregistered")))?;
    let (document, destination) = (record.document(), record.destination());
    let registration = record.registration();
    let login = registration.sql.as_ref().ok_or_else(|| {
        Trouble::new(format!(
            "`{subject}` has no SQL account: register `SqlUser` and `SqlPassword`"
        ))
    })?;
    let place = Place {
        document: &document,
        field: Field::Sql,
        destination,
    };
    let password = place.open(&service.vault, &login.password).map_err(|_| {
        Trouble::new(format!(
            "the stored password of `{}` does not belong to these nodes and CA certificates: it was altered or moved in the store. It was not used; give `SqlUser` and `SqlPassword` again with ModifyInstance",
            login.user
        ))
    })?;
    let password = Password::new(String::from_utf8_lossy(&password).into_owned());
    let account = Account::new(login.user.clone(), password);
    Ok((account, registration.trust()))
}
