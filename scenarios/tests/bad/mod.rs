//! Inputs that must be refused: the files in this folder, and some that are made on the spot because
//! they are large, unreadable or not text. For every test that needs bad input.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// An input that must be refused.
pub(crate) struct Case {
    /// Name of the case.
    pub(crate) name: String,
    /// The scenario, relative to the package where it is a committed file.
    pub(crate) path: PathBuf,
    /// Changes by `--set`.
    pub(crate) set: Vec<(String, String)>,
}

/// All cases, sorted by name. Those that are made on the spot are put into `folder`.
pub(crate) fn cases(folder: &Path) -> Vec<Case> {
    let mut cases = committed();
    cases.extend(made(folder));
    cases.extend(changes());
    cases.extend(scheduling());
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn committed() -> Vec<Case> {
    let folder = Path::new("tests/bad");
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    entries
        .map(|entry| PathBuf::from(entry.unwrap().file_name()))
        .filter(|name| name.extension().is_some_and(|extension| extension == "yaml"))
        .map(|name| Case {
            name: name.file_stem().unwrap().to_str().unwrap().to_owned(),
            path: folder.join(name),
            set: Vec::new(),
        })
        .collect()
}

fn made(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, bytes: &[u8]| {
        let path = folder.join(format!("{name}.yaml"));
        fs::write(&path, bytes).unwrap();
        cases.push(Case { name: name.to_owned(), path, set: Vec::new() });
    };
    add("made_not_utf_8", b"name: bad\nduration: \xff\xfe\n");
    add("made_nul_bytes", &[0; 1000]);
    add("made_deep_flow", "[".repeat(100_000).as_bytes());
    add("made_deep_blocks", deep_blocks(2_000).as_bytes());
    add("made_long_line", format!("name: {}\n", "x".repeat(1_000_000)).as_bytes());
    add("made_long_key", format!("{}: 1\n", "x".repeat(100_000)).as_bytes());
    add("made_many_values", many_values().as_bytes());
    add("made_many_services", many_services().as_bytes());
    // 100 MB that take no space: only the size is looked at.
    let huge = folder.join("made_100_megabytes.yaml");
    fs::File::create(&huge).unwrap().set_len(100 * 1000 * 1000).unwrap();
    cases.push(Case { name: "made_100_megabytes".to_owned(), path: huge, set: Vec::new() });
    let nowhere = folder.join("made_missing.yaml");
    cases.push(Case { name: "made_missing".to_owned(), path: nowhere, set: Vec::new() });
    let directory = folder.join("made_folder.yaml");
    fs::create_dir(&directory).unwrap();
    cases.push(Case { name: "made_folder".to_owned(), path: directory, set: Vec::new() });
    let below_a_file = folder.join("made_nul_bytes.yaml/x.yaml");
    cases.push(Case { name: "made_below_a_file".to_owned(), path: below_a_file, set: Vec::new() });
    cases
}

fn deep_blocks(depth: usize) -> String {
    (0..depth).map(|level| " ".repeat(level) + "a:\n").collect()
}

fn many_values() -> String {
    format!("name: bad\nduration: 1h\nservices: [{}0]\n", "0,".repeat(2_100_000))
}

/// More services than a cluster took in 2020.
fn many_services() -> String {
    use std::fmt::Write as _;
    let mut text = "name: bad\nduration: 1h\nawsRules: 2020-01\n\
                    taskDefinitions: [{family: api, networkMode: awsvpc, cpu: 256, memory: 512, \
                    containerDefinitions: [{name: api}]}]\nservices:\n"
        .to_owned();
    for index in 0..2001 {
        let _ = writeln!(
            text,
            "  - {{serviceName: s{index}, taskDefinition: api, desiredCount: 0, launchType: FARGATE}}"
        );
    }
    text
}

/// Changes to a scenario that is good without them.
fn changes() -> Vec<Case> {
    let cases = [
        ("set_unknown_key", "services.api.desiredCuont", "3"),
        ("set_unknown_element", "services.apy.desiredCount", "3"),
        ("set_no_such_position", "services.3.desiredCount", "3"),
        ("set_below_a_number", "services.api.desiredCount.x", "3"),
        ("set_wrong_type", "services.api.desiredCount", "many"),
        (
            "set_wrong_inside",
            "services.api.load",
            "{requests: {constant: 5/s}, cpuPerRequest: soon}",
        ),
        ("set_broken_value", "services.api.desiredCount", "[1"),
        ("set_too_much_storage", "taskDefinitions.api.ephemeralStorage", "{sizeInGiB: 201}"),
        ("set_empty_path", "", "3"),
        ("set_nothing", "services.api.desiredCount", ""),
    ];
    cases
        .into_iter()
        .map(|(name, path, value)| Case {
            name: name.to_owned(),
            path: PathBuf::from("tests/language/good/minimal.yaml"),
            set: vec![(path.to_owned(), value.to_owned())],
        })
        .collect()
}

/// Wrong settings of the service scheduler, each put into a scenario that is good without it.
fn scheduling() -> Vec<Case> {
    let deployment = "services.api.deploymentConfiguration";
    let breaker = "{deploymentCircuitBreaker: {enable: true, rollback: true}}";
    let configured = "{deploymentCircuitBreaker: {enable: true, resetOnHealthyTask: false, \
                      thresholdConfiguration: {type: COUNT, value: 5}}}";
    let strategy = "[{capacityProvider: a, weight: 1}, {capacityProvider: b, weight: 1}, \
                    {capacityProvider: c, weight: 1}, {capacityProvider: d, weight: 1}, \
                    {capacityProvider: e, weight: 1}, {capacityProvider: f, weight: 1}, \
                    {capacityProvider: g, weight: 1}]";
    let old = ("awsRules", "2020-01");
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("minimum_percent", vec![(deployment, "{minimumHealthyPercent: 101}")]),
        ("maximum_percent", vec![(deployment, "{maximumPercent: 0}")]),
        ("maximum_below_minimum", vec![(deployment, "{maximumPercent: 50}")]),
        ("breaker_before_its_time", vec![old, (deployment, breaker)]),
        (
            "blue_green_before_its_time",
            vec![
                ("awsRules", "2025-06"),
                (deployment, "{strategy: BLUE_GREEN, bakeTimeInMinutes: 5}"),
            ],
        ),
        (
            "canary_before_its_time",
            vec![("awsRules", "2025-09"), (deployment, "{strategy: CANARY}")],
        ),
        (
            "breaker_without_enable",
            vec![(deployment, "{deploymentCircuitBreaker: {rollback: true}}")],
        ),
        ("breaker_configured_too_early", vec![("awsRules", "2024-12"), (deployment, configured)]),
        (
            "breaker_above_100_percent",
            vec![(
                deployment,
                "{deploymentCircuitBreaker: {enable: true, thresholdConfiguration: \
                 {type: BOUNDED_PERCENT, value: 101}}}",
            )],
        ),
        (
            "breaker_of_unknown_type",
            vec![(
                deployment,
                "{deploymentCircuitBreaker: {enable: true, thresholdConfiguration: {type: HALF, value: 1}}}",
            )],
        ),
        (
            "breaker_of_blue_green",
            vec![(
                deployment,
                "{strategy: BLUE_GREEN, bakeTimeInMinutes: 5, deploymentCircuitBreaker: {enable: true}}",
            )],
        ),
        ("unknown_strategy", vec![(deployment, "{strategy: PURPLE}")]),
        ("blue_green_without_bake_time", vec![(deployment, "{strategy: BLUE_GREEN}")]),
        (
            "bake_time_of_two_days",
            vec![(deployment, "{strategy: BLUE_GREEN, bakeTimeInMinutes: 2880}")],
        ),
        (
            "canary_settings_of_linear",
            vec![(deployment, "{strategy: LINEAR, canaryConfiguration: {canaryPercent: 5}}")],
        ),
        (
            "canary_of_nothing",
            vec![(deployment, "{strategy: CANARY, canaryConfiguration: {canaryPercent: 0}}")],
        ),
        (
            "canary_bake_time",
            vec![(
                deployment,
                "{strategy: CANARY, canaryConfiguration: {canaryBakeTimeInMinutes: 1441}}",
            )],
        ),
        (
            "linear_step_too_small",
            vec![(deployment, "{strategy: LINEAR, linearConfiguration: {stepPercent: 2.9}}")],
        ),
        (
            "linear_bake_time",
            vec![(
                deployment,
                "{strategy: LINEAR, linearConfiguration: {stepBakeTimeInMinutes: -1}}",
            )],
        ),
        (
            "canary_of_hundredths",
            vec![(deployment, "{strategy: CANARY, canaryConfiguration: {canaryPercent: 0.25}}")],
        ),
        (
            "linear_step_of_hundredths",
            vec![(deployment, "{strategy: LINEAR, linearConfiguration: {stepPercent: 12.55}}")],
        ),
        (
            "linear_settings_of_canary",
            vec![(deployment, "{strategy: CANARY, linearConfiguration: {stepPercent: 20}}")],
        ),
        (
            "linear_settings_of_blue_green",
            vec![(
                deployment,
                "{strategy: BLUE_GREEN, bakeTimeInMinutes: 5, linearConfiguration: {stepPercent: 20}}",
            )],
        ),
        (
            "linear_before_its_time",
            vec![
                ("awsRules", "2025-09"),
                (deployment, "{strategy: LINEAR, linearConfiguration: {stepPercent: 20}}"),
            ],
        ),
        (
            "linear_misspelt",
            vec![(deployment, "{strategy: LINEAR, linearConfiguration: {stepPercnt: 20}}")],
        ),
        (
            "hooks_of_rolling",
            vec![(
                deployment,
                "{lifecycleHooks: [{lifecycleStages: [PRE_SCALE_UP], duration: 1m}]}",
            )],
        ),
        (
            "hook_at_no_stage",
            vec![(
                deployment,
                "{strategy: LINEAR, lifecycleHooks: [{lifecycleStages: [SCALE_UP], duration: 1m}]}",
            )],
        ),
        (
            "hook_of_two_days",
            vec![(
                deployment,
                "{strategy: LINEAR, lifecycleHooks: [{lifecycleStages: [PRE_SCALE_UP], duration: 2d}]}",
            )],
        ),
        ("early_success_half_given", vec![(deployment, "{earlySuccessCriteria: {enable: true}}")]),
        (
            "early_success_below_minimum",
            vec![(
                deployment,
                "{earlySuccessCriteria: {enable: true, healthyPercent: 50, \
                 sourceServiceRevisionCleanup: DEFERRED}}",
            )],
        ),
        (
            "early_success_cleanup",
            vec![(
                deployment,
                "{earlySuccessCriteria: {enable: true, healthyPercent: 100, \
                 sourceServiceRevisionCleanup: NEVER}}",
            )],
        ),
        ("alarms_of_nobody", vec![(deployment, "{alarms: {enable: true, alarmNames: [high]}}")]),
        ("alarms_without_names", vec![(deployment, "{alarms: {enable: true}}")]),
        ("update_of_nothing", vec![("services.api.deployments", "[{at: 10m}]")]),
        (
            "update_to_nothing",
            vec![("services.api.deployments", "[{at: 10m, taskDefinition: apy}]")],
        ),
        ("update_without_time", vec![("services.api.deployments", "[{forceNewDeployment: true}]")]),
        ("update_at_noon", vec![("services.api.deployments", "[{at: noon, taskDefinition: api}]")]),
        (
            "update_to_a_crowd",
            vec![("services.api.deployments", "[{at: 10m, desiredCount: 100001}]")],
        ),
        ("grace_period", vec![("services.api.healthCheckGracePeriodSeconds", "-1")]),
        (
            "rebalancing_of_binpack",
            vec![
                ("services.api.placementStrategy", "[{type: binpack, field: cpu}]"),
                ("services.api.availabilityZoneRebalancing", "ENABLED"),
            ],
        ),
        (
            "rebalancing_before_its_time",
            vec![old, ("services.api.availabilityZoneRebalancing", "ENABLED")],
        ),
        ("rebalancing_maybe", vec![("services.api.availabilityZoneRebalancing", "MAYBE")]),
        ("protection_share", vec![("services.api.taskProtection", "{share: 1.1}")]),
        (
            "protection_minutes",
            vec![("services.api.taskProtection", "{share: 0.5, expiresInMinutes: 2881}")],
        ),
        ("unknown_scheduling_strategy", vec![("services.api.schedulingStrategy", "EVERYWHERE")]),
        (
            "daemon_with_strategies",
            vec![
                ("services.api.schedulingStrategy", "DAEMON"),
                ("services.api.placementStrategy", "[{type: random}]"),
                (deployment, "{maximumPercent: 200, strategy: LINEAR}"),
                ("services.api.taskProtection", "{share: 0.5}"),
                ("services.api.deployments", "[{at: 1m, desiredCount: 3}]"),
            ],
        ),
        ("draining_of_nobody", vec![("draining", "[{at: 1h, autoScalingGroup: wep}]")]),
        (
            "draining_of_no_zone",
            vec![("draining", "[{at: 1h, autoScalingGroup: web, availabilityZone: us-east-1z}]")],
        ),
        ("draining_of_none", vec![("draining", "[{at: 1h, autoScalingGroup: web, count: 0}]")]),
        (
            "managed_draining_before_its_time",
            vec![old, ("capacityProviders.0.autoScalingGroupProvider.managedDraining", "ENABLED")],
        ),
        ("strategy_of_seven", vec![old, ("services.api.capacityProviderStrategy", strategy)]),
        (
            "launch_quotas_of_nothing",
            vec![
                ("controlPlane.fargateLaunches", "{burst: 0, refillPerSecond: 20}"),
                ("controlPlane.fargateSpotLaunches", "{burst: 100}"),
                ("controlPlane.serviceScheduler", "{launchesPerMinute: 0}"),
            ],
        ),
        (
            "registration_retry_of_nothing",
            vec![("controlPlane.registrationRetry", "{firstInterval: 0s, longestInterval: 0s}")],
        ),
        (
            "registration_retry_upside_down",
            vec![("controlPlane.registrationRetry", "{firstInterval: 1m}")],
        ),
        ("scheduler_tick", vec![("controlPlane.serviceScheduler", "{tick: 0}")]),
        ("scheduler_batch", vec![("controlPlane.serviceScheduler", "{batchSize: 0}")]),
        ("scheduler_healthy", vec![("controlPlane.serviceScheduler", "{healthyAfter: -40s}")]),
        (
            "scheduler_throttle",
            vec![("controlPlane.serviceScheduler", "{throttle: {failures: 0}}")],
        ),
        (
            "scheduler_limiter",
            vec![("controlPlane.serviceScheduler", "{launchRateLimiter: leaky}")],
        ),
        (
            "scheduler_rebalancing",
            vec![(
                "controlPlane.serviceScheduler",
                "{zoneRebalancing: {interval: 0, batchSize: 0}}",
            )],
        ),
        (
            "scheduler_orders",
            vec![(
                "controlPlane.serviceScheduler",
                "{unhealthyTaskOrder: newestFirst, belowProtected: ask, alarmBakeTime: -1m}",
            )],
        ),
    ];
    cases
        .into_iter()
        .map(|(name, set)| Case {
            name: format!("scheduling_{name}"),
            path: PathBuf::from("tests/language/good/minimal.yaml"),
            set: set.into_iter().map(|(path, value)| (path.to_owned(), value.to_owned())).collect(),
        })
        .collect()
}
