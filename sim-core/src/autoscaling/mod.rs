//! Scaling decisions: alarms, target tracking, step and scheduled scaling, capacity providers.
//!
//! Pure functions and small state. No function here schedules an event or changes a service: it
//! takes what is known and returns a decision with its reason.
//!
//! | file | concept |
//! | --- | --- |
//! | `alarm` | CloudWatch alarms |
//! | `rules` | what AWS leaves open about service scaling |
//! | `target_tracking`, `step_scaling` | the two kinds of policy: settings and arithmetic |
//! | `service_scaler`, `activity` | a service's scalable target: alarms, cooldowns, activities |
//! | `predictive` | forecasts of the load, and the floor that they put under the capacity |
//! | `instance_demand`, `managed_scaling` | a capacity provider: instances needed, desired capacity |
//! | `managed_instances` | what ECS launches and gives up by itself |
//! | `group` | Auto Scaling groups |
//! | `strategy` | base and weight of capacity provider strategies |

mod activity;
mod alarm;
pub mod group;
mod instance_demand;
pub mod managed_instances;
mod managed_scaling;
mod predictive;
mod rounding;
mod rules;
mod service_scaler;
mod step_scaling;
mod strategy;
mod target_tracking;

pub use activity::{
    ActivityEnd, ActivityStatus, NotScaled, NotScaledReason, RejectedChange, ScalingDecision,
    ScalingDirection, SuspendedState,
};
pub use alarm::{
    Alarm, AlarmChange, AlarmCondition, AlarmOutcome, AlarmPhase, AlarmRules, AlarmSettings,
    AlarmState, ComparisonOperator, LoneBreach, TreatMissingData,
};
pub use instance_demand::{
    DemandRule, InstanceSize, InstanceSizes, PendingGroup, PendingGroups, TaskDemand,
    instances_needed, reservation_percent,
};
pub use managed_scaling::{
    CapacityEvaluation, CapacityScaler, GroupCapacity, GroupDecision, ManagedScaling,
    desired_capacity,
};
pub use predictive::{
    Forecaster, MOST_HISTORY, NewForecast, OracleDemand, PredictiveScalingPolicy, Predictor,
    effective_maximum, required_capacity, with_floor,
};
pub use rules::{CooldownStart, JudgedValue, ScalingRules};
pub use service_scaler::{Evaluation, ScheduledOutcome, ServiceCapacity, ServiceScaler};
pub use step_scaling::{AdjustmentType, MetricAggregation, StepAdjustment, StepScalingPolicy};
pub use strategy::{base_entry, choose_by_weight, choose_for_launch, choose_for_stop};
pub use target_tracking::{TargetTrackingPolicy, proportional_capacity};
