//! Task groups, and what the expressions of placement constraints can ask about an instance.

use std::borrow::Cow;

use super::fleet::instance_name;
use super::task::Owner;
use super::world::World;
use crate::placement::{
    Attributes, Expression, GroupTasks, InstanceFacts, PlacementConstraint, Slot,
};
use crate::units::{InstanceId, NANOS_PER_SECOND, SimTime};

/// Task group of a service's tasks: this and the service's name.
const SERVICE_PREFIX: &str = "service:";

/// A group of standalone tasks.
pub(super) struct TaskGroup<'s> {
    pub(super) name: &'s str,
    pub(super) tasks: GroupTasks,
}

impl<'s> TaskGroup<'s> {
    /// Position of the group called `name`, which is added if there is none.
    pub(super) fn position(groups: &mut Vec<Self>, name: &'s str, zones: usize) -> usize {
        groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
            groups.push(Self { name, tasks: GroupTasks::new(zones) });
            groups.len() - 1
        })
    }
}

impl<'s, 'p> World<'s, 'p> {
    /// The tasks of the owner's task group.
    pub(super) fn group_tasks(&self, owner: Owner) -> &GroupTasks {
        match owner {
            Owner::Service(service) => &self.services[service].group,
            Owner::Batch(batch) => &self.task_groups[self.batches[batch].task_group].tasks,
        }
    }

    /// Expressions that an instance must satisfy for a task of `owner`: those of the service or the
    /// call, and those of the task definition.
    pub(super) fn expressions(
        &self,
        owner: Owner,
    ) -> impl Iterator<Item = &'s Expression> + Clone + use<'s> {
        let own = self.placement_constraints(owner).iter();
        let definition = self.definition(owner).placement_constraints.iter();
        own.chain(definition).filter_map(PlacementConstraint::expression)
    }

    /// Whether an instance satisfies all `expressions`.
    pub(super) fn is_member(
        &self,
        slot: &Slot,
        mut expressions: impl Iterator<Item = &'s Expression>,
        now: SimTime,
    ) -> bool {
        let facts = self.facts(slot, now);
        expressions.all(|expression| match expression.evaluate_static(facts.attributes) {
            Some(answer) => answer,
            None => expression.matches(&facts),
        })
    }

    fn facts<'w>(&'w self, slot: &Slot, now: SimTime) -> Facts<'w, 's, 'p> {
        let instance = &self.instances[slot.instance];
        let settings = self.groups[instance.group].settings;
        let registered = instance.registered.unwrap_or(now).as_nanos() / NANOS_PER_SECOND;
        Facts {
            world: self,
            instance: slot.instance,
            attributes: &settings.attributes[instance.zone_position],
            agent_version: &settings.agent_version,
            registered_at: self.scenario.start_unix_seconds.saturating_add_unsigned(registered),
        }
    }

    /// Whether `instance` hosts a task of the group called `name`.
    fn hosts_group(&self, instance: InstanceId, name: &str) -> bool {
        let tasks = match name.strip_prefix(SERVICE_PREFIX) {
            Some(service) => {
                let named = self.services.iter().find(|it| it.settings.name == service);
                named.map(|it| &it.group)
            }
            None => self.task_groups.iter().find(|it| it.name == name).map(|it| &it.tasks),
        };
        tasks.is_some_and(|tasks| 0 < tasks.on_instance(instance))
    }
}

/// A registered instance as expressions see it.
struct Facts<'w, 's, 'p> {
    world: &'w World<'s, 'p>,
    instance: InstanceId,
    attributes: &'s Attributes,
    agent_version: &'s str,
    registered_at: i64,
}

impl InstanceFacts for Facts<'_, '_, '_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)
    }

    /// Agents of registered instances do not lose their connection in this model.
    fn agent_connected(&self) -> bool {
        true
    }

    fn agent_version(&self) -> &str {
        self.agent_version
    }

    fn ec2_instance_id(&self) -> Cow<'_, str> {
        Cow::Owned(instance_name(self.instance))
    }

    fn registered_at(&self) -> i64 {
        self.registered_at
    }

    fn running_tasks_count(&self) -> u32 {
        let tasks = self.world.instances[self.instance].tasks.iter();
        tasks.filter(|task| self.world.tasks[**task].state.is_running()).count() as u32
    }

    fn hosts_group(&self, group: &str) -> bool {
        self.world.hosts_group(self.instance, group)
    }
}
