//! When messages are sent.

use std::sync::Arc;

use crate::engine::{StreamKey, variates};
use crate::scenario::{MessageArrivals, MessageBatch, MessageSource};
use crate::traffic::{AfterEnd, MICRO_PER_REQUEST, RequestRate};
use crate::units::SimTime;

/// Messages of a source in time order: what is sent next, and when.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    law: Law,
    next: Option<MessageBatch>,
}

#[derive(Clone, Debug)]
enum Law {
    Rate {
        clock: RateClock,
        at_once: u32,
        /// Draws of a Poisson process; none for even arrivals.
        key: Option<StreamKey>,
        drawn: u64,
        /// Micro-messages that the rate has to add up to before the next sending.
        threshold: u128,
    },
    Batches {
        batches: Arc<[MessageBatch]>,
        sent: usize,
    },
}

impl Arrivals {
    /// `key` is the source's own.
    pub(super) fn new(source: &MessageSource, key: StreamKey) -> Self {
        let law = match source {
            MessageSource::Rate { rate, at_once, arrivals } => Law::Rate {
                clock: RateClock::new(rate.clone()),
                at_once: *at_once,
                key: (*arrivals == MessageArrivals::Poisson).then_some(key),
                drawn: 0,
                threshold: 0,
            },
            MessageSource::Batches(batches) => Law::Batches { batches: batches.clone(), sent: 0 },
        };
        let mut arrivals = Self { law, next: None };
        arrivals.draw();
        arrivals
    }

    /// What is sent next; `None` if nothing ever is.
    pub(super) fn next(&self) -> Option<MessageBatch> {
        self.next
    }

    /// Takes what is sent next.
    pub(super) fn take(&mut self) -> Option<MessageBatch> {
        let taken = self.next;
        self.draw();
        taken
    }

    fn draw(&mut self) {
        self.next = match &mut self.law {
            Law::Batches { batches, sent } => {
                let batch = batches.get(*sent).copied();
                *sent += 1;
                batch
            }
            Law::Rate { clock, at_once, key, drawn, threshold } => {
                let unit = u128::from(*at_once) * u128::from(MICRO_PER_REQUEST);
                *threshold += match key {
                    None => unit,
                    Some(key) => {
                        let mean = unit as f64;
                        libm::ceil(variates::exponential(key.at(*drawn), mean)) as u128
                    }
                };
                *drawn += 1;
                clock.reaches(*threshold).map(|at| MessageBatch { at, messages: *at_once })
            }
        };
    }
}

/// Finds the instants at which the running sum of a rate reaches rising amounts.
#[derive(Clone, Debug)]
struct RateClock {
    rate: Arc<RequestRate>,
    /// The step that the last answer lay in, and the sum before it.
    step: u64,
    before: u128,
}

impl RateClock {
    fn new(rate: Arc<RequestRate>) -> Self {
        Self { rate, step: 0, before: 0 }
    }

    /// First instant at which the sum is `amount`, which is not below that of the last call; `None` if
    /// it never gets there. Walks over each step once.
    fn reaches(&mut self, amount: u128) -> Option<SimTime> {
        let length = self.rate.step().as_nanos();
        // Past this many steps without anything, there never is anything.
        let mut silent = 0;
        loop {
            let of_step = self.rate.amount(self.step);
            let missing = amount - self.before;
            if missing <= u128::from(of_step) && 0 < of_step {
                let within = (missing * u128::from(length)).div_ceil(u128::from(of_step));
                let start = self.step.checked_mul(length)?;
                return Some(SimTime::from_nanos(start.checked_add(within as u64)?));
            }
            silent = if of_step == 0 { silent + 1 } else { 0 };
            let steps = self.rate.steps() as u64;
            let ended = self.rate.after_end() == AfterEnd::Zero && steps <= self.step;
            if ended || steps < silent {
                return None;
            }
            self.before += u128::from(of_step);
            self.step += 1;
            self.step.checked_mul(length)?;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::units::SimDuration;

    fn times(source: &MessageSource, number: usize) -> Vec<f64> {
        let mut arrivals = Arrivals::new(source, StreamKey::new(1, 0, "arrivals", 0));
        let taken = std::iter::from_fn(|| arrivals.take()).take(number);
        taken.map(|batch| batch.at.as_secs_f64()).collect()
    }

    fn rate(values: &[f64], after_end: AfterEnd, at_once: u32) -> MessageSource {
        let minute = SimDuration::from_secs(60);
        MessageSource::Rate {
            rate: Arc::new(RequestRate::from_rates(minute, values, after_end).unwrap()),
            at_once,
            arrivals: MessageArrivals::Regular,
        }
    }

    #[test]
    fn even_messages_come_when_the_rate_has_added_up_to_them() {
        // 0.05/s are 3 in a minute; then 30 a minute; then nothing.
        let source = rate(&[0.05, 0.5, 0.0], AfterEnd::Zero, 1);
        let expected: Vec<f64> = [20.0, 40.0, 60.0]
            .into_iter()
            .chain((1..=30).map(|k| 60.0 + 2.0 * f64::from(k)))
            .collect();
        let found = times(&source, 100);
        assert_eq!(found.len(), 33);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn messages_sent_together_keep_the_rate_of_messages() {
        let source = rate(&[1.0], AfterEnd::Repeat, 20);
        let found = times(&source, 4);
        assert!(found.iter().zip([20.0, 40.0, 60.0, 80.0]).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn a_pause_is_passed_over_and_silence_ends() {
        let source = rate(&[0.0, 0.1], AfterEnd::Repeat, 1);
        let found = times(&source, 7);
        assert!((found[6] - 190.0).abs() < 1e-6, "{found:?}");
        assert!(times(&rate(&[0.0], AfterEnd::Repeat, 1), 7).is_empty());
    }

    #[test]
    fn poisson_messages_have_the_rate_and_spread_of_their_process() {
        let minute = SimDuration::from_secs(60);
        let rate = RequestRate::from_rates(minute, &[2.0, 8.0], AfterEnd::Repeat).unwrap();
        let source = MessageSource::Rate {
            rate: Arc::new(rate),
            at_once: 1,
            arrivals: MessageArrivals::Poisson,
        };
        let found = times(&source, 60_000);
        assert!(found.is_sorted());
        // Expectation 5 per second; counts in the busy minutes 480 with variance 480.
        let cycles = (found[found.len() - 1] / 120.0).floor() as usize;
        let mut busy = vec![0.0_f64; cycles];
        for at in &found {
            let cycle = (at / 120.0) as usize;
            if cycle < cycles && at % 120.0 >= 60.0 {
                busy[cycle] += 1.0;
            }
        }
        let n = cycles as f64;
        let mean = busy.iter().sum::<f64>() / n;
        let variance = busy.iter().map(|b| (b - mean) * (b - mean)).sum::<f64>() / (n - 1.0);
        assert!((mean - 480.0).abs() < 4.0 * (480.0 / n).sqrt(), "{mean}");
        assert!((variance / 480.0 - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance}");
    }
}
