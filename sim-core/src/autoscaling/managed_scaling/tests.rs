use super::*;
use crate::autoscaling::{
    DemandRule, InstanceSize, InstanceSizes, PendingGroup, PendingGroups, TaskDemand,
    instances_needed,
};
use crate::scenario::{SeveralTypes, TaskGroupsMet};
use crate::units::{Cpu, Mib};

fn settings(target_capacity: u32) -> ManagedScaling {
    ManagedScaling {
        target_capacity,
        minimum_scaling_step_size: 1,
        maximum_scaling_step_size: 10_000,
        instance_warmup_period: SimDuration::from_secs(300),
    }
}

fn size(cpu_units: u32, mib: u64) -> InstanceSize {
    InstanceSize {
        cpu: Cpu::from_ecs_units(cpu_units),
        memory: Mib::new(mib),
        network_interfaces: 2,
        gpus: 0,
    }
}

fn host() -> InstanceSizes {
    InstanceSizes::uniform(size(2048, 7985))
}

fn demand(cpu_units: u32, mib: u64) -> TaskDemand {
    TaskDemand {
        cpu: Cpu::from_ecs_units(cpu_units),
        memory: Mib::new(mib),
        network_interfaces: 0,
        gpus: 0,
        has_host_port: false,
    }
}

fn pending(count: u32, demand: TaskDemand) -> PendingGroup {
    PendingGroup { demand, distinct_instance: false, count }
}

/// Instances needed, metric in tenths of a percent, and desired capacity.
fn round(
    n: u32,
    empty: u32,
    groups: &[PendingGroup],
    sizes: &InstanceSizes,
    settings: ManagedScaling,
) -> (Option<u32>, u32, u32) {
    let needed = instances_needed(n, empty, groups, sizes, &settings, DemandRule::default());
    let percent = reservation_percent(needed, n, settings.target_capacity);
    let tenths = libm::round(percent * 10.0) as u32;
    (needed, tenths, desired_capacity(n, percent, settings.target_capacity, FromZero::Two))
}

fn thirty_small_tasks() -> PendingGroup {
    pending(30, demand(512, 1024))
}

#[test]
fn tv_50_three_instances_two_needed() {
    assert_eq!(round(3, 1, &[], &host(), settings(100)), (Some(2), 667, 2));
}

#[test]
fn tv_51_target_50_keeps_as_many_spare() {
    assert_eq!(round(3, 1, &[], &host(), settings(50)), (Some(2), 667, 4));
}

#[test]
fn tv_52_at_rest_a_target_of_50_holds_twice_the_need() {
    for (needed, at_rest) in [(10, 20), (20, 40), (40, 80)] {
        assert_eq!(
            round(at_rest, at_rest - needed, &[], &host(), settings(50)),
            (Some(needed), 500, at_rest)
        );
        // From anywhere else the law leads there in one step.
        assert_eq!(round(needed, 0, &[], &host(), settings(50)), (Some(needed), 1000, at_rest));
    }
}

#[test]
fn tv_53_thirty_tasks_on_full_hosts() {
    let groups = [thirty_small_tasks()];
    assert_eq!(host().largest.capacity_for(&groups[0].demand), 4);
    assert_eq!(round(3, 0, &groups, &host(), settings(100)), (Some(11), 3667, 11));
}

#[test]
fn tv_54_maximum_step_five() {
    let settings = ManagedScaling { maximum_scaling_step_size: 5, ..settings(100) };
    assert_eq!(round(3, 0, &[thirty_small_tasks()], &host(), settings), (Some(8), 2667, 8));
}

#[test]
fn tv_55_minimum_step_ten() {
    let settings = ManagedScaling { minimum_scaling_step_size: 10, ..settings(100) };
    assert_eq!(round(3, 0, &[thirty_small_tasks()], &host(), settings), (Some(13), 4333, 13));
}

#[test]
fn tv_56_target_80() {
    assert_eq!(round(3, 0, &[thirty_small_tasks()], &host(), settings(80)), (Some(11), 3667, 14));
}

#[test]
fn tv_57_the_largest_group_counts_not_the_sum() {
    let groups = [thirty_small_tasks(), pending(6, demand(1024, 6000))];
    assert_eq!(host().largest.capacity_for(&groups[1].demand), 1);
    assert_eq!(round(3, 0, &groups, &host(), settings(100)), (Some(11), 3667, 11));
}

