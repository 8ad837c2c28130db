//! The images of one container instance.

use super::pull::{Image, PullCosts, transfer_time};
use crate::units::{IdVec, ImageId, LayerId, SimDuration, SimTime};

/// `ECS_IMAGE_PULL_BEHAVIOR`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PullBehavior {
    /// `default`: asks the registry each time; the cache serves if that fails.
    #[default]
    Default,
    /// `always`: asks the registry each time; the task fails if that fails.
    Always,
    /// `once`: asks only for images that no task on the instance has pulled, or that were cleaned up.
    Once,
    /// `prefer-cached`: asks only for images that are absent, and nothing is cleaned up.
    PreferCached,
}

/// The agent's cleanup of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// `ECS_IMAGE_CLEANUP_INTERVAL`; above zero.
    pub interval: SimDuration,
    /// `ECS_IMAGE_MINIMUM_CLEANUP_AGE`: younger images stay.
    pub minimum_age: SimDuration,
    /// `ECS_NUM_IMAGES_DELETE_PER_CYCLE`.
    pub images_per_cycle: u32,
    /// `ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION`: a stopped container keeps its image this long.
    pub task_wait: SimDuration,
}

/// An image on the instance.
#[derive(Clone, Copy, Debug)]
struct Held {
    image: ImageId,
    /// When it came.
    pulled: SimTime,
    /// Tasks that use it.
    users: u32,
    /// When the last user stopped.
    unused_since: SimTime,
}

/// A layer on the instance, or on its way there.
#[derive(Clone, Copy, Debug)]
struct HeldLayer {
    layer: LayerId,
    images: u32,
    /// When it is there.
    ready: SimTime,
}

/// The images of one container instance, by layer.
///
/// Cleanup cycles are worked off when something is asked or changed: between two changes nothing
/// else moves, so that the result is that of a cleanup in time, without events.
#[derive(Clone, Debug)]
pub struct ImageCache {
    behavior: PullBehavior,
    cleanup: Option<Cleanup>,
    next_cycle: SimTime,
    images: Vec<Held>,
    layers: Vec<HeldLayer>,
}

impl ImageCache {
    /// An empty cache of an agent that starts at `now`; without `cleanup` nothing is ever removed.
    pub fn new(behavior: PullBehavior, cleanup: Option<Cleanup>, now: SimTime) -> Self {
        let cleanup = cleanup.filter(|_| behavior != PullBehavior::PreferCached);
        let next_cycle = cleanup.map_or(SimTime::MAX, |cleanup| now + cleanup.interval);
        Self { behavior, cleanup, next_cycle, images: Vec::new(), layers: Vec::new() }
    }

    /// Pulls what a task needs and counts it as a user; returns how long that takes.
    ///
    /// Layers that another pull is bringing are waited for. Images of one task arrive together.
    pub fn pull(
        &mut self,
        catalog: &IdVec<ImageId, Image>,
        wanted: &[ImageId],
        costs: &PullCosts,
        now: SimTime,
    ) -> SimDuration {
        self.clean_up(now, catalog);
        let mut length = SimDuration::ZERO;
        let mut bytes: u64 = 0;
        for id in wanted {
            let held = self.images.iter().any(|held| held.image == *id);
            let asks =
                !held || matches!(self.behavior, PullBehavior::Default | PullBehavior::Always);
            length = length.max(if asks { costs.manifest_check } else { costs.cache_check });
            for (layer, size) in &catalog[*id].layers {
                match self.layers.iter().find(|it| it.layer == *layer) {
                    // One that a container before in this task brings comes with the rest.
                    Some(it) if it.ready == SimTime::MAX => {}
                    Some(it) => length = length.max(it.ready.saturating_since(now)),
                    None => {
                        bytes = bytes.saturating_add(*size);
                        self.layers.push(HeldLayer {
                            layer: *layer,
                            images: 0,
                            ready: SimTime::MAX,
                        });
                    }
                }
            }
            if !held {
                let layers = &catalog[*id].layers;
                for layer in &mut self.layers {
                    if layers.iter().any(|(it, _)| *it == layer.layer) {
                        layer.images += 1;
                    }
                }
                let unused_since = SimTime::ZERO;
                self.images.push(Held { image: *id, pulled: now, users: 0, unused_since });
            }
        }
        length = length.max(transfer_time(bytes, costs.bandwidth));
        let ready = now + length;
        for layer in self.layers.iter_mut().filter(|layer| layer.ready == SimTime::MAX) {
            layer.ready = ready;
        }
        for held in self.images.iter_mut().filter(|held| wanted.contains(&held.image)) {
            held.users += 1;
        }
        length
    }

