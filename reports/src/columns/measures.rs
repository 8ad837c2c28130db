//! Columns of the files of measures.

use super::{Column, c};

/// Columns of `recovery.csv`.
pub const RECOVERY: &[Column] = &[
    c("fault", "text", "Name of the fault"),
    c("type", "text", "Its type, as in the scenario"),
    c("from", "RFC 3339, UTC", "When it began"),
    c("until", "RFC 3339, UTC", "When it was over; empty if it held to the end of the run"),
    c("instancesLost", "count", "Container instances that stopped because of it"),
    c("tasksLost", "count", "Tasks that stopped with them, or on Fargate"),
    c("service", "text", "Service"),
    c(
        "desiredCount",
        "text",
        "`undisturbed` if it never had fewer than its desired count of tasks that serve; `recovered`; \
         `neverRecovered` before the end of the run",
    ),
    c(
        "recoverySeconds",
        "seconds",
        "From the beginning of the fault until the desired count served again, for `recoveredAfter` at least",
    ),
    c(
        "objective",
        "text",
        "The same of the minutes in which its objective is violated; empty without one",
    ),
    c("objectiveRecoverySeconds", "seconds", "From the beginning of the fault until it held again"),
];

/// Columns of `elasticity.csv`.
pub const ELASTICITY: &[Column] = &[
    c("kind", "text", "`service` or `group`"),
    c("name", "text", "Service or Auto Scaling group"),
    c(
        "underProvisioningAccuracy",
        "fraction",
        "Mean of what was missing over demand (θU); demand below one counts as one",
    ),
    c("overProvisioningAccuracy", "fraction", "Mean of what was too much over demand (θO)"),
    c("underProvisionedTime", "fraction", "Time with too little (τU)"),
    c("overProvisionedTime", "fraction", "Time with too much (τO)"),
    c(
        "instability",
        "fraction",
        "Minutes, of those after the first, in which demand and supply did not move the same way",
    ),
    c("underProvisionedMean", "tasks or instances", "Mean number missing"),
    c("overProvisionedMean", "tasks or instances", "Mean number too many"),
    c(
        "neededMean",
        "tasks or instances",
        "Mean demand: the least number of tasks whose stationary latency meets the objective at the offered \
         load, or that can serve all of it without an objective; of a group, a bound on the instances that \
         its placed and waiting tasks need",
    ),
    c("neededPeak", "tasks or instances", "Largest demand"),
    c("shortages", "count", "Times that demand rose above supply"),
    c(
        "scalingLagSeconds",
        "seconds",
        "Mean time from then until supply covered demand, or the end of the run; empty without one",
    ),
    c("longestScalingLagSeconds", "seconds", "The longest such time"),
];
