//! Constants of AWS that change over time, keyed by date.
//!
//! A scenario names a rule set (`awsRules: 2026-06`) or any month: a month takes the newest set that
//! is not later. Each set is the one before it with the changes of its date, so that what changed when
//! can be read off the source. Where a change has no known date it is placed in the first set whose
//! documentation shows it; the sources are the archived developer guide (revisions 2020-07, 2022-04
//! and 2023-06), the service quotas page and the document history as of 2026-11.

/// One dated set of constants.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleSet {
    /// Name in scenarios, for example `2026-06`.
    pub name: &'static str,
    /// Tasks of a cluster in PROVISIONING at once.
    pub provisioning_tasks_per_cluster: u32,
    /// Tasks that a service launches per minute on EC2; `None` where no figure was published.
    pub ec2_launches_per_service_minute: Option<u32>,
    /// Tasks that a service launches per minute on Fargate.
    pub fargate_launches_per_service_minute: Regional<u32>,
    /// Launches on Fargate over all services of the account; On-Demand and Spot have a bucket each.
    pub fargate_launch_bucket: Regional<TokenBucket>,
    /// Calls of the API that change what a cluster runs (RunTask, StartTask), over the account.
    pub cluster_modify_bucket: TokenBucket,
    /// Tasks of one RunTask or StartTask call.
    pub tasks_per_run_task: u32,
    /// Container instances per cluster.
    pub instances_per_cluster: u32,
    /// Services per cluster.
    pub services_per_cluster: u32,
    /// Tasks per service.
    pub tasks_per_service: u32,
    /// Failures that the deployment circuit breaker needs at least; `None` before it existed.
    pub circuit_breaker_minimum: Option<u32>,
    /// Whether that minimum can be configured.
    pub circuit_breaker_configurable: bool,
    /// Longest pause between launch attempts of a service whose tasks keep failing, in seconds.
    pub service_throttle_max_seconds: u32,
    /// Availability zone rebalancing of services that do not mention it.
    pub az_rebalancing: AzRebalancing,
    /// Ways of moving traffic in deployments of the service scheduler itself.
    pub traffic_shifts: TrafficShifts,
    /// Whether managed draining of instances exists; it is on unless refused.
    pub managed_draining: bool,
    /// Finest resolution of the ECS service metrics, in seconds.
    pub finest_service_metric_seconds: u32,
    /// Whether the capacity provider strategy of a running service can be changed.
    pub strategy_updates: bool,
    /// Entries in a capacity provider strategy.
    pub capacity_providers_per_strategy: u32,
    /// Largest task on Fargate.
    pub largest_fargate_task: LargestFargateTask,
    /// Price entry of Windows tasks on Fargate.
    pub windows_fargate_price: WindowsFargatePrice,
}

/// Which deployment strategies there are beside the rolling one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrafficShifts {
    /// None.
    Absent,
    /// All traffic at once (blue/green).
    AllAtOnce,
    /// By steps, too (canary, linear).
    Gradual,
}

/// A quota that AWS gives in two sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regional<T> {
    /// In the sixteen regions that the quotas page names.
    pub large: T,
    /// In the others.
    pub other: T,
}

impl<T: Copy> Regional<T> {
    /// The same value everywhere.
    const fn everywhere(value: T) -> Self {
        Self { large: value, other: value }
    }

    /// The value in `region`.
    pub fn in_region(&self, region: &str) -> T {
        if is_large_fargate_region(region) { self.large } else { self.other }
    }
}

/// A token bucket: it starts full, and each launch takes one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    /// Capacity.
    pub burst: u32,
    /// Tokens added per second.
    pub refill_per_second: u32,
}

/// Availability zone rebalancing of services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AzRebalancing {
    /// The feature does not exist yet.
    Absent,
    /// It exists, and is off unless asked for.
    OffByDefault,
    /// It is on unless refused, for services that are eligible.
    OnByDefault,
}

/// Largest task on Fargate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LargestFargateTask {
    /// 4 vCPU and 30 GB.
    FourVcpu,
    /// 16 vCPU and 120 GB.
    SixteenVcpu,
    /// 32 vCPU and 244 GB.
    ThirtyTwoVcpu,
}

/// Price of Windows tasks on Fargate, which changed at an unknown date between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowsFargatePrice {
    /// The AmazonECS offer of 2022-11-21.
    Offer2022,
    /// The level first seen on 2026-05-11.
    Offer2026,
}

