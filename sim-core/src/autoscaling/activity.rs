//! Scaling activities of Application Auto Scaling: what is decided, and how it ends.

use std::fmt;

use crate::units::{SimDuration, SimTime};

/// Which way a decision goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalingDirection {
    /// More capacity.
    Out,
    /// Less capacity.
    In,
}

/// A changed desired count, to be applied by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingDecision {
    /// Desired count before.
    pub from: u32,
    /// Desired count from now on.
    pub new_desired: u32,
    /// Name of the policy or of the scheduled action.
    pub policy: String,
    /// `Cause` of the scaling activity, in the words of Application Auto Scaling.
    pub cause: String,
    /// Direction.
    pub direction: ScalingDirection,
}

impl ScalingDecision {
    /// `Description` of the scaling activity.
    pub fn description(&self) -> String {
        format!("Setting desired count to {}.", self.new_desired)
    }
}

/// How a scaling activity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityStatus {
    /// `Successful`: the service reached the count. Cooldowns start here.
    Successful,
    /// `Overridden`: a newer activity took over.
    Overridden,
    /// `Unfulfilled`: the service did not reach the count in time.
    Unfulfilled,
}

impl ActivityStatus {
    /// `StatusCode` of Application Auto Scaling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Successful => "Successful",
            Self::Overridden => "Overridden",
            Self::Unfulfilled => "Unfulfilled",
        }
    }
}

/// The end of a scaling activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityEnd {
    /// Desired count before the activity.
    pub from: u32,
    /// Desired count it set.
    pub to: u32,
    /// When it began.
    pub started: SimTime,
    /// How it ended.
    pub status: ActivityStatus,
}

impl ActivityEnd {
    /// `StatusMessage` of the scaling activity.
    pub fn message(&self) -> String {
        let outcome = match self.status {
            ActivityStatus::Successful => "Change successfully fulfilled by ecs.",
            ActivityStatus::Overridden => "Change overridden by a newer scaling activity.",
            ActivityStatus::Unfulfilled => "Change was not fulfilled by ecs in time.",
        };
        format!("Successfully set desired count to {}. {outcome}", self.to)
    }
}

/// Why an alarm's action changed nothing. The first four are codes of Application Auto Scaling, the
/// others name blocks for which AWS has no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotScaledReason {
    /// Removing even one task would push the metric above the target.
    AnticipatedFlapping,
    /// At `MaxCapacity`.
    AlreadyAtMaxCapacity,
    /// At `MinCapacity`.
    AlreadyAtMinCapacity,
    /// The result is what was asked for already.
    AlreadyAtDesiredCapacity,
    /// The scale-in cooldown runs.
    ScaleInCooldown,
    /// The scale-out cooldown runs, and blocks scale-in by the scenario's choice.
    ScaleOutCooldown,
    /// A deployment is in progress; scale-in waits.
    DeploymentInProgress,
    /// An earlier activity is in progress; scale-in waits.
    ActivityInProgress,
    /// Another policy's low alarm is not in ALARM.
    OtherPoliciesNotReady,
    /// At what predictive scaling forecast.
    AlreadyAtPredictedCapacity,
}

impl NotScaledReason {
    /// Name for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnticipatedFlapping => "AutoScalingAnticipatedFlapping",
            Self::AlreadyAtMaxCapacity => "AlreadyAtMaxCapacity",
            Self::AlreadyAtMinCapacity => "AlreadyAtMinCapacity",
            Self::AlreadyAtDesiredCapacity => "AlreadyAtDesiredCapacity",
            Self::ScaleInCooldown => "ScaleInCooldown",
            Self::ScaleOutCooldown => "ScaleOutCooldown",
            Self::DeploymentInProgress => "DeploymentInProgress",
            Self::ActivityInProgress => "ActivityInProgress",
            Self::OtherPoliciesNotReady => "OtherPoliciesNotReady",
            Self::AlreadyAtPredictedCapacity => "AlreadyAtPredictedCapacity",
        }
    }
}

impl NotScaled {
    /// `Description` of the activity, and the reason.
    pub fn message(&self) -> String {
        format!(
            "Attempting to scale due to alarm triggered. Not scaled {}: {}",
            match self.direction {
                ScalingDirection::Out => "out",
                ScalingDirection::In => "in",
            },
            self.reason.name()
        )
    }
}

/// An alarm acted and nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotScaled {
    /// What the alarm asked for.
    pub direction: ScalingDirection,
    /// Why nothing came of it.
    pub reason: NotScaledReason,
}

/// A scheduled change that would leave the minimum above the maximum; nothing is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedChange {
    /// `MinCapacity` it would have led to.
    pub min_capacity: u32,
    /// `MaxCapacity` it would have led to.
    pub max_capacity: u32,
}

impl fmt::Display for RejectedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min_capacity, max_capacity } = self;
        write!(f, "minimum capacity {min_capacity} would exceed maximum capacity {max_capacity}")
    }
}

impl std::error::Error for RejectedChange {}

/// `SuspendedState` of a scalable target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuspendedState {
    /// `DynamicScalingInSuspended`: no policy scales in.
    pub dynamic_scaling_in: bool,
    /// `DynamicScalingOutSuspended`: no policy scales out.
    pub dynamic_scaling_out: bool,
    /// `ScheduledScalingSuspended`: scheduled actions that fall due are lost.
    pub scheduled_scaling: bool,
}

/// An activity in progress. A policy's is followed by its cooldown, a scheduled one by none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    pub(super) direction: ScalingDirection,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) started: SimTime,
    pub(super) cooldown: Option<SimDuration>,
}

impl Activity {
    pub(super) fn is_fulfilled(&self, running: u32) -> bool {
        match self.direction {
            ScalingDirection::Out => running >= self.to,
            ScalingDirection::In => running <= self.to,
        }
    }

    pub(super) fn end(&self, status: ActivityStatus) -> ActivityEnd {
        ActivityEnd { from: self.from, to: self.to, started: self.started, status }
    }
}
