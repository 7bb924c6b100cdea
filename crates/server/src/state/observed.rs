//! The long form of observations and the certificates they name, read from the store.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::state::catalog::{Catalog, Error};
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

/// The certificates that a client of these nodes has to trust, each once: what the nodes serve, without their own leaves.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn anchors(catalog: &Catalog, nodes: &[Arc<Node>]) -> Result<Vec<Vec<u8>>, Error> {
    let mut all = Vec::new();
    for node in nodes {
        if let Some((_, chain)) = observation(catalog, node).await? {
            for certificate in dbtls::anchors(&chain).certificates {
                if !all.contains(&certificate) {
                    all.push(certificate);
                }
            }
        }
    }
    Ok(all)
}
