//! TLS of our own listener: the configured certificate, read again when its files change.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

use crate::config::Tls;
use crate::service::StartError;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The certificate in force.
pub struct Reloading {
    files: Tls,
    current: ArcSwap<ServerConfig>,
}

/// What tells that a file was changed or replaced.
type Stamp = Option<(SystemTime, u64)>;

impl Reloading {
    /// The configured certificate; `None` without one.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn new(tls: Option<&Tls>) -> Result<Option<Arc<Self>>, StartError> {
        let Some(files) = tls else { return Ok(None) };
        Ok(Some(Arc::new(Self {
            current: ArcSwap::from(load(files)?),
            files: files.clone(),
        })))
    }

    /// What accepts the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Looks at the files until it is stopped. A pair that cannot be used is logged, and the one before stays in force.
    pub async fn watch(self: Arc<Self>, stopped: CancellationToken) {
        let mut seen = self.stamps();
        while tokio::time::timeout(LOOK, stopped.cancelled())
            .await
            .is_err()
        {
            let now = self.stamps();
            if now == seen {
                continue;
            }
            seen = now;
            match load(&self.files) {
                Ok(config) => {
                    self.current.store(config);
                    tracing::info!("the certificate of [tls] was loaded again");
                }
                Err(error) => {
                    tracing::error!(%error, "the certificate of [tls] was changed and cannot be used; the one before stays in force");
                }
            }
        }
    }

    fn stamps(&self) -> [Stamp; 2] {
        [stamp(&self.files.certificate), stamp(&self.files.key)]
    }
}

fn stamp(file: &Path) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.ino()))
}

/// Reads certificate and key.
///
/// Only HTTP/1.1 is offered: Go and OkHttp would take HTTP/2, which sends no `Host`.
fn load(files: &Tls) -> Result<Arc<ServerConfig>, StartError> {
    let Tls { certificate, key } = files;
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
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
    Ok(Arc::new(config))
}
