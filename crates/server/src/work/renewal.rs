//! Renewal: at two thirds of a certificate's life its nodes get a fresh one, by the same task as a rotation.

use std::sync::Arc;

use dbtls::Status;
use tokio_util::sync::CancellationToken;

use crate::ambient::UnixTime;
use crate::service::Service;
use crate::state::catalog::Common;
use crate::state::drift;
use crate::state::ids::{Account, SubjectId};
use crate::state::node::Node;
use crate::state::pki::Fate;
use crate::state::task::{Cause, Kind, State};
use crate::work::tasks::{self, Refused, Wish};

/// How long after a renewal that failed the next one comes, in seconds.
const AGAIN: UnixTime = 3600;

/// Renews what is due until the service stops.
pub async fn run(service: Arc<Service>, stopped: CancellationToken) {
    loop {
        for (account, subject) in due(&service) {
            renew(&service, account, subject).await;
        }
        if pause(&service, &stopped).await {
            return;
        }
    }
}

/// Waits for the next round; true when the service stops.
async fn pause(service: &Service, stopped: &CancellationToken) -> bool {
    let pause = tokio::time::timeout(service.config.renewal_interval, stopped.cancelled());
    pause.await.is_ok()
}

async fn renew(service: &Arc<Service>, account: Account, subject: SubjectId) {
    let wish = Wish {
        account,
        subject,
        kind: Kind::Rotate,
        cause: Cause::Renewal,
    };
    match tasks::start(service, wish).await {
        Ok(task) => tracing::info!(%subject, %task, "certificates are being renewed"),
        // Its turn comes again in the next round.
        Err(Refused::Locked { .. }) => {}
        Err(error) => tracing::error!(%subject, %error, "a renewal could not be started"),
    }
}

/// The instances and groups with a certificate that is due.
fn due(service: &Service) -> Vec<(Account, SubjectId)> {
    let subjects = service.catalog.subjects().into_iter();
    let mut due: Vec<_> = subjects
        .filter(|subject| is_due(service, subject.common()))
        .map(|subject| (subject.common().account, subject.id()))
        .collect();
    due.retain(|(account, subject)| !failed_lately(service, *account, *subject));
    due
}

/// A node is due that serves what it is expected to. What somebody changed behind our back is told as drift, and left.
fn is_due(service: &Service, common: &Common) -> bool {
    common.is_managed()
        && common.nodes.iter().any(|node| has_aged(service, node))
        && common.nodes.iter().all(|node| drift::of(node).is_none())
}

fn has_aged(service: &Service, node: &Node) -> bool {
    let Some(expected) = node.managed().filter(|expected| expected.on) else {
        return false;
    };
    let issued = service.catalog.pki.issued(&expected.certificate);
    node.fresh().0 == Status::On
        && issued.is_some_and(|issued| {
            issued.fate == Fate::Active && service.clock.now() >= issued.renew_at()
        })
}

fn failed_lately(service: &Service, account: Account, subject: SubjectId) -> bool {
    let since = service.clock.now() - AGAIN;
    let mut tasks = service.catalog.tasks.of(account).into_iter();
    tasks.any(|task| {
        task.subject == subject
            && task.cause == Cause::Renewal
            && task.state == State::Failed
            && task.ended > since
    })
}
