//! The 46 days of the 1998 World Cup as the load of a web service.

use super::{real_data, run};

/// The whole trace on EC2 with managed scaling.
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
