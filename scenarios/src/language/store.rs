//! Traces in memory, each read once however many sweep points use it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_core::metrics::MetricTrace;
use plimsoll_core::scenario::BatchJob;
use plimsoll_core::units::SimTime;

use super::arrival_times::{self, ArrivalTimesOptions};
use super::job_trace::{self, JobTraceOptions};
use super::metric_trace::{self, MetricTraceOptions};
use super::request_trace::{self, RequestTrace, RequestTraceOptions};
use super::spot_trace::{self, SpotTrace, SpotTraceOptions};
use super::trace::TraceError;

/// What a trace file gave.
type Kept<T> = Result<T, TraceError>;

/// The traces that a document refers to.
#[derive(Debug, Default)]
pub(crate) struct TraceStore {
    folder: PathBuf,
    requests: Mutex<BTreeMap<RequestTraceOptions, Kept<Arc<RequestTrace>>>>,
    arrivals: Mutex<BTreeMap<ArrivalTimesOptions, Kept<Arc<[SimTime]>>>>,
    jobs: Mutex<BTreeMap<JobTraceOptions, Kept<Arc<[BatchJob]>>>>,
    metrics: Mutex<BTreeMap<MetricTraceOptions, Kept<Arc<MetricTrace>>>>,
    spot: Mutex<BTreeMap<SpotTraceOptions, Kept<Arc<SpotTrace>>>>,
}

impl TraceStore {
    /// A store for a document in `folder`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, ..Self::default() }
    }

    /// The file that a document means by `name`.
    pub(crate) fn resolve(&self, name: &str) -> PathBuf {
        self.folder.join(Path::new(name))
    }

    /// A request trace.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn requests(&self, options: &RequestTraceOptions) -> Kept<Arc<RequestTrace>> {
        // The lock is held while reading, so that no file is read twice.
        let mut kept = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(options.clone())
            .or_insert_with(|| request_trace::read(options).map(Arc::new))
            .clone()
    }

    /// A trace of a metric.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn metrics(&self, options: &MetricTraceOptions) -> Kept<Arc<MetricTrace>> {
        let mut kept = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(options.clone())
            .or_insert_with(|| metric_trace::read(options).map(Arc::new))
            .clone()
    }

    /// A trace of arrival instants.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn arrival_times(&self, options: &ArrivalTimesOptions) -> Kept<Arc<[SimTime]>> {
        let mut kept = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(options.clone()).or_insert_with(|| arrival_times::read(options)).clone()
    }

    /// A job trace.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn jobs(&self, options: &JobTraceOptions) -> Kept<Arc<[BatchJob]>> {
        let mut kept = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(options.clone()).or_insert_with(|| job_trace::read(options)).clone()
    }

    /// A trace of Spot capacity or prices.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn spot(&self, options: &SpotTraceOptions) -> Kept<Arc<SpotTrace>> {
        let mut kept = self.spot.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(options.clone())
            .or_insert_with(|| spot_trace::read(options).map(Arc::new))
            .clone()
    }
}
