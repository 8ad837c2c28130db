//! Task sizes that Fargate offers.
//!
//! Sources: the ECS API model and the developer guide. They disagree about 32 vCPU: the API model of
//! 2026-11 does not mention it, the guide of 2026 lists it with 60, 120 and 244 GB. The size is kept,
//! in the newest rule set only.

use std::fmt;

use crate::rules::{LargestFargateTask, RuleSet};
use crate::scenario::OperatingSystem;

/// Ephemeral storage that every task gets without charge, in GiB.
pub const INCLUDED_EPHEMERAL_GIB: u32 = 20;

/// Largest ephemeral storage that an ECS task can ask for, in GiB.
pub const MAX_EPHEMERAL_GIB: u32 = 200;

const MIB_PER_GB: u64 = 1024;

/// The memory sizes of one CPU size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FargateSize {
    /// CPU units (1024 = 1 vCPU).
    pub cpu_units: u64,
    /// Memory sizes in MiB, ascending.
    pub memory_mib: Vec<u64>,
    /// Whether Windows tasks can have the size.
    pub windows: bool,
    /// First rule set entry that offers it.
    since: LargestFargateTask,
}

/// The sizes of a rule set, smallest CPU first.
pub fn fargate_sizes(rules: &RuleSet) -> Vec<FargateSize> {
    use LargestFargateTask::{FourVcpu, SixteenVcpu, ThirtyTwoVcpu};
    let stepped = |cpu_units, low: u64, high: u64, step: usize, windows, since| FargateSize {
        cpu_units,
        memory_mib: (low..=high).step_by(step).map(|gb| gb * MIB_PER_GB).collect(),
        windows,
        since,
    };
    let listed = |cpu_units, memory_mib: &[u64], since| FargateSize {
        cpu_units,
        memory_mib: memory_mib.to_vec(),
        windows: false,
        since,
    };
    let gb = MIB_PER_GB;
    let mut sizes = vec![
        listed(256, &[gb / 2, gb, 2 * gb], FourVcpu),
        stepped(512, 1, 4, 1, false, FourVcpu),
        stepped(1024, 2, 8, 1, true, FourVcpu),
        stepped(2048, 4, 16, 1, true, FourVcpu),
        stepped(4096, 8, 30, 1, true, FourVcpu),
        stepped(8192, 16, 60, 4, false, SixteenVcpu),
        stepped(16384, 32, 120, 8, false, SixteenVcpu),
        listed(32768, &[60 * gb, 120 * gb, 244 * gb], ThirtyTwoVcpu),
    ];
    sizes.retain(|size| size.since <= rules.largest_fargate_task);
    sizes
}

/// Checks that Fargate offers `cpu_units` with `memory_mib`.
///
/// # Errors
/// Names the offered values nearest to what was asked: those of CPU if there is no such CPU size, else
/// those of memory.
pub fn validate_fargate_size(
    rules: &RuleSet,
    cpu_units: u64,
    memory_mib: u64,
    operating_system: OperatingSystem,
) -> Result<(), FargateSizeError> {
    let mut sizes = fargate_sizes(rules);
    sizes.retain(|size| operating_system == OperatingSystem::Linux || size.windows);
    let Some(size) = sizes.iter().find(|size| size.cpu_units == cpu_units) else {
        let allowed = sizes.iter().map(|size| size.cpu_units).collect();
        return Err(FargateSizeError::Cpu { cpu_units, operating_system, allowed });
    };
    if size.memory_mib.contains(&memory_mib) {
        return Ok(());
    }
    let allowed = size.memory_mib.clone();
    Err(FargateSizeError::Memory { cpu_units, memory_mib, allowed })
}

/// Why Fargate does not offer a size.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FargateSizeError {
    /// No such number of CPU units.
    Cpu {
        /// What was asked.
        cpu_units: u64,
        /// For which operating system.
        operating_system: OperatingSystem,
        /// What is offered, ascending.
        allowed: Vec<u64>,
    },
    /// No such memory with this number of CPU units.
    Memory {
        /// What was asked.
        cpu_units: u64,
        /// What was asked.
        memory_mib: u64,
        /// What is offered in MiB, ascending.
        allowed: Vec<u64>,
    },
}

impl fmt::Display for FargateSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { cpu_units, operating_system, allowed } => {
                let windows = match operating_system {
                    OperatingSystem::Linux => "",
                    OperatingSystem::Windows => " for Windows",
                };
                let allowed = list(allowed);
                write!(f, "{cpu_units} CPU units are not offered{windows}; allowed: {allowed}")
            }
            Self::Memory { cpu_units, memory_mib, allowed } => {
                let allowed = list(allowed);
                write!(
                    f,
                    "memory {memory_mib} MiB is not offered with {cpu_units} CPU units; \
                     allowed: {allowed} MiB"
                )
            }
        }
    }
}

impl std::error::Error for FargateSizeError {}

/// `512, 1024, 2048`, or `8192 to 30720 in steps of 1024` for a long even list.
fn list(values: &[u64]) -> String {
    if let [first, second, .., last] = values {
        let step = second - first;
        if values.len() > 8 && values.is_sorted_by(|a, b| b - a == step) {
            return format!("{first} to {last} in steps of {step}");
        }
    }
    values.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{newest, rule_set};
    use OperatingSystem::{Linux, Windows};

    #[test]
    fn every_rule_set_offers_its_number_of_sizes() {
        for (rules, expected) in [("2020-01", 50), ("2022-09", 74), ("2026-06", 77)] {
            let rules = rule_set(rules).expect("a rule set");
            let count: usize = fargate_sizes(rules).iter().map(|it| it.memory_mib.len()).sum();
            assert_eq!(count, expected, "{}", rules.name);
        }
        let windows: Vec<u64> = fargate_sizes(newest())
            .iter()
            .filter(|size| size.windows)
            .map(|size| size.cpu_units)
            .collect();
        assert_eq!(windows, [1024, 2048, 4096]);
    }

    #[test]
    fn accepts_the_corners_of_the_table() {
        for (cpu, memory) in [
            (256, 512),
            (256, 2048),
            (4096, 30720),
            (8192, 20480),
            (16384, 122_880),
            (32768, 249_856),
        ] {
            assert_eq!(
                validate_fargate_size(newest(), cpu, memory, Linux),
                Ok(()),
                "{cpu} {memory}"
            );
        }
        assert_eq!(validate_fargate_size(newest(), 1024, 2048, Windows), Ok(()));
    }

    #[track_caller]
    fn check(rules: &str, cpu: u64, memory: u64, os: OperatingSystem, message: &str) {
        let rules = rule_set(rules).expect("a rule set");
        let error = validate_fargate_size(rules, cpu, memory, os).expect_err("not offered");
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn errors_name_what_is_offered() {
        check(
            "2026-06",
            256,
            128,
            Linux,
            "memory 128 MiB is not offered with 256 CPU units; allowed: 512, 1024, 2048 MiB",
        );
        check(
            "2026-06",
            4096,
            4096,
            Linux,
            "memory 4096 MiB is not offered with 4096 CPU units; \
             allowed: 8192 to 30720 in steps of 1024 MiB",
        );
        check(
            "2022-04",
            8192,
            16384,
            Linux,
            "8192 CPU units are not offered; allowed: 256, 512, 1024, 2048, 4096",
        );
        check(
            "2026-06",
            512,
            1024,
            Windows,
            "512 CPU units are not offered for Windows; allowed: 1024, 2048, 4096",
        );
    }
}
