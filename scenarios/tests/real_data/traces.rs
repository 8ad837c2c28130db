//! Published traces, read whole.

use plimsoll::language::{LoadOptions, Loaded, load};
use plimsoll_core::scenario::BatchJobs;
use plimsoll_core::units::{Cpu, SimTime};

use super::real_data;

#[track_caller]
fn with(part: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.yaml");
    let head = "
name: trace
duration: 30d
autoScalingGroups: [{autoScalingGroupName: g, instanceType: m7i.8xlarge, minSize: 1, maxSize: 9}]
taskDefinitions: [{family: t, containerDefinitions: [{cpu: 1024, memory: 1024}]}]
";
    std::fs::write(&path, format!("{head}{part}")).unwrap();
    load(&path, &LoadOptions::default()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn requests(part: &str) -> u128 {
    let services = format!(
        "services: [{{serviceName: s, taskDefinition: t, desiredCount: 1, load: {{cpuPerRequest: \
         1ms, requests: {{{part}}}}}}}]"
    );
    let scenario = with(&services).scenario;
    let rate = &scenario.services[0].load.as_ref().unwrap().rate;
    rate.offered(SimTime::ZERO, SimTime::MAX) / 1_000_000
}

/// The sum of a column.
fn sum(text: &str, column: &str) -> u128 {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let index = reader.headers().unwrap().iter().position(|name| name == column).unwrap();
    let values = reader.records().map(|row| row.unwrap()[index].parse::<f64>().unwrap());
    values.sum::<f64>() as u128
}

#[test]
fn request_traces_keep_every_request() {
    let Some(data) = real_data() else { return };
    let elb = data.join("requests/cloudwatch_nab/elb_request_count_8c0756.csv");
    let text = std::fs::read_to_string(&elb).unwrap();
    let part = format!("trace: {}, column: value, interval: 5m", elb.display());
    assert_eq!(requests(&part), sum(&text, "value"));
    let cup = data.join("requests/worldcup98_1998-04-30_to_06-15.csv.gz");
    let mut text = String::new();
    let file = std::fs::File::open(&cup).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
    let part = format!("trace: {}, column: requests, interval: 1m", cup.display());
    assert_eq!(requests(&part), sum(&text, "requests"));
}

#[test]
fn job_traces_keep_every_job() {
    let Some(data) = real_data() else { return };
    let lisa = data.join("cluster/surf_lisa_week_jobs.csv.gz");
    let part = format!(
        "runTask: [{{name: j, trace: {{file: {}, arrival: submit_s, duration: duration_s, cpu: \
         cpu_count, cpuUnit: vcpu, memory: 32GiB}}}}]",
        lisa.display()
    );
    let scenario = with(&part).scenario;
    let BatchJobs::Trace(jobs) = &scenario.batches[0].jobs else { panic!("a trace") };
    assert_eq!(jobs.len(), 6_295);
    assert!(jobs.iter().all(|job| job.cpu == Cpu::from_ecs_units(16 * 1024)));
    assert_eq!(jobs[0].arrival, SimTime::ZERO);
}
