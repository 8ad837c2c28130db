//! The system against one that looks at everything at each step.

use proptest::prelude::*;

use super::*;
use crate::engine::{fold, variates};
use crate::scenario::Worker;

/// A message of the naive model.
#[derive(Clone, Debug)]
struct Plain {
    sent: u64,
    /// Hidden until then; after a receive, until its time-out.
    hidden_until: u64,
    /// Hidden since it was received, not since it was sent.
    in_flight: bool,
    turn: u64,
    /// Receives of any message before the last one of this.
    taken: u64,
    number: u64,
    receives: u32,
    dead: bool,
    gone: bool,
}

#[derive(Clone, Debug)]
struct PlainThread {
    task: usize,
    idle_since: u64,
    /// Message, its receipt, and the end of its processing.
    current: Option<(usize, u32, u64)>,
    /// Attempts that began before this one.
    begun: u64,
    held: Vec<(usize, u32)>,
}

/// What happens to the tasks.
#[derive(Clone, Copy, Debug)]
enum Act {
    Start,
    Stop(usize),
    Kill(usize),
}

/// Deleted, dead-lettered, expired, received, wasted, failed, abandoned, and the sum of stays.
type Outcome = ([u64; 7], u128);

struct Naive<'s> {
    queue: &'s Queue,
    worker: &'s Worker,
    messages: Vec<Plain>,
    threads: Vec<PlainThread>,
    polling: Vec<bool>,
    turns: u64,
    begun: u64,
    outcome: Outcome,
}

impl Naive<'_> {
    fn draw(&self, message: usize, draw: u64) -> u64 {
        let key = key(1)("messages", &self.queue.name);
        key.at(self.messages[message].number * 4 + draw)
    }

    fn visible(&self, now: u64) -> Option<usize> {
        let open = |it: &&usize| {
            let message = &self.messages[**it];
            !message.gone && !message.dead && message.hidden_until <= now && !message.in_flight
        };
        let all: Vec<usize> = (0..self.messages.len()).collect();
        all.iter().filter(open).copied().min_by_key(|it| self.messages[*it].turn)
    }

    /// Lets what is hidden come back and what is old go, at `now`.
    fn age(&mut self, now: u64) {
        // What one call received comes back in that order.
        let mut order: Vec<usize> = (0..self.messages.len()).collect();
        order.sort_by_key(|index| self.messages[*index].taken);
        for index in order {
            let message = &mut self.messages[index];
            if message.gone {
                continue;
            }
            if message.in_flight && message.hidden_until <= now {
                message.in_flight = false;
                if 3 <= message.receives {
                    message.turn = self.turns;
                    self.turns += 1;
                }
            } else if message.turn == u64::MAX && message.hidden_until <= now {
                message.turn = self.turns;
                self.turns += 1;
            }
            if message.sent + self.queue.message_retention_period.as_nanos() <= now && !message.dead
            {
                message.gone = true;
                self.outcome.0[2] += 1;
            }
        }
    }

    /// Threads that have nothing take something.
    fn serve(&mut self, now: u64) {
        loop {
            // A thread that holds messages goes on with them before it asks.
            for thread in 0..self.threads.len() {
                let own = &mut self.threads[thread];
                if own.current.is_none() && !own.held.is_empty() && self.polling[own.task] {
                    let (message, receipt) = own.held.remove(0);
                    let bits = self.draw(message, 0);
                    let length = self.worker.processing_time.sample(bits).as_nanos();
                    self.threads[thread].current = Some((message, receipt, now + length));
                    self.threads[thread].begun = self.begun;
                    self.begun += 1;
                }
            }
            let idle = (0..self.threads.len()).filter(|it| {
                let own = &self.threads[*it];
                own.current.is_none() && self.polling[own.task]
            });
            let Some(thread) = idle.min_by_key(|it| (self.threads[*it].idle_since, *it)) else {
                return;
            };
            if self.visible(now).is_none() {
                return;
            }
            while self.threads[thread].held.len() < self.worker.max_number_of_messages as usize {
                let Some(message) = self.visible(now) else { break };
                let it = &mut self.messages[message];
                if self.queue.redrive.is_some_and(|policy| policy.max_receive_count <= it.receives)
                {
                    it.dead = true;
                    self.outcome.0[1] += 1;
                    continue;
                }
                it.receives += 1;
                it.taken = self.outcome.0[3];
                it.in_flight = true;
                it.hidden_until = now + self.queue.visibility_timeout.as_nanos();
                self.outcome.0[3] += 1;
                self.threads[thread].held.push((message, it.receives));
            }
        }
    }

    fn finish(&mut self, thread: usize, now: u64) {
        let Some((message, receipt, _)) = self.threads[thread].current.take() else { return };
        self.threads[thread].idle_since = now;
        let poison = variates::uniform(self.draw(message, 1)) < self.worker.poison_probability;
        let attempt = variates::uniform(fold(self.draw(message, 2), u64::from(receipt)));
        let it = &mut self.messages[message];
        if poison || attempt < self.worker.failure_probability {
            self.outcome.0[5] += 1;
        } else if it.gone || it.dead || it.receives != receipt {
            self.outcome.0[4] += 1;
        } else {
            it.gone = true;
            self.outcome.0[0] += 1;
            self.outcome.1 += u128::from(now - it.sent);
        }
    }

    fn next(&self, now: u64) -> Option<u64> {
        let ends = self.threads.iter().filter_map(|it| it.current.map(|(_, _, end)| end));
        let retention = self.queue.message_retention_period.as_nanos();
        let live = self.messages.iter().filter(|it| !it.gone && !it.dead);
        let changes = live.flat_map(|it| [it.hidden_until, it.sent + retention]);
        ends.chain(changes).filter(|at| now < *at).min()
    }

    fn drop_held(&mut self, task: usize, current: bool) {
        for thread in self.threads.iter_mut().filter(|it| it.task == task) {
            self.outcome.0[6] += thread.held.len() as u64;
            thread.held.clear();
            if current {
                self.outcome.0[6] += u64::from(thread.current.take().is_some());
            }
        }
    }
}

