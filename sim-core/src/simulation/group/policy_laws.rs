//! What holds of the policies of groups in any run, tested on random scenarios.

use super::super::random::{Dice, random_scenario};
use crate::autoscaling::group::{
    GroupPolicy, GroupPolicyKind, GroupStepPolicy, GroupTracking, SimplePolicy,
};
use crate::autoscaling::{
    AdjustmentType, AlarmSettings, ComparisonOperator, MetricAggregation, StepAdjustment,
    TreatMissingData,
};
use crate::engine::Stream;
use crate::invariants::violations;
use crate::metrics::{
    ClusterMeasure, GroupMeasure, Metric, MetricQuery, MetricSource, QueryKind, Statistic,
};
use crate::results::{EventRecord, RunResults};
use crate::scenario::Scenario;
use crate::units::{AsgId, MetricId, SimDuration, SimTime};

fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

/// A metric of a group or of the cluster, in percent.
fn watch(dice: &mut Dice, scenario: &mut Scenario, group: AsgId) -> MetricQuery {
    let (source, period) = match dice.below(3) {
        0 => (MetricSource::Cluster(ClusterMeasure::CpuReservation), 60),
        1 => (MetricSource::Cluster(ClusterMeasure::MemoryReservation), 60),
        _ => (MetricSource::Group(group, GroupMeasure::CpuUtilization), dice.pick(&[60, 300])),
    };
    // A metric is sampled once, in the period in which it was first watched.
    let known = scenario.metrics.enumerate().find(|(_, metric)| metric.source == source);
    let id = known.map_or(MetricId(scenario.metrics.len() as u32), |(id, _)| id);
    if known.is_none() {
        let delay = seconds(dice.pick(&[0, 60, 120]));
        scenario.metrics.push(Metric { source, period: seconds(period), delay });
    }
    let kind = QueryKind::Metric(id, Statistic::Average);
    MetricQuery { kind, period: seconds(60) }
}

fn alarm(dice: &mut Dice, name: &str, query: MetricQuery, out: bool) -> AlarmSettings {
    AlarmSettings {
        name: format!("{name}-alarm"),
        query,
        comparison_operator: if out {
            ComparisonOperator::GreaterThan
        } else {
            ComparisonOperator::LessThan
        },
        threshold: if out { dice.between(40, 80) } else { dice.between(20, 60) } as f64,
        evaluation_periods: dice.between(1, 3) as u32,
        datapoints_to_alarm: 1,
        treat_missing_data: TreatMissingData::Missing,
    }
}

/// A policy of a random kind; `out` if it asks for more.
fn policy(dice: &mut Dice, scenario: &mut Scenario, group: AsgId, index: u64) -> GroupPolicy {
    let name = format!("policy-{index}");
    let query = watch(dice, scenario, group);
    let out = dice.coin();
    let sign = if out { 1 } else { -1 };
    let kind =
        dice.pick(&[AdjustmentType::ChangeInCapacity, AdjustmentType::PercentChangeInCapacity]);
    let amount = |dice: &mut Dice| {
        let most = if kind == AdjustmentType::ChangeInCapacity { 3 } else { 80 };
        sign * dice.between(1, most) as i32
    };
    let kind = match dice.below(3) {
        0 => GroupPolicyKind::Simple(SimplePolicy {
            alarm: alarm(dice, &name, query, out),
            adjustment_type: kind,
            adjustment: amount(dice),
            min_adjustment_magnitude: None,
            cooldown: Some(seconds(dice.pick(&[0, 120, 600]))),
        }),
        1 => {
            let adjustment = amount(dice);
            let bounds = if out { (Some(0.0), None) } else { (None, Some(0.0)) };
            GroupPolicyKind::Step(GroupStepPolicy {
                alarm: alarm(dice, &name, query, out),
                adjustment_type: kind,
                steps: vec![StepAdjustment { lower: bounds.0, upper: bounds.1, adjustment }],
                min_adjustment_magnitude: None,
                aggregation: MetricAggregation::Average,
                instance_warmup: None,
            })
        }
        _ => GroupPolicyKind::TargetTracking(GroupTracking {
            query,
            target_value: dice.between(30, 70) as f64,
            disable_scale_in: dice.below(4) == 0,
            instance_warmup: None,
        }),
    };
    GroupPolicy { name, kind }
}

fn scaled(seed: u64) -> Scenario {
    let mut dice = Dice(Stream::from_seed(seed ^ 0x6AB));
    let mut scenario = random_scenario(seed);
    let groups: Vec<AsgId> = scenario.auto_scaling_groups.ids().collect();
    for group in groups {
        for index in 0..dice.between(1, 3) {
            let policy = policy(&mut dice, &mut scenario, group, index);
            scenario.auto_scaling_groups[group].operation.scaling.policies.push(policy);
        }
        let scaling = &mut scenario.auto_scaling_groups[group].operation.scaling;
        scaling.default_instance_warmup = dice.coin().then(|| seconds(dice.between(0, 400)));
    }
    scenario
}

/// Whether an instance of the group launches at `at`, or runs for less than `warm_up`.
fn warms(results: &RunResults, group: &str, at: SimTime, warm_up: SimDuration) -> bool {
    results.instance_records.iter().filter(|it| it.group == group).any(|it| {
        let there = it.requested < at && it.terminated.is_none_or(|end| at < end);
        let warm = it
            .running
            .is_some_and(|from| from <= at && (from == SimTime::ZERO || from + warm_up <= at));
        there && !warm
    })
}

/// The policy that made a change, in the words of its cause.
fn triggered(event: &EventRecord) -> Option<&str> {
    let after = event.message.split("triggered policy ").nth(1)?;
    after.split(' ').next().filter(|name| name.starts_with("policy-"))
}

#[test]
fn policies_of_groups_keep_the_laws_of_every_run() {
    let (mut out, mut shrunk, mut by_simple) = (0, 0, 0);
    for seed in 0..80 {
        let scenario = scaled(seed);
        let results = super::super::run(&scenario, &mut |_| {}).expect("no limit is reached");
        let found = violations(&scenario, &results);
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        for group in &scenario.auto_scaling_groups {
            let scaling = &group.operation.scaling;
            let mut last_simple: Option<(SimTime, SimDuration)> = None;
            for event in results.event_records.iter().filter(|it| it.entity == group.name) {
                let (Some((from, to)), Some(name)) = (event.change, triggered(event)) else {
                    continue;
                };
                let policy = scaling.policies.iter().find(|it| it.name == name);
                let kind = &policy.expect("one of the group's").kind;
                let at = event.at;
                out += u32::from(from < to);
                shrunk += u32::from(to < from);
                if let GroupPolicyKind::Simple(simple) = kind {
                    by_simple += 1;
                    let calm = !warms(&results, &group.name, at, SimDuration::ZERO);
                    assert!(calm, "seed {seed}: {name} acted at {at:?} in an activity");
                    // A cooldown begins no earlier than the decision.
                    if let Some((before, cooldown)) = last_simple {
                        assert!(before + cooldown <= at, "seed {seed}: {name} at {at:?}");
                    }
                    let cooldown = simple.cooldown.expect("each has its own");
                    last_simple = Some((at, cooldown));
                } else if to < from {
                    let warm_up = scaling.warm_up(None);
                    let calm = !warms(&results, &group.name, at, warm_up);
                    assert!(calm, "seed {seed}: {name} scaled in at {at:?} during a warm-up");
                }
            }
        }
    }
    let seen = [out, shrunk, by_simple];
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
}
