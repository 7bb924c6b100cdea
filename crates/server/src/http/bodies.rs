//! The bytes of unfinished requests: one budget for all callers, with a share for each address; and reading bodies within it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hashbrown::HashMap;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderMap};
use prometheus::IntGauge;

use crate::config::LimitsConfig;
use crate::metrics::EdgeMetrics;

/// What is read at most before the signature is known to be possible, in bytes.
pub const UNPROVEN: usize = 64 << 10;
/// How much of a refused body is still read, in bytes: many clients send all of it before they look for an answer.
const DRAIN: usize = 16 << 20;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// What a body counts while it is read and thrown away: the buffer of its connection.
const DRAIN_BUFFER: usize = 64 << 10;

/// The budget.
pub struct Bodies {
    total: usize,
    of_one: usize,
    /// How long a body may take.
    patience: Duration,
    used: Mutex<Used>,
    gauge: IntGauge,
    metrics: EdgeMetrics,
}

#[derive(Default)]
struct Used {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// A part of the budget, given back when it is dropped.
pub struct Held {
    budget: Arc<Bodies>,
    address: IpAddr,
    bytes: usize,
}

/// There is no room in the budget.
#[derive(Debug)]
pub struct Full;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is larger than so many bytes.
    TooLarge(usize),
    /// There is no room for it now.
    NoRoom,
    /// It took too long.
    TookTooLong,
    /// It broke off.
    BrokeOff,
}

impl Bodies {
    /// Nothing is held yet.
    pub fn new(limits: &LimitsConfig, metrics: EdgeMetrics) -> Arc<Self> {
        let gauge = metrics.body_bytes.clone();
        let limit = i64::try_from(limits.body_bytes).unwrap_or(i64::MAX);
        metrics.body_bytes_limit.set(limit);
        Arc::new(Self {
            total: limits.body_bytes,
            of_one: limits.body_bytes_per_address,
            patience: limits.body_timeout,
            used: Mutex::default(),
            gauge,
            metrics,
        })
    }

