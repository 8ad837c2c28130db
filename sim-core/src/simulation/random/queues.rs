//! Random queues and services that work on them.

use std::sync::Arc;

use super::Dice;
use crate::engine::DurationDistribution;
use crate::scenario::{
    MessageArrivals, MessageBatch, MessageSource, OnStop, Queue, RedrivePolicy, Scenario, Worker,
};
use crate::traffic::RequestRate;
use crate::units::{Cpu, Mib, QueueId, SimDuration, SimTime};

/// Two queues, the second for the dead letters of the first; services without load work on them.
pub(super) fn add_queues(dice: &mut Dice, scenario: &mut Scenario) {
    let rate = RequestRate::constant(dice.between(1, 40) as f64 / 10.0).expect("a rate");
    let burst = MessageBatch {
        at: SimTime::from_secs(dice.between(0, 3000)),
        messages: dice.between(1, 2000) as u32,
    };
    let rate = MessageSource::Rate {
        rate: Arc::new(rate),
        at_once: dice.pick(&[1, 1, 25]),
        arrivals: dice.pick(&[MessageArrivals::Poisson, MessageArrivals::Regular]),
    };
    let queue = |dice: &mut Dice, name: &str, sources| Queue {
        name: name.into(),
        visibility_timeout: SimDuration::from_secs(dice.pick(&[0, 5, 30, 600])),
        message_retention_period: SimDuration::from_secs(dice.pick(&[60, 1200, 345_600])),
        delay: SimDuration::from_secs(dice.pick(&[0, 0, 90])),
        redrive: None,
        sources,
    };
    let mut jobs = queue(dice, "jobs", vec![rate, MessageSource::Batches([burst].into())]);
    jobs.redrive = dice.coin().then(|| RedrivePolicy {
        max_receive_count: dice.between(1, 4) as u32,
        dead_letter_queue: QueueId(1),
    });
    scenario.queues.push(jobs);
    let dead = queue(dice, "dead", Vec::new());
    scenario.queues.push(dead);
    for service in &mut scenario.services {
        let worker = Worker {
            queue: QueueId(dice.pick(&[0, 0, 0, 1])),
            concurrency: dice.between(1, 4) as u32,
            max_number_of_messages: dice.between(1, 10) as u32,
            receive_wait: SimDuration::from_secs(dice.pick(&[0, 20])),
            processing_time: DurationDistribution::Exponential {
                mean: SimDuration::from_secs(dice.between(1, 30)),
            },
            failure_probability: dice.pick(&[0.0, 0.1]),
            poison_probability: dice.pick(&[0.0, 0.05]),
            poll_interval: SimDuration::from_secs(2),
            on_stop: dice.pick(&[OnStop::Finish, OnStop::Abandon]),
            protection: dice.coin().then(|| SimDuration::from_secs(60)),
            cpu_per_message: Cpu::from_ecs_units(64),
            memory_per_message_kib: 2048,
            idle_cpu: Cpu::ZERO,
            idle_memory: Mib::new(50),
        };
        if service.load.is_none() {
            service.worker = Some(worker);
        }
    }
}
