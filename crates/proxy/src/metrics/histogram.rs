//! A histogram whose observations take no lock: that of the library holds one for each observation, and every request is
//! observed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Upper bounds of the buckets, in milliseconds.
const BOUNDS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000];

/// Durations, counted in buckets.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Observations by bucket; the last bucket has no bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// Sum of all observations, in microseconds.
    sum: AtomicU64,
}

impl Histogram {
    /// Counts one observed duration.
    pub(super) fn observe(&self, time: Duration) {
        let fits = |bound: &u64| time <= Duration::from_millis(*bound);
        let at = BOUNDS.iter().position(fits).unwrap_or(BOUNDS.len());
        self.0.buckets[at].fetch_add(1, Ordering::Relaxed);
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.sum.fetch_add(time, Ordering::Relaxed);
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let bounds = BOUNDS.iter().map(|bound| Duration::from_millis(*bound).as_secs_f64());
        let counts = self.0.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let all = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_micros(self.0.sum.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, all, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn each_bucket_counts_the_smaller_ones_too() {
        let (histogram, mut registry) = (Histogram::default(), Registry::default());
        registry.register("wait_seconds", "Waits", histogram.clone());
        for milliseconds in [0, 3, 3, 60_000] {
            histogram.observe(Duration::from_millis(milliseconds));
        }
        let mut page = String::new();
        prometheus_text::encode(&mut page, &registry).unwrap();
        for line in [
            "wait_seconds_bucket{le=\"0.001\"} 1\n",
            "wait_seconds_bucket{le=\"0.005\"} 3\n",
            "wait_seconds_bucket{le=\"30\"} 3\n",
            "wait_seconds_bucket{le=\"+Inf\"} 4\n",
            "wait_seconds_sum 60.006\n",
            "wait_seconds_count 4\n",
        ] {
            assert!(page.contains(line), "{line} is not in {page}");
        }
    }
}
