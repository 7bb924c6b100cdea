//! A map that readers use without a lock: many small immutable maps, each replaced as a whole when it changes.
//!
//! A lookup is one atomic load and one probe. A change copies one shard, a thousandth of the map.

use std::sync::Arc;

use ahash::RandomState;
use arc_swap::ArcSwap;
use hashbrown::HashMap;

const SHARDS: usize = 1024;

type Shard<V> = HashMap<u64, V, RandomState>;

/// The map. One writer at a time; any number of readers.
pub struct Index<V> {
    shards: Box<[ArcSwap<Shard<V>>]>,
    hasher: RandomState,
}

impl<V: Clone> Index<V> {
    /// An index with these entries.
    pub fn of(entries: impl IntoIterator<Item = (u64, V)>) -> Self {
        let hasher = RandomState::new();
        let mut shards: Vec<Shard<V>> =
            std::iter::repeat_with(|| HashMap::with_hasher(hasher.clone()))
                .take(SHARDS)
                .collect();
        for (key, value) in entries {
            shards[place(&hasher, key)].insert(key, value);
        }
        let shards = shards
            .into_iter()
            .map(|mut shard| {
                shard.shrink_to_fit();
                ArcSwap::from_pointee(shard)
            })
            .collect();
        Self { shards, hasher }
    }

    /// The value under this key.
    pub fn get(&self, key: u64) -> Option<V> {
        self.shard(key).load().get(&key).cloned()
    }

    /// Gives the value to `read` without taking it out, for the hot path.
    pub fn with<R>(&self, key: u64, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.shard(key).load().get(&key).map(read)
    }

    /// Every value, each shard as it is when its turn comes.
    pub fn values(&self) -> Vec<V> {
        self.shards
            .iter()
            .flat_map(|shard| shard.load().values().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Sets or takes away the value under this key. Two writers at once would lose a change: the catalog has one.
    pub fn set(&self, key: u64, value: Option<V>) {
        let shard = self.shard(key);
        let mut next = Shard::clone(&shard.load());
        match value {
            Some(value) => next.insert(key, value),
            None => next.remove(&key),
        };
        shard.store(Arc::new(next));
    }

    fn shard(&self, key: u64) -> &ArcSwap<Shard<V>> {
        &self.shards[place(&self.hasher, key)]
    }
}

/// The shard comes from bits that the map inside does not use first.
fn place(hasher: &RandomState, key: u64) -> usize {
    usize::try_from(hasher.hash_one(key) >> 40).unwrap_or(0) % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_found_and_what_is_taken_away_is_not() {
        let index = Index::of((0..5000).map(|n| (n, n * 2)));
        assert_eq!(index.get(4321), Some(8642));
        assert_eq!(index.get(5000), None);
        index.set(5000, Some(1));
        index.set(4321, None);
        assert_eq!((index.get(5000), index.get(4321)), (Some(1), None));
        assert_eq!(index.with(17, |n| n + 1), Some(35));
        assert_eq!(index.values().len(), 5000);
    }
}
