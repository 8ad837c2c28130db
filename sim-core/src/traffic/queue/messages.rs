//! The messages of one queue: what is visible, in flight, delayed, and when that changes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::scenario::Queue;
use crate::statistics::TimeWeighted;
use crate::units::SimTime;

/// Receives after which a message that was not deleted goes to the back of its queue, and no longer
/// counts for the age of the oldest one (developer guide, *Available CloudWatch metrics*).
const WORN_AFTER: u32 = 3;

/// A message that may be gone by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MessageRef {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: its slot is free.
    Gone,
    /// Hidden after it was sent.
    Delayed,
    /// Waits to be received.
    Visible,
    /// Received and not deleted.
    InFlight,
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    generation: u32,
    pub(super) place: Place,
    /// Whether any attempt at it began.
    pub(super) begun: bool,
    /// Whether it no longer counts for the age of the oldest.
    worn: bool,
    /// The queue it was sent to, and its number there: what its draws depend on.
    pub(super) origin: u32,
    pub(super) number: u64,
    pub(super) receives: u32,
    /// Its turn among the visible ones.
    turn: u64,
    pub(super) sent: SimTime,
}

/// All messages of all queues.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    slots: Vec<Message>,
    free: Vec<u32>,
}

impl Store {
    /// The message, if it still exists.
    pub(super) fn get(&self, at: MessageRef) -> Option<&Message> {
        let message = &self.slots[at.slot as usize];
        (message.generation == at.generation).then_some(message)
    }

    pub(super) fn get_mut(&mut self, at: MessageRef) -> Option<&mut Message> {
        let message = &mut self.slots[at.slot as usize];
        (message.generation == at.generation).then_some(message)
    }

    /// Messages that exist.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn add(&mut self, message: Message) -> MessageRef {
        if let Some(slot) = self.free.pop() {
            let old = &mut self.slots[slot as usize];
            *old = Message { generation: old.generation, ..message };
            return MessageRef { slot, generation: old.generation };
        }
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Message { generation: 0, ..message });
        MessageRef { slot, generation: 0 }
    }

    fn remove(&mut self, at: MessageRef) {
        let message = &mut self.slots[at.slot as usize];
        message.generation = message.generation.wrapping_add(1);
        message.place = Place::Gone;
        self.free.push(at.slot);
    }
}

/// Counts of a queue since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Sent by a producer: `NumberOfMessagesSent`.
    pub sent: u64,
    /// Moved in from a queue whose dead-letter queue this is; SQS does not count these as sent.
    pub moved_in: u64,
    /// Given to a worker, each time: `NumberOfMessagesReceived`.
    pub received: u64,
    /// Received once more by somebody: receipts beyond the first of a message in this queue.
    pub received_again: u64,
    /// Deleted by a worker: `NumberOfMessagesDeleted`.
    pub deleted: u64,
    /// Moved to the dead-letter queue.
    pub dead_lettered: u64,
    /// Deleted at the end of the retention period.
    pub expired: u64,
    /// Answers to calls without a message: `NumberOfEmptyReceives`.
    pub empty_receives: u64,
    /// Calls that returned messages.
    pub receive_calls: u64,
    /// Calls that sent messages, of at most ten each.
    pub send_calls: u64,
    /// Attempts that ended without a deletion, because they failed.
    pub failed: u64,
    /// Attempts that succeeded, but too late: the message had been received again or was gone. Work that
    /// was done twice, or for nothing.
    pub wasted: u64,
    /// Messages dropped by workers that were stopped.
    pub abandoned: u64,
}

impl QueueCounts {
    /// Calls of the API that SQS counts as requests: to send, receive and delete. An attempt that came
    /// too late called to delete, too.
    pub fn calls(&self) -> u64 {
        let receives = self.receive_calls + self.empty_receives;
        self.send_calls + receives + self.deleted + self.wasted
    }
}

/// One queue.
#[derive(Debug)]
pub(super) struct MessageQueue<'s> {
    pub(super) settings: &'s Queue,
    index: u32,
    pub(super) counts: QueueCounts,
    pub(super) visible: TimeWeighted,
    pub(super) in_flight: TimeWeighted,
    pub(super) delayed: TimeWeighted,
    /// Last time that somebody sent, received or deleted, or that it held a message.
    pub(super) touched: SimTime,
    turns: u64,
    /// Visible messages that came in the order of their turns, and those that came back.
    fresh: VecDeque<MessageRef>,
    returned: BinaryHeap<Reverse<(u64, MessageRef)>>,
    /// Ends of delays and of visibility time-outs, in time order since both are of fixed length. An
    /// entry of the second kind is void unless the message was received as often as it says.
    delays: VecDeque<(SimTime, MessageRef)>,
    timeouts: VecDeque<(SimTime, MessageRef, u32)>,
    /// Messages by when they entered, for age and expiry.
    entries: VecDeque<(SimTime, MessageRef)>,
    /// Expiry of those that `entries` does not say it of: worn ones, and ones moved in.
    expiries: BinaryHeap<Reverse<(SimTime, MessageRef)>>,
}

