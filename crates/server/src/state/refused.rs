//! The latest calls that were refused because of their signature, so that the owner of the key can ask what was wrong.
//!
//! They are copies of requests, bodies included, and those may hold passwords. So they are in memory only, for a quarter of an
//! hour, cannot be printed, and are shown to nobody but who has signed in with the key that they name: whoever calls
//! [`Refused::find`] passes the SecretId of the session, never one that came with a question.
//!
//! Anybody can name a key without holding it. What is kept is therefore bounded for each key and for all together, and when there
//! is no room it is the key with the most that gives way: a flood about one key leaves those of the others alone.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::doctor::Pasted;
use wire::{Refusal, Request, RequestId};

use crate::ambient::UnixTime;

/// How long a call is kept, in seconds.
const KEPT_FOR: UnixTime = 15 * 60;
/// The largest body that is kept; of a larger one only its hash is.
const LARGEST_BODY: usize = 64 << 10;
/// What is kept at most, of each key and in all.
const LIMITS: Limits = Limits {
    calls_of_a_key: 32,
    calls: 1_000,
    bytes: 16 << 20,
};

struct Limits {
    calls_of_a_key: usize,
    calls: usize,
    bytes: usize,
}

/// A call that was refused.
pub struct RefusedCall {
    /// What it was answered under.
    pub request_id: RequestId,
    /// When.
    pub time: UnixTime,
    /// Why.
    pub refusal: Refusal,
    /// The caller's address.
    pub from: SocketAddr,
    /// The request as it came.
    pub request: Pasted,
}

/// The calls that are kept.
pub struct Refused {
    limits: Limits,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    of: HashMap<String, OfKey>,
    calls: usize,
    bytes: usize,
}

/// The calls that name one key, the oldest first.
#[derive(Default)]
struct OfKey {
    calls: VecDeque<Arc<RefusedCall>>,
    bytes: usize,
}

impl Default for Refused {
    fn default() -> Self {
        Self::within(LIMITS)
    }
}

impl Refused {
    fn within(limits: Limits) -> Self {
        Self {
            limits,
            kept: Mutex::default(),
        }
    }

    /// Keeps a call that names the key `secret_id`, which must be one that exists.
    pub fn keep(&self, secret_id: &str, call: RefusedCall) {
        let mut kept = self.lock();
        kept.forget_before(call.time - KEPT_FOR);
        kept.add(secret_id, call);
        kept.shrink(secret_id, &self.limits);
    }

    /// The call with this RequestId, if it named this key.
    pub fn find(
        &self,
        secret_id: &str,
        request_id: &str,
        now: UnixTime,
    ) -> Option<Arc<RefusedCall>> {
        let mut kept = self.lock();
        kept.forget_before(now - KEPT_FOR);
        let mut calls = kept.of.get(secret_id)?.calls.iter();
        calls
            .find(|call| call.request_id.as_str() == request_id)
            .cloned()
    }

    /// Forgets what is too old. To be called now and then, for nobody may ask or be refused any more.
    pub fn forget_old(&self, now: UnixTime) {
        self.lock().forget_before(now - KEPT_FOR);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, secret_id: &str, call: RefusedCall) {
        let size = call.size();
        let of_key = self.of.entry(secret_id.to_owned()).or_default();
        of_key.calls.push_back(Arc::new(call));
        of_key.bytes += size;
        self.calls += 1;
        self.bytes += size;
    }

    /// Makes everything fit again after a call that names this key was added.
    fn shrink(&mut self, secret_id: &str, limits: &Limits) {
        let count = |of_key: &OfKey| of_key.calls.len();
        if self.of.get(secret_id).map_or(0, count) > limits.calls_of_a_key {
            self.drop_oldest(secret_id);
        }
        while self.calls > limits.calls {
            self.drop_oldest(&self.key_with_most(count));
        }
        while self.bytes > limits.bytes {
            self.drop_oldest(&self.key_with_most(|of_key| of_key.bytes));
        }
    }

    fn key_with_most(&self, measure: impl Fn(&OfKey) -> usize) -> String {
        let most = self.of.iter().max_by_key(|(_, of_key)| measure(of_key));
        most.map(|(secret_id, _)| secret_id.clone())
            .unwrap_or_default()
    }

    fn drop_oldest(&mut self, secret_id: &str) {
        let Some(of_key) = self.of.get_mut(secret_id) else {
            return;
        };
        if let Some(call) = of_key.calls.pop_front() {
            of_key.bytes -= call.size();
            self.bytes -= call.size();
            self.calls -= 1;
        }
        if of_key.calls.is_empty() {
            self.of.remove(secret_id);
        }
    }

