use super::{Serial, pem};

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, in DER.
    pub leaf: Vec<u8>,
    /// What a server sends after it, from the lowest up, in DER. Never the root: who does not have it cannot trust it.
    pub intermediates: Vec<Vec<u8>>,
    /// Its serial number.
    pub serial: Serial,
    /// The first moment of its validity, in unix seconds.
    pub not_before: i64,
    /// The last moment of its validity, in unix seconds.
    pub not_after: i64,
    /// SHA-256 of its DER, lower-case hexadecimal.
    pub sha256: String,
}

impl Issued {
    /// What a server is configured with as its certificate: the leaf, then the intermediates, in PEM.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        pem(std::iter::once(&self.leaf).chain(&self.intermediates))
    }
}
