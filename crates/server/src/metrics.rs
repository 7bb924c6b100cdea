//! What is counted, in Prometheus' text form under `/metrics`.

mod edge;

pub use edge::{EdgeMetrics, ListenerMetrics};

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// Upper bounds of the durations of requests, in seconds.
const REQUEST_BUCKETS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0,
];
/// Upper bounds of the durations of probes, in seconds.
const PROBE_BUCKETS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Upper bounds of the durations of the steps of tasks, in seconds. A server that is restarted takes long.
const STEP_BUCKETS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// The registry. What is counted often has a handle that is made once and kept, so that counting costs no look-up.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    task_steps: HistogramVec,
    signatures: IntGaugeVec,
    /// How much of the data folder's disk is used, in percent.
    pub disk_used_percent: IntGauge,
    /// Bytes of this minute's budget for refusals in the audit log that are used.
    pub audit_budget_used: IntGauge,
}

/// What is counted of one action.
pub struct ActionMetrics {
    /// Calls that were answered without an error.
    pub answered: IntCounter,
    /// How long calls took, in seconds.
    pub seconds: Histogram,
}

/// What is counted of the prober.
pub struct ProbeMetrics {
    /// Probes by their verdict.
    pub on: IntCounter,
    /// As above.
    pub off: IntCounter,
    /// As above.
    pub unknown: IntCounter,
    /// How long probes took, in seconds.
    pub seconds: Histogram,
    /// Nodes that are watched.
    pub nodes: IntGauge,
}

impl Metrics {
    /// A registry that nothing has been counted in.
    pub fn new() -> Self {
        let registry = Registry::new();
        let requests = Opts::new(
            "signet_requests_total",
            "API requests by service, action and error code; the code is empty for an answer.",
        );
        let requests = IntCounterVec::new(requests, &["service", "action", "code"]).expect(NAMES);
        let seconds = HistogramOpts::new("signet_request_seconds", "How long API requests took.")
            .buckets(REQUEST_BUCKETS.into());
        let seconds = HistogramVec::new(seconds, &["service", "action"]).expect(NAMES);
        let signatures = Opts::new(
            "signet_signatures",
            "The memory of signatures: how many are remembered, and how many there is room for, by what their keys may do.",
        );
        let signatures = IntGaugeVec::new(signatures, &["access", "of"]).expect(NAMES);
        registry
            .register(Box::new(signatures.clone()))
            .expect(NAMES);
        let task_steps = HistogramOpts::new(
            "signet_task_step_seconds",
            "How long the steps of tasks took, node by node; `issue` is a part of `deliver`.",
        )
        .buckets(STEP_BUCKETS.into());
        let task_steps = HistogramVec::new(task_steps, &["step"]).expect(NAMES);
        for histogram in [&seconds, &task_steps] {
            registry.register(Box::new(histogram.clone())).expect(NAMES);
        }
        registry.register(Box::new(requests.clone())).expect(NAMES);
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help).expect(NAMES);
            registry.register(Box::new(gauge.clone())).expect(NAMES);
            gauge
        };
        Self {
            disk_used_percent: gauge(
                "signet_data_disk_used_percent",
                "How much of the data folder's disk is used.",
            ),
            audit_budget_used: gauge(
                "signet_audit_refused_bytes",
                "Bytes of refusals that were written into the audit log in this minute.",
            ),
            registry,
            requests,
            seconds,
            task_steps,
            signatures,
        }
    }

    /// The counters of one action.
    pub fn action(&self, service: &str, action: &str) -> ActionMetrics {
        ActionMetrics {
            answered: self.requests.with_label_values(&[service, action, ""]),
            seconds: self.seconds.with_label_values(&[service, action]),
        }
    }

    /// Counts a refused request. `service` and `action` are empty where they are not known.
    pub fn refused(&self, service: &str, action: &str, code: &str) {
        self.requests
            .with_label_values(&[service, action, code])
            .inc();
    }

    /// Shows how much of the memory of signatures is used.
    pub fn show_signatures(&self, access: &str, remembered: usize, capacity: usize) {
        for (of, number) in [("remembered", remembered), ("capacity", capacity)] {
            let gauge = self.signatures.with_label_values(&[access, of]);
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
    }

    /// How long one step of tasks took, in seconds.
    pub fn task_step(&self, step: &str) -> Histogram {
        self.task_steps.with_label_values(&[step])
    }

    /// The counters of the prober.
    pub fn prober(&self) -> ProbeMetrics {
        let probes = Opts::new("signet_probes_total", "Probes by verdict.");
        let probes = IntCounterVec::new(probes, &["verdict"]).expect(NAMES);
        let seconds = HistogramOpts::new("signet_probe_seconds", "How long probes took.")
            .buckets(PROBE_BUCKETS.into());
        let seconds = Histogram::with_opts(seconds).expect(NAMES);
        let nodes = IntGauge::new("signet_nodes", "Nodes that are watched.").expect(NAMES);
        self.registry
            .register(Box::new(probes.clone()))
            .expect(NAMES);
        self.registry
            .register(Box::new(seconds.clone()))
            .expect(NAMES);
        self.registry
            .register(Box::new(nodes.clone()))
            .expect(NAMES);
        let of = |verdict: &str| probes.with_label_values(&[verdict]);
        ProbeMetrics {
            on: of("on"),
            off: of("off"),
            unknown: of("unknown"),
            seconds,
            nodes,
        }
    }

    /// Everything that was counted, as text.
    pub fn render(&self) -> String {
        let families = self.registry.gather();
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_default()
    }
}

/// Why none of the above can fail.
const NAMES: &str = "names and labels are well-formed, and each is registered once";

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