impl<'s> MessageQueue<'s> {
    pub(super) fn new(settings: &'s Queue, index: u32) -> Self {
        Self {
            settings,
            index,
            counts: QueueCounts::default(),
            visible: TimeWeighted::default(),
            in_flight: TimeWeighted::default(),
            delayed: TimeWeighted::default(),
            touched: SimTime::ZERO,
            turns: 0,
            fresh: VecDeque::new(),
            returned: BinaryHeap::new(),
            delays: VecDeque::new(),
            timeouts: VecDeque::new(),
            entries: VecDeque::new(),
            expiries: BinaryHeap::new(),
        }
    }

    /// Messages in it.
    pub(super) fn len(&self) -> u64 {
        self.visible.value() + self.in_flight.value() + self.delayed.value()
    }

    /// A producer sends a message.
    pub(super) fn send(&mut self, store: &mut Store, now: SimTime) {
        let at = store.add(Message {
            generation: 0,
            place: Place::Gone,
            begun: false,
            worn: false,
            origin: self.index,
            number: self.counts.sent,
            receives: 0,
            turn: 0,
            sent: now,
        });
        self.counts.sent += 1;
        self.touched = now;
        self.note_entry(store, now, at);
        if self.settings.delay.is_zero() {
            self.show(store, at, now);
        } else {
            self.place(store, at, Place::Delayed, now);
            self.delays.push_back((now + self.settings.delay, at));
        }
    }

    /// A message comes from a queue whose dead-letter queue this is: visible at once, its retention
    /// counted from when it was sent.
    pub(super) fn move_in(&mut self, store: &mut Store, message: Message, now: SimTime) {
        let moved = Message { receives: 0, worn: false, ..message };
        let at = store.add(moved);
        let expiry = message.sent + self.settings.message_retention_period;
        self.counts.moved_in += 1;
        self.touched = now;
        self.note_entry(store, now, at);
        self.expiries.push(Reverse((expiry, at)));
        self.show(store, at, now);
    }

    /// Lists a message by when it entered.
    fn note_entry(&mut self, store: &Store, now: SimTime, at: MessageRef) {
        // What is gone may stay in the middle of the list: half of it at most.
        if self.entries.len() as u64 > 2 * self.len() + 1024 {
            self.entries.retain(|(_, it)| store.get(*it).is_some());
        }
        self.entries.push_back((now, at));
    }

    /// Makes a message visible at the end of the line.
    fn show(&mut self, store: &mut Store, at: MessageRef, now: SimTime) {
        let turn = self.turns;
        self.turns += 1;
        self.place(store, at, Place::Visible, now);
        if let Some(message) = store.get_mut(at) {
            message.turn = turn;
        }
        self.fresh.push_back(at);
    }

    fn level(&mut self, place: Place) -> Option<&mut TimeWeighted> {
        match place {
            Place::Gone => None,
            Place::Delayed => Some(&mut self.delayed),
            Place::Visible => Some(&mut self.visible),
            Place::InFlight => Some(&mut self.in_flight),
        }
    }

    /// Moves a message to another place of this queue.
    fn place(&mut self, store: &mut Store, at: MessageRef, place: Place, now: SimTime) {
        let Some(message) = store.get_mut(at) else { return };
        let before = std::mem::replace(&mut message.place, place);
        if let Some(level) = self.level(before) {
            level.subtract(now, 1);
        }
        if let Some(level) = self.level(place) {
            level.add(now, 1);
        }
    }

    /// The visible message whose turn it is, if any.
    pub(super) fn front(&mut self, store: &Store) -> Option<MessageRef> {
        let fresh = loop {
            let Some(&at) = self.fresh.front() else { break None };
            match store.get(at) {
                Some(message) => break Some((message.turn, at)),
                None => self.fresh.pop_front(),
            };
        };
        let returned = loop {
            let Some(&Reverse((turn, at))) = self.returned.peek() else { break None };
            if store.get(at).is_some() {
                break Some((turn, at));
            }
            self.returned.pop();
        };
        match (fresh, returned) {
            (Some(fresh), Some(returned)) => Some(fresh.min(returned).1),
            (fresh, returned) => fresh.or(returned).map(|(_, at)| at),
        }
    }

    /// Takes the message that [`front`](Self::front) named out of the line.
    fn take_front(&mut self, at: MessageRef) {
        if self.fresh.front() == Some(&at) {
            self.fresh.pop_front();
        } else {
            self.returned.pop();
        }
    }

    /// Gives the message in front to a worker; how often it was received by now.
    pub(super) fn receive(&mut self, store: &mut Store, at: MessageRef, now: SimTime) -> u32 {
        self.take_front(at);
        self.place(store, at, Place::InFlight, now);
        self.touched = now;
        self.counts.received += 1;
        let Some(message) = store.get_mut(at) else { return 0 };
        message.receives = message.receives.saturating_add(1);
        let receives = message.receives;
        self.counts.received_again += u64::from(1 < receives);
        self.timeouts.push_back((now + self.settings.visibility_timeout, at, receives));
        receives
    }

