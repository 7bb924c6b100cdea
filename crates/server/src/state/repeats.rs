//! The answers of writes, so that a write which is sent again is answered and not done again: SDKs send the same bytes when a
//! connection breaks, and whoever records a request can do so as well.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use wire::Refusal;
use wire::envelope::MAX_SKEW;

use crate::ambient::UnixTime;

/// How many writes are remembered; a further one is refused.
pub const MOST: usize = 65_536;
/// The bytes of all answers that are kept.
const BYTES: usize = 8 << 20;
/// The largest answer that is kept, in bytes.
const LARGEST: usize = 64 << 10;

/// What became of a write.
#[derive(Clone)]
pub enum Kept {
    /// Its answer, or its refusal.
    Answer(Result<Arc<[u8]>, Refusal>),
    /// It was answered with a secret.
    Secret,
    /// Its answer was too large to be kept.
    TooLarge,
}

/// A write: the bytes of its signature, and the place of its action in the table of actions.
pub type Write = ([u8; 32], usize);

/// What to do with a write.
pub enum Claim {
    /// It is the first with its signature: do it, and say how it ended.
    First(Ticket),
    /// It was sent before: wait for what became of that.
    Repeat(watch::Receiver<Option<Kept>>),
    /// There is no room to remember it.
    Full,
}

/// The writes whose signatures are still valid.
#[derive(Clone, Default)]
pub struct Repeats(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    writes: HashMap<Write, watch::Receiver<Option<Kept>>>,
    /// Until when the signature of each is accepted, in the order in which they came.
    ends: VecDeque<(UnixTime, Write, usize)>,
    bytes: usize,
}

/// The right to do a write; dropped without an answer, it leaves a write that was interrupted.
pub struct Ticket {
    repeats: Repeats,
    write: Write,
    ended: watch::Sender<Option<Kept>>,
}

impl Repeats {
    /// Claims a write whose signature was made at `signed`.
    pub fn claim(&self, write: Write, signed: UnixTime, now: UnixTime) -> Claim {
        let mut inner = self.lock();
        inner.forget_before(now);
        if let Some(known) = inner.writes.get(&write) {
            return Claim::Repeat(known.clone());
        }
        if inner.writes.len() >= MOST {
            return Claim::Full;
        }
        let (ended, end) = watch::channel(None);
        inner.writes.insert(write, end);
        let until = signed + MAX_SKEW.cast_signed();
        inner.ends.push_back((until, write, 0));
        let repeats = self.clone();
        Claim::First(Ticket {
            repeats,
            write,
            ended,
        })
    }

