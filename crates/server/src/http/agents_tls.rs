//! TLS of the agents' listener: a certificate of our own authority, and agents' certificates by the same.

use std::sync::Arc;

use ca::authority::{Profile, SubjectName};
use ca::key::KeyKind;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConnection, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio_rustls::{TlsAcceptor, rustls};

use crate::ambient::UnixTime;
use crate::service::Service;
use crate::state::ids::Account;
use crate::state::pki::Holder;
use crate::work::enrolment::Shown;
use crate::work::issuing::Issuing;

/// Makes the configuration for each connection: nearly always the one before.
pub struct Configs {
    names: Vec<SubjectName>,
    made: Mutex<Option<Made>>,
}

/// A configuration, and what it was made of.
struct Made {
    config: Arc<ServerConfig>,
    /// The authorities that agents' certificates may be by.
    authorities: Vec<String>,
    /// When the certificate is to be replaced.
    renew_at: UnixTime,
}

impl Configs {
    /// For a listener that agents reach by these names.
    pub fn new(names: Vec<SubjectName>) -> Self {
        Self {
            names,
            made: Mutex::new(None),
        }
    }

    /// What accepts the next connection. The certificate is made at the first, and anew when it gets old or the authorities change.
    ///
    /// # Errors
    /// When no certificate can be issued.
    pub async fn acceptor(&self, service: &Arc<Service>) -> anyhow::Result<TlsAcceptor> {
        let now = service.clock.now();
        let authorities: Vec<_> = service
            .catalog
            .pki
            .authorities()
            .iter()
            .map(|authority| authority.id.clone())
            .collect();
        let mut made = self.made.lock().await;
        let current = made
            .as_ref()
            .filter(|made| made.authorities == authorities && now < made.renew_at)
            .map(|made| Arc::clone(&made.config));
        let config = match current {
            Some(config) => config,
            None => {
                let next = self.make(service, authorities).await?;
                let config = Arc::clone(&next.config);
                *made = Some(next);
                config
            }
        };
        Ok(TlsAcceptor::from(config))
    }

    async fn make(&self, service: &Arc<Service>, authorities: Vec<String>) -> anyhow::Result<Made> {
        let issuing = Issuing {
            service,
            holder: Holder::Listener,
            account: Account::FIRST,
            profile: Profile::AgentListener,
            common_name: "signet".into(),
            names: self.names.clone(),
        };
        let (certificate, key) = issuing.issue_with_key(KeyKind::EcdsaP256).await?;
        let mut chain = CertificateDer::pem_slice_iter(certificate.chain_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()?;
        // An agent that enrols knows the root by its hash alone, so it is sent as well.
        let current = service.catalog.pki.current();
        let root = current.iter().flat_map(|current| current.issuer.anchors());
        chain.extend(root.map(|root| CertificateDer::from(root.clone())));
        let key = PrivateKeyDer::from_pem_slice(key.to_pem().as_bytes())?;
        let mut roots = RootCertStore::empty();
        for authority in service.catalog.pki.authorities() {
            for root in authority.issuer.anchors() {
                roots.add(CertificateDer::from(root.as_slice()))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let issued = service.catalog.pki.issued(&certificate.sha256);
        Ok(Made {
            config: Arc::new(config),
            authorities,
            renew_at: issued.map_or(0, |issued| issued.renew_at()),
        })
    }
}

/// The certificate that the agent showed; `None` without one.
pub fn shown(connection: &ServerConnection) -> Option<Shown> {
    let leaf = connection.peer_certificates()?.first()?;
    Some(Shown {
        sha256: hex::encode(Sha256::digest(leaf)),
        is_agents: dbtls::has_uri(leaf, ca::role::AGENT),
    })
}
