//! A pending event with its key.

use std::cmp::Ordering;

/// An event with its key. The order word is the phase above the insertion number.
#[derive(Clone, Copy)]
pub(super) struct Entry<E> {
    pub(super) time: u64,
    pub(super) order: u64,
    pub(super) slot: u32,
    pub(super) event: E,
}

impl<E> Entry<E> {
    #[inline]
    pub(super) fn key(&self) -> u128 {
        (u128::from(self.time) << 64) | u128::from(self.order)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// Reversed, since the standard heap gives the greatest first.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}