    /// Whether a task starts from the cache when the registry does not answer.
    pub fn survives_registry_failure(
        &mut self,
        catalog: &IdVec<ImageId, Image>,
        wanted: &[ImageId],
        now: SimTime,
    ) -> bool {
        self.clean_up(now, catalog);
        let complete = |id: &ImageId| {
            self.images.iter().any(|held| held.image == *id)
                && catalog[*id].layers.iter().all(|(layer, _)| {
                    self.layers.iter().any(|it| it.layer == *layer && it.ready <= now)
                })
        };
        self.behavior != PullBehavior::Always && wanted.iter().all(complete)
    }

    /// A task that used `wanted` has stopped.
    pub fn release(&mut self, catalog: &IdVec<ImageId, Image>, wanted: &[ImageId], now: SimTime) {
        self.clean_up(now, catalog);
        for held in self.images.iter_mut().filter(|held| wanted.contains(&held.image)) {
            held.users = held.users.saturating_sub(1);
            held.unused_since = now;
        }
    }

    /// Number of images held.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether no image is held.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Works off the cleanup cycles up to `now`.
    fn clean_up(&mut self, now: SimTime, catalog: &IdVec<ImageId, Image>) {
        while self.next_cycle <= now {
            let Some(cleanup) = self.cleanup else { return };
            let removable = |held: &Held| {
                (held.pulled + cleanup.minimum_age).max(held.unused_since + cleanup.task_wait)
            };
            let unused = self.images.iter().filter(|held| held.users == 0);
            // Nothing happens before the first image may go: those cycles are skipped.
            let first =
                unused.map(removable).min().unwrap_or(SimTime::MAX).min(now + cleanup.interval);
            let interval = cleanup.interval.as_nanos().max(1);
            let skipped = first.saturating_since(self.next_cycle).as_nanos().div_ceil(interval);
            let cycle = self.next_cycle + SimDuration::from_nanos(skipped.saturating_mul(interval));
            if now < cycle {
                self.next_cycle = cycle;
                return;
            }
            for _ in 0..cleanup.images_per_cycle {
                let candidates = self.images.iter().enumerate();
                let candidates =
                    candidates.filter(|(_, it)| it.users == 0 && removable(it) <= cycle);
                // Least recently used first; the id makes the order total.
                let least = candidates.min_by_key(|(_, it)| (it.unused_since, it.image));
                let Some((position, _)) = least else { break };
                let removed = self.images.remove(position);
                let layers = &catalog[removed.image].layers;
                for layer in &mut self.layers {
                    if layers.iter().any(|(it, _)| *it == layer.layer) {
                        layer.images -= 1;
                    }
                }
                self.layers.retain(|layer| 0 < layer.images);
            }
            self.next_cycle = cycle + cleanup.interval;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pull::tests::{COSTS, image};
    use super::*;

    const MB65: u64 = 65_000_000;
    const DEFAULT: Cleanup = Cleanup {
        interval: SimDuration::from_secs(30 * 60),
        minimum_age: SimDuration::from_secs(3600),
        images_per_cycle: 5,
        task_wait: SimDuration::from_secs(3 * 3600),
    };

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    fn seconds(seconds: u64) -> SimDuration {
        SimDuration::from_secs(seconds)
    }

    /// Images 0 and 1 share layer 0; 2 to 9 have one layer each.
    fn catalog() -> IdVec<ImageId, Image> {
        let mut images =
            vec![image(&[(0, 4 * MB65), (1, 2 * MB65)]), image(&[(0, 4 * MB65), (2, MB65)])];
        images.extend((2..10).map(|n| image(&[(n + 1, 2 * MB65)])));
        images.into_iter().collect()
    }

    fn cache(behavior: PullBehavior) -> ImageCache {
        ImageCache::new(behavior, Some(DEFAULT), SimTime::ZERO)
    }

    #[test]
    fn the_second_pull_costs_a_look_at_the_manifest_or_at_the_cache() {
        let expected = [
            (PullBehavior::Default, SimDuration::from_secs(1)),
            (PullBehavior::Always, SimDuration::from_secs(1)),
            (PullBehavior::Once, SimDuration::from_millis(100)),
            (PullBehavior::PreferCached, SimDuration::from_millis(100)),
        ];
        for (behavior, again) in expected {
            let mut cache = cache(behavior);
            assert_eq!(cache.pull(&catalog(), &[ImageId(0)], &COSTS, at(0)), seconds(6));
            assert_eq!(
                cache.pull(&catalog(), &[ImageId(0)], &COSTS, at(10)),
                again,
                "{behavior:?}"
            );
        }
    }

    #[test]
    fn a_shared_layer_is_pulled_once() {
        let mut cache = cache(PullBehavior::Default);
        assert_eq!(cache.pull(&catalog(), &[ImageId(0)], &COSTS, at(0)), seconds(6));
        // 4 s into the first pull: its shared layer is due in 2 s, the own one takes 1 s.
        assert_eq!(cache.pull(&catalog(), &[ImageId(1)], &COSTS, at(4)), seconds(2));
        let both = [ImageId(0), ImageId(1)];
        let mut other = ImageCache::new(PullBehavior::Default, None, SimTime::ZERO);
        assert_eq!(other.pull(&catalog(), &both, &COSTS, at(0)), seconds(7));
    }

    #[test]
    fn cleanup_takes_five_of_the_images_unused_for_long() {
        let mut cache = cache(PullBehavior::Once);
        let all: Vec<ImageId> = (2..10).map(ImageId).collect();
        for (id, stopped) in all.iter().zip(10..) {
            cache.pull(&catalog(), &[*id], &COSTS, at(0));
            cache.release(&catalog(), &[*id], at(stopped));
        }
        let cached = |cache: &mut ImageCache, id: u32, now| {
            cache.survives_registry_failure(&catalog(), &[ImageId(id)], at(now))
        };
        // Three hours after the containers stopped; the next cycle after that is at 3 h 30 min.
        assert!(cached(&mut cache, 2, 12_599));
        assert!(!cached(&mut cache, 2, 12_600));
        assert_eq!(cache.len(), 3, "five at a time, least recently used first");
        assert!(cached(&mut cache, 7, 12_600));
        // Image 8 is used again and stays; the others go at the next cycle.
        cache.pull(&catalog(), &[ImageId(8)], &COSTS, at(13_000));
        assert!(!cached(&mut cache, 7, 14_400));
        assert!(cached(&mut cache, 8, 1_000_000));
        assert_eq!(cache.pull(&catalog(), &[ImageId(7)], &COSTS, at(14_400)), seconds(2));
    }

    #[test]
    fn skipped_cycles_leave_what_single_ones_would() {
        let mut lazy = cache(PullBehavior::Default);
        let mut eager = cache(PullBehavior::Default);
        for cache in [&mut lazy, &mut eager] {
            for id in 2..10 {
                cache.pull(&catalog(), &[ImageId(id)], &COSTS, at(u64::from(id) * 900));
                cache.release(&catalog(), &[ImageId(id)], at(u64::from(id) * 1000));
            }
        }
        for minute in 0..400 {
            let now = at(minute * 60);
            eager.clean_up(now, &catalog());
            let mut copy = lazy.clone();
            copy.clean_up(now, &catalog());
            let names =
                |cache: &ImageCache| cache.images.iter().map(|it| it.image).collect::<Vec<_>>();
            assert_eq!(names(&copy), names(&eager), "minute {minute}");
        }
        assert!(eager.is_empty(), "all are gone after seven hours");
        assert!(eager.layers.is_empty());
    }

    #[test]
    fn prefer_cached_keeps_everything() {
        let mut cache = cache(PullBehavior::PreferCached);
        cache.pull(&catalog(), &[ImageId(0)], &COSTS, at(0));
        cache.release(&catalog(), &[ImageId(0)], at(60));
        let again = cache.pull(&catalog(), &[ImageId(0)], &COSTS, at(10_000_000));
        assert_eq!(again, SimDuration::from_millis(100));
    }

    #[test]
    fn only_always_fails_without_the_registry() {
        for (behavior, survives) in [
            (PullBehavior::Default, true),
            (PullBehavior::Always, false),
            (PullBehavior::Once, true),
            (PullBehavior::PreferCached, true),
        ] {
            let mut cache = cache(behavior);
            let wanted = [ImageId(0)];
            assert!(!cache.survives_registry_failure(&catalog(), &wanted, at(0)), "not pulled yet");
            cache.pull(&catalog(), &wanted, &COSTS, at(0));
            assert!(!cache.survives_registry_failure(&catalog(), &wanted, at(5)), "on its way");
            assert_eq!(cache.survives_registry_failure(&catalog(), &wanted, at(6)), survives);
        }
    }
}