fn naive(queue: &Queue, worker: &Worker, sent: &[u64], acts: &[(u64, Act)], end: u64) -> Outcome {
    let mut model = Naive {
        queue,
        worker,
        messages: Vec::new(),
        threads: Vec::new(),
        polling: Vec::new(),
        turns: 0,
        begun: 0,
        outcome: Outcome::default(),
    };
    let (mut now, mut next_sent, mut next_act) = (0, 0, 0);
    loop {
        let outside = [sent.get(next_sent).copied(), acts.get(next_act).map(|(at, _)| *at)];
        let next = outside.into_iter().chain([model.next(now)]).flatten().min();
        let Some(at) = next.filter(|at| *at <= end) else { return model.outcome };
        now = at;
        model.age(now);
        while sent.get(next_sent) == Some(&now) {
            let delay = queue.delay.as_nanos();
            let turn = if delay == 0 { model.turns } else { u64::MAX };
            model.turns += u64::from(delay == 0);
            model.messages.push(Plain {
                sent: now,
                hidden_until: now + delay,
                in_flight: false,
                turn,
                taken: 0,
                number: next_sent as u64,
                receives: 0,
                dead: false,
                gone: false,
            });
            next_sent += 1;
        }
        model.serve(now);
        // A message takes the same time whenever it is received: ends may coincide with time-outs.
        let done = |it: &usize| model.threads[*it].current.is_some_and(|(_, _, end)| end == now);
        let mut ends: Vec<usize> = (0..model.threads.len()).filter(done).collect();
        ends.sort_by_key(|thread| model.threads[*thread].begun);
        for thread in ends {
            model.finish(thread, now);
            model.serve(now);
        }
        while let Some((_, act)) = acts.get(next_act).filter(|(at, _)| *at == now) {
            next_act += 1;
            match *act {
                Act::Start => {
                    let task = model.polling.len();
                    model.polling.push(true);
                    for _ in 0..worker.concurrency {
                        model.threads.push(PlainThread {
                            task,
                            idle_since: now,
                            current: None,
                            begun: 0,
                            held: Vec::new(),
                        });
                    }
                }
                Act::Stop(task) => {
                    model.polling[task] = false;
                    model.drop_held(task, worker.on_stop == OnStop::Abandon);
                }
                Act::Kill(task) => {
                    model.polling[task] = false;
                    model.drop_held(task, true);
                }
            }
            model.serve(now);
        }
    }
}

