//! Published task definitions: each loads to the values that a careful reader
//! found, or is refused with the field named.

use std::path::Path;

use plimsoll::language::raw::task_definition::{Compatibility, NetworkMode};
use plimsoll::language::{LoadOptions, Loaded, TaskDefinitionFacts, load, task_definition_facts};

use plimsoll_core::units::{Cpu, Mib};

use super::real_data;

fn row(facts: &TaskDefinitionFacts) -> Vec<String> {
    let mode = facts.network_mode.map_or("", |mode| match mode {
        NetworkMode::Bridge => "bridge",
        NetworkMode::Host => "host",
        NetworkMode::Awsvpc => "awsvpc",
        NetworkMode::None => "none",
    });
    let compatibilities: Vec<&str> = facts
        .requires_compatibilities
        .iter()
        .map(|it| match it {
            Compatibility::Ec2 => "EC2",
            Compatibility::Fargate => "FARGATE",
            Compatibility::External => "EXTERNAL",
            Compatibility::ManagedInstances => "MANAGED_INSTANCES",
        })
        .collect();
    let ports: Vec<String> = facts.host_ports.iter().map(ToString::to_string).collect();
    vec![
        facts.family.clone(),
        mode.to_owned(),
        compatibilities.join("|"),
        facts.task_cpu.map(|cpu| cpu.to_string()).unwrap_or_default(),
        facts.task_memory.map(|memory| memory.to_string()).unwrap_or_default(),
        facts.n_containers.to_string(),
        facts.sum_container_cpu.to_string(),
        facts.sum_container_memory.to_string(),
        facts.sum_memory_reservation.to_string(),
        facts.sum_reservation_else_memory.to_string(),
        ports.join("|"),
    ]
}

/// The one file of the table whose values are placeholders.
const PLACEHOLDERS: &str = "ecsdemo-cicd_task-definition.json";
/// Legal on EC2, but of a size that Fargate does not offer.
const ODD_SIZE: &str = "inject-config-files-ecs-task-definition_files_task-definition.json";

#[test]
fn published_task_definitions_load_to_what_a_reader_finds() {
    let Some(folder) = real_data().map(|data| data.join("ecs/taskdefs")) else { return };
    let mut table = csv::Reader::from_path(folder.join("facts.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 14);
    let (refused, loaded): (Vec<_>, Vec<_>) =
        rows.iter().partition(|record| &record[0] == PLACEHOLDERS);
    assert_eq!((refused.len(), loaded.len()), (1, 13));
    for record in loaded {
        let facts = task_definition_facts(&folder.join(&record[0]))
            .unwrap_or_else(|problems| panic!("{}: {problems}", &record[0]));
        let expected: Vec<&str> = record.iter().skip(2).take(11).collect();
        assert_eq!(row(&facts), expected, "{}", &record[0]);
    }
}

#[test]
fn placeholders_are_refused_with_their_fields() {
    let Some(folder) = real_data().map(|data| data.join("ecs/taskdefs")) else { return };
    let problems = task_definition_facts(&folder.join(PLACEHOLDERS)).unwrap_err();
    let text = problems.to_string();
    for field in ["family", "cpu", "memory"] {
        assert!(text.contains(&format!("taskDefinitions[0].{field}: ")), "{text}");
    }
}

/// A service that runs the definition with the odd size, in `file`, placed by `how`.
fn odd_size(file: &Path, how: &str) -> Result<Loaded, String> {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("scenario.yaml");
    let yaml = format!(
        "name: odd-size
duration: 1h
autoScalingGroups:
  - {{autoScalingGroupName: g, instanceType: m7i.large, minSize: 1, maxSize: 1}}
taskDefinitions: [{{file: {file}}}]
services: [{{serviceName: s, taskDefinition: nginx-ingress, desiredCount: 1, {how}}}]
",
        file = file.display()
    );
    std::fs::write(&path, yaml).unwrap();
    load(&path, &LoadOptions::default()).map_err(|problems| problems.to_string())
}

#[test]
fn a_size_that_fargate_does_not_offer_is_refused_there_and_legal_on_ec2() {
    let Some(data) = real_data() else { return };
    let file = data.join("ecs/taskdefs").join(ODD_SIZE);
    let text = odd_size(&file, "launchType: FARGATE").unwrap_err();
    // The file names neither network mode nor compatibility, so both obstacles show at the service.
    for said in [
        "services[0].taskDefinition: task definition `nginx-ingress` does not fit Fargate: memory \
         128 MiB is not offered with 256 CPU units; allowed: 512, 1024, 2048 MiB",
        "services[0].taskDefinition: task definition `nginx-ingress` does not fit Fargate: Fargate \
         needs `networkMode: awsvpc`",
    ] {
        assert!(text.contains(said), "{text}");
    }
    let loaded = odd_size(&file, "launchType: EC2").unwrap();
    let task = loaded.scenario.task_definitions.iter().next().unwrap();
    assert_eq!((task.cpu, task.memory), (Cpu::from_ecs_units(256), Mib::new(128)));
    assert!(!task.fits_fargate);
}

/// The same definition that asks for Fargate itself: the field is the definition's own.
#[test]
fn a_definition_that_requires_fargate_names_the_memory_that_is_not_offered() {
    let Some(folder) = real_data().map(|data| data.join("ecs/taskdefs")) else { return };
    let text = std::fs::read_to_string(folder.join(ODD_SIZE)).unwrap();
    let (_, fields) = text.split_once('{').unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("taskdef.json");
    let head = r#"{"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc","#;
    std::fs::write(&file, format!("{head}{fields}")).unwrap();
    let said = odd_size(&file, "launchType: FARGATE").unwrap_err();
    assert!(said.contains("taskDefinitions[0].memory: memory 128 MiB is not offered"), "{said}");
}