#[test]
fn tv_58_from_zero_exactly_two() {
    for count in [1, 7] {
        let groups = [pending(count, demand(2048, 4096))];
        assert_eq!(round(0, 0, &groups, &host(), settings(100)), (Some(count), 2000, 2));
        assert_eq!(round(0, 0, &groups, &host(), settings(90)).2, 2);
    }
}

#[test]
fn tv_59_nothing_at_zero_rests_at_target_100() {
    assert_eq!(round(0, 0, &[], &host(), settings(100)), (Some(0), 1000, 0));
    assert_eq!(Bench::new(100, 0).idle_minutes(60, 0), []);
}

#[test]
fn tv_60_target_90_cannot_rest_at_zero() {
    assert_eq!(round(0, 0, &[], &host(), settings(90)), (Some(0), 1000, 2));
    assert_eq!(Bench::new(90, 0).idle_minutes(1, 0), [(60, 2)]);
}

#[test]
fn tv_61_two_of_five_empty_go_after_15_minutes() {
    assert_eq!(round(5, 2, &[], &host(), settings(100)), (Some(3), 600, 3));
    assert_eq!(Bench::new(100, 5).idle_minutes(40, 3), [(900, 3)]);
}

#[test]
fn tv_62_scale_in_removes_less_than_half_per_minute() {
    assert_eq!(round(20, 18, &[], &host(), settings(100)), (Some(2), 100, 2));
    let steps = [(900, 11), (960, 6), (1020, 4), (1080, 3), (1140, 2)];
    assert_eq!(Bench::new(100, 20).idle_minutes(60, 2), steps);
}

#[test]
fn tv_63_target_90_rests_with_one_spare_of_ten() {
    assert_eq!(round(10, 1, &[], &host(), settings(90)), (Some(9), 900, 10));
    assert_eq!(Bench::new(90, 10).idle_minutes(60, 9), []);
}

#[test]
fn tv_64_target_90_adds_spare_to_ten_full_ones() {
    assert_eq!(round(10, 0, &[], &host(), settings(90)), (Some(10), 1000, 12));
}

#[test]
fn tv_65_a_task_that_does_not_fit_the_smallest_type_never_scales_out() {
    let sizes = InstanceSizes::uniform(size(2048, 4096)).with(size(8192, 32_768));
    let groups = [pending(5, demand(3072, 1024))];
    assert_eq!(round(4, 0, &groups, &sizes, settings(100)), (None, 1000, 4));
    // The dropped group does not hide another one that fits.
    let both = [groups[0], pending(8, demand(2048, 1024))];
    assert_eq!(round(4, 0, &both, &sizes, settings(100)).0, Some(6));
}

#[test]
fn tv_66_one_task_from_zero_starts_two_instances_and_loses_one() {
    let mut bench = Bench::new(100, 0);
    // Instances enter service half a minute after the decision; the task waits until then.
    let mut changes = Vec::new();
    let mut metric = Vec::new();
    for _ in 0..60 {
        let waiting = [pending(1, demand(1024, 1024))];
        let groups: &[PendingGroup] = if bench.in_service == 0 { &waiting } else { &[] };
        let empty = bench.in_service.saturating_sub(1);
        let needed = instances_needed(
            bench.in_service,
            empty,
            groups,
            &host(),
            &settings(100),
            DemandRule::default(),
        );
        let (percent, decision) = bench.minute_of(needed);
        metric.push(percent as u32);
        changes.extend(decision.map(|to| (bench.seconds(), to)));
    }
    assert_eq!(changes, [(60, 2), (960, 1)]);
    assert_eq!(metric[..2], [200, 50]);
    assert_eq!(metric[15..18], [50, 100, 100]);
}

/// A group that follows its desired capacity before the next minute ends.
struct Bench {
    scaler: CapacityScaler,
    in_service: u32,
    minute: u64,
    entered_service: Option<u64>,
    delay: u64,
}

impl Bench {
    fn new(target: u32, in_service: u32) -> Self {
        Self::with_delay(target, in_service, 0)
    }

    fn with_delay(target: u32, in_service: u32, delay: u64) -> Self {
        let scaler = CapacityScaler::new(
            "web",
            settings(target),
            ManagedScalingChoices::default(),
            AlarmRules::default(),
            SimDuration::from_secs(delay),
        );
        Self { scaler, in_service, minute: 0, entered_service: None, delay }
    }

