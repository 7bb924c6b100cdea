//! The long form of observations and the certificates they name, read from the store.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::state::catalog::{Catalog, Common, Error};
use crate::state::node::Node;
use crate::state::pins::{Origin, PinRecord};
use crate::state::records::{BadDocument, CertificateRecord, ObservationRecord};

/// The last definite observation of a node, and the certificates that it served then or before, DER.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn observation(
    catalog: &Catalog,
    node: &Node,
) -> Result<Option<(ObservationRecord, Vec<Vec<u8>>)>, Error> {
    let key = ObservationRecord::key(&node.target);
    let Some((record, _)) = catalog.document::<ObservationRecord>(&key).await? else {
        return Ok(None);
    };
    let mut chain = Vec::with_capacity(record.chain.len());
    for sha256 in &record.chain {
        chain.push(certificate(catalog, sha256).await?);
    }
    Ok(Some((record, chain)))
}

/// The certificate with this SHA-256, DER.
///
/// # Errors
/// When the store fails, or has no such certificate.
pub async fn certificate(catalog: &Catalog, sha256: &str) -> Result<Vec<u8>, Error> {
    let key = CertificateRecord::key(sha256);
    let bad = |cause: String| {
        Error::Document(BadDocument {
            key: key.clone(),
            cause,
        })
    };
    let Some((record, _)) = catalog.document::<CertificateRecord>(&key).await? else {
        return Err(bad("it is missing".into()));
    };
    BASE64
        .decode(record.der)
        .map_err(|error| bad(error.to_string()))
}

/// What a client of these nodes has to trust.
pub struct Anchors {
    /// The certificates, DER, each once.
    pub certificates: Vec<Vec<u8>>,
    /// A root is among them. Without one, clients that use OpenSSL cannot verify with this bundle alone.
    pub complete: bool,
}

/// The roots of our own authority where we may change a node, and the CA certificates that were registered. Where none were registered, the
/// accepted authorities of every node that has no certificate of ours. What a node serves beside those is not among them, whatever it is.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn anchors(catalog: &Catalog, common: &Common) -> Result<Anchors, Error> {
    let mut certificates = Vec::new();
    if common.is_managed() {
        // Also the next one, before anything is issued by it: clients trust first.
        add(
            &mut certificates,
            catalog.pki.trust().certificates().map(<[u8]>::to_vec),
        );
    }
    add(
        &mut certificates,
        common.trust.certificates().map(<[u8]>::to_vec),
    );
    let pins = common
        .nodes
        .iter()
        .filter_map(|node| accepted(common, node));
    for sha256 in pins.flat_map(|pin| pin.anchors.clone()) {
        let der = certificate(catalog, &sha256).await?;
        add(&mut certificates, [der]);
    }
    // An operator's CA certificates are taken at their word.
    let complete = common.has_ca() || certificates.iter().any(|der| dbtls::is_root(der));
    Ok(Anchors {
        certificates,
        complete,
    })
}

/// What is accepted of a node that has to be taken at its word.
fn accepted(common: &Common, node: &Node) -> Option<Arc<PinRecord>> {
    let pin = node.pin().filter(|_| !common.has_ca())?;
    let is_ours = node.managed().is_some();
    (!is_ours || pin.origin == Origin::Accepted).then_some(pin)
}

/// The certificates of what is pinned for a node, DER.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn pinned(catalog: &Catalog, pin: &PinRecord) -> Result<Vec<Vec<u8>>, Error> {
    let mut pinned = Vec::with_capacity(pin.anchors.len());
    for sha256 in &pin.anchors {
        pinned.push(certificate(catalog, sha256).await?);
    }
    Ok(pinned)
}
fn add(all: &mut Vec<Vec<u8>>, more: impl IntoIterator<Item = Vec<u8>>) {
    for certificate in more {
        if !all.contains(&certificate) {
            all.push(certificate);
        }
    }
}
