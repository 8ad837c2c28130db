//! Queues and workers, from the document to what a run of it does.

use plimsoll::language::{LoadOptions, Loaded, load};
use plimsoll_core::invariants::violations;
use plimsoll_core::results::{EventCategory, RunResults};
use plimsoll_core::scenario::{MessageSource, OnStop};
use plimsoll_core::simulation;
use plimsoll_core::units::{Cpu, QueueId, SimDuration};

#[track_caller]
fn loaded(text: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, text).unwrap();
    match load(&path, &LoadOptions::default()) {
        Ok(loaded) => loaded,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

/// A service of one-thread tasks on Fargate: `top` at the top, `service` in the service, whose queue is
/// called `jobs` and sends what `messages` lists.
fn document(hours: u32, messages: &str, service: &str) -> String {
    format!(
        "name: queue
duration: {hours}h
controlPlane: {{schedulerReaction: 0s, fargateProvisioning: 20s}}
queues:
  - queueName: jobs
    attributes: {{ReceiveMessageWaitTimeSeconds: \"20\", VisibilityTimeout: \"7200\"}}
    messages: {messages}
taskDefinitions:
  - family: worker
    networkMode: awsvpc
    requiresCompatibilities: [FARGATE]
    cpu: 512
    memory: 1024
    pullTime: 10s
    startTime: 1s
    containerDefinitions: [{{name: worker, image: worker, essential: true}}]
services:
  - serviceName: worker
    taskDefinition: worker
    launchType: FARGATE
{service}"
    )
}

/// Target tracking of `expression` over the backlog `m1` and the running tasks `m2`.
fn tracking(expression: &str, target: u32) -> String {
    format!(
        "
      targetTracking:
        - policyName: backlog
          targetValue: {target}
          scaleOutCooldown: 300
          scaleInCooldown: 300
          customizedMetricSpecification:
            metrics:
              - id: m1
                metricStat:
                  metric:
                    namespace: AWS/SQS
                    metricName: ApproximateNumberOfMessagesVisible
                    dimensions: [{{name: QueueName, value: jobs}}]
                  stat: Sum
                returnData: false
              - id: m2
                metricStat:
                  metric: {{namespace: ECS/ContainerInsights, metricName: RunningTaskCount}}
                  stat: Average
                returnData: false
              - {{id: e1, expression: {expression}}}
"
    )
}

#[track_caller]
fn run(text: &str) -> RunResults {
    let scenario = loaded(text).scenario;
    let results = simulation::run(&scenario, &mut |_| {}).expect("the limits are far away");
    let broken = violations(&scenario, &results);
    assert!(broken.is_empty(), "{broken:#?}");
    results
}

/// Desired counts before and after each scaling activity of the service.
fn activities(results: &RunResults) -> Vec<(u32, u32)> {
    let events = results.event_records.iter();
    events
        .filter(|event| event.category == EventCategory::ServiceScaling)
        .filter_map(|event| event.change)
        .collect()
}

#[test]
fn attributes_are_those_that_get_queue_attributes_prints() {
    let text = r#"
name: pasted
duration: 1h
queues:
  - QueueName: jobs
    Attributes:
      {
        "QueueArn": "arn:aws:sqs:us-east-1:123456789012:jobs",
        "ApproximateNumberOfMessages": "0",
        "CreatedTimestamp": "1772409600",
        "VisibilityTimeout": "45",
        "MaximumMessageSize": "262144",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "20",
        "FifoQueue": "false",
        "SqsManagedSseEnabled": "true",
        "RedrivePolicy": "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:123456789012:dead\",\"maxReceiveCount\":\"3\"}"
      }
    messages:
      - {rate: {constant: 600/min}, arrivals: regular, atOnce: 5}
      - {burst: {messages: 100, at: 10m, every: 20m}}
  - {QueueName: dead}
taskDefinitions:
  - family: worker
    networkMode: awsvpc
    requiresCompatibilities: [FARGATE]
    cpu: 1024
    memory: 2048
    containerDefinitions: [{name: worker, image: worker, essential: true}]
services:
  - serviceName: worker
    taskDefinition: worker
    desiredCount: 1
    launchType: FARGATE
    worker:
      queue: https://sqs.us-east-1.amazonaws.com/123456789012/jobs
      concurrency: 4
      processingTime: 500ms
      onStop: abandon
"#;
    let scenario = loaded(text).scenario;
    let jobs = &scenario.queues[QueueId(0)];
    assert_eq!(jobs.visibility_timeout, SimDuration::from_secs(45));
    assert_eq!(jobs.message_retention_period, SimDuration::from_secs(4 * 86_400));
    let redrive = jobs.redrive.unwrap();
    assert_eq!((redrive.max_receive_count, redrive.dead_letter_queue), (3, QueueId(1)));
    let dead = &scenario.queues[QueueId(1)];
    assert_eq!(dead.visibility_timeout, SimDuration::from_secs(30), "the default of SQS");
    let MessageSource::Batches(bursts) = &jobs.sources[1] else { panic!("bursts are batches") };
    let minutes: Vec<f64> = bursts.iter().map(|it| it.at.as_secs_f64() / 60.0).collect();
    assert_eq!(minutes.len(), 3, "{minutes:?}");
    let worker = scenario.services[0].worker.as_ref().unwrap();
    assert_eq!(worker.receive_wait, SimDuration::from_secs(20), "the queue's");
    assert_eq!(worker.cpu_per_message, Cpu::from_ecs_units(256), "the task's, among its threads");
    assert_eq!((worker.on_stop, worker.max_number_of_messages), (OnStop::Abandon, 1));
    let results = simulation::run(&scenario, &mut |_| {}).unwrap();
    // 36 000 at the rate, of which the last five come at the very end, and three bursts.
    assert_eq!(results.queues[0].counts.sent, 36_300);
}

/// Ten seconds are acceptable, a message takes a tenth: 100 per task. 1500 visible for ten tasks are 150.
#[test]
fn tv_sqs_1_a_backlog_of_1500_takes_ten_tasks_to_fifteen() {
    let service = format!(
        "    desiredCount: 10
    worker: {{queue: jobs, processingTime: 100h}}
    scaling:
      minCapacity: 1
      maxCapacity: 100{}",
        tracking("m1 / m2", 100)
    );
    let results = run(&document(1, "[{burst: {messages: 1510, at: 0s}}]", &service));
    let activities = activities(&results);
    assert_eq!(activities.first(), Some(&(10, 15)), "{activities:?}");
    // Five more are in flight: 1495 / 15 is just below the target.
    assert_eq!(activities.len(), 1, "{activities:?}");
}

/// Without a running task there is no backlog per task: the policy sees nothing and does nothing.
#[test]
fn g_34_a_backlog_per_task_does_not_leave_zero_and_a_step_policy_on_depth_does() {
    let without = |more: &str| {
        format!(
            "    desiredCount: 0
    worker: {{queue: jobs, processingTime: 1s}}
    scaling:
      minCapacity: 0
      maxCapacity: 100{}{more}",
            tracking("m1 / m2", 100)
        )
    };
    let messages = "[{burst: {messages: 5000, at: 5m}}]";
    let stuck = run(&document(2, messages, &without("")));
    assert!(activities(&stuck).is_empty());
    assert_eq!((stuck.queues[0].counts.deleted, stuck.queues[0].visible_at_end), (0, 5000));
    let step = "
      stepScaling:
        - policyName: wake
          adjustmentType: ExactCapacity
          stepAdjustments: [{metricIntervalLowerBound: 0, scalingAdjustment: 1}]
          cooldown: 600
          alarm:
            namespace: AWS/SQS
            metricName: ApproximateNumberOfMessagesVisible
            dimensions: [{name: QueueName, value: jobs}]
            statistic: Maximum
            comparisonOperator: GreaterThanOrEqualToThreshold
            threshold: 1
            evaluationPeriods: 1
";
    let awake = run(&document(2, messages, &without(step)));
    assert_eq!(activities(&awake).first(), Some(&(0, 1)));
    assert_eq!(awake.queues[0].counts.deleted, 5000);
}

/// Of 5 messages a second that take two seconds each, ten tasks are busy. Every hour 20 000 more come.
fn hourly(expression: &str, target: u32) -> RunResults {
    let service = format!(
        "    desiredCount: 12
    worker: {{queue: jobs, processingTime: {{exponential: {{mean: 2s}}}}}}
    scaling:
      minCapacity: 12
      maxCapacity: 1000{}",
        tracking(expression, target)
    );
    let messages = "[{rate: {constant: 5/s}}, {burst: {messages: 20000, at: 30m, every: 1h}}]";
    run(&document(6, messages, &service))
}

/// AWS advises against tracking the depth: it does not fall in proportion as tasks are added, so that each
/// look at what is left of a backlog multiplies the tasks once more. The backlog per task asks for the same
/// number of tasks however many there are.
#[test]
fn tracking_the_depth_overshoots_where_the_backlog_per_task_does_not() {
    let per_task = hourly("m1 / m2", 600);
    let depth = hourly("m1 + 0 * m2", 600 * 12);
    let peak = |results: &RunResults| results.services[0].running_peak;
    // A burst on top of what waits: 20 000 / 600 are 34 tasks.
    assert!((34..=36).contains(&peak(&per_task)), "{}", peak(&per_task));
    assert!(3 * peak(&per_task) < 2 * peak(&depth), "{} {}", peak(&per_task), peak(&depth));
    let swings = |results: &RunResults| -> u32 {
        activities(results).iter().map(|(from, to)| from.abs_diff(*to)).sum()
    };
    assert!(3 * swings(&per_task) < 2 * swings(&depth), "{} {}", swings(&per_task), swings(&depth));
    let done = |results: &RunResults| results.queues[0].counts.deleted;
    assert!(done(&per_task) > 200_000 && done(&depth) > 200_000);
}