    /// The instant of the latest evaluation: each minute is judged when its point is visible.
    fn seconds(&self) -> u64 {
        60 * self.minute + self.delay
    }

    fn minute_of(&mut self, needed: Option<u32>) -> (f64, Option<u32>) {
        let percent =
            self.scaler.record(SimTime::from_secs(60 * self.minute), needed, self.in_service);
        self.minute += 1;
        let now = self.seconds();
        let group = GroupCapacity {
            desired: self.in_service,
            in_service: self.in_service,
            min_size: 0,
            max_size: 1000,
            youngest_age: self.entered_service.map(|since| SimDuration::from_secs(now - since)),
        };
        let decision = self.scaler.evaluate(SimTime::from_secs(now), group).decision;
        let to = decision.map(|decision| decision.new_desired);
        if let Some(to) = to {
            if to > self.in_service {
                self.entered_service = Some(now);
            }
            self.in_service = to;
        }
        (percent, to)
    }

    /// Minutes in which `busy` instances have tasks: instants and new desired capacities.
    fn idle_minutes(&mut self, minutes: u32, busy: u32) -> Vec<(u64, u32)> {
        let changes = (0..minutes).filter_map(|_| {
            let to = self.minute_of(Some(busy)).1;
            to.map(|to| (self.seconds(), to))
        });
        changes.collect()
    }
}

#[test]
fn a_delayed_metric_does_not_remove_too_many() {
    // The evaluation of a minute sees the point of the minute before: two minutes of delay in all.
    let mut scaler = CapacityScaler::new(
        "web",
        settings(100),
        ManagedScalingChoices::default(),
        AlarmRules::default(),
        SimDuration::from_secs(75),
    );
    let mut desired = 20;
    let mut path = Vec::new();
    for minute in 0..60 {
        scaler.record(SimTime::from_secs(60 * minute), Some(2), desired);
        let now = SimTime::from_secs(60 * (minute + 1));
        let group = GroupCapacity {
            desired,
            in_service: desired,
            min_size: 0,
            max_size: 1000,
            youngest_age: None,
        };
        if let Some(decision) = scaler.evaluate(now, group).decision {
            desired = decision.new_desired;
            path.push(desired);
        }
    }
    assert_eq!(path, [11, 6, 4, 3, 2]);
}

#[test]
fn the_warm_up_of_the_youngest_instance_blocks_scale_out() {
    let decide = |age| {
        let mut scaler = CapacityScaler::new(
            "web",
            settings(100),
            ManagedScalingChoices::default(),
            AlarmRules::default(),
            SimDuration::ZERO,
        );
        scaler.record(SimTime::ZERO, Some(5), 3);
        let youngest_age = Some(SimDuration::from_secs(age));
        let group =
            GroupCapacity { desired: 3, in_service: 3, min_size: 0, max_size: 1000, youngest_age };
        scaler.evaluate(SimTime::from_secs(60), group).decision
    };
    assert_eq!(decide(299), None);
    let decision = decide(300).expect("warm");
    assert_eq!((decision.from, decision.new_desired), (3, 5));
    assert_eq!(
        decision.cause,
        "a monitor alarm TargetTracking-web-AlarmHigh in state ALARM triggered policy \
         ECSManagedAutoScalingPolicy-web changing the desired capacity from 3 to 5."
    );
}

#[test]
fn the_bounds_of_the_group_hold() {
    let decide = |needed, desired, minutes| {
        let mut scaler = CapacityScaler::new(
            "web",
            settings(100),
            ManagedScalingChoices::default(),
            AlarmRules::default(),
            SimDuration::ZERO,
        );
        let group = GroupCapacity {
            desired,
            in_service: desired,
            min_size: 2,
            max_size: 6,
            youngest_age: None,
        };
        (0..minutes).find_map(|minute| {
            scaler.record(SimTime::from_secs(60 * minute), Some(needed), desired);
            let evaluation = scaler.evaluate(SimTime::from_secs(60 * (minute + 1)), group);
            evaluation.decision.map(|decision| decision.new_desired)
        })
    };
    assert_eq!(decide(50, 4, 1), Some(6));
    assert_eq!(decide(50, 6, 30), None);
    assert_eq!(decide(0, 3, 30), Some(2));
    assert_eq!(decide(0, 2, 30), None);
}

