//! Every metric of the worker, declared once and used by handle.

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// From a cached answer to a stage that takes as long as a session may.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// From a record that waited for nothing to a backlog of a week.
const AGE_SECONDS: [f64; 21] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
    7200.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0,
];
const RECORDS: [f64; 8] = [1.0, 4.0, 16.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
const BYTES: [f64; 8] = [
    1024.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// Outcomes of transactions.
pub(crate) const COMMITTED: &str = "committed";
pub(crate) const ABORTED: &str = "aborted";

/// Outcomes of spans.
pub(crate) const EXPORTED: &str = "exported";
pub(crate) const DROPPED: &str = "dropped";

/// The worker's metrics, in a registry of their own that others may add theirs to.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) records_consumed: IntCounter,
    pub(crate) records_enriched: IntCounter,
    pub(crate) records_rejected: IntCounterVec,
    pub(crate) record_age_seconds: Histogram,
    pub(crate) batches: IntCounter,
    pub(crate) batch_records: Histogram,
    pub(crate) batch_bytes: Histogram,
    pub(crate) stage_seconds: HistogramVec,
    pub(crate) commit_seconds: Histogram,
    pub(crate) transactions: IntCounterVec,
    pub(crate) retries: IntCounter,
    pub(crate) session_restarts: IntCounter,
    pub(crate) rebalances: IntCounter,
    pub(crate) partitions_assigned: IntGauge,
    pub(crate) lag_records: IntGaugeVec,
    pub(crate) lag_seconds: GaugeVec,
    pub(crate) in_flight_records: IntGauge,
    pub(crate) in_flight_bytes: IntGauge,
    pub(crate) fetch_queue: Queue,
    pub(crate) produce_queue: Queue,
    pub(crate) ready: IntGauge,
    pub(crate) stalled: IntGauge,
    pub(crate) spans: IntCounterVec,
}

impl Metrics {
    /// A fresh registry with the metrics of the worker and of the process. `version` is shown as a
    /// label of `copydesk_build_info`.
    pub fn new(version: &str) -> Self {
        let registry = Registry::new();
        let new = Declare(&registry);
        new.gauge_with(
            "copydesk_build_info",
            "Always 1; the version is a label.",
            &["version"],
        )
        .with_label_values(&[version])
        .set(1);
        register(&registry, ProcessCollector::for_self());
        let transactions = new.counter_with(
            "copydesk_transactions_total",
            "Transactions by outcome: committed or aborted.",
            &["outcome"],
        );
        for outcome in [COMMITTED, ABORTED] {
            // So that the first one is seen as a change.
            transactions.with_label_values(&[outcome]);
        }
        let spans = new.counter_with(
            "copydesk_spans_total",
            "Spans of traces by outcome: exported or dropped.",
            &["outcome"],
        );
        for outcome in [EXPORTED, DROPPED] {
            spans.with_label_values(&[outcome]);
        }
        Self {
            records_consumed: new.counter("copydesk_records_consumed_total", "Records read."),
            records_enriched: new.counter(
                "copydesk_records_enriched_total",
                "Records enriched and committed.",
            ),
            records_rejected: new.counter_with(
                "copydesk_records_rejected_total",
                "Dead letters committed.",
                &["stage", "reason"],
            ),
            record_age_seconds: new.histogram(
                "copydesk_record_age_seconds",
                "From a record's own time to the commit of its result.",
                &AGE_SECONDS,
            ),
            batches: new.counter(
                "copydesk_batches_total",
                "Batches that went through the stages.",
            ),
            batch_records: new.histogram("copydesk_batch_records", "Records in a batch.", &RECORDS),
            batch_bytes: new.histogram(
                "copydesk_batch_bytes",
                "Bytes of keys, values and headers in a batch.",
                &BYTES,
            ),
            stage_seconds: new.histogram_with(
                "copydesk_stage_seconds",
                "Time that a call of a stage takes, be it that it fails.",
                &["stage"],
            ),
            commit_seconds: new.histogram(
                "copydesk_commit_seconds",
                "From the begin of a batch's transaction to its commit.",
                &SECONDS,
            ),
            transactions,
            retries: new.counter("copydesk_retries_total", "Batches produced again."),
            session_restarts: new.counter(
                "copydesk_session_restarts_total",
                "Times that the Kafka clients were made anew after a failure.",
            ),
            rebalances: new.counter("copydesk_rebalances_total", "Changes of the assignment."),
            partitions_assigned: new.gauge(
                "copydesk_partitions_assigned",
                "Partitions that this worker reads.",
            ),
            lag_records: new.gauge_with(
                "copydesk_lag_records",
                "Records behind the end of the partition that are not yet committed.",
                &["topic", "partition"],
            ),
            lag_seconds: new.float_gauge_with(
                "copydesk_lag_seconds",
                "Age of the next record to be committed, 0 where there is none.",
                &["topic", "partition"],
            ),
            in_flight_records: new.gauge(
                "copydesk_in_flight_records",
                "Records between reading and commit.",
            ),
            in_flight_bytes: new.gauge(
                "copydesk_in_flight_bytes",
                "Bytes of the records between reading and commit, and of what they became.",
            ),
            fetch_queue: Queue {
                records: new.gauge(
                    "copydesk_fetch_queue_records",
                    "Records that librdkafka has fetched and the worker has not read, as it last said.",
                ),
                bytes: new.gauge(
                    "copydesk_fetch_queue_bytes",
                    "Bytes of the records that librdkafka has fetched and the worker has not read.",
                ),
            },
            produce_queue: Queue {
                records: new.gauge(
                    "copydesk_produce_queue_records",
                    "Records that the producer has and no broker has acknowledged, as it last said.",
                ),
                bytes: new.gauge(
                    "copydesk_produce_queue_bytes",
                    "Bytes of the records that the producer has and no broker has acknowledged.",
                ),
            },
            stalled: new.gauge(
                "copydesk_stalled",
                "1 while work waits and none was done for limits.stall_timeout_ms, else 0.",
            ),
            ready: new.gauge("copydesk_ready", "1 while the worker is ready, else 0."),
            spans,
            registry,
        }
    }

    /// Shows that nothing was rejected so far, so that the first time is seen as a change.
    pub(crate) fn expect_rejects(
        &self,
        stage: &str,
        reasons: impl IntoIterator<Item = &'static str>,
    ) {
        for reason in reasons {
            self.records_rejected.with_label_values(&[stage, reason]);
        }
    }

    /// The registry, for other crates to add their metrics to and for the admin port to show.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

/// What is in a queue of librdkafka's, which tells once a second.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    records: IntGauge,
    bytes: IntGauge,
}

impl Queue {
    /// Shows how many records and bytes there are.
    pub(crate) fn show(&self, (records, bytes): (u64, u64)) {
        self.records.set(i64::try_from(records).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// Makes metrics and registers them.
struct Declare<'r>(&'r Registry);

impl Declare<'_> {
    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.add(IntCounter::new(name, help))
    }

    fn counter_with(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.add(IntGauge::new(name, help))
    }

    fn gauge_with(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn float_gauge_with(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.add(GaugeVec::new(Opts::new(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(Histogram::with_opts(opts))
    }

    fn histogram_with(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        self.add(HistogramVec::new(opts, labels))
    }

    fn add<C: Collector + Clone + 'static>(&self, metric: prometheus::Result<C>) -> C {
        let metric = metric.expect("names, labels and buckets above are well-formed");
        register(self.0, metric.clone());
        metric
    }
}

fn register(registry: &Registry, metric: impl Collector + 'static) {
    registry
        .register(Box::new(metric))
        .expect("names above differ");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_named_by_the_rules() {
        let metrics = Metrics::new("1.2.3");
        metrics
            .records_rejected
            .with_label_values(&["decode", "bad_json"])
            .inc();

        let names: Vec<_> = metrics
            .registry()
            .gather()
            .iter()
            .map(|family| family.name().to_owned())
            .collect();

        let others: Vec<_> = names
            .iter()
            .filter(|name| !name.starts_with("copydesk_") && !name.starts_with("process_"))
            .collect();
        assert!(others.is_empty(), "{others:?}");
        assert!(names.contains(&"copydesk_records_rejected_total".to_owned()));
        assert!(names.contains(&"copydesk_build_info".to_owned()));
        assert!(names.contains(&"copydesk_transactions_total".to_owned()));
    }
}
