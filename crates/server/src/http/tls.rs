//! TLS of our own listener.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Tls;
use crate::service::StartError;

/// The acceptor for the configured certificate; `None` without one.
///
/// Only HTTP/1.1 is offered: Go and OkHttp would take HTTP/2, which sends no `Host`.
///
/// # Errors
/// Names the file that cannot be used.
pub fn acceptor(tls: Option<&Tls>) -> Result<Option<TlsAcceptor>, StartError> {
    let Some(Tls { certificate, key }) = tls else {
        return Ok(None);
    };
    let failed = |path: &std::path::Path, error: &dyn std::fmt::Display| {
        StartError::Tls(format!("{}: {error}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| failed(certificate, &e))?;
    if chain.is_empty() {
        return Err(failed(certificate, &"there is no certificate in it"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| failed(key, &e))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| StartError::Tls(e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|e| {
            failed(
                certificate,
                &format!("it does not go with {}: {e}", key.display()),
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