#[test]
fn scale_in_starts_again_after_a_scale_out() {
    let mut bench = Bench::new(100, 10);
    assert_eq!(bench.idle_minutes(14, 5), []);
    // One busy minute at 840 s: the fifteen points must be collected anew, and 15 minutes pass.
    assert_eq!(bench.idle_minutes(1, 12), [(900, 12)]);
    assert_eq!(bench.idle_minutes(30, 11), [(1800, 11)]);
}

#[test]
fn groups_of_identical_tasks_are_merged() {
    let mut groups = PendingGroups::new();
    groups.add(demand(512, 1024), false, 20);
    groups.add(demand(256, 512), false, 1);
    groups.add(demand(512, 1024), false, 10);
    groups.add(demand(512, 1024), true, 3);
    groups.add(demand(128, 128), true, 0);
    let counts: Vec<u32> = groups.as_slice().iter().map(|group| group.count).collect();
    assert_eq!(counts, [1, 30, 3]);
    groups.clear();
    assert_eq!(groups.as_slice(), []);
}

#[test]
fn every_resource_limits_the_packing() {
    let host = InstanceSize { gpus: 4, network_interfaces: 3, ..size(4096, 16_000) };
    let fit = |demand: TaskDemand| host.capacity_for(&demand);
    let base = demand(512, 1000);
    assert_eq!(fit(base), 8);
    assert_eq!(fit(demand(128, 5000)), 3);
    assert_eq!(fit(TaskDemand { network_interfaces: 1, ..base }), 3);
    assert_eq!(fit(TaskDemand { gpus: 2, ..base }), 2);
    assert_eq!(fit(TaskDemand { has_host_port: true, ..base }), 1);
    assert_eq!(fit(demand(5000, 1)), 0);
    let group = PendingGroup { demand: base, distinct_instance: true, count: 7 };
    let sizes = InstanceSizes::uniform(host);
    let needed =
        |group| instances_needed(1, 0, &[group], &sizes, &settings(100), DemandRule::default());
    assert_eq!(needed(group), Some(8));
    assert_eq!(needed(PendingGroup { distinct_instance: false, ..group }), Some(2));
}

#[test]
fn the_largest_and_the_smallest_type_are_taken_attribute_by_attribute() {
    // One type has more CPU, the other more memory: the bounds belong to no type at all.
    let sizes = InstanceSizes::uniform(size(8192, 16_000)).with(size(4096, 32_000));
    assert_eq!((sizes.smallest, sizes.largest), (size(4096, 16_000), size(8192, 32_000)));
    let gpu = InstanceSize { gpus: 4, network_interfaces: 7, ..size(8192, 32_000) };
    let mixed = sizes.with(gpu);
    assert_eq!((mixed.smallest.gpus, mixed.largest.gpus), (0, 4));
    assert_eq!((mixed.smallest.network_interfaces, mixed.largest.network_interfaces), (2, 7));
    let needed =
        |group| instances_needed(2, 0, &[group], &mixed, &settings(100), DemandRule::default());
    // 8 CPUs and 32 000 MiB hold eight of them; the smallest type holds four.
    assert_eq!(needed(pending(20, demand(1024, 2000))), Some(2 + 3));
    // Only one of the types has GPUs, so the smallest has none: such tasks never scale out.
    let with_gpu = TaskDemand { gpus: 1, ..demand(1024, 2000) };
    assert_eq!(needed(pending(20, with_gpu)), None);
    // Groups that do not fit are dropped; the others count.
    let groups = [pending(20, with_gpu), pending(9, demand(1024, 2000))];
    let both = instances_needed(2, 0, &groups, &mixed, &settings(100), DemandRule::default());
    assert_eq!(both, Some(2 + 2));
}

#[test]
fn several_types_scaled_out_by_exactly_the_minimum_step_for_a_time() {
    let settings = ManagedScaling { minimum_scaling_step_size: 2, ..settings(100) };
    let needed = |rule| instances_needed(3, 0, &[thirty_small_tasks()], &host(), &settings, rule);
    let then = SeveralTypes::MinimumStep;
    let rule = DemandRule { several_types: then, has_several: true, ..DemandRule::default() };
    assert_eq!(needed(rule), Some(3 + 2), "the eight that the tasks need do not count");
    assert_eq!(needed(DemandRule { has_several: false, ..rule }), Some(3 + 8));
    assert_eq!(needed(DemandRule { has_several: true, ..DemandRule::default() }), Some(3 + 8));
}