/// The guide of 2020-07. The launch rate on Fargate is a published measurement (about 23 per minute and
/// service), the launch bucket and the PROVISIONING limit are public reports.
const RULES_2020_01: RuleSet = RuleSet {
    name: "2020-01",
    provisioning_tasks_per_cluster: 100,
    ec2_launches_per_service_minute: None,
    fargate_launches_per_service_minute: Regional::everywhere(23),
    fargate_launch_bucket: Regional::everywhere(TokenBucket { burst: 10, refill_per_second: 1 }),
    // Documented as of 2026 only; nothing says that they were others before.
    cluster_modify_bucket: TokenBucket { burst: 100, refill_per_second: 40 },
    tasks_per_run_task: 10,
    instances_per_cluster: 2000,
    services_per_cluster: 2000,
    tasks_per_service: 2000,
    circuit_breaker_minimum: None,
    circuit_breaker_configurable: false,
    service_throttle_max_seconds: 15 * 60,
    az_rebalancing: AzRebalancing::Absent,
    traffic_shifts: TrafficShifts::Absent,
    managed_draining: false,
    finest_service_metric_seconds: 60,
    strategy_updates: false,
    capacity_providers_per_strategy: 6,
    largest_fargate_task: LargestFargateTask::FourVcpu,
    windows_fargate_price: WindowsFargatePrice::Offer2022,
};

/// Developer guide of 2022-04; the circuit breaker's minimum appears in revisions from 2022-02 on.
const RULES_2022_04: RuleSet = RuleSet {
    name: "2022-04",
    provisioning_tasks_per_cluster: 300,
    ec2_launches_per_service_minute: Some(250),
    fargate_launches_per_service_minute: Regional::everywhere(500),
    fargate_launch_bucket: Regional::everywhere(TokenBucket { burst: 100, refill_per_second: 20 }),
    instances_per_cluster: 5000,
    services_per_cluster: 5000,
    tasks_per_service: 5000,
    circuit_breaker_minimum: Some(10),
    ..RULES_2020_01
};

/// 16 vCPU on Fargate since 2022-09-16.
const RULES_2022_09: RuleSet = RuleSet {
    name: "2022-09",
    largest_fargate_task: LargestFargateTask::SixteenVcpu,
    ..RULES_2022_04
};

/// The circuit breaker's minimum of 3 is documented by 2024-10; managed draining came on 2024-01-19.
const RULES_2024_10: RuleSet = RuleSet {
    name: "2024-10",
    circuit_breaker_minimum: Some(3),
    managed_draining: true,
    ..RULES_2022_09
};

/// Zone rebalancing since 2024-11-19, twenty entries per strategy since 2024-12-09.
const RULES_2024_12: RuleSet = RuleSet {
    name: "2024-12",
    az_rebalancing: AzRebalancing::OffByDefault,
    capacity_providers_per_strategy: 20,
    ..RULES_2024_10
};

/// The capacity provider strategy of a running service can be changed since June 2025.
const RULES_2025_06: RuleSet = RuleSet { name: "2025-06", strategy_updates: true, ..RULES_2024_12 };

/// Blue/green deployments by the service scheduler since 2025-07-15.
const RULES_2025_07: RuleSet =
    RuleSet { name: "2025-07", traffic_shifts: TrafficShifts::AllAtOnce, ..RULES_2025_06 };

/// Zone rebalancing is the default since 2025-09-05.
const RULES_2025_09: RuleSet =
    RuleSet { name: "2025-09", az_rebalancing: AzRebalancing::OnByDefault, ..RULES_2025_07 };

/// Canary and linear deployments since 2025-10-28.
const RULES_2025_10: RuleSet =
    RuleSet { name: "2025-10", traffic_shifts: TrafficShifts::Gradual, ..RULES_2025_09 };

/// Metrics every 20 s since 2026-06-18, configurable circuit breaker since 2026-06-29, and what the
/// documentation of 2026 shows without a date: quotas, the longer back-off, 32 vCPU on Fargate, the
/// lower price of Windows tasks (first seen 2026-05-11).
const RULES_2026_06: RuleSet = RuleSet {
    name: "2026-06",
    provisioning_tasks_per_cluster: 500,
    ec2_launches_per_service_minute: Some(500),
    fargate_launches_per_service_minute: Regional { large: 500, other: 125 },
    fargate_launch_bucket: Regional {
        large: TokenBucket { burst: 100, refill_per_second: 20 },
        other: TokenBucket { burst: 25, refill_per_second: 5 },
    },
    circuit_breaker_configurable: true,
    service_throttle_max_seconds: 27 * 60,
    finest_service_metric_seconds: 20,
    largest_fargate_task: LargestFargateTask::ThirtyTwoVcpu,
    windows_fargate_price: WindowsFargatePrice::Offer2026,
    ..RULES_2025_10
};

/// All sets, oldest first.
static RULE_SETS: [RuleSet; 10] = [
    RULES_2020_01,
    RULES_2022_04,
    RULES_2022_09,
    RULES_2024_10,
    RULES_2024_12,
    RULES_2025_06,
    RULES_2025_07,
    RULES_2025_09,
    RULES_2025_10,
    RULES_2026_06,
];

