//! What the password of a database account is bound to: its document, what it is for, and the servers that it is for.
//!
//! All three are authenticated with the sealed password. Somebody who edits the store and has the same password brought to another server, or
//! to the same one past other CA certificates, gets a password that does not open.

use dbtls::Target;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::state::records::{InstanceRecord, Login, Registration, RoGroupRecord};
use crate::state::vault::{Error, Sealed, Vault};

/// What a password is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Probes log in with it.
    Probe,
    /// The `sql` driver logs in with it.
    Sql,
}

impl Field {
    const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Sql => "sql",
        }
    }
}

/// A digest of the servers that a password is for: their addresses in any order, and the CA certificates that they are verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination([u8; 32]);

impl Destination {
    /// Of these nodes, verified with these CA certificates.
    pub fn of<'a>(nodes: impl IntoIterator<Item = &'a Target>, ca: Option<&str>) -> Self {
        let mut nodes: Vec<_> = nodes.into_iter().map(ToString::to_string).collect();
        nodes.sort_unstable();
        let ca = ca.map(|pem| hex::encode(Sha256::digest(pem)));
        let text = serde_json::to_vec(&(nodes, ca)).expect("texts are JSON");
        Self(Sha256::digest(text).into())
    }
}

/// A password's place.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The key of the document that it is part of.
    pub document: &'a str,
    /// What it is for.
    pub field: Field,
    /// The servers that it is for.
    pub destination: Destination,
}

impl Place<'_> {
    /// Seals a password for this place.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, vault: &Vault, password: &[u8]) -> Result<Sealed, Error> {
        vault.seal(&self.owner(), password)
    }

    /// Opens a password that was sealed for this place.
    ///
    /// # Errors
    /// When it was altered, was sealed for another place, or the servers of this one are others now.
    pub fn open(&self, vault: &Vault, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Error> {
        vault
            .open_sealed(&self.owner(), sealed)
            .map_err(|_| Error::Sealed(format!("{} ({})", self.document, self.field.name())))
    }

    /// Contains a character that no key has, so that no other secret is sealed for the same text.
    fn owner(&self) -> String {
        let destination = hex::encode(self.destination.0);
        format!("{}#{}@{destination}", self.document, self.field.name())
    }
}

/// A document with accounts.
pub trait HasAccounts {
    /// Its key.
    fn document(&self) -> String;
    /// The servers that its passwords are for.
    fn destination(&self) -> Destination;
    /// What was registered.
    fn registration(&mut self) -> &mut Registration;
}

impl HasAccounts for InstanceRecord {
    fn document(&self) -> String {
        Self::key(self.id)
    }

    fn destination(&self) -> Destination {
        Destination::of(&self.nodes, self.registration.ca.as_deref())
    }

    fn registration(&mut self) -> &mut Registration {
        &mut self.registration
    }
}

impl HasAccounts for RoGroupRecord {
    fn document(&self) -> String {
        Self::key(self.id)
    }

    fn destination(&self) -> Destination {
        let nodes = self.members.iter().map(|member| &member.node);
        Destination::of(nodes, self.registration.ca.as_deref())
    }

    fn registration(&mut self) -> &mut Registration {
        &mut self.registration
    }
}

/// The accounts of a registration.
pub fn accounts(of: &mut Registration) -> impl Iterator<Item = (Field, &mut Login)> {
    let probe = of.probe.as_mut().map(|login| (Field::Probe, login));
    let sql = of.sql.as_mut().map(|login| (Field::Sql, login));
    probe.into_iter().chain(sql)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Entropy;
    use crate::state::store::sqlite::Sqlite;

    #[tokio::test]
    async fn a_password_opens_only_for_its_document_field_nodes_and_ca() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("signet.db")).unwrap();
        let master = folder.path().join("master.key");
        let vault = Vault::open(&master, &store, Entropy::System).await.unwrap();
        let [one, two, other]: [Target; 3] =
            ["db1:1", "db2:1", "db3:1"].map(|node| node.parse().unwrap());
        let place = |document, field, nodes: &[&Target], ca| Place {
            document,
            field,
            destination: Destination::of(nodes.iter().copied(), ca),
        };
        let sealed = place("i/1", Field::Probe, &[&one, &two], Some("CA"))
            .seal(&vault, b"secret")
            .unwrap();
        for (same, of) in [
            (true, place("i/1", Field::Probe, &[&two, &one], Some("CA"))),
            (false, place("i/2", Field::Probe, &[&one, &two], Some("CA"))),
            (false, place("i/1", Field::Sql, &[&one, &two], Some("CA"))),
            (false, place("i/1", Field::Probe, &[&one], Some("CA"))),
            (
                false,
                place("i/1", Field::Probe, &[&one, &other], Some("CA")),
            ),
            (false, place("i/1", Field::Probe, &[&one, &two], Some("CB"))),
            (false, place("i/1", Field::Probe, &[&one, &two], None)),
        ] {
            match of.open(&vault, &sealed) {
                Ok(password) => assert!(same && password.as_slice() == b"secret", "{of:?}"),
                Err(error) => {
                    let told = error.to_string();
                    assert!(!same && told.ends_with("cannot be opened: it was altered or moved"));
                }
            }
        }
        assert!(vault.open_sealed("i/1", &sealed).is_err(), "the old form");
    }
}
