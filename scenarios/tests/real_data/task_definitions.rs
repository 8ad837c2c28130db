//! Published task definitions, where they are at hand: each loads to the values that a careful reader
//! found, or is refused with the field named.

use std::path::PathBuf;

use plimsoll::language::raw::task_definition::{Compatibility, NetworkMode};
use plimsoll::language::{TaskDefinitionFacts, task_definition_facts};

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("PLIMSOLL_REAL_DATA")?).join("ecs/taskdefs");
    folder.is_dir().then_some(folder)
}

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

#[test]
fn published_task_definitions_load_to_what_a_reader_finds() {
    let Some(folder) = folder() else { return };
    let mut table = csv::Reader::from_path(folder.join("facts.csv")).unwrap();
    let mut checked = 0;
    for record in table.records() {
        let record = record.unwrap();
        let name = &record[0];
        match task_definition_facts(&folder.join(name)) {
            Ok(facts) => {
                let expected: Vec<&str> = record.iter().skip(2).take(11).collect();
                assert_eq!(row(&facts), expected, "{name}");
            }
            Err(diagnostics) => {
                assert!(name.starts_with("ecsdemo-cicd"), "{name}: {diagnostics}");
                let text = diagnostics.to_string();
                for field in ["family", "cpu", "memory"] {
                    assert!(text.contains(&format!("taskDefinitions[0].{field}: ")), "{text}");
                }
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 14);
}