    /// Takes the message in front out of the queue, to move it to another. What the queue still knows
    /// of it by its reference is void from then on.
    pub(super) fn move_out(
        &mut self,
        store: &mut Store,
        at: MessageRef,
        now: SimTime,
    ) -> Option<Message> {
        self.take_front(at);
        self.place(store, at, Place::Gone, now);
        let message = store.get(at).copied()?;
        store.remove(at);
        self.counts.dead_lettered += 1;
        self.touched = now;
        Some(message)
    }

    /// Deletes a message by the receipt of the `receives`-th receive; `false` if that was not the
    /// newest one, or the message is gone or elsewhere.
    pub(super) fn delete(
        &mut self,
        store: &mut Store,
        at: MessageRef,
        receives: u32,
        now: SimTime,
    ) -> bool {
        self.touched = now;
        if store.get(at).is_none_or(|message| message.receives != receives) {
            return false;
        }
        self.place(store, at, Place::Gone, now);
        store.remove(at);
        self.counts.deleted += 1;
        true
    }

    /// When the queue next changes by itself.
    pub(super) fn next_change(&mut self, store: &Store) -> Option<SimTime> {
        while let Some(&(_, at, receives)) = self.timeouts.front() {
            let holds = |it: &Message| it.place == Place::InFlight && it.receives == receives;
            if store.get(at).is_some_and(holds) {
                break;
            }
            self.timeouts.pop_front();
        }
        let delay = self.delays.front().map(|(end, _)| *end);
        let timeout = self.timeouts.front().map(|(end, _, _)| *end);
        let expiry = self.next_expiry(store).map(|(end, _)| end);
        [delay, timeout, expiry].into_iter().flatten().min()
    }

    /// Drops entries of messages that are gone, or do not count for the age.
    fn clean_entries(&mut self, store: &Store) {
        while let Some((_, at)) = self.entries.front() {
            if store.get(*at).is_some_and(|message| !message.worn) {
                break;
            }
            self.entries.pop_front();
        }
    }

    fn next_expiry(&mut self, store: &Store) -> Option<(SimTime, MessageRef)> {
        self.clean_entries(store);
        while self.expiries.peek().is_some_and(|Reverse((_, at))| store.get(*at).is_none()) {
            self.expiries.pop();
        }
        // A message moved in has an earlier expiry in `expiries` than its entry would say.
        let retention = self.settings.message_retention_period;
        let oldest = self.entries.front().map(|(entered, at)| (*entered + retention, *at));
        let moved = self.expiries.peek().map(|Reverse(it)| *it);
        oldest.into_iter().chain(moved).min()
    }

    /// Lets everything happen that is due by `now`: delays and visibility time-outs end, messages
    /// expire. How many messages that were.
    pub(super) fn let_time_pass(&mut self, store: &mut Store, now: SimTime) -> u64 {
        let mut changes = 0;
        while let Some((_, at)) = self.delays.front().copied().filter(|(end, _)| *end <= now) {
            self.delays.pop_front();
            if store.get(at).is_some() {
                self.show(store, at, now);
                changes += 1;
            }
        }
        while let Some((_, at, receives)) =
            self.timeouts.front().copied().filter(|(end, _, _)| *end <= now)
        {
            self.timeouts.pop_front();
            changes += u64::from(self.return_message(store, at, receives, now));
        }
        while let Some((_, at)) = self.next_expiry(store).filter(|(end, _)| *end <= now) {
            self.place(store, at, Place::Gone, now);
            store.remove(at);
            self.counts.expired += 1;
            self.touched = now;
            changes += 1;
        }
        changes
    }

    /// A message in flight can be received again: in its old turn, or, after several receives, behind
    /// all others.
    fn return_message(
        &mut self,
        store: &mut Store,
        at: MessageRef,
        receives: u32,
        now: SimTime,
    ) -> bool {
        let Some(message) = store.get_mut(at) else { return false };
        if message.place != Place::InFlight || message.receives != receives {
            return false;
        }
        if WORN_AFTER <= message.receives {
            if !message.worn {
                message.worn = true;
                let expiry = message.sent + self.settings.message_retention_period;
                self.expiries.push(Reverse((expiry, at)));
            }
            self.show(store, at, now);
        } else {
            let turn = message.turn;
            self.place(store, at, Place::Visible, now);
            self.returned.push(Reverse((turn, at)));
        }
        true
    }

    /// When the oldest message entered the queue; `None` if it holds none that counts.
    pub(super) fn oldest(&mut self, store: &Store) -> Option<SimTime> {
        self.clean_entries(store);
        self.entries.front().map(|(entered, _)| *entered)
    }
}
