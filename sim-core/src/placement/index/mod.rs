//! The index of placement: what makes a decision cheap without changing it.
//!
//! * `key`, `tree`, `bounds`: instances in the order of a chain, searched for the first with room;
//! * `select`: sets of instances that give their j-th member, for `random`;
//! * `fits`: registered demands, and which of them fit an instance;
//! * `order`: the orders that a pool keeps;
//! * `ranks`: how many instances lack CPU, for the reasons of a failure.

mod bounds;
mod fits;
mod key;
mod order;
mod ranks;
mod select;
mod tree;

pub(super) use bounds::{Size, Steps};
pub(super) use fits::{ANY, Fits, Need};

pub(super) use order::{Brief, Change, First, Link, Moment, Orders, PoolView};
pub(super) use ranks::CpuRanks;
pub(super) use select::{SelectSet, select};
pub(super) use tree::Want;
