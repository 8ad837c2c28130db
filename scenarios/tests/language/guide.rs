//! Every YAML block of the guide loads: `yaml` is a whole scenario, `yaml <place>` a part that is put
//! into the base scenario of [`whole`].

use std::path::{Path, PathBuf};

use plimsoll::language::{LoadOptions, Loaded, load};

/// A base scenario whose parts a block of the guide replaces.
const BASE: [(&str, &str); 5] = [
    ("head", "name: base\nduration: 1h\n"),
    (
        "capacity",
        "autoScalingGroups: [{autoScalingGroupName: web, instanceType: m7g.large, minSize: 1, maxSize: 9}]
capacityProviders:
  - name: web
    autoScalingGroupProvider: {autoScalingGroup: web, managedScaling: {status: ENABLED}}
",
    ),
    (
        "taskDefinitions",
        "taskDefinitions:
  - family: api
    runtimePlatform: {cpuArchitecture: ARM64}
    containerDefinitions: [{name: api, cpu: 512, memory: 1024}]
",
    ),
    (
        "service",
        "services:
  - serviceName: api
    taskDefinition: api
    desiredCount: 2
    capacityProviderStrategy: [{capacityProvider: web, weight: 1}]
    loadBalancers: [{loadBalancerName: web}]
",
    ),
    ("load", "    load: {requests: {constant: 20/s}, cpuPerRequest: 10ms}\n"),
];

/// Files that blocks of the guide read.
const FILES: [(&str, &str); 5] = [
    (
        "api.json",
        r#"{"taskDefinition": {"family": "api", "networkMode": "awsvpc", "requiresCompatibilities": ["EC2"],
            "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
            "cpu": "512", "memory": "1024",
            "containerDefinitions": [{"name": "api", "image": "api:1", "healthCheck": {"command": ["true"]}}]}}"#,
    ),
    ("arrivals.csv", "seconds\n0.25\n1\n1\n90.5\n"),
    ("requests.csv", "minute,requests\n0,1200\n1,1500\n2,900\n"),
    ("backlog.csv", "messages\n100\n250\n"),
    ("jobs.csv", "submitted,seconds,vcpu\n0,60,1\n30,90,2\n"),
];

struct Block {
    line: usize,
    place: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in std::fs::read_to_string(guide).unwrap().lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(info)) => {
                open = Some(Block { line: index + 1, place: info.to_owned(), text: String::new() });
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks.into_iter().filter(|block| block.place.starts_with("yaml")).collect()
}

/// The block as a whole scenario: the base without the parts that the block brings.
fn whole(block: &Block) -> String {
    let place = block.place.trim_start_matches("yaml").trim();
    if place.is_empty() {
        return block.text.clone();
    }
    let known = ["top", "capacity", "taskDefinitions", "service", "services"];
    assert!(known.contains(&place), "README.md:{}: unknown place `{place}`", block.line);
    let mut text = String::new();
    for (part, base) in BASE {
        let first_key = base.trim_start().split(':').next().unwrap();
        let replaced = match place {
            "services" => matches!(part, "service" | "load"),
            // A part of the service; what it does not say stays.
            "service" => part == "load" && block.text.contains("load:"),
            place => part == place && block.text.contains(first_key),
        };
        if !replaced {
            text.push_str(base);
        }
    }
    for line in block.text.lines() {
        // Keys of the service stand four spaces in.
        let indent = if place == "service" { "    " } else { "" };
        text.extend([indent, line, "\n"]);
    }
    text
}

#[track_caller]
fn loaded(folder: &Path, block: &Block) -> Loaded {
    let text = whole(block);
    let path: PathBuf = folder.join("scenario.yaml");
    std::fs::write(&path, &text).unwrap();
    match load(&path, &LoadOptions::default()) {
        Ok(loaded) => loaded,
        Err(diagnostics) => panic!("README.md:{}: {diagnostics}\n{text}", block.line),
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in FILES {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

#[test]
fn every_snippet_of_the_guide_loads() {
    let folder = folder();
    let blocks = blocks();
    assert!(12 < blocks.len(), "only {} blocks found", blocks.len());
    for block in &blocks {
        let loaded = loaded(folder.path(), block);
        let Some(sweep) = &loaded.sweep else { continue };
        let counts: Vec<usize> = sweep.parameters.iter().map(|it| it.alternatives.len()).collect();
        for (parameter, count) in counts.iter().enumerate() {
            for alternative in 0..*count {
                let mut choice = vec![0; counts.len()];
                choice[parameter] = alternative;
                if let Err(diagnostics) = loaded.point(&choice, 0) {
                    panic!("README.md:{}: {choice:?}: {diagnostics}", block.line);
                }
            }
        }
    }
}

#[test]
fn the_first_scenario_of_the_guide_runs() {
    let folder = folder();
    let blocks = blocks();
    let first = &blocks[0];
    assert_eq!(first.place, "yaml", "the guide begins with a whole scenario");
    let scenario = loaded(folder.path(), first).scenario;
    let results = plimsoll_core::simulation::run(&scenario, &mut |_| {}).unwrap();
    assert!(0 < results.events);
}
