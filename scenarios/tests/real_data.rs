//! Runs on real traces and published results, which are not part of the project.
//!
//! The folder is found through `PLIMSOLL_REAL_DATA`, else beside the repository as `../shared/data`.
//! Without it these tests say that they were skipped; with `PLIMSOLL_REQUIRE_REAL_DATA` set, as in CI,
//! its absence is a failure.

use std::path::{Path, PathBuf};
use std::sync::Once;

use plimsoll::language::{LoadOptions, load};
use plimsoll_core::billing::format_usd;
use plimsoll_core::invariants::violations;
use plimsoll_core::results::RunResults;
use plimsoll_core::simulation;
use plimsoll_core::units::SimTime;

/// The folder of real data, or `None` on a machine without it.
fn real_data() -> Option<PathBuf> {
    static SAID: Once = Once::new();
    let named = std::env::var_os("PLIMSOLL_REAL_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = named.unwrap_or(beside);
    if folder.join("README.md").is_file() {
        return Some(folder);
    }
    let required = std::env::var_os("PLIMSOLL_REQUIRE_REAL_DATA").is_some();
    assert!(!required, "the real data is required and `{}` is not it", folder.display());
    SAID.call_once(|| {
        eprintln!("skipped: no real data at `{}` (set PLIMSOLL_REAL_DATA)", folder.display());
    });
    None
}

/// Runs a scenario given as text, and checks the laws that hold for every run.
fn run(yaml: &str) -> RunResults {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, yaml).expect("the scenario is written");
    let loaded = load(&path, &LoadOptions::default())
        .unwrap_or_else(|problems| panic!("the scenario loads: {problems}"));
    let results = simulation::run(&loaded.scenario, &mut |_| {}).expect("no limit is reached");
    let broken = violations(&loaded.scenario, &results);
    assert!(broken.is_empty(), "{broken:#?}");
    results
}

const SURF: &str = "cluster/surf_lisa_week_jobs.csv.gz";

/// A week of batch jobs, each of which fills an instance, on a fleet of fixed size.
fn surf_on_instances(data: &Path, instances: u32) -> RunResults {
    run(&format!(
        r"
name: surf-{instances}
duration: 9d
autoScalingGroups:
  - autoScalingGroupName: fleet
    instanceType: m5.4xlarge
    minSize: {instances}
    maxSize: {instances}
    desiredCapacity: {instances}
runTask:
  - name: jobs
    launchType: EC2
    trace: {{ file: {trace}, arrival: submit_s, duration: duration_s, cpu: 16 vCPU, memory: 32GiB }}
",
        trace = data.join(SURF).display()
    ))
}

#[track_caller]
fn check_surf(instances: u32, mean_wait_millis: u128, last_end: u64) {
    let Some(data) = real_data() else { return };
    let results = surf_on_instances(&data, instances);
    let jobs = &results.batches[0];
    assert_eq!((jobs.arrived, jobs.completed), (6295, 6295));
    assert_eq!(jobs.last_end, Some(SimTime::from_secs(last_end)));
    // Rounded to the millisecond, from the exact sum of waits.
    let mean = (jobs.total_wait + 6295 * 500_000) / (6295 * 1_000_000);
    assert_eq!(mean, mean_wait_millis);
}

#[test]
fn the_surf_week_on_100_instances_waits_as_computed_by_hand() {
    check_surf(100, 75_735_669, 731_910);
}

#[test]
fn the_surf_week_on_150_instances_waits_as_computed_by_hand() {
    check_surf(150, 807_429, 614_935);
}

