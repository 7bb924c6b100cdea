use ca::key::{KeyKind, PrivateKey};
use pem_rfc7468::LineEnding;

/// A key that was just made, and the request for its certificate.
pub(crate) struct Made {
    pub(crate) key: PrivateKey,
    /// PKCS#10 in PEM.
    pub(crate) csr: String,
}

/// There is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(transparent)]
    Key(#[from] ca::key::Error),
    #[error(transparent)]
    Request(#[from] ca::request::Error),
}

/// Makes a key, and the request that names it `name`, for people: the authority decides what the certificate says.
pub(crate) fn make(kind: KeyKind, name: &str) -> Result<Made, KeyError> {
    let key = PrivateKey::generate(kind)?;
    let csr = pem_rfc7468::encode_string("CERTIFICATE REQUEST", LineEnding::LF, &key.csr(name)?);
    Ok(Made {
        key,
        csr: csr.expect("PEM can hold all bytes"),
    })
}
