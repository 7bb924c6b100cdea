//! The long form of observations and the certificates they name, read from the store.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::state::catalog::{Catalog, Common, Error};
use crate::state::node::Node;
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

async fn certificate(catalog: &Catalog, sha256: &str) -> Result<Vec<u8>, Error> {
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

/// The roots of our own authority where we may change a node, the certificates that were registered for the nodes, and the CA certificates that they serve. Where there are neither,
/// the chain as it is served.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn anchors(catalog: &Catalog, common: &Common) -> Result<Anchors, Error> {
    let mut certificates = Vec::new();
    let mut served = Vec::new();
    let mut complete = false;
    if common.is_managed() {
        // Also the next one, before anything is issued by it: clients trust first.
        add(
            &mut certificates,
            catalog.pki.trust().certificates().map(<[u8]>::to_vec),
        );
        complete = !certificates.is_empty();
    }
    for node in &common.nodes {
        if let Some(access) = node.access() {
            add(
                &mut certificates,
                access.trust.certificates().map(<[u8]>::to_vec),
            );
            complete |= access.trust.certificates().next().is_some();
        }
        if let Some((_, chain)) = observation(catalog, node).await? {
            let of_node = dbtls::anchors(&chain);
            complete |= of_node.complete;
            add(&mut certificates, of_node.certificates);
            add(&mut served, chain);
        }
    }
    if certificates.is_empty() {
        certificates = served;
    }
    Ok(Anchors {
        certificates,
        complete,
    })
}

fn add(all: &mut Vec<Vec<u8>>, more: impl IntoIterator<Item = Vec<u8>>) {
    for certificate in more {
        if !all.contains(&certificate) {
            all.push(certificate);
        }
    }
}
