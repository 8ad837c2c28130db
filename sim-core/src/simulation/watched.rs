//! Runs under observation, for tests: something looks at the world after each event, and may break it.

use super::event::Event;
use super::world::World;
use crate::engine::{self, Digest, Model, Scheduler};
use crate::results::RunResults;
use crate::scenario::Scenario;
use crate::units::SimTime;

/// Looks at the world after each event.
pub(super) type Watch<'w> = &'w mut dyn FnMut(&mut World<'_, '_>, &mut Scheduler<Event>);

struct Watched<'s, 'p, 'w> {
    world: World<'s, 'p>,
    watch: Watch<'w>,
}

impl Model for Watched<'_, '_, '_> {
    type Event = Event;

    fn handle(&mut self, event: Event, scheduler: &mut Scheduler<Event>) {
        self.world.handle(event, scheduler);
        (self.watch)(&mut self.world, scheduler);
    }

    fn digest(event: &Event) -> Digest {
        event.digest()
    }

    fn kind_name(kind: u16) -> &'static str {
        Event::kind_name(kind)
    }
}

/// Runs a scenario and shows the world to `watch` after each event.
pub(super) fn run_watched(scenario: &Scenario, watch: Watch<'_>) -> RunResults {
    let mut scheduler = Scheduler::new(scenario.limits);
    let mut progress = |_| {};
    let mut world = World::new(scenario, &mut progress);
    world.start(&mut scheduler);
    let mut watched = Watched { world, watch };
    let horizon = SimTime::ZERO + scenario.duration;
    let statistics = engine::run(&mut watched, &mut scheduler, horizon).expect("the run ends");
    watched.world.into_results(&statistics, horizon)
}

/// Laws that a run breaks; that there are no prices in these scenarios is no matter.
pub(super) fn broken_laws(scenario: &Scenario, results: &RunResults) -> Vec<String> {
    let mut found = crate::invariants::violations(scenario, results);
    found.retain(|it| !it.starts_with("law 6: no price"));
    found
}
