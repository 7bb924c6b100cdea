//! Which certificates of a served chain a client needs in its CA bundle.

use crate::certificate::{is_self_signed, may_sign, parse};

/// The part of a served chain that belongs in a client's CA bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchors {
    /// The certificates, DER, in the order of the chain.
    pub certificates: Vec<Vec<u8>>,
    /// A self-signed one is among them, so that a client which insists on a root (all that use OpenSSL do) can verify with
    /// this bundle alone. Servers seldom send their root.
    pub complete: bool,
}

/// Picks from a chain (DER, leaf first) the CA certificates behind the leaf; or the leaf itself, if there are none and it is its own
/// issuer. Empty when neither is there. Nothing is verified: whoever hands this bundle out says "what the server showed".
pub fn anchors(chain: &[Vec<u8>]) -> Anchors {
    let mut certificates: Vec<Vec<u8>> = chain
        .iter()
        .skip(1)
        .filter(|der| parse(der).is_some_and(|cert| may_sign(&cert)))
        .cloned()
        .collect();
    if certificates.is_empty() {
        certificates.extend(chain.first().filter(|leaf| is_root(leaf)).cloned());
    }
    Anchors {
        complete: certificates.iter().any(|der| is_root(der)),
        certificates,
    }
}

/// Whether a certificate (DER) signs itself.
pub fn is_root(der: &[u8]) -> bool {
    parse(der).is_some_and(|cert| is_self_signed(&cert))
}