    /// What a caller holds: nothing yet.
    pub fn held_for(self: &Arc<Self>, caller: SocketAddr) -> Held {
        Held {
            budget: Arc::clone(self),
            address: caller.ip().to_canonical(),
            bytes: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Takes so many bytes more.
    ///
    /// # Errors
    /// When the budget of all, or of the address, has no room for them.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let mut used = self.budget.lock();
        let own = used.of.get(&self.address).copied().unwrap_or_default();
        if used.all + bytes > self.budget.total || own + bytes > self.budget.of_one {
            self.budget.metrics.bodies_refused.inc();
            return Err(Full);
        }
        used.all += bytes;
        used.of.insert(self.address, own + bytes);
        self.bytes += bytes;
        self.budget
            .gauge
            .set(i64::try_from(used.all).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Gives everything back.
    pub fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes == 0 {
            return;
        }
        let mut used = self.budget.lock();
        used.all -= bytes;
        let own = used.of.get(&self.address).copied().unwrap_or_default();
        match own - bytes {
            0 => used.of.remove(&self.address),
            rest => used.of.insert(self.address, rest),
        };
        self.budget
            .gauge
            .set(i64::try_from(used.all).unwrap_or(i64::MAX));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// A body that is being read within the budget.
pub struct Reader {
    body: Incoming,
    announced: Option<usize>,
    held: Held,
    /// `None` for a body that is here already: it takes neither time nor room of the budget.
    deadline: Option<tokio::time::Instant>,
    first: Bytes,
    all: Vec<u8>,
    is_whole: bool,
}

impl Reader {
    /// Nothing is read yet. `is_here`: all of it is in the connection's buffer.
    pub fn new(body: Incoming, headers: &HeaderMap, held: Held, is_here: bool) -> Self {
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            body,
            announced,
            deadline: (!is_here).then(|| tokio::time::Instant::now() + held.budget.patience),
            held,
            first: Bytes::new(),
            all: Vec::new(),
            is_whole: false,
        }
    }

    /// What the head says about the length, in bytes.
    pub fn announced(&self) -> Option<usize> {
        self.announced
    }

    /// What was read so far.
    pub fn so_far(&self) -> &[u8] {
        if self.all.is_empty() {
            &self.first
        } else {
            &self.all
        }
    }

    /// Reads on, to the end or until there are so many bytes. True at the end.
    ///
    /// # Errors
    /// [`Unread`], but not for the size.
    pub async fn read_up_to(&mut self, bytes: usize) -> Result<bool, Unread> {
        while !self.is_whole && self.so_far().len() < bytes {
            let frame = match self.deadline {
                None => self.body.frame().await,
                Some(deadline) => tokio::time::timeout_at(deadline, self.body.frame())
                    .await
                    .map_err(|_| Unread::TookTooLong)?,
            };
            let Some(frame) = frame else {
                self.is_whole = true;
                break;
            };
            // Trailers are no part of a body.
            if let Ok(piece) = frame.map_err(|_| Unread::BrokeOff)?.into_data() {
                if self.deadline.is_some() {
                    self.held.grow(piece.len()).map_err(|_| Unread::NoRoom)?;
                }
                self.keep(piece);
            }
        }
        Ok(self.is_whole)
    }

    /// Nearly every body comes in one piece, which is then not copied.
    fn keep(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.all.is_empty() {
            self.first = piece;
        } else {
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
            self.all.extend_from_slice(&piece);
        }
    }

    /// Reads all of it, which may be so many bytes. What is held is to be kept as long as the body.
    ///
    /// # Errors
    /// [`Unread`]; what comes is then read a little longer by itself, so that the client gets to its answer.
    pub async fn whole(mut self, limit: usize) -> Result<(Bytes, Held), Unread> {
        if self.announced.is_some_and(|length| length > limit) {
            return self.refuse(Unread::TooLarge(limit));
        }
        match self.read_up_to(limit + 1).await {
            Ok(true) if self.so_far().len() <= limit => {}
            Ok(_) => return self.refuse(Unread::TooLarge(limit)),
            Err(unread) => return self.refuse(unread),
        }
        let body = if self.all.is_empty() {
            self.first
        } else {
            self.all.into()
        };
        Ok((body, self.held))
    }

    fn refuse<T>(self, why: Unread) -> Result<T, Unread> {
        if !matches!(why, Unread::BrokeOff | Unread::TookTooLong) {
            self.drain();
        }
        Err(why)
    }

    /// Throws away what comes, for a while, beside the answer. Without room in the budget the connection ends with the answer.
    pub fn drain(self) {
        let (mut body, mut held) = (self.body, self.held);
        held.release();
        if self.is_whole || held.grow(DRAIN_BUFFER).is_err() {
            return;
        }
        tokio::spawn(async move {
            let mut left = DRAIN;
            let drained = async {
                while let Some(Ok(frame)) = body.frame().await {
                    left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                    if left == 0 {
                        return;
                    }
                }
            };
            let _ = tokio::time::timeout(DRAIN_TIME, drained).await;
            drop(held);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_is_held_is_bounded_for_all_and_for_one_and_given_back() {
        let limits = LimitsConfig {
            body_bytes: 100,
            body_bytes_per_address: 60,
            ..LimitsConfig::default()
        };
        let bodies = Bodies::new(&limits, Metrics::new().edge());
        let held = |last: u8| bodies.held_for(SocketAddr::from(([192, 0, 2, last], 1)));
        let (mut one, mut same, mut other) = (held(1), held(1), held(2));
        one.grow(60).unwrap();
        assert!(same.grow(1).is_err(), "the share of the address is used up");
        other.grow(40).unwrap();
        assert!(held(3).grow(1).is_err(), "all is used up");
        drop(one);
        same.grow(60).unwrap();
        drop((same, other));
        let used = bodies.lock();
        assert!(used.all == 0 && used.of.is_empty());
    }
}
