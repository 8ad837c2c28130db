//! Connections through a Network Load Balancer.
//!
//! Source: Elastic Load Balancing user guide, *Network Load Balancers*: the target of a TCP connection is
//! chosen by a hash of its addresses, ports and sequence number, and the connection stays with it as long
//! as it lasts. The hash is taken to be uniform. Simplification: clients leave a target as soon as it is
//! deregistered; the balancer closes connections to unhealthy targets, which is its default.

use crate::engine::{Stream, variates};
use crate::scenario::Connections;

/// The server of a connection that has none.
const NOBODY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Flow {
    server: u32,
    /// Requests until it is closed.
    left: u64,
}

/// All connections of the clients of a service.
#[derive(Clone, Debug)]
pub(super) struct Flows {
    open: Vec<Flow>,
    requests_each: u64,
}

impl Flows {
    /// None is open before its first request.
    pub(super) fn new(settings: Connections) -> Self {
        let closed = Flow { server: NOBODY, left: 0 };
        Self {
            open: vec![closed; settings.open.max(1) as usize],
            requests_each: settings.requests_each.max(1),
        }
    }

    /// The target of the next request, one of `targets`, which are not empty.
    pub(super) fn choose(&mut self, targets: &[u32], draws: &mut Stream) -> u32 {
        let any = |draws: &mut Stream, length: usize| {
            variates::below(draws.next_u64(), length as u64) as usize
        };
        let index = any(draws, self.open.len());
        // Drawn for each request, so that the draws of later ones do not depend on who is open.
        let next = targets[any(draws, targets.len())];
        let flow = &mut self.open[index];
        if flow.left == 0 || flow.server == NOBODY {
            *flow = Flow { server: next, left: self.requests_each };
        }
        flow.left -= 1;
        flow.server
    }

    /// A target is gone: its connections are opened anew.
    pub(super) fn forget(&mut self, server: u32) {
        for flow in self.open.iter_mut().filter(|flow| flow.server == server) {
            flow.server = NOBODY;
        }
    }
}