    /// Whether this very write was claimed before.
    pub fn knows(&self, write: &Write) -> bool {
        self.lock().writes.contains_key(write)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget_before(&mut self, now: UnixTime) {
        while let Some((_, write, size)) = self.ends.pop_front_if(|(end, ..)| *end < now) {
            self.writes.remove(&write);
            self.bytes -= size;
        }
    }

    /// Takes room for an answer, if there is some.
    fn admits(&mut self, write: &Write, size: usize) -> bool {
        let fits = size <= LARGEST && self.bytes + size <= BYTES;
        let kept = self
            .ends
            .iter_mut()
            .rev()
            .find(|(_, other, _)| other == write);
        match kept {
            Some((.., taken)) if fits => {
                *taken = size;
                self.bytes += size;
                true
            }
            _ => false,
        }
    }
}

impl Ticket {
    /// Keeps the answer of the write, and gives it to those that wait for it.
    pub fn finish(self, answer: Result<&[u8], &Refusal>, is_secret: bool) {
        let kept = match answer {
            Ok(_) if is_secret => Kept::Secret,
            Ok(bytes) if self.repeats.lock().admits(&self.write, bytes.len()) => {
                Kept::Answer(Ok(bytes.into()))
            }
            Ok(_) => Kept::TooLarge,
            Err(refusal) => Kept::Answer(Err(refusal.clone())),
        };
        self.ended.send_replace(Some(kept));
    }
}

/// Waits for the end of a write that is under way, or has ended.
///
/// # Errors
/// What the write was refused with; or that its answer is not repeated.
pub async fn answer_of(mut write: watch::Receiver<Option<Kept>>) -> Result<Vec<u8>, Refusal> {
    let ended = write.wait_for(Option::is_some).await;
    match ended.as_deref() {
        Ok(Some(Kept::Answer(answer))) => answer.clone().map(|bytes| bytes.to_vec()),
        Ok(Some(Kept::Secret)) => Err(Refusal::not_repeated(
            "its answer holds a secret, which is shown once",
        )),
        Ok(Some(Kept::TooLarge)) => Err(Refusal::not_repeated("its answer was not kept")),
        Ok(None) | Err(_) => Err(Refusal::not_repeated("it was interrupted before its end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = 1_795_490_000;

    fn first(repeats: &Repeats, mac: u8, now: UnixTime) -> Option<Ticket> {
        match repeats.claim(([mac; 32], 1), NOW, now) {
            Claim::First(ticket) => Some(ticket),
            Claim::Repeat(_) | Claim::Full => None,
        }
    }

    async fn repeated(repeats: &Repeats, mac: u8) -> Result<Vec<u8>, String> {
        let Claim::Repeat(write) = repeats.claim(([mac; 32], 1), NOW, NOW) else {
            panic!("it is not known")
        };
        answer_of(write)
            .await
            .map_err(|refusal| refusal.to_string())
    }

    #[tokio::test]
    async fn a_write_that_comes_again_gets_the_first_ones_answer() {
        let repeats = Repeats::default();
        let ticket = first(&repeats, 1, NOW).unwrap();
        let waiting = tokio::spawn({
            let repeats = repeats.clone();
            async move { repeated(&repeats, 1).await }
        });
        tokio::task::yield_now().await;
        ticket.finish(Ok(b"{}"), false);
        assert_eq!(waiting.await.unwrap(), Ok(b"{}".to_vec()));
        assert_eq!(repeated(&repeats, 1).await, Ok(b"{}".to_vec()));
    }

    #[tokio::test]
    async fn what_is_not_kept_is_refused() {
        let repeats = Repeats::default();
        first(&repeats, 1, NOW).unwrap().finish(Ok(b"secret"), true);
        first(&repeats, 2, NOW)
            .unwrap()
            .finish(Ok(&vec![0; LARGEST + 1]), false);
        first(&repeats, 3, NOW)
            .unwrap()
            .finish(Err(&Refusal::internal_error()), true);
        drop(first(&repeats, 4, NOW).unwrap());
        let because = |why: &str| {
            let text = format!(
                "This very request was sent before, and {why}. Nothing was done again; sign the call again to repeat it."
            );
            Err(format!("AuthFailure.SignatureFailure: {text}"))
        };
        assert_eq!(
            repeated(&repeats, 1).await,
            because("its answer holds a secret, which is shown once")
        );
        assert_eq!(
            repeated(&repeats, 2).await,
            because("its answer was not kept")
        );
        assert_eq!(
            repeated(&repeats, 3).await,
            Err(Refusal::internal_error().to_string())
        );
        assert_eq!(
            repeated(&repeats, 4).await,
            because("it was interrupted before its end")
        );
    }

    #[test]
    fn it_is_kept_for_as_long_as_the_signature_is_valid() {
        let repeats = Repeats::default();
        first(&repeats, 1, NOW - 300)
            .unwrap()
            .finish(Ok(b"{}"), false);
        assert!(first(&repeats, 1, NOW + 300).is_none());
        assert!(first(&repeats, 1, NOW + 301).is_some());
        assert_eq!(repeats.lock().bytes, 0);
    }

    #[test]
    fn the_bytes_are_bounded() {
        let repeats = Repeats::default();
        for mac in 0..=255 {
            first(&repeats, mac, NOW)
                .unwrap()
                .finish(Ok(&vec![0; LARGEST]), false);
        }
        assert_eq!(repeats.lock().bytes, BYTES);
    }
}
