//! What a group buys: the type and the purchase option of each instance.

use super::integral::Integral;
use super::world::World;
use crate::scenario::{AutoScalingGroup, InstanceShape, PurchaseOption};
use crate::units::{Cpu, InstanceId, Mib};

/// What an instance was bought as.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Purchased {
    /// Position in the group's list of types.
    pub(super) of_type: usize,
    pub(super) option: PurchaseOption,
}

/// What a group has bought.
pub(super) struct GroupPurchases {
    /// Instances that run, by type.
    running: Vec<Integral>,
    /// The most that any of its types has.
    largest: (Cpu, Mib),
}

impl GroupPurchases {
    pub(super) fn new(settings: &AutoScalingGroup) -> Self {
        let shapes = || settings.types.iter().map(|it| &it.shape);
        let cpu = shapes().map(|it| it.cpu).max();
        let memory = shapes().map(|it| it.memory).max();
        Self {
            running: vec![Integral::default(); settings.types.len()],
            largest: (cpu.unwrap_or(Cpu::ZERO), memory.unwrap_or(Mib::ZERO)),
        }
    }

    /// The largest CPU and the largest memory among the types, which need not be one type's.
    pub(super) fn largest(&self) -> (Cpu, Mib) {
        self.largest
    }

    /// Running instances of one kind.
    pub(super) fn running(&mut self, purchase: &Purchased) -> &mut Integral {
        &mut self.running[purchase.of_type]
    }

    /// Each type with its running instances.
    pub(super) fn by_type<'a>(
        &'a self,
        settings: &'a AutoScalingGroup,
    ) -> impl Iterator<Item = (&'a InstanceShape, &'a Integral)> {
        settings.types.iter().map(|it| &it.shape).zip(&self.running)
    }

    /// The types that the group can launch, in order of priority.
    pub(super) fn type_names(settings: &AutoScalingGroup) -> String {
        let names: Vec<&str> =
            settings.types.iter().map(|it| it.shape.instance_type.as_str()).collect();
        names.join(", ")
    }
}

impl<'s> World<'s, '_> {
    /// The hardware of an instance.
    pub(super) fn shape_of(&self, id: InstanceId) -> &'s InstanceShape {
        let instance = &self.instances[id];
        &self.groups[instance.group].settings.types[instance.purchase.of_type].shape
    }
}
