//! Metrics by name: what they are called, and how their values are written.

use super::COST;
use crate::chart::AxisUnit;
use crate::number::{count, duration, millis, percent, significant, usd};

/// How a metric is named and written for people.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MetricLook {
    pub(crate) name: String,
    pub(crate) unit: AxisUnit,
    /// From the stored number to the shown one.
    pub(crate) factor: f64,
    suffix: &'static str,
}

impl MetricLook {
    pub(crate) fn of(path: &str) -> Self {
        // Names may hold dots: the last part is the figure, the first the group.
        let (group, rest) = path.split_once('.').unwrap_or(("", path));
        let inner = |suffix: &str| {
            rest.strip_suffix(suffix).unwrap_or(rest).trim_end_matches('.').to_owned()
        };
        let number =
            |name: String, suffix| Self { name, unit: AxisUnit::Number, factor: 1.0, suffix };
        let money = |name: String| Self { name, unit: AxisUnit::Usd, factor: 1.0, suffix: "USD" };
        let share =
            |name: String| Self { name, unit: AxisUnit::Percent, factor: 100.0, suffix: "" };
        let quantile = rest.rsplit('.').next().unwrap_or_default();
        match path {
            COST => return money("cost".to_owned()),
            "cost.perMillionRequestsUsd" => return money("cost per million requests".to_owned()),
            "cost.idleEc2Usd" => return money("cost of idle EC2 capacity".to_owned()),
            "utilization.cpuReserved" => return share("CPU reserved".to_owned()),
            "utilization.memoryReserved" => return share("memory reserved".to_owned()),
            "utilization.cpuUsed" => return share("CPU used".to_owned()),
            "packing.efficiency" => return share("packing efficiency".to_owned()),
            "instances.mean" => return number("instances, mean".to_owned(), "instances"),
            "instances.peak" => return number("instances, peak".to_owned(), "instances"),
            "instances.hours" => return number("instance-hours".to_owned(), "hours"),
            "tasks.placementFailures" => return number("failed placement attempts".to_owned(), ""),
            _ => {}
        }
        if path.ends_with("Usd") {
            return money(format!("{}: cost", inner("costUsd")));
        }
        if group == "cost" {
            let kind = rest
                .strip_prefix("byCategory.")
                .or(rest.strip_prefix("byService."))
                .unwrap_or(rest);
            return money(format!("cost of {kind}"));
        }
        if let Some((entity, quantile)) = rest.rsplit_once(".latencyMs.") {
            return Self {
                name: format!("{entity}: latency {quantile}"),
                unit: AxisUnit::Millis,
                factor: 1.0,
                suffix: "",
            };
        }
        if let Some(entity) = rest.strip_suffix(".sloViolationFraction") {
            return share(format!("{entity}: requests beyond the objective"));
        }
        if let Some(entity) = rest.strip_suffix(".objective.violatedMinuteFraction") {
            return share(format!("{entity}: minutes beyond the objective"));
        }
        if let Some(entity) = rest.strip_suffix(".objective.violatedMinutes") {
            return number(format!("{entity}: SLO violation minutes"), "minutes");
        }
        if let Some((entity, measure)) = rest.rsplit_once(".elasticity.") {
            if measure == "speedUp" {
                return number(format!("{entity}: elastic speed-up over the baseline"), "");
            }
            let words = match measure {
                "underProvisioningAccuracy" => "missing against demand (θU)",
                "overProvisioningAccuracy" => "surplus against demand (θO)",
                "underProvisionedTime" => "time short of demand (τU)",
                "overProvisionedTime" => "time above demand (τO)",
                "instability" => "instability",
                _ => return number(format!("{entity}: scaling lag"), "seconds"),
            };
            return share(format!("{entity}: {words}"));
        }
        if let Some((entity, measure)) = rest.rsplit_once(".recovery.") {
            return match measure {
                "desiredCount.neverRecovered" => {
                    number(format!("{entity}: never recovered"), "times")
                }
                "objective.longestSeconds" => {
                    number(format!("{entity}: time to keep the objective again"), "seconds")
                }
                _ => number(format!("{entity}: time to recover"), "seconds"),
            };
        }
        if let Some(entity) = rest.strip_suffix(".running") {
            return number(format!("{entity}: running tasks"), "tasks");
        }
        if rest.starts_with("pendingSeconds.") {
            return number(format!("creation to RUNNING, {quantile}"), "seconds");
        }
        if let Some((entity, _)) = rest.rsplit_once(".waitSeconds.") {
            return number(format!("{entity}: wait, {quantile}"), "seconds");
        }
        if let Some(entity) = rest.strip_suffix(".lastEndSeconds") {
            return number(format!("{entity}: last end"), "seconds");
        }
        if let Some(entity) = rest.strip_suffix(".wasted") {
            return number(format!("{entity}: attempts in vain"), "");
        }
        number(path.to_owned(), "")
    }

    /// Name and unit for an axis.
    pub(crate) fn quantity(&self) -> String {
        if self.suffix.is_empty() {
            self.name.clone()
        } else {
            format!("{}, {}", self.name, self.suffix)
        }
    }

    /// A value for people.
    pub(crate) fn value(&self, value: f64) -> String {
        match self.unit {
            AxisUnit::Usd => usd(value),
            AxisUnit::Percent => percent(value),
            AxisUnit::Millis => millis(value),
            AxisUnit::Number if self.suffix == "seconds" => duration(value),
            AxisUnit::Number => count(value),
        }
    }

    /// A difference for people, with its sign.
    pub(crate) fn difference(&self, value: f64) -> String {
        let text = match self.unit {
            AxisUnit::Percent => {
                format!("{} points", significant(value.abs() * 100.0, 3))
            }
            _ => self.value(value.abs()),
        };
        // What rounds to nothing has no sign.
        let sign = if value.abs() < 1e-12 {
            ""
        } else if value < 0.0 {
            "−"
        } else {
            "+"
        };
        format!("{sign}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_named_in_words() {
        let name = |path| MetricLook::of(path).quantity();
        assert_eq!(name("cost.totalUsd"), "cost, USD");
        assert_eq!(name("services.my.api.latencyMs.p99"), "my.api: latency p99");
        assert_eq!(name("services.api.costUsd"), "api: cost, USD");
        assert_eq!(name("cost.byCategory.EC2"), "cost of EC2, USD");
        assert_eq!(name("batches.etl.waitSeconds.mean"), "etl: wait, mean, seconds");
        assert_eq!(name("queues.jobs.waitSeconds.p95"), "jobs: wait, p95, seconds");
        assert_eq!(name("queues.jobs.wasted"), "jobs: attempts in vain");
        assert_eq!(name("capacity.web.elasticity.instability"), "web: instability");
        assert_eq!(
            name("services.api.elasticity.speedUp"),
            "api: elastic speed-up over the baseline"
        );
        assert_eq!(
            name("services.api.objective.violatedMinutes"),
            "api: SLO violation minutes, minutes"
        );
        assert_eq!(name("something.new"), "something.new");
        assert_eq!(MetricLook::of("utilization.cpuReserved").difference(-0.051), "−5.1 points");
        assert_eq!(MetricLook::of("cost.totalUsd").difference(0.0), "$0.00");
    }
}