fn real(queue: &Queue, worker: &Worker, acts: &[(u64, Act)], end: u64) -> Outcome {
    let dead = super::queue("dead", Vec::new());
    let queues = [queue.clone(), dead];
    let workers = [worker.clone()];
    let mut system = start(&queues, &workers);
    let mut ids = Vec::new();
    for (at, act) in acts {
        let at = SimTime::from_nanos(*at);
        match *act {
            Act::Start => ids.push(system.add_worker(0, at)),
            Act::Stop(task) => system.stop_worker(ids[task], at),
            Act::Kill(task) => system.remove_worker(ids[task], at),
        }
        check_conservation(&system, QUEUE);
    }
    system.advance(SimTime::from_nanos(end));
    check_conservation(&system, QUEUE);
    check_conservation(&system, DEAD);
    let counts = system.counts(QUEUE);
    let list = [
        counts.deleted,
        counts.dead_lettered,
        counts.expired,
        counts.received,
        counts.wasted,
        counts.failed,
        counts.abandoned,
    ];
    (list, system.waits(QUEUE).stay_total())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever comes from outside has its own nanoseconds, so that no two things happen at once.
    #[test]
    fn the_system_does_what_a_naive_one_does(
        mut sent in prop::collection::vec(1_u64..300_000_000_000, 1..60),
        visibility in 3_u64..40,
        retention in 60_u64..400,
        delay in prop_oneof![Just(0_u64), 1_u64..20],
        maximum in prop::option::of(1_u32..5),
        concurrency in 1_u32..4,
        batch in 1_u32..11,
        mean in 1_u64..25,
        failure in prop_oneof![Just(0.0), 0.0..0.6_f64],
        poison in prop_oneof![Just(0.0), 0.0..0.3_f64],
        abandon: bool,
        starts in prop::collection::vec((1_u64..250_000_000_000, prop::option::of((1_u64..200_000_000_000, any::<bool>()))), 1..6),
    ) {
        sent.sort_unstable();
        let sent: Vec<u64> = (0..).zip(sent).map(|(index, at)| at / 1_000_000 * 1_000_000 + index).collect();
        let list: Vec<MessageBatch> = sent
            .iter()
            .map(|at| MessageBatch { at: SimTime::from_nanos(*at), messages: 1 })
            .collect();
        let policy = RedrivePolicy { max_receive_count: maximum.unwrap_or(1), dead_letter_queue: DEAD };
        let queue = Queue {
            visibility_timeout: secs(visibility),
            message_retention_period: secs(retention),
            delay: secs(delay),
            redrive: maximum.map(|_| policy),
            ..queue("jobs", vec![MessageSource::Batches(list.into())])
        };
        let worker = Worker {
            concurrency,
            max_number_of_messages: batch,
            processing_time: DurationDistribution::exponential(secs(mean)).unwrap(),
            failure_probability: failure,
            poison_probability: poison,
            on_stop: if abandon { OnStop::Abandon } else { OnStop::Finish },
            ..worker()
        };
        let mut starts = starts;
        starts.sort_unstable();
        let mut acts = Vec::new();
        for (task, (at, stop)) in starts.iter().enumerate() {
            let at = at / 1_000_000 * 1_000_000 + 500_000 + 2 * task as u64;
            acts.push((at, Act::Start));
            if let Some((after, kill)) = stop {
                acts.push((at + after / 1_000_000 * 1_000_000 + 1_000_001, if *kill { Act::Kill(task) } else { Act::Stop(task) }));
            }
        }
        acts.sort_by_key(|(at, _)| *at);
        let end = 700_000_000_000;
        prop_assert_eq!(
            real(&queue, &worker, &acts, end),
            naive(&queue, &worker, &sent, &acts, end)
        );
    }
}
