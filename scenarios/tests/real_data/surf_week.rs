//! A week of batch jobs of a SURF cluster, against figures computed without plimsoll.

use std::path::Path;

use plimsoll_core::billing::format_usd;
use plimsoll_core::results::RunResults;
use plimsoll_core::units::SimTime;

use super::{real_data, run};

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
