//! What AWS leaves open about capacity providers.

use plimsoll_core::scenario::{
    AppliedTo, CountedInstances, FargateZones, FromZero, ManagedScalingChoices, ProviderChoices,
    ScaleInStep, SeveralTypes, StrategyChoices, StrategyOrder, TaskGroupsMet, WeightZeroBase,
};

use crate::language::raw::control::ControlPlane;
use crate::language::raw::provider_choices as raw;

pub(super) fn lower(control: &ControlPlane) -> ProviderChoices {
    let scaling = &control.managed_scaling;
    let strategy = control.provider_strategy;
    ProviderChoices {
        scaling: ManagedScalingChoices {
            counted: match scaling.counted_instances {
                raw::CountedInstances::InService => CountedInstances::InService,
                raw::CountedInstances::Registered => CountedInstances::Registered,
                raw::CountedInstances::Launched => CountedInstances::Launched,
            },
            task_groups: match scaling.waiting_tasks {
                raw::WaitingTasks::LargestGroup => TaskGroupsMet::Largest,
                raw::WaitingTasks::AllGroups => TaskGroupsMet::Sum,
            },
            several_types: match scaling.several_types {
                raw::SeveralTypes::ByDemand => SeveralTypes::ByDemand,
                raw::SeveralTypes::MinimumStep => SeveralTypes::MinimumStep,
            },
            scale_in_step: match scaling.scale_in_step {
                raw::ScaleInStep::LessThanHalf => ScaleInStep::LessThanHalf,
                raw::ScaleInStep::One => ScaleInStep::One,
            },
            from_zero: match scaling.from_zero {
                raw::FromZero::Two => FromZero::Two,
                raw::FromZero::Formula => FromZero::Formula,
            },
            applied_to: match scaling.applied_to {
                raw::AppliedTo::MeasuredSize => AppliedTo::MeasuredSize,
                raw::AppliedTo::CurrentSize => AppliedTo::CurrentSize,
            },
            alarm_phase: scaling.alarm_phase.duration(),
        },
        strategy: StrategyChoices {
            order: match strategy.order {
                raw::StrategyOrder::LargestDeficit => StrategyOrder::LargestDeficit,
                raw::StrategyOrder::Rounds => StrategyOrder::Rounds,
            },
            weight_zero_base: match strategy.weight_zero_base {
                raw::WeightZeroBase::Honoured => WeightZeroBase::Honoured,
                raw::WeightZeroBase::Ignored => WeightZeroBase::Ignored,
            },
        },
        fargate_zones: match control.fargate_zones {
            raw::FargateZones::FewestTasks => FargateZones::FewestTasks,
            raw::FargateZones::Random => FargateZones::Random,
        },
    }
}
