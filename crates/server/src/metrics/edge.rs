//! What is counted of the HTTP edge: the state of every budget.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use super::{Metrics, NAMES};

/// The budgets of all listeners.
#[derive(Clone)]
pub struct EdgeMetrics {
    /// Bytes of unfinished requests.
    pub body_bytes: IntGauge,
    /// How many there may be.
    pub body_bytes_limit: IntGauge,
    /// How often there was no room for more.
    pub bodies_refused: IntCounter,
    ambiguous: IntCounterVec,
    connections: IntGaugeVec,
    refused: IntCounterVec,
    closed: IntCounterVec,
}

/// The connections of one listener.
pub struct ListenerMetrics {
    name: &'static str,
    /// Connections that are open.
    pub open: IntGauge,
    /// Of those, the ones that have authenticated.
    pub proven: IntGauge,
    /// How many there may be.
    pub limit: IntGauge,
    refused: IntCounterVec,
    closed: IntCounterVec,
}

impl Metrics {
    /// The metrics of the HTTP edge. To be called once.
    pub fn edge(&self) -> EdgeMetrics {
        let gauge = |name, help| self.add(IntGauge::new(name, help));
        let counters =
            |name, help, labels| self.add(IntCounterVec::new(Opts::new(name, help), labels));
        EdgeMetrics {
            body_bytes: gauge(
                "signet_unfinished_request_bytes",
                "Bytes of unfinished requests that are held.",
            ),
            body_bytes_limit: gauge(
                "signet_unfinished_request_bytes_limit",
                "How many of them may be held: `limits.body_bytes`.",
            ),
            bodies_refused: self.add(IntCounter::new(
                "signet_unfinished_requests_refused_total",
                "Requests that were refused because `limits.body_bytes` or `limits.body_bytes_per_address` was used up.",
            )),
            ambiguous: counters(
                "signet_ambiguous_requests_total",
                "Requests whose length or host can be read in two ways, answered with 400.",
                &["reason"],
            ),
            connections: self.add(IntGaugeVec::new(
                Opts::new(
                    "signet_connections",
                    "Connections by listener and state: all of them, the authenticated ones, and the limit.",
                ),
                &["listener", "state"],
            )),
            refused: counters(
                "signet_connections_refused_total",
                "Connections that were closed at once, by the limit that was reached: all, network or address.",
                &["listener", "limit"],
            ),
            closed: counters(
                "signet_connections_closed_total",
                "Connections that were closed because they were overdue (timeout) or idle while room was needed (crowded).",
                &["listener", "reason"],
            ),
        }
    }

    fn add<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let collector = made.expect(NAMES);
        let boxed = Box::new(collector.clone());
        self.registry.register(boxed).expect(NAMES);
        collector
    }
}

impl EdgeMetrics {
    /// The connections of a listener.
    pub fn listener(&self, name: &'static str) -> ListenerMetrics {
        let of = |state: &str| self.connections.with_label_values(&[name, state]);
        ListenerMetrics {
            name,
            open: of("open"),
            proven: of("authenticated"),
            limit: of("limit"),
            refused: self.refused.clone(),
            closed: self.closed.clone(),
        }
    }

    /// Counts a request that can be read in two ways.
    pub fn ambiguous(&self, reason: &str) {
        self.ambiguous.with_label_values(&[reason]).inc();
    }
}

impl ListenerMetrics {
    /// Counts a connection that was closed at once.
    pub fn refused(&self, limit: &str) {
        self.refused.with_label_values(&[self.name, limit]).inc();
    }

    /// Counts a connection that was closed while it waited.
    pub fn closed(&self, reason: &str) {
        self.closed.with_label_values(&[self.name, reason]).inc();
    }
}
