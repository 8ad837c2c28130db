//! Decisions of EC2 Auto Scaling groups.
//!
//! | file | concept |
//! | --- | --- |
//! | `lifecycle` | lifecycle hooks |
//! | `maintenance` | how many instances are replaced at once, instance refresh |
//! | `termination` | which instance goes |
//! | `warm_pool` | size of a warm pool |
//! | `zones` | where instances are launched, balance of zones |
//! | `activity` | what Auto Scaling prints |
//! | `policy`, `scaler` | simple, step and target tracking policies: settings, and at work |

mod activity;
mod lifecycle;
mod maintenance;
mod policy;
mod scaler;
mod termination;
mod warm_pool;
mod zones;

pub use activity::{Instant, TerminationCause};
pub use lifecycle::{ActionResult, LifecycleHook, Transition, wait_for_hooks};
pub use maintenance::{
    InstanceRefresh, MaintenanceBounds, MaintenancePolicy, ReplacementCounts, ReplacementStep,
    replacement_step,
};
pub use policy::{
    GroupPolicy, GroupPolicyKind, GroupRules, GroupScaling, GroupStepPolicy, GroupTracking,
    SimplePolicy,
};
pub use scaler::{GroupEvaluation, GroupNotScaled, GroupScaler, GroupSize};
pub use termination::{
    Candidate, CandidateIndex, LaunchSource, TerminationPolicy, choose_for_termination,
};
pub use warm_pool::warm_pool_size;
pub use zones::{
    CapacityDistribution, ZoneCount, ZoneOrder, launch_zones, moves_to_balance, rebalancing_margin,
};
