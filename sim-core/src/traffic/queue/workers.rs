//! The tasks of a service that work on a queue.

use super::messages::MessageRef;
use crate::scenario::Worker;
use crate::statistics::TimeWeighted;
use crate::units::SimTime;

/// Number of a worker task in order of its start.
pub type WorkerId = u32;

/// A message in the hands of a worker, with the receipt by which it may delete it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receipt {
    pub(super) message: MessageRef,
    pub(super) receives: u32,
    /// What the message's draws depend on, also when it is gone.
    pub(super) origin: u32,
    pub(super) number: u64,
}

/// The tasks of one service.
#[derive(Debug)]
pub(super) struct Pool<'s> {
    pub(super) settings: &'s Worker,
    /// Threads that process a message.
    pub(super) busy: TimeWeighted,
    /// Tasks wanted, which is how many may be protected.
    pub(super) desired: u32,
    pub(super) protected: u32,
}

impl<'s> Pool<'s> {
    pub(super) fn new(settings: &'s Worker) -> Self {
        Self { settings, busy: TimeWeighted::default(), desired: u32::MAX, protected: 0 }
    }
}

/// One thread of a worker.
#[derive(Clone, Debug, Default)]
pub(super) struct Thread {
    /// What it received and has not begun, the next one last.
    pub(super) messages: Vec<Receipt>,
    /// What it processes, and until when.
    current: Option<(Receipt, SimTime)>,
    /// When it began to wait for a message.
    pub(super) idle_since: SimTime,
}

impl Thread {
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none()
    }
}

/// A task at work.
#[derive(Clone, Debug)]
pub struct WorkerTask {
    pub(super) pool: usize,
    pub(super) threads: Vec<Thread>,
    receives: bool,
    busy: u32,
    /// End of its protection from scale-in, while it is busy.
    protected_until: Option<SimTime>,
}

impl WorkerTask {
    pub(super) fn new(pool: usize, threads: u32) -> Self {
        Self {
            pool,
            threads: vec![Thread::default(); threads as usize],
            receives: true,
            busy: 0,
            protected_until: None,
        }
    }

    /// Whether it asks for messages.
    pub(super) fn receives(&self) -> bool {
        self.receives
    }

    /// Messages in its hands, begun or not.
    pub(super) fn held(&self) -> u64 {
        let of = |it: &Thread| it.messages.len() + usize::from(it.current.is_some());
        self.threads.iter().map(of).sum::<usize>() as u64
    }

    /// When the last of the messages that it is processing is done; `None` if it processes none.
    pub fn busy_until(&self) -> Option<SimTime> {
        self.threads.iter().filter_map(|it| it.current.map(|(_, until)| until)).max()
    }

    /// When its protection from scale-in ends if nothing else happens, should it be protected at `now`:
    /// with the last message it is processing, or earlier when it expires.
    pub fn protected_until(&self, now: SimTime) -> Option<SimTime> {
        let end = self.protected_until.filter(|end| now < *end)?;
        Some(self.busy_until().map_or(end, |busy| busy.min(end)))
    }

    /// A thread begins a message.
    pub(super) fn begin(
        &mut self,
        thread: u32,
        receipt: Receipt,
        until: SimTime,
        protection: Option<SimTime>,
        pool: &mut Pool<'_>,
    ) {
        self.threads[thread as usize].current = Some((receipt, until));
        self.busy += 1;
        let Some(end) = protection else { return };
        // Not more tasks are protected than the service wants (`DEPLOYMENT_BLOCKED`).
        if self.protected_until.is_some() || pool.protected < pool.desired {
            pool.protected += u32::from(self.protected_until.is_none());
            self.protected_until = Some(end);
        }
    }

    /// A thread is done with its message, which it still holds the receipt of; `None` if the task is
    /// gone.
    pub(super) fn finish(&mut self, thread: u32, pool: &mut Pool<'_>) -> Option<Receipt> {
        let (receipt, _) = self.threads.get_mut(thread as usize)?.current.take()?;
        self.busy -= 1;
        self.unprotect_if_idle(pool);
        Some(receipt)
    }

    fn unprotect_if_idle(&mut self, pool: &mut Pool<'_>) {
        if self.busy == 0 && self.protected_until.take().is_some() {
            pool.protected -= 1;
        }
    }

    /// Receives nothing more, and drops what no thread has begun: how many messages.
    pub(super) fn stop(&mut self) -> u64 {
        self.receives = false;
        let dropped = self.threads.iter_mut().map(|it| std::mem::take(&mut it.messages).len());
        dropped.sum::<usize>() as u64
    }

    /// Drops what it processes: how many messages.
    pub(super) fn drop_current(&mut self, pool: &mut Pool<'_>) -> u64 {
        let dropped = self.threads.iter_mut().filter_map(|it| it.current.take()).count();
        self.busy = 0;
        self.unprotect_if_idle(pool);
        dropped as u64
    }
}
