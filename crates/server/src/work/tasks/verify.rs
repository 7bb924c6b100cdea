//! Seeing by a handshake what a node does: the same probe as ever, so that the catalog has it when the task ends.

use std::sync::Arc;
use std::time::Duration;

use dbtls::{Report, Status};
use tokio::time::Instant;

use crate::service::Service;
use crate::state::catalog::Common;
use crate::state::node::Node;
use crate::state::observed;
use crate::state::task::Seen;
use crate::work::drivers::Trouble;

/// How long a node may take to show what it should. A server that was restarted needs a while.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(250);

/// What a handshake is to show.
#[derive(Clone, Copy)]
pub(super) enum Expected<'a> {
    /// This certificate, by its SHA-256; its chain leads to our root and covers every name.
    Serves(&'a str),
    /// No TLS.
    Off,
    /// What was seen before the task.
    AsBefore(&'a Seen),
}

/// Looks once.
pub(super) async fn look(service: &Service, node: &Arc<Node>) -> Result<Seen, Trouble> {
    service.prober.probe([Arc::clone(node)]).await;
    if let Some(failure) = node.failure() {
        return Err(Trouble::new(format!(
            "it cannot be probed: {}",
            failure.reason
        )));
    }
    let seen = observed::observation(&service.catalog, node)
        .await
        .map_err(|error| Trouble::new(error.to_string()))?;
    let (record, _) = seen.ok_or_else(|| Trouble::new("it was not observed"))?;
    let status = record.seen.status;
    let leaf = match status {
        Status::On => record.chain.into_iter().next().unwrap_or_default(),
        Status::Off | Status::Unknown => String::new(),
    };
    Ok(Seen { status, leaf })
}

/// Looks until the node shows what is expected, or for too long.
pub(super) async fn until(
    service: &Service,
    node: &Arc<Node>,
    common: &Common,
    expected: Expected<'_>,
) -> Result<(), Trouble> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let problem = match look(service, node).await {
            Ok(seen) => match mismatch(service, node, common, &seen, expected).await {
                None => return Ok(()),
                Some(problem) => problem,
            },
            Err(trouble) => trouble.to_string(),
        };
        if Instant::now() >= deadline {
            return Err(Trouble::new(problem));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn mismatch(
    service: &Service,
    node: &Node,
    common: &Common,
    seen: &Seen,
    expected: Expected<'_>,
) -> Option<String> {
    match expected {
        Expected::Off => (seen.status != Status::Off)
            .then(|| "the server still offers TLS after it was switched off".to_owned()),
        Expected::AsBefore(before) if seen.status != before.status => Some(format!(
            "TLS was {} before, a handshake shows {}",
            before.status.as_str(),
            seen.status.as_str()
        )),
        Expected::AsBefore(before)
            if seen.leaf != before.leaf && service.catalog.pki.issued(&before.leaf).is_some() =>
        {
            Some(format!(
                "it served the certificate {} before, a handshake shows {}",
                before.leaf, seen.leaf
            ))
        }
        // A server that makes its certificate in memory has another one after every reload.
        Expected::AsBefore(_) => None,
        Expected::Serves(_) if seen.status != Status::On => {
            Some("the server does not offer TLS after the certificate was loaded".to_owned())
        }
        Expected::Serves(sha256) if seen.leaf != sha256 => Some(format!(
            "a handshake shows the certificate {} instead of {sha256}",
            seen.leaf
        )),
        Expected::Serves(_) => judge(service, node, common).await,
    }
}

/// Whether a client that has our root and checks the name accepts what the node serves.
async fn judge(service: &Service, node: &Node, common: &Common) -> Option<String> {
    let (record, chain) = match observed::observation(&service.catalog, node).await {
        Ok(observation) => observation?,
        Err(error) => return Some(error.to_string()),
    };
    let mut seen = record.seen;
    seen.tls.as_mut()?.chain = chain;
    let report = Report::of(
        &node.target,
        &seen,
        &service.catalog.pki.trust(),
        &common.names(),
        service.clock.now(),
    );
    if !report.chain_verifies {
        return Some(format!(
            "the chain that it serves does not verify: {}",
            report.chain_problem
        ));
    }
    report
        .names
        .iter()
        .find(|name| !name.covered)
        .map(|name| format!("the certificate does not cover `{}`", name.name))
}