#[test]
fn the_surf_week_on_200_instances_does_not_wait() {
    let Some(data) = real_data() else { return };
    let results = surf_on_instances(&data, 200);
    let jobs = &results.batches[0];
    assert_eq!((jobs.completed, jobs.total_wait), (6295, 0));
    // The end that the trace itself implies: the latest arrival plus duration.
    let text = std::fs::File::open(data.join(SURF)).expect("the trace opens");
    let mut trace = csv::Reader::from_reader(flate2::read::GzDecoder::new(text));
    let ends = trace.records().map(|record| {
        let record = record.expect("a row");
        let seconds = |column: usize| record[column].parse::<f64>().expect("a number");
        seconds(1) + seconds(2)
    });
    let unqueued = ends.fold(0.0, f64::max);
    let last_end = jobs.last_end.expect("jobs ended").as_secs_f64();
    assert!((last_end - unqueued).abs() < 1e-6, "{last_end} {unqueued}");
}

#[test]
fn the_surf_week_on_fargate_costs_what_its_billed_seconds_cost() {
    let Some(data) = real_data() else { return };
    let results = run(&format!(
        r"
name: surf-fargate
region: us-east-1
duration: 9d
controlPlane: {{ fargateProvisioning: 0s, launchRateQuotas: false }}
runTask:
  - name: jobs
    launchType: FARGATE
    trace: {{ file: {trace}, arrival: submit_s, duration: duration_s, cpu: 16 vCPU, memory: 32GiB }}
",
        trace = data.join(SURF).display()
    ));
    assert_eq!(results.batches[0].completed, 6295);
    assert_eq!(results.tasks.fargate_billed_seconds, 69_756_570);
    let cents = (results.invoice.total + 50_000_000) / 100_000_000;
    assert_eq!(cents, 1_530_614, "{}", format_usd(results.invoice.total));
}

/// The 46 days of the World Cup trace as the load of a web service on EC2 with managed scaling.
#[test]
fn the_world_cup_runs_for_46_days() {
    let Some(data) = real_data() else { return };
    let trace = data.join("requests/worldcup98_1998-04-30_to_06-15.csv.gz");
    let results = run(&format!(
        r"
name: world-cup
region: us-east-1
start: 1998-04-30T21:30:00Z
duration: 1106h
autoScalingGroups:
  - autoScalingGroupName: web
    instanceType: c6i.xlarge
    minSize: 2
    maxSize: 60
    desiredCapacity: 2
capacityProviders:
  - name: web
    autoScalingGroupProvider:
      autoScalingGroup: web
      managedScaling: {{ status: ENABLED, targetCapacity: 90, instanceWarmupPeriod: 120 }}
      managedTerminationProtection: ENABLED
taskDefinitions:
  - family: web
    networkMode: bridge
    cpu: 1024
    memory: 1792
    containerDefinitions: [{{ name: web, image: web, essential: true }}]
services:
  - serviceName: web
    taskDefinition: web
    desiredCount: 2
    capacityProviderStrategy: [{{ capacityProvider: web, weight: 1 }}]
    placementStrategy: [{{ type: binpack, field: cpu }}]
    loadBalancers: [{{ loadBalancerName: web }}]
    targetGroup: {{ deregistrationDelay: 60 }}
    load:
      requests: {{ trace: {trace}, column: requests, timeColumn: minute }}
      cpuPerRequest: 12ms
      otherLatency: 10ms
    scaling:
      minCapacity: 2
      maxCapacity: 200
      targetTracking:
        - {{ predefinedMetricType: ECSServiceAverageCPUUtilization, targetValue: 50, scaleOutCooldown: 60 }}
    slo: {{ latency: {{ quantile: 0.99, below: 500ms }} }}
",
        trace = trace.display()
    ));
    let load = results.services[0].load.as_ref().expect("a load");
    // All 66 360 minutes of the run, counted in the file.
    let file = std::fs::File::open(&trace).expect("the trace opens");
    let mut rows = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let requests = |record: csv::StringRecord| record[1].parse::<u128>().expect("a count");
    let total: u128 = rows.records().take(66_360).map(|it| requests(it.expect("a row"))).sum();
    assert_eq!(load.offered_micro, total * 1_000_000);
    assert_eq!(load.offered_micro, load.served_micro + load.failed_micro + load.queued_micro);
    assert!(results.capacity[0].peak > 5, "the peak needs more than the minimum");
}
