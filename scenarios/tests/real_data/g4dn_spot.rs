//! Eleven hours of a g4dn Spot fleet, replayed: every instance of the trace comes and goes when it did.

use plimsoll_core::results::{StopCode, TaskRecord};
use plimsoll_core::units::{SimDuration, SimTime};

use super::{real_data, run};

const TRACE: &str = "spot/bamboo_g4dn_trace.csv";
/// The last row of the trace.
const END: SimTime = SimTime::from_secs(38_760);

#[test]
fn the_g4dn_trace_gives_79_additions_74_removals_and_135_6833_instance_hours() {
    let Some(data) = real_data() else { return };
    let results = run(&format!(
        r"
name: g4dn
duration: 39000s
autoScalingGroups:
  - autoScalingGroupName: fleet
    availabilityZones: [us-east-1c]
    minSize: 0
    maxSize: 64
    desiredCapacity: 64
    startsReady: false
    launchTime: 0s
    registrationTime: 0s
    ecsAgent: {{ ECS_ENABLE_SPOT_INSTANCE_DRAINING: true }}
    mixedInstancesPolicy:
      launchTemplate: {{ overrides: [{{ instanceType: g4dn.xlarge }}] }}
      instancesDistribution: {{ onDemandPercentageAboveBaseCapacity: 0 }}
spotMarkets:
  - price: 0.1578
    interruption:
      trace: {{ file: {trace}, timeColumn: time_ms, timeUnit: milliseconds }}
taskDefinitions:
  - family: train
    containerDefinitions: [{{ name: train, cpu: 1024, memory: 2048 }}]
    startTime: 5s
services:
  - serviceName: train
    taskDefinition: train
    launchType: EC2
    desiredCount: 12
    deploymentConfiguration: {{ minimumHealthyPercent: 50, maximumPercent: 200 }}
",
        trace = data.join(TRACE).display()
    ));
    assert_eq!(results.instances.launched, 79);
    assert_eq!((results.instances.interrupted, results.instances.terminated), (74, 74));
    assert_eq!(results.instances.peak, 24);
    let lived: u64 = results
        .instance_records
        .iter()
        .map(|it| {
            let until = it.terminated.unwrap_or(END);
            until.saturating_since(it.running.expect("all ran")).as_nanos()
        })
        .sum();
    // 135.6833 hours, exactly.
    assert_eq!(lived, 488_460 * 1_000_000_000);

    let within = |task: &&TaskRecord| {
        let instance = task.instance.map(|it| &results.instance_records[it as usize]);
        instance.is_some_and(|it| {
            it.interrupted && task.stopped.is_none_or(|at| it.interruption_notice <= Some(at))
        })
    };
    let affected: Vec<&TaskRecord> = results.task_records.iter().filter(within).collect();
    assert!(affected.len() > 20, "{}", affected.len());
    let (mut drained, mut killed) = (0, 0);
    for task in affected {
        let instance = &results.instance_records[task.instance.expect("on one") as usize];
        let end = instance.terminated.expect("it was removed");
        let notice = instance.interruption_notice.expect("it was announced");
        assert!(end.saturating_since(notice) <= SimDuration::from_secs(120));
        assert!(task.stopped.is_some_and(|at| at <= end), "{task:?}");
        if task.stop_code == Some(StopCode::ServiceSchedulerInitiated) {
            drained += 1;
        } else {
            // Killed with its instance: the service starts another one as soon as it looks.
            killed += 1;
            let replaced = results.task_records.iter().any(|it| notice <= it.created);
            assert!(replaced, "{task:?}");
        }
    }
    assert!(drained > killed, "{drained} drained, {killed} killed");
}
