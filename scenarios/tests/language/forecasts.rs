//! Warm pools and predictive scaling as AWS takes and prints them.

use std::path::Path;

use plimsoll::language::{LoadOptions, Loaded, load};
use plimsoll_core::autoscaling::Forecaster;
use plimsoll_core::autoscaling::group::{PoolState, WarmPool};
use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::metrics::{MetricSource, ServiceMeasure};
use plimsoll_core::units::{ServiceId, SimDuration};

fn loaded() -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/good/forecast.yaml");
    load(&path, &LoadOptions::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

#[test]
fn warm_pools_load_under_both_names() {
    let loaded = loaded();
    let groups = loaded.scenario.auto_scaling_groups.as_slice();
    let pool = |index: usize| -> &WarmPool { groups[index].operation.warm_pool.as_ref().unwrap() };
    let (web, jobs) = (pool(0), pool(1));
    assert_eq!((web.min_size, web.max_group_prepared_capacity), (2, Some(8)));
    assert_eq!((jobs.min_size, jobs.max_group_prepared_capacity), (0, None));
    assert_eq!((web.state, jobs.state), (PoolState::Hibernated, PoolState::Stopped));
    assert_eq!((web.reuse_on_scale_in, jobs.reuse_on_scale_in), (false, true));
    assert_eq!(jobs.stop_time, DurationDistribution::Constant(seconds(30)));
    // Seven tenths of the median of a launch; the agent of a hibernated instance asks once a minute.
    assert!(
        (jobs.start_time.mean_seconds() / groups[1].launch_time.mean_seconds() - 0.7).abs() < 0.01
    );
    let uniform = DurationDistribution::Uniform { low: seconds(0), high: seconds(60) };
    assert_eq!(web.registration_time, uniform);
    assert_eq!(jobs.registration_time, groups[1].registration_time);
}

#[test]
fn predictive_policies_load_with_their_forecasters() {
    let loaded = loaded();
    let target = loaded.scenario.services[0].scaling.as_ref().unwrap();
    let [cpu, requests] = &target.predictive[..] else { panic!("two policies") };
    assert_eq!((cpu.scales, requests.scales), (true, false));
    assert_eq!(cpu.scheduling_buffer_time, seconds(600));
    assert_eq!(requests.scheduling_buffer_time, seconds(300));
    assert_eq!((cpu.max_capacity_buffer, requests.max_capacity_buffer), (Some(15), None));
    let Forecaster::Oracle { demand, error, known_for } = &cpu.forecaster else {
        panic!("{cpu:?}")
    };
    // 25 ms on half a vCPU: five percent of a task for each request per second.
    assert!((demand.per_request_rate - 5.0).abs() < 1e-9, "{demand:?}");
    assert!((demand.idle - 12.5).abs() < 1e-9, "{demand:?}");
    assert!((error - 0.2).abs() < 1e-12);
    assert_eq!(*known_for, seconds(14 * 86_400));
    let Forecaster::SeasonalNaive { history } = &requests.forecaster else {
        panic!("{requests:?}")
    };
    assert_eq!(history, &[7200.0, 3600.5]);
    let source = |metric| &loaded.scenario.metrics[metric].source;
    let of = |measure| MetricSource::Service(ServiceId(0), measure);
    assert_eq!(source(cpu.load), &of(ServiceMeasure::CpuUtilization));
    assert_eq!(source(requests.load), &of(ServiceMeasure::RequestCount));
}