/// Regions with the larger quotas of Fargate, sorted.
const LARGE_FARGATE_REGIONS: [&str; 16] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Whether `region` has the larger quotas of Fargate.
pub fn is_large_fargate_region(region: &str) -> bool {
    LARGE_FARGATE_REGIONS.binary_search(&region).is_ok()
}

/// The newest set.
pub fn newest() -> &'static RuleSet {
    let [.., newest] = &RULE_SETS;
    newest
}

/// Names of the sets, oldest first.
pub fn names() -> impl Iterator<Item = &'static str> {
    RULE_SETS.iter().map(|rules| rules.name)
}

/// The newest set that is not later than the month `name` (`YYYY-MM`); `None` if `name` is not a month
/// or lies before the first set.
pub fn rule_set(name: &str) -> Option<&'static RuleSet> {
    if !is_month(name) {
        return None;
    }
    // Months in this form sort like the times they stand for.
    RULE_SETS.iter().rev().find(|rules| rules.name <= name)
}

fn is_month(name: &str) -> bool {
    let Some((year, month)) = name.split_once('-') else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    year.len() == 4
        && month.len() == 2
        && digits(year)
        && digits(month)
        && ("01"..="12").contains(&month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Option<&'static str> {
        rule_set(name).map(|rules| rules.name)
    }

    #[test]
    fn a_month_takes_the_newest_set_not_later() {
        assert_eq!(named("2026-06"), Some("2026-06"));
        assert_eq!(named("2026-05"), Some("2025-10"));
        assert_eq!(named("2025-08"), Some("2025-07"));
        assert_eq!(named("2025-06"), Some("2025-06"));
        assert_eq!(named("2022-08"), Some("2022-04"));
        assert_eq!(named("2031-01"), Some("2026-06"));
        assert_eq!(named("2020-01"), Some("2020-01"));
        assert_eq!(named("2019-12"), None);
    }

    #[test]
    fn other_texts_are_no_rule_sets() {
        for name in ["", "newest", "2026", "2026-6", "2026-13", "2026-00", "2026-06-01", "20é6-06"]
        {
            assert_eq!(named(name), None, "{name}");
        }
    }

    #[test]
    fn sets_are_in_order_and_found_under_their_names() {
        let names: Vec<&str> = names().collect();
        assert!(names.is_sorted_by(|a, b| a < b));
        for name in names {
            assert_eq!(named(name), Some(name));
        }
        assert_eq!(newest().name, "2026-06");
    }

    #[test]
    fn constants_drift_as_documented() {
        let column = |name: &str| {
            let rules = rule_set(name).expect("a rule set");
            (
                rules.provisioning_tasks_per_cluster,
                rules.ec2_launches_per_service_minute,
                rules.tasks_per_service,
                rules.circuit_breaker_minimum,
                rules.service_throttle_max_seconds,
                rules.az_rebalancing,
                rules.capacity_providers_per_strategy,
            )
        };
        assert_eq!(column("2020-01"), (100, None, 2000, None, 900, AzRebalancing::Absent, 6));
        let of_2022 = (300, Some(250), 5000, Some(10), 900, AzRebalancing::Absent, 6);
        assert_eq!(column("2023-06"), of_2022);
        let of_2026 = (500, Some(500), 5000, Some(3), 1620, AzRebalancing::OnByDefault, 20);
        assert_eq!(column("2026-11"), of_2026);
    }

    #[test]
    fn deployment_strategies_came_one_after_another() {
        let shifts = ["2025-06", "2025-07", "2025-09", "2025-10", "2026-11"]
            .map(|month| rule_set(month).map(|rules| rules.traffic_shifts));
        let expected = [
            TrafficShifts::Absent,
            TrafficShifts::AllAtOnce,
            TrafficShifts::AllAtOnce,
            TrafficShifts::Gradual,
            TrafficShifts::Gradual,
        ];
        assert_eq!(shifts, expected.map(Some));
    }

    #[test]
    fn fargate_quotas_depend_on_the_region() {
        let bucket = |region| newest().fargate_launch_bucket.in_region(region);
        assert_eq!(bucket("eu-west-1"), TokenBucket { burst: 100, refill_per_second: 20 });
        assert_eq!(bucket("af-south-1"), TokenBucket { burst: 25, refill_per_second: 5 });
        let rate = |region| newest().fargate_launches_per_service_minute.in_region(region);
        assert_eq!((rate("us-west-2"), rate("me-south-1")), (500, 125));
        assert!(LARGE_FARGATE_REGIONS.is_sorted());
    }
}
