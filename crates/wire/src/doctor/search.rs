//! Which known deviation, or which two of them, make exactly the signature that was given.

use super::Deviation;

/// How many signatures are made at most for one diagnosis.
const MOST: usize = 500;

/// A way to make a signature.
pub(super) trait Recipe: Clone {
    /// The signature, as it would be sent.
    fn signature(&self) -> String;
}

type Change<'a, R> = Box<dyn Fn(&mut R) + 'a>;

/// Known deviations, the likely ones first. One may be there several times, in variants.
pub(super) struct Table<'a, R>(Vec<(Deviation, Change<'a, R>)>);

impl<'a, R: Recipe> Table<'a, R> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn add(&mut self, deviation: Deviation, change: impl Fn(&mut R) + 'a) {
        self.0.push((deviation, Box::new(change)));
    }

    /// The deviations from `right` that make the signature `given`; none of them when it is right.
    pub(super) fn explain(&self, right: &R, given: &str) -> Option<Vec<Deviation>> {
        let mut made = vec![right.signature()];
        if made[0] == given {
            return Some(Vec::new());
        }
        let mut effective = Vec::new();
        for (deviation, change) in self.0.iter().take(MOST) {
            let signature = changed(right, &[change]).signature();
            if signature == given {
                return Some(vec![*deviation]);
            }
            // What changes nothing here, or the same as another, need not be tried together with the rest.
            if !made.contains(&signature) {
                made.push(signature);
                effective.push((*deviation, change));
            }
        }
        let effective = first_variants_first(effective);
        let left = MOST.saturating_sub(self.0.len() + 1);
        let pairs = pairs(effective.len()).map(|(one, other)| (&effective[one], &effective[other]));
        let fitting = pairs
            .filter(|(one, other)| one.0 != other.0)
            .take(left)
            .find(|(one, other)| changed(right, &[one.1, other.1]).signature() == given);
        fitting.map(|(one, other)| vec![one.0, other.0])
    }
}

/// The order in which every deviation has its turn before the second variant of any.
fn first_variants_first<T>(changes: Vec<(Deviation, T)>) -> Vec<(Deviation, T)> {
    let earlier = |at: usize| {
        let before = changes[..at].iter();
        before
            .filter(|(deviation, _)| *deviation == changes[at].0)
            .count()
    };
    let ranks: Vec<_> = (0..changes.len()).map(earlier).collect();
    let mut ranked: Vec<_> = ranks.into_iter().zip(changes).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, change)| change).collect()
}

fn changed<R: Clone>(right: &R, changes: &[&Change<'_, R>]) -> R {
    let mut recipe = right.clone();
    for change in changes {
        change(&mut recipe);
    }
    recipe
}

/// All pairs of different numbers below `count`, those of low numbers first.
fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    let sums = 1..(2 * count).saturating_sub(2);
    sums.flat_map(move |sum| {
        let first = sum.saturating_sub(count - 1);
        (first..sum.div_ceil(2)).map(move |one| (one, sum - one))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn pairs_of_low_numbers_come_first_and_none_twice() {
        let all: Vec<_> = pairs(4).collect();
        assert_eq!(all, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]);
        assert_eq!([0, 1].map(|count| pairs(count).count()), [0, 0]);
    }

    #[derive(Clone)]
    struct Counted<'a>(&'a Cell<usize>, String);

    impl Recipe for Counted<'_> {
        fn signature(&self) -> String {
            self.0.set(self.0.get() + 1);
            self.1.clone()
        }
    }

    #[test]
    fn the_work_is_bounded() {
        let count = Cell::new(0);
        let mut table = Table::new();
        for (number, deviation) in Deviation::ALL.iter().enumerate() {
            table.add(*deviation, move |recipe: &mut Counted<'_>| {
                recipe.1.push_str(&format!(" {number}"));
            });
        }
        let right = Counted(&count, String::new());
        assert_eq!(table.explain(&right, "none of them"), None);
        assert_eq!(count.get(), MOST);
        let two = Some(vec![Deviation::ALL[1], Deviation::ALL[3]]);
        assert_eq!(table.explain(&right, " 1 3"), two);
    }
}
