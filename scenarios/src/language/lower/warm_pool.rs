//! Warm pools of Auto Scaling groups.

use plimsoll_core::autoscaling::group::{PoolState, WarmPool};

use super::{Context, distribution, purchase};
use crate::language::raw::cluster::AutoScalingGroup;
use crate::language::raw::distribution::Distribution;
use crate::language::raw::group as raw;
use crate::language::tree::Path;

/// The pool of a group, which may stand under either of its names.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    group: &AutoScalingGroup,
) -> Option<WarmPool> {
    let (key, raw) = given(group)?;
    if group.warm_pool.is_some() && group.warm_pool_configuration.is_some() {
        let message = "is the same as `warmPool`, which is given, too";
        context.error(&path.key("warmPoolConfiguration"), message);
    }
    let path = path.key(key);
    let policy = group.mixed_instances_policy.as_ref();
    let spot = policy
        .is_some_and(|it| it.instances_distribution.on_demand_percentage_above_base_capacity < 100);
    if spot || purchase::weighted_by(group).is_some() {
        let what = if spot { "Spot Instances" } else { "weights" };
        context.error(&path, format!("a group with {what} cannot have a warm pool"));
    }
    let prepared = raw.max_group_prepared_capacity.and_then(|it| u32::try_from(it).ok());
    let least = prepared.unwrap_or(group.max_size).max(raw.min_size);
    if raw.min_size == 0 && least <= group.min_size {
        let message = "never holds an instance: the group always has as many as it prepares";
        context.note(&path, message);
    }
    let (start, registration) = match raw.pool_state {
        raw::PoolState::Stopped => {
            (Distribution::median_sigma(28, 0.4), group.registration_time.clone())
        }
        raw::PoolState::Running => (Distribution::seconds(5), Distribution::uniform(0, 60)),
        raw::PoolState::Hibernated => {
            (Distribution::median_sigma(28, 0.4), Distribution::uniform(0, 60))
        }
    };
    let law = |key: &str, raw: &Distribution| distribution::lower(context, &path.key(key), raw);
    Some(WarmPool {
        min_size: raw.min_size,
        max_group_prepared_capacity: prepared,
        state: match raw.pool_state {
            raw::PoolState::Stopped => PoolState::Stopped,
            raw::PoolState::Running => PoolState::Running,
            raw::PoolState::Hibernated => PoolState::Hibernated,
        },
        reuse_on_scale_in: raw.instance_reuse_policy.reuse_on_scale_in,
        start_time: law("startTime", raw.start_time.as_ref().unwrap_or(&start))?,
        stop_time: law("stopTime", &raw.stop_time)?,
        registration_time: law(
            "registrationTime",
            raw.registration_time.as_ref().unwrap_or(&registration),
        )?,
    })
}

/// Refuses a pool that takes instances back from a capacity provider, as ECS does; `index` is that of the
/// provider's group.
pub(super) fn check_reuse(context: &Context<'_>, index: usize, group: &AutoScalingGroup) {
    let Some((key, raw)) = given(group) else { return };
    if raw.instance_reuse_policy.reuse_on_scale_in {
        let path = Path::root().key("autoScalingGroups").index(index).key(key);
        let path = path.key("instanceReusePolicy").key("reuseOnScaleIn");
        let message = "the group of a capacity provider cannot return instances to its warm pool";
        context.error(&path, message);
    }
}

/// The pool of a group and the key under which it stands.
fn given(group: &AutoScalingGroup) -> Option<(&'static str, &raw::WarmPool)> {
    let pool = group.warm_pool.as_ref().map(|raw| ("warmPool", raw));
    pool.or_else(|| {
        group.warm_pool_configuration.as_ref().map(|raw| ("warmPoolConfiguration", raw))
    })
}
