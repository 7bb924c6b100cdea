use std::sync::Arc;

use ca::role::CONTROL_PLANE;
use ring::digest::{SHA256, digest};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring as provider};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, OtherError,
    RootCertStore, SignatureScheme, WantsVerifier, client, crypto,
};

use crate::certificate::{Chain, is_marked};
use crate::identity::Identity;

/// What enrolment or renewal brought cannot be used for TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the agent's certificate cannot be used: {0}")]
pub(crate) struct TlsError(String);

impl TlsError {
    // It is given to `map_err`, which hands over what it has.
    #[allow(clippy::needless_pass_by_value)]
    pub(crate) fn because(cause: impl ToString) -> Self {
        Self(cause.to_string())
    }
}

/// TLS of an agent that knows nothing but the SHA-256 of the control plane's root certificate. The control plane sends
/// that certificate too; only a chain that leads to it is trusted.
pub(crate) fn for_enrolment(root: [u8; 32]) -> ClientConfig {
    let provider = Arc::new(provider::default_provider());
    let verifier = Arc::new(ControlPlane {
        trust: Trusted::Pinned(root),
        provider: Arc::clone(&provider),
    });
    with_http(
        builder(provider)
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth(),
    )
}

/// TLS of an enrolled agent: certificates on both ends.
pub(crate) fn for_identity(identity: &Identity) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(identity.roots.as_bytes()) {
        roots
            .add(root.map_err(TlsError::because)?)
            .map_err(TlsError::because)?;
    }
    let chain = Chain::from_pem(&identity.certificate)
        .map_err(TlsError::because)?
        .into_certificates();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(TlsError::because)?;
    let provider = Arc::new(provider::default_provider());
    let verifier = ControlPlane {
        trust: Trusted::Roots(Arc::new(roots)),
        provider: Arc::clone(&provider),
    };
    let config = builder(provider)
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, key)
        .map_err(TlsError::because)?;
    Ok(with_http(config))
}

/// Both ends are ours, so there is no reason for anything older.
fn builder(provider: Arc<CryptoProvider>) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("ring speaks TLS 1.3")
}

fn with_http(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session that is resumed shows no certificate, and a handshake in half a minute costs nothing.
    config.resumption = client::Resumption::disabled();
    config
}

/// Trusts a certificate that leads to a trusted root, names the host and has the mark of a control plane. Those that the same authority
/// issued to databases have none.
#[derive(Debug)]
struct ControlPlane {
    trust: Trusted,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Trusted {
    /// The one root that is known by its SHA-256; it is sent with the chain.
    Pinned([u8; 32]),
    /// The roots that enrolment or the last renewal brought.
    Roots(Arc<RootCertStore>),
}

impl Trusted {
    fn roots(&self, sent: &[CertificateDer<'_>]) -> Result<Arc<RootCertStore>, Error> {
        let pinned = match self {
            Self::Roots(roots) => return Ok(Arc::clone(roots)),
            Self::Pinned(pinned) => pinned,
        };
        let root = sent
            .iter()
            .find(|sent| digest(&SHA256, sent).as_ref() == pinned)
            .ok_or_else(|| CertificateError::Other(OtherError(Arc::new(OtherRoot))))?;
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        Ok(Arc::new(roots))
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "its certificate has not the mark of a control plane ({CONTROL_PLANE}): it was issued to something else, or the control plane is older than this agent: update the control plane first"
)]
struct NoMark;

#[derive(Debug, thiserror::Error)]
#[error(
    "it does not show the root certificate that the token names: the token is of another control plane, or somebody is in between"
)]
struct OtherRoot;

impl ServerCertVerifier for ControlPlane {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let roots = self.trust.roots(intermediates)?;
        let verified =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
                .build()
                .map_err(|e| Error::General(e.to_string()))?
                .verify_server_cert(end_entity, intermediates, name, ocsp, now)?;
        if is_marked(end_entity, CONTROL_PLANE) {
            Ok(verified)
        } else {
            Err(CertificateError::Other(OtherError(Arc::new(NoMark))).into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
