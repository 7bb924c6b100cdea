//! What is counted, in Prometheus' text form under `/metrics`.

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString,
};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

/// Upper bounds of the durations of requests, in seconds.
const REQUEST_BUCKETS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0,
];
/// Upper bounds of the durations of probes, in seconds.
const PROBE_BUCKETS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

const METADATA: Metadata<'static> = Metadata::new("signet", Level::INFO, None);

/// The recorder. Handles are made once and kept, so that counting costs no look-up.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

/// What is counted of one action.
pub struct ActionMetrics {
    /// Calls that were answered without an error.
    pub answered: Counter,
    /// How long calls took, in seconds.
    pub seconds: Histogram,
}

/// What is counted of the prober.
pub struct ProbeMetrics {
    /// Probes by their verdict.
    pub on: Counter,
    /// As above.
    pub off: Counter,
    /// As above.
    pub unknown: Counter,
    /// How long probes took, in seconds.
    pub seconds: Histogram,
    /// Nodes that are watched.
    pub nodes: Gauge,
}

impl Metrics {
    /// A recorder that nothing has been counted in.
    pub fn new() -> Self {
        let builder = PrometheusBuilder::new();
        let builder = builder
            .set_buckets_for_metric(
                Matcher::Full("signet_request_seconds".into()),
                REQUEST_BUCKETS,
            )
            .and_then(|builder| {
                builder.set_buckets_for_metric(
                    Matcher::Full("signet_probe_seconds".into()),
                    PROBE_BUCKETS,
                )
            })
            .expect("the bounds are not empty");
        let recorder = builder.build_recorder();
        let describe = |name: &'static str, text: &'static str| {
            (KeyName::from(name), SharedString::from(text))
        };
        let (name, text) = describe(
            "signet_requests_total",
            "API requests by service, action and error code; the code is empty for an answer.",
        );
        recorder.describe_counter(name, None, text);
        let (name, text) = describe("signet_request_seconds", "How long API requests took.");
        recorder.describe_histogram(name, None, text);
        let (name, text) = describe("signet_probes_total", "Probes by verdict.");
        recorder.describe_counter(name, None, text);
        let (name, text) = describe("signet_probe_seconds", "How long probes took.");
        recorder.describe_histogram(name, None, text);
        let (name, text) = describe("signet_nodes", "Nodes that are watched.");
        recorder.describe_gauge(name, None, text);
        let handle = recorder.handle();
        Self { recorder, handle }
    }

    /// The counters of one action.
    pub fn action(&self, service: &'static str, action: &'static str) -> ActionMetrics {
        let seconds = Key::from_parts(
            "signet_request_seconds",
            vec![Label::new("service", service), Label::new("action", action)],
        );
        ActionMetrics {
            answered: self.requests(service, action, ""),
            seconds: self.recorder.register_histogram(&seconds, &METADATA),
        }
    }

    /// Counts a refused request. `action` is empty where it is not known.
    pub fn refused(&self, service: &'static str, action: &'static str, code: &'static str) {
        self.requests(service, action, code).increment(1);
    }

    fn requests(&self, service: &'static str, action: &'static str, code: &'static str) -> Counter {
        let labels = vec![
            Label::new("service", service),
            Label::new("action", action),
            Label::new("code", code),
        ];
        self.recorder
            .register_counter(&Key::from_parts("signet_requests_total", labels), &METADATA)
    }

    /// The counters of the prober.
    pub fn prober(&self) -> ProbeMetrics {
        let probes = |verdict: &'static str| {
            let key = Key::from_parts("signet_probes_total", vec![Label::new("verdict", verdict)]);
            self.recorder.register_counter(&key, &METADATA)
        };
        ProbeMetrics {
            on: probes("on"),
            off: probes("off"),
            unknown: probes("unknown"),
            seconds: self
                .recorder
                .register_histogram(&Key::from_name("signet_probe_seconds"), &METADATA),
            nodes: self
                .recorder
                .register_gauge(&Key::from_name("signet_nodes"), &METADATA),
        }
    }

    /// Everything that was counted, as text.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Takes measured durations into their buckets. Called now and then, so that they do not pile up between scrapes.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
