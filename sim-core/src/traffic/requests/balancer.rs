//! Which task the load balancer sends a request to.
//!
//! Source: Elastic Load Balancing user guide, *Target groups for your Application Load Balancers*
//! (routing algorithms, slow start mode). A balancer is one node; that each zone has nodes of its own,
//! each with a turn of its own, is not modelled.

use super::flows::Flows;
use super::server::Server;
use super::tournament::{NONE, Tournament};
use crate::engine::{Stream, StreamKey, variates};
use crate::scenario::{BalancingAlgorithm, Connections};

/// Bits of a key of least outstanding requests that hold the turn; the rest holds the count.
const TURN_BITS: u32 = 40;

/// Draws after which a random choice takes what it has, in slow start.
const MOST_DRAWS: u32 = 64;

#[derive(Clone, Debug)]
pub(super) struct Balancer {
    algorithm: BalancingAlgorithm,
    /// Targets that get requests, in order of registration.
    ring: Vec<u32>,
    turn: usize,
    /// By outstanding requests, then by who had none for longest.
    outstanding: Tournament,
    /// When each server last got a request.
    last_turns: Vec<u64>,
    turns: u64,
    draws: Stream,
    /// Connections, behind a Network Load Balancer.
    flows: Option<Flows>,
    /// Until when some target is in slow start.
    slow_until: u64,
}

impl Balancer {
    pub(super) fn new(
        algorithm: BalancingAlgorithm,
        connections: Option<Connections>,
        key: StreamKey,
    ) -> Self {
        Self {
            algorithm,
            flows: connections.map(Flows::new),
            ring: Vec::new(),
            turn: 0,
            outstanding: Tournament::new(),
            last_turns: Vec::new(),
            turns: 0,
            draws: key.rng(),
            slow_until: 0,
        }
    }

    fn counts(&self) -> bool {
        self.algorithm == BalancingAlgorithm::LeastOutstandingRequests
    }

    pub(super) fn targets(&self) -> &[u32] {
        &self.ring
    }

    /// A target becomes healthy. It starts slowly if another one is past its slow start; those that
    /// enter an empty group together do not.
    pub(super) fn add(&mut self, index: u32, servers: &mut [Server], slow_start: u64, now: u64) {
        let is_warm = |server: &Server| server.slow_from < now && server.slow_until <= now;
        let warm = self.ring.iter().any(|&it| is_warm(&servers[it as usize]));
        let server = &mut servers[index as usize];
        (server.slow_from, server.slow_until, server.credit) = (now, 0, 0.0);
        if 0 < slow_start && warm && !self.counts() {
            server.slow_until = now.saturating_add(slow_start);
            self.slow_until = self.slow_until.max(server.slow_until);
        }
        self.ring.push(index);
        let leaf = index as usize;
        self.outstanding.reserve(leaf);
        if self.last_turns.len() <= leaf {
            self.last_turns.resize(leaf + 1, 0);
        }
        self.last_turns[leaf] = 0;
        self.count(index, server.outstanding);
    }

    /// A target gets no more requests.
    pub(super) fn remove(&mut self, index: u32) {
        let Some(position) = self.ring.iter().position(|&it| it == index) else { return };
        self.ring.remove(position);
        self.turn -= usize::from(position < self.turn);
        if let Some(flows) = &mut self.flows {
            flows.forget(index);
        }
        if self.counts() {
            self.outstanding.set(index as usize, NONE);
        }
    }

    /// A receiving target has `outstanding` requests now.
    #[inline]
    pub(super) fn count(&mut self, index: u32, outstanding: u32) {
        if self.counts() {
            let leaf = index as usize;
            let key = u64::from(outstanding).min((1 << (64 - TURN_BITS)) - 2) << TURN_BITS
                | self.last_turns[leaf];
            self.outstanding.set(leaf, key);
        }
    }

    /// The target of the next request; `None` without targets.
    #[inline]
    pub(super) fn choose(&mut self, servers: &mut [Server], now: u64) -> Option<u32> {
        if self.ring.is_empty() {
            return None;
        }
        if let Some(flows) = &mut self.flows {
            return Some(flows.choose(&self.ring, &mut self.draws));
        }
        if self.counts() {
            let leaf = self.outstanding.winner();
            self.turns = (self.turns + 1) & ((1 << TURN_BITS) - 1);
            self.last_turns[leaf] = self.turns;
            return Some(leaf as u32);
        }
        if now < self.slow_until {
            return Some(self.choose_with_slow_start(servers, now));
        }
        Some(self.next())
    }

    #[inline]
    fn next(&mut self) -> u32 {
        if self.algorithm == BalancingAlgorithm::WeightedRandom {
            let bits = self.draws.next_u64();
            return self.ring[variates::below(bits, self.ring.len() as u64) as usize];
        }
        if self.ring.len() <= self.turn {
            self.turn = 0;
        }
        let index = self.ring[self.turn];
        self.turn += 1;
        index
    }

    /// A target in slow start takes only a share of its turns; if nobody takes one, whoever is next.
    fn choose_with_slow_start(&mut self, servers: &mut [Server], now: u64) -> u32 {
        let random = self.algorithm == BalancingAlgorithm::WeightedRandom;
        let tries = if random { MOST_DRAWS as usize } else { self.ring.len() };
        for _ in 0..tries {
            let index = self.next();
            let server = &mut servers[index as usize];
            let weight = server.weight(now);
            if 1.0 <= weight {
                return index;
            }
            if random {
                if variates::uniform(self.draws.next_u64()) < weight {
                    return index;
                }
            } else {
                server.credit += weight;
                if 1.0 <= server.credit {
                    server.credit -= 1.0;
                    return index;
                }
            }
        }
        self.next()
    }
}
