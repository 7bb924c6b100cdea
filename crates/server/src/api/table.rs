//! The table of actions at run time: found by version and name, each with its shape, limit and counters.

use std::collections::BTreeMap;

use ahash::RandomState;
use hashbrown::HashMap;
use wire::Refusal;

use crate::api::action::{Entry, Product};
use crate::api::actions::ACTIONS;
use crate::api::shape::Shape;
use crate::metrics::{ActionMetrics, Metrics};

/// One action, ready to be called.
pub struct Route {
    /// What it is.
    pub entry: &'static Entry,
    /// Its place in the table.
    pub index: usize,
    /// The shape of its parameters.
    pub shape: Shape,
    /// Calls per second and key, as configured.
    pub limit: u32,
    /// What is counted of it.
    pub metrics: ActionMetrics,
}

/// All of them.
pub struct Table {
    products: [(Product, HashMap<&'static str, Route, RandomState>); Product::ALL.len()],
}

impl Table {
    /// Builds the table, with the configured rates in place of the documented ones.
    pub fn new(rates: &BTreeMap<String, u32>, metrics: &Metrics) -> Self {
        let route = |(index, entry): (usize, &'static Entry)| Route {
            entry,
            index,
            shape: Shape::of(&(entry.input)()),
            limit: rates
                .get(entry.spec.name)
                .copied()
                .unwrap_or(entry.spec.limit),
            metrics: metrics.action(entry.spec.product.name(), entry.spec.name),
        };
        let of = |product| {
            ACTIONS
                .iter()
                .enumerate()
                .filter(move |(_, entry)| entry.spec.product == product)
                .map(route)
                .map(|r| (r.entry.spec.name, r))
        };
        Self {
            products: Product::ALL.map(|product| (product, of(product).collect())),
        }
    }

    /// The action that a request names. A version belongs to one service, so it tells which.
    ///
    /// # Errors
    /// `NoSuchVersion`, `InvalidAction`.
    pub fn find(&self, action: &str, version: &str) -> Result<&Route, Refusal> {
        let of_version = self
            .products
            .iter()
            .find(|(product, _)| product.version() == version);
        let (_, routes) = of_version.ok_or_else(Refusal::no_such_version)?;
        routes.get(action).ok_or_else(Refusal::invalid_action)
    }
}
