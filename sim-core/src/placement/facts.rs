//! What a placement expression learns about an instance.

use std::borrow::Cow;

use super::fleet::Fleet;
use super::pool::Pool;
use super::query::InstanceFacts;
use super::slot::{Eligibility, Slot};

/// An instance for a placement expression.
pub(super) struct Facts<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) pool: &'a Pool,
    pub(super) slot: &'a Slot,
}

impl InstanceFacts for Facts<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.pool.attributes.get(name)
    }

    fn agent_connected(&self) -> bool {
        self.slot.eligibility() != Eligibility::AgentDisconnected
    }

    fn agent_version(&self) -> &str {
        self.pool.attributes.agent_version()
    }

    fn ec2_instance_id(&self) -> Cow<'_, str> {
        Cow::Owned(Fleet::ec2_instance_id(self.slot.instance))
    }

    fn registered_at(&self) -> i64 {
        self.slot.registered_at
    }

    fn running_tasks_count(&self) -> u32 {
        self.slot.tasks
    }

    fn hosts_group(&self, group: &str) -> bool {
        self.slot.hosted().any(|(hosted, _)| self.fleet.groups.name(hosted) == group)
    }
}