#[test]
fn all_groups_can_be_met_at_once() {
    let groups = [thirty_small_tasks(), pending(6, demand(1024, 6000))];
    let rule = DemandRule { task_groups: TaskGroupsMet::Sum, ..DemandRule::default() };
    let needed = |rule| instances_needed(3, 0, &groups, &host(), &settings(100), rule);
    assert_eq!(needed(rule), Some(3 + 8 + 6));
    assert_eq!(needed(DemandRule::default()), Some(3 + 8));
}

#[test]
fn tv_58_the_formula_takes_three_from_zero_at_a_target_of_90() {
    assert_eq!(desired_capacity(0, 200.0, 90, FromZero::Formula), 3);
    assert_eq!(desired_capacity(0, 200.0, 90, FromZero::Two), 2);
    assert_eq!(desired_capacity(0, 200.0, 100, FromZero::Formula), 2);
    assert_eq!(desired_capacity(0, 100.0, 100, FromZero::Formula), 0);
}

#[test]
fn scale_in_can_go_one_by_one() {
    let choices = ManagedScalingChoices {
        scale_in_step: ScaleInStep::One,
        ..ManagedScalingChoices::default()
    };
    let scaler = CapacityScaler::new(
        "web",
        settings(100),
        choices,
        AlarmRules::default(),
        SimDuration::ZERO,
    );
    let mut bench = Bench { scaler, ..Bench::new(100, 5) };
    assert_eq!(bench.idle_minutes(17, 2), [(900, 4), (960, 3), (1020, 2)]);
}

#[test]
fn the_open_rules_of_alarms_hold_for_those_of_a_provider() {
    let choices = ManagedScalingChoices {
        scale_in_step: ScaleInStep::One,
        ..ManagedScalingChoices::default()
    };
    let acting_every = |seconds| {
        let action_interval = SimDuration::from_secs(seconds);
        let rules = AlarmRules { action_interval, ..AlarmRules::default() };
        let delay = SimDuration::ZERO;
        let scaler = CapacityScaler::new("web", settings(100), choices, rules, delay);
        let mut bench = Bench { scaler, ..Bench::new(100, 5) };
        bench.idle_minutes(17, 2)
    };
    assert_eq!(acting_every(60), [(900, 4), (960, 3), (1020, 2)]);
    assert_eq!(acting_every(120), [(900, 4), (1020, 3)]);
}

#[test]
fn tv_67_waves_of_three_hundred_tasks_ask_for_twenty_hosts() {
    // c6g.4xlarge: 16 CPUs, and memory for 15 tasks of 1 vCPU and 2 GiB.
    let host = InstanceSize { network_interfaces: 60, ..size(16 * 1024, 31_948) };
    let sizes = InstanceSizes::uniform(host);
    let wave = pending(300, TaskDemand { network_interfaces: 1, ..demand(1024, 2048) });
    assert_eq!(host.capacity_for(&wave.demand), 15);
    assert_eq!(round(40, 0, &[wave], &sizes, settings(100)), (Some(60), 1500, 60));
}

#[test]
fn a_point_is_applied_to_the_size_that_it_was_measured_at_or_to_the_current_one() {
    let wanted = |applied_to| {
        let choices = ManagedScalingChoices { applied_to, ..ManagedScalingChoices::default() };
        let mut scaler = CapacityScaler::new(
            "web",
            settings(100),
            choices,
            AlarmRules::default(),
            SimDuration::ZERO,
        );
        scaler.record(SimTime::ZERO, Some(6), 2);
        let group = GroupCapacity {
            desired: 5,
            in_service: 4,
            min_size: 0,
            max_size: 1000,
            youngest_age: None,
        };
        let decision = scaler.evaluate(SimTime::from_secs(60), group).decision;
        decision.expect("300 % is above the target").new_desired
    };
    assert_eq!(wanted(AppliedTo::MeasuredSize), 6);
    assert_eq!(wanted(AppliedTo::CurrentSize), 12, "4 in service at 300 %");
}
