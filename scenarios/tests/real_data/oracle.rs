//! What sizing by the minute with full knowledge of the 1998 World Cup would have cost, against policies
//! that only know the past.

use super::{real_data, run};

/// Requests per minute that a task of this service serves: 50 a second.
const PER_TASK: u64 = 3_000;

/// A Fargate service of one-vCPU tasks with requests of 20 ms.
fn scenario(trace: &std::path::Path, minutes: usize, desired: u32, scaling: &str) -> String {
    format!(
        r"
name: oracle
region: us-east-1
start: 1998-04-30T21:30:00Z
duration: {minutes}m
recordInterval: 1h
taskDefinitions:
  - family: web
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 1024
    memory: 2048
    containerDefinitions: [{{ name: web, image: web, essential: true }}]
services:
  - serviceName: web
    taskDefinition: web
    desiredCount: {desired}
    launchType: FARGATE
    loadBalancers: [{{ loadBalancerName: web }}]
    load:
      requests: {{ trace: {trace}, column: requests, timeColumn: minute }}
      cpuPerRequest: 20ms
    {scaling}
",
        trace = trace.display()
    )
}

#[allow(clippy::print_stdout)] // the table is what a reader wants to see
#[test]
fn ideal_sizing_by_the_minute_is_beaten_by_no_policy() {
    let Some(data) = real_data() else { return };
    let trace = data.join("requests/worldcup98_1998-04-30_to_06-15.csv.gz");
    let file = std::fs::File::open(&trace).unwrap();
    let mut rows = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let requests = rows.records().map(|row| row.unwrap()[1].parse::<u64>().unwrap());
    let ideal: Vec<u64> = requests.map(|number| number.div_ceil(PER_TASK).max(1)).collect();
    let task_minutes: u64 = ideal.iter().sum();
    let changes: u64 = ideal.windows(2).map(|pair| pair[0].abs_diff(pair[1])).sum();
    assert_eq!((task_minutes, ideal.iter().max(), changes), (173_572, Some(&52), 5_526));

    let tracking = |target: u32, more: &str| {
        format!(
            "scaling: {{ minCapacity: 1, maxCapacity: 120, targetTracking: [{{ predefinedMetricType: \
             ECSServiceAverageCPUUtilization, targetValue: {target}{more} }}] }}"
        )
    };
    let steps = "scaling: { minCapacity: 1, maxCapacity: 120, stepScaling: [\
                 { policyName: out, adjustmentType: PercentChangeInCapacity, minAdjustmentMagnitude: 1, cooldown: 60, \
                 stepAdjustments: [{ metricIntervalLowerBound: 0, scalingAdjustment: 30 }], \
                 alarm: { metricName: CPUUtilization, comparisonOperator: GreaterThanThreshold, threshold: 70, \
                 evaluationPeriods: 2 } },\
                 { policyName: in, adjustmentType: ChangeInCapacity, cooldown: 300, \
                 stepAdjustments: [{ metricIntervalUpperBound: 0, scalingAdjustment: -1 }], \
                 alarm: { metricName: CPUUtilization, comparisonOperator: LessThanThreshold, threshold: 40, \
                 evaluationPeriods: 15 } }] }";
    let policies = [
        ("fixed at the peak", 52, String::new()),
        ("fixed at the mean", 3, String::new()),
        ("target tracking, CPU 50 %", 1, tracking(50, "")),
        ("target tracking, CPU 70 %", 1, tracking(70, "")),
        ("target tracking, CPU 95 %", 1, tracking(95, "")),
        ("the same, no scale-in", 1, tracking(70, ", disableScaleIn: true")),
        ("step scaling", 1, steps.to_owned()),
    ];
    println!(
        "{:<28}{:>14}{:>9}{:>9}{:>8}{:>8}{:>8}{:>9}",
        "policy", "task-minutes", "missing", "surplus", "thetaU", "tauU", "unstable", "cost USD"
    );
    println!(
        "{:<28}{task_minutes:>14}{:>9}{:>9}{:>8}{:>8}{:>8}",
        "ideal, by the minute", 0, 0, 0, 0, 0
    );
    let minutes = ideal.len();
    for (name, desired, scaling) in policies {
        let results = run(&scenario(&trace, minutes, desired, &scaling));
        let service = &results.services[0];
        let measures = service.elasticity.expect("there is load");
        let amount = |mean: f64| mean * minutes as f64;
        // The demand of the run is the oracle's, but for the ten minutes without requests.
        let empty = ideal.len() as f64 * measures.demand_mean - task_minutes as f64;
        assert!((empty + 10.0).abs() < 1e-6, "{empty}");
        assert_eq!(measures.demand_peak, 52);
        let (run, missing) = (amount(service.running_mean), amount(measures.under_mean));
        println!(
            "{name:<28}{run:>14.0}{missing:>9.0}{:>9.0}{:>7.2}%{:>7.2}%{:>7.2}%{:>9.2}",
            amount(measures.over_mean),
            100.0 * measures.under_accuracy,
            100.0 * measures.under_time,
            100.0 * measures.instability,
            results.invoice.total as f64 / 1e10,
        );
        assert!(
            task_minutes as f64 + 1e-6 < run || 1e-6 < missing,
            "{name} is as good as the oracle"
        );
        // What ran and did not serve is what is neither demand nor surplus.
        let served = amount(measures.demand_mean) - missing + amount(measures.over_mean);
        assert!(served <= run + 1e-6, "{name}: {served} {run}");
    }
}