    fn forget_before(&mut self, time: UnixTime) {
        let old_of = |(secret_id, of_key): (&String, &OfKey)| {
            let old = of_key.calls.iter().take_while(|call| call.time < time);
            vec![secret_id.clone(); old.count()]
        };
        let old: Vec<_> = self.of.iter().flat_map(old_of).collect();
        for secret_id in old {
            self.drop_oldest(&secret_id);
        }
    }
}

impl RefusedCall {
    /// A copy of a call that is refused.
    pub fn of(
        request: &Request<'_>,
        request_id: RequestId,
        time: UnixTime,
        refusal: Refusal,
        from: SocketAddr,
    ) -> Self {
        Self {
            request_id,
            time,
            refusal,
            from,
            request: Pasted::of(request, LARGEST_BODY),
        }
    }

    /// What it takes of the memory, roughly.
    fn size(&self) -> usize {
        size_of::<Self>() + self.request.size()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    const NOW: UnixTime = 1_795_490_000;

    /// The call of this number, which is in its RequestId.
    fn call(number: u8, time: UnixTime, body: &[u8]) -> RefusedCall {
        let request = Request {
            method: &Method::POST,
            host: "127.0.0.1",
            query: "",
            headers: &HeaderMap::new(),
            body,
        };
        let from = SocketAddr::from(([127, 0, 0, 1], 1));
        let refusal = Refusal::signature_failure();
        RefusedCall::of(&request, id(number), time, refusal, from)
    }

    fn id(number: u8) -> RequestId {
        RequestId::from_random([number; 16])
    }

    /// Which of the calls 0 to 9 of a key are kept.
    fn kept(refused: &Refused, secret_id: &str, now: UnixTime) -> Vec<u8> {
        let is_kept = |number: &u8| refused.find(secret_id, id(*number).as_str(), now).is_some();
        (0..10).filter(is_kept).collect()
    }

    fn within(calls_of_a_key: usize, calls: usize, bytes: usize) -> Refused {
        Refused::within(Limits {
            calls_of_a_key,
            calls,
            bytes,
        })
    }

    #[test]
    fn only_the_key_that_was_named_finds_a_call() {
        let refused = Refused::default();
        refused.keep("AKIDone", call(1, NOW, b"{}"));
        assert_eq!(kept(&refused, "AKIDone", NOW), [1]);
        assert!(kept(&refused, "AKIDother", NOW).is_empty());
    }

    #[test]
    fn a_key_keeps_its_latest_calls() {
        let refused = within(3, 100, 1 << 20);
        (0..5).for_each(|number| refused.keep("AKIDone", call(number, NOW, b"{}")));
        assert_eq!(kept(&refused, "AKIDone", NOW), [2, 3, 4]);
    }

    #[test]
    fn a_flood_about_one_key_leaves_the_calls_of_others_alone() {
        let refused = within(5, 6, 1 << 20);
        refused.keep("AKIDone", call(0, NOW, b"{}"));
        (0..10).for_each(|number| refused.keep("AKIDflooded", call(number, NOW, b"{}")));
        refused.keep("AKIDother", call(1, NOW, b"{}"));
        assert_eq!(kept(&refused, "AKIDone", NOW), [0]);
        assert_eq!(kept(&refused, "AKIDother", NOW), [1]);
        assert_eq!(kept(&refused, "AKIDflooded", NOW), [6, 7, 8, 9]);
    }

    #[test]
    fn the_memory_is_bounded_and_the_largest_gives_way() {
        let size = call(0, NOW, &[b' '; 1000]).size();
        let refused = within(10, 100, 3 * size);
        refused.keep("AKIDone", call(0, NOW, b"{}"));
        (0..4).for_each(|number| refused.keep("AKIDflooded", call(number, NOW, &[b' '; 1000])));
        assert_eq!(kept(&refused, "AKIDone", NOW), [0]);
        assert_eq!(kept(&refused, "AKIDflooded", NOW), [2, 3]);
    }

    #[test]
    fn a_call_is_forgotten_after_a_quarter_of_an_hour() {
        let refused = Refused::default();
        refused.keep("AKIDone", call(0, NOW, b"{}"));
        refused.keep("AKIDone", call(1, NOW + 1, b"{}"));
        assert_eq!(kept(&refused, "AKIDone", NOW + KEPT_FOR), [0, 1]);
        refused.forget_old(NOW + KEPT_FOR + 1);
        assert_eq!(kept(&refused, "AKIDone", NOW), [1]);
        refused.forget_old(NOW + KEPT_FOR + 2);
        let left = refused.lock();
        assert_eq!((left.of.len(), left.calls, left.bytes), (0, 0, 0));
    }
}
