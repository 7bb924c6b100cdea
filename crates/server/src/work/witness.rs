//! The second and third witness: what servers say that they loaded, and what they will load at their next start. The first is the
//! wire, which the prober watches.

use std::sync::Arc;

use dbtls::Target;
use dbtls::switch::Witness;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::service::Service;
use crate::state::ids::SubjectId;
use crate::state::node::{Node, Witnessed};
use crate::state::records::Driver;
use crate::state::subject::Subject;
use crate::work::drivers::sql;

/// Asks every node that is changed by SQL, again and again until the service stops. Agents tell by themselves.
pub async fn run(service: Arc<Service>, stopped: CancellationToken) {
    loop {
        let round = ask_all(&service);
        tokio::select! {
            () = round => {}
            () = stopped.cancelled() => return,
        }
        let pause = tokio::time::timeout(service.config.witness_interval, stopped.cancelled());
        if pause.await.is_ok() {
            return;
        }
    }
}

async fn ask_all(service: &Arc<Service>) {
    let room = Arc::new(Semaphore::new(service.config.task_concurrency));
    let mut asking = JoinSet::new();
    for (subject, node) in by_sql(service) {
        let (service, room) = (Arc::clone(service), Arc::clone(&room));
        asking.spawn(async move {
            // The semaphore is never closed.
            let _turn = room.acquire().await;
            ask(&service, subject, &node).await;
        });
    }
    while asking.join_next().await.is_some() {}
}

/// The nodes that are changed by SQL.
fn by_sql(service: &Service) -> Vec<(SubjectId, Arc<Node>)> {
    let mut found = Vec::new();
    for subject in service.catalog.subjects() {
        let nodes = subject.common().work();
        let by_sql = nodes.filter(|(_, driver)| *driver == Driver::Sql);
        found.extend(by_sql.map(|(node, _)| (subject.id(), Arc::clone(node))));
    }
    found
}

/// Asks one node and keeps what it says. One that cannot be asked keeps what it said before.
pub async fn ask(service: &Arc<Service>, subject: SubjectId, node: &Node) {
    let asked = async {
        let hand = sql::Hand::of(service, subject, &node.target).await?;
        hand.witness().await
    };
    match asked.await {
        Ok(said) => node.set_witness(Witnessed {
            said,
            at: service.clock.now(),
        }),
        Err(trouble) => {
            tracing::debug!(node = %node.target, reason = %trouble, "a server could not be asked what it loaded");
        }
    }
}

/// Keeps what an agent says that its server said.
pub fn take(service: &Service, subject: SubjectId, target: &Target, said: Witness) {
    let of = Subject::of(&service.catalog, subject);
    if let Some(node) = of
        .as_ref()
        .and_then(|subject| subject.common().node(target))
    {
        node.set_witness(Witnessed {
            said,
            at: service.clock.now(),
        });
    }
}
