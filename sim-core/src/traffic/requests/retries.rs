//! Attempts that clients make again.
//!
//! Exponential back-off with full jitter as in the AWS SDKs (reference guide, *Retry behavior*): the
//! k-th retry follows after a uniform part of `min(maxDelay, baseDelay·2^(k−1))`. The budget is shared
//! by all clients of a service: each first attempt earns a part of a retry, and what is saved up is
//! bounded.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::tournament::NONE;
use crate::engine::{StreamKey, variates};
use crate::scenario::RetrySettings;

/// One retry, in the unit of the budget.
const RETRY: u64 = 1_000_000;

/// Retries that can be saved up, and are at the start: the quota of an AWS SDK client, 500 tokens of
/// which a retry costs five.
const MOST_SAVED: u64 = 100 * RETRY;

/// A request between two attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Retry {
    pub(super) at: u64,
    pub(super) number: u64,
    /// When the request arrived.
    pub(super) first: u64,
    pub(super) attempt: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Retries {
    settings: Option<RetrySettings>,
    key: StreamKey,
    saved: u64,
    waiting: BinaryHeap<Reverse<Retry>>,
}

impl Retries {
    pub(super) fn new(settings: Option<RetrySettings>, key: StreamKey) -> Self {
        Self { settings, key, saved: MOST_SAVED, waiting: BinaryHeap::new() }
    }

    /// A first attempt earns its part of the budget.
    #[inline]
    pub(super) fn earn(&mut self) {
        if let Some(RetrySettings { budget_micro: Some(part), .. }) = self.settings {
            self.saved = (self.saved + part).min(MOST_SAVED);
        }
    }

    /// Whether the request whose `attempt` (from 1) failed is tried again.
    pub(super) fn plan(&mut self, now: u64, number: u64, first: u64, attempt: u32) -> bool {
        let Some(settings) = self.settings.filter(|it| attempt < it.max_attempts) else {
            return false;
        };
        if settings.budget_micro.is_some() {
            if self.saved < RETRY {
                return false;
            }
            self.saved -= RETRY;
        }
        let doubled = settings.base_delay.as_nanos().checked_shl(attempt - 1).unwrap_or(u64::MAX);
        let doubled = if doubled >> (attempt - 1) == settings.base_delay.as_nanos() {
            doubled
        } else {
            u64::MAX
        };
        let longest = doubled.min(settings.max_delay.as_nanos());
        let bits = self.key.at(number.wrapping_mul(64).wrapping_add(attempt.into()));
        let delay = variates::below(bits, longest.saturating_add(1));
        let at = now.saturating_add(delay).min(NONE - 1);
        self.waiting.push(Reverse(Retry { at, number, first, attempt: attempt + 1 }));
        true
    }

    /// When the next retry is due.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        self.waiting.peek().map_or(NONE, |Reverse(retry)| retry.at)
    }

    pub(super) fn pop(&mut self) -> Option<Retry> {
        self.waiting.pop().map(|Reverse(retry)| retry)
    }
}
