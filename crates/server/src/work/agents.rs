//! What agents are told to do, and what they say became of it. An agent asks, so an order waits here until it is fetched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};
use wire::agent::{Done, HOLD, Order, OrderId, Outcome, Work};

use crate::state::ids::AgentId;
use crate::state::pki::AgentRecord;
use crate::work::drivers::Trouble;

/// How long an agent that does not ask is waited for before an order is given up. It asks anew at once after each answer.
const ABSENCE: Duration = Duration::from_secs(20);

/// Where orders wait for agents, one at a time for each agent. An order is for one agent: no other gets it, not even one for the same node.
#[derive(Default)]
pub struct Hub {
    posts: Mutex<HashMap<AgentId, Arc<Post>>>,
    /// Held while an agent enrols, so that of two for one node the second sees the first.
    pub enrolling: tokio::sync::Mutex<()>,
}

/// The place of one agent.
#[derive(Default)]
struct Post {
    state: Mutex<State>,
    /// Tells a waiting agent that there is an order, and a waiting order that its agent has come.
    changed: Notify,
}

#[derive(Default)]
struct State {
    order: Option<(Order, oneshot::Sender<Outcome>)>,
    /// When the agent asked last.
    asked: Option<Instant>,
}

impl Post {
    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_absent(&self) -> bool {
        let patience = HOLD + ABSENCE;
        self.with(|state| state.asked.is_none_or(|asked| asked.elapsed() > patience))
    }
}

impl Hub {
    /// Gives an order to an agent, and waits for what becomes of it.
    ///
    /// # Errors
    /// When the agent does not ask for orders, does not answer in time, or could not do it.
    pub async fn order(
        &self,
        agent: &AgentRecord,
        id: OrderId,
        work: Work,
        patience: Duration,
    ) -> Result<Outcome, Trouble> {
        let (post, node) = (self.post(agent.id), &agent.node);
        let (done, outcome) = oneshot::channel();
        let order = Order {
            id,
            deadline_seconds: u32::try_from(patience.as_secs()).unwrap_or(u32::MAX),
            work,
        };
        post.with(|state| state.order = Some((order, done)));
        post.changed.notify_waiters();
        let answered = self.wait(&post, outcome, patience).await;
        post.with(|state| state.order = None);
        match answered {
            Some(Outcome::Failed { reason }) => Err(Trouble::new(reason)),
            Some(outcome) => Ok(outcome),
            None => Err(Trouble::new(if post.is_absent() {
                format!(
                    "no agent asks for orders for `{node}`: start signet-agent on its host, or enrol it (signet agent token)"
                )
            } else {
                format!(
                    "the agent did not answer within {} s; its log has the reason",
                    patience.as_secs()
                )
            })),
        }
    }

    /// The outcome; `None` when it does not come in time, or the agent is not there at all.
    async fn wait(
        &self,
        post: &Post,
        outcome: oneshot::Receiver<Outcome>,
        patience: Duration,
    ) -> Option<Outcome> {
        let start = Instant::now();
        let mut outcome = std::pin::pin!(outcome);
        if post.is_absent()
            && let Ok(answer) = timeout_at(start + ABSENCE, &mut outcome).await
        {
            return answer.ok();
        }
        if post.is_absent() {
            return None;
        }
        // A little longer than the agent has, so that its own words about a time-out arrive.
        let until = start + patience + Duration::from_secs(5);
        timeout_at(until, outcome).await.ok()?.ok()
    }

    /// What an agent is to do next; `None` when nothing comes up for a while.
    pub async fn next(&self, agent: AgentId) -> Option<Order> {
        let post = self.post(agent);
        post.with(|state| state.asked = Some(Instant::now()));
        let until = Instant::now() + HOLD;
        loop {
            let changed = post.changed.notified();
            let mut changed = std::pin::pin!(changed);
            // From here on no notification is missed.
            changed.as_mut().enable();
            if let Some(order) =
                post.with(|state| state.order.as_ref().map(|(order, _)| order.clone()))
            {
                return Some(order);
            }
            if timeout_at(until, changed).await.is_err() {
                post.with(|state| state.asked = Some(Instant::now()));
                return None;
            }
        }
    }

    /// Takes in what became of an order. One that nobody waits for any more is forgotten.
    pub fn done(&self, agent: AgentId, done: Done) {
        let waiting = self.post(agent).with(|state| {
            state.asked = Some(Instant::now());
            state.order.take_if(|(order, _)| order.id == done.order_id)
        });
        if let Some((_, waiting)) = waiting {
            // Who gave the order may have given up at this moment.
            let _ = waiting.send(done.outcome);
        }
    }

    /// How long ago an agent asked last; `None` when it has not since the start.
    pub fn asked(&self, agent: AgentId) -> Option<Duration> {
        self.post(agent)
            .with(|state| state.asked)
            .map(|asked| asked.elapsed())
    }

    fn post(&self, agent: AgentId) -> Arc<Post> {
        let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(posts.entry(agent).or_default())
    }
}
