use ca::key::PrivateKey;
use wire::agent::{KeyKind, OrderId, Outcome};

use super::files;
use crate::files::Access;
use crate::host::{Failure, Host};
use crate::key;
use crate::versions::{self, Contents};

impl Host {
    /// Makes the server's next key. It stays in the state folder until its certificate comes.
    pub(super) fn make_key(&self, kind: KeyKind) -> Result<Outcome, Failure> {
        let kind = match kind {
            KeyKind::EcdsaP256 => ca::key::KeyKind::EcdsaP256,
            KeyKind::Rsa2048 => ca::key::KeyKind::Rsa2048,
        };
        let made = key::make(kind, &self.node)?;
        files::replace(
            &self.state.pending_key(),
            made.key.to_pem().as_bytes(),
            Access::PRIVATE,
        )?;
        Ok(Outcome::Key { csr: made.csr })
    }

    /// Writes key and certificate where the server will read them.
    pub(super) fn install(
        &self,
        id: &OrderId,
        certificate: &str,
        ca: &str,
    ) -> Result<Outcome, Failure> {
        let name = versions::name_of(id);
        let key = self.pending_key(&name)?;
        versions::verify(certificate, ca, &key.public_key_der(), (self.clock)())?;
        let contents = Contents {
            ca,
            certificate,
            key: &key,
        };
        let versions = self.versions();
        versions.write(&name, &contents, self.access()?)?;
        if let Err(unreadable) = self.check_readable(versions.files(&name).all()) {
            versions.discard(&name)?;
            return Err(unreadable);
        }
        versions.announce(&name)?;
        // The certificate is installed, whatever becomes of the copy; the next key takes its place.
        if let Err(e) = files::remove(&self.state.pending_key()) {
            tracing::warn!("{e}");
        }
        Ok(Outcome::Installed)
    }

    /// The key that waits for its certificate; or that has just been installed, if the agent ended before it could say so.
    fn pending_key(&self, name: &str) -> Result<PrivateKey, Failure> {
        let text = match files::read(&self.state.pending_key())? {
            Some(text) => Some(text),
            None => files::read(&self.versions().files(name).key)?,
        };
        let text = text.ok_or_else(|| {
            Failure("there is no key for this certificate: make one first".to_owned())
        })?;
        Ok(PrivateKey::from_pem(&text)?)
    }
}
