//! What a container instance registers with ECS.
//!
//! Source of the arithmetic: the ECS agent; of the examples: the developer guide. The loss of types
//! without a published figure is a model: 2.5 % on Linux, 1 MiB on Windows, which fits the published
//! ones (1.8 to 2.5 % and 1 MiB) and errs towards less memory.

use crate::scenario::OperatingSystem;
use crate::units::Mib;

use super::instance_types::InstanceType;

/// Loss of Linux instances in thousandths of the nominal memory.
const LINUX_LOSS_PERMILLE: u64 = 25;

/// Memory that an instance of nominal memory `nominal` registers.
///
/// `loss_permille` replaces the model by a given loss in thousandths of the nominal memory (more than
/// 1000 counts as 1000). The result is rounded down to whole MiB.
pub fn registered_memory(
    nominal: Mib,
    operating_system: OperatingSystem,
    loss_permille: Option<u32>,
) -> Mib {
    let keep = |loss: u64| {
        let kept = u128::from(nominal.as_mib()) * u128::from(1000_u64.saturating_sub(loss)) / 1000;
        // At most `nominal`, which is a `u64`.
        Mib::new(kept as u64)
    };
    match (loss_permille, operating_system) {
        (Some(loss), _) => keep(u64::from(loss)),
        (None, OperatingSystem::Linux) => keep(LINUX_LOSS_PERMILLE),
        (None, OperatingSystem::Windows) => nominal.saturating_sub(Mib::new(1)),
    }
}

/// Memory that the agent registers on a host whose kernel reports `mem_total_bytes`, with
/// `ECS_RESERVED_MEMORY` set to `reserved`.
pub fn registered_memory_of_host(mem_total_bytes: u64, reserved: Mib) -> Mib {
    Mib::new(mem_total_bytes / (1024 * 1024)).saturating_sub(reserved)
}

/// Tasks in `awsvpc` mode that fit the network interfaces of an instance.
///
/// Without trunking one interface is the host's own. With the account setting `awsvpcTrunking`, types
/// that support it take more; types without a published limit behave as without trunking. The limits
/// are the guide's of 2023 where it has them, else the VPC resource controller's of 2026, which lists
/// `c5n`, `g4dn`, `i3en` and `r5n` as supported although the guide does not.
pub fn awsvpc_task_limit(instance_type: &InstanceType, trunking: bool) -> u32 {
    let plain = instance_type.eni_max.saturating_sub(1);
    match instance_type.trunk_task_limit {
        Some(limit) if trunking => limit,
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::super::instance_types::instance_type;
    use super::*;
    use OperatingSystem::{Linux, Windows};

    #[test]
    fn tv_1_the_agent_registers_whole_mib_less_the_reserved_ones() {
        let host = |reserved| registered_memory_of_host(8_373_026_816, Mib::new(reserved));
        assert_eq!(host(0), Mib::new(7985));
        assert_eq!(host(256), Mib::new(7729));
        assert_eq!(host(1_000_000), Mib::ZERO);
    }

    #[test]
    fn tv_2_four_quarter_tasks_do_not_fit_8_gib() {
        let tasks_by_memory = |registered: Mib| registered.as_mib() / 2048;
        assert_eq!(2 * 1024 / 512, 4, "CPU allows four");
        assert_eq!(tasks_by_memory(Mib::new(7985)), 3);
        assert_eq!(tasks_by_memory(registered_memory(Mib::new(8192), Linux, None)), 3);
        assert_eq!(tasks_by_memory(registered_memory(Mib::new(8192), Linux, Some(0))), 4);
    }

    #[test]
    fn tv_3_any_loss_costs_the_sixteenth_task() {
        let nominal = Mib::new(32 * 1024);
        for loss in [None, Some(1), Some(75)] {
            let tasks = registered_memory(nominal, Linux, loss).as_mib() / 2048;
            assert!(tasks < 16, "{loss:?}");
        }
        assert_eq!(registered_memory(nominal, Linux, None).as_mib() / 2048, 15);
        assert_eq!(registered_memory(nominal, Windows, None).as_mib() / 2048, 15);
    }

    #[test]
    fn registered_memory_is_near_the_published_figures() {
        for (nominal, published) in [(8192, 7985), (3840, 3768), (30720, 30158), (2048, 2001)] {
            let modelled = registered_memory(Mib::new(nominal), Linux, None).as_mib();
            assert!(modelled.abs_diff(published) * 100 < published, "{nominal}: {modelled}");
        }
        assert_eq!(registered_memory(Mib::new(8192), Windows, None), Mib::new(8191));
        assert_eq!(registered_memory(Mib::new(u64::MAX), Linux, Some(0)), Mib::new(u64::MAX));
        assert_eq!(registered_memory(Mib::new(8192), Linux, Some(5000)), Mib::ZERO);
    }

    #[track_caller]
    fn check_limits(name: &str, plain: u32, trunked: u32) {
        let it = instance_type(name).expect(name);
        assert_eq!(awsvpc_task_limit(it, false), plain, "{name}");
        assert_eq!(awsvpc_task_limit(it, true), trunked, "{name}");
    }

    #[test]
    fn tv_5_network_interfaces_limit_awsvpc_tasks() {
        check_limits("c5.large", 2, 10);
        check_limits("m5.large", 2, 10);
        check_limits("m6i.8xlarge", 7, 90);
        check_limits("m6g.medium", 1, 4);
        check_limits("m5.16xlarge", 14, 120);
        check_limits("t3.medium", 2, 2);
    }
}
