//! The last few values, and no more.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Keeps the last `capacity` values; a new one pushes out the oldest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring<T> {
    items: VecDeque<T>,
    capacity: usize,
}

impl<T> Ring<T> {
    /// An empty ring. One of capacity 0 keeps nothing.
    pub const fn new(capacity: usize) -> Self {
        Self {
            items: VecDeque::new(),
            capacity,
        }
    }

    /// Adds a value.
    pub fn push(&mut self, item: T) {
        if self.items.len() >= self.capacity {
            self.items.pop_front();
        }
        if self.capacity > 0 {
            self.items.push_back(item);
        }
    }

    /// The newest value, to be changed.
    pub fn newest_mut(&mut self) -> Option<&mut T> {
        self.items.back_mut()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// From the oldest to the newest.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.items.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<T: Ord + Copy> Ring<T> {
    /// The value in the middle, by size; of two in the middle the smaller one.
    pub fn median(&self) -> Option<T> {
        let mut sorted: Vec<T> = self.items.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len().checked_sub(1)? / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let mut ring = Ring::new(3);
        for n in 1..=5 {
            ring.push(n);
        }
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [3, 4, 5]);
        ring.clear();
        assert!(ring.is_empty());
    }

    #[test]
    fn a_ring_without_room_stays_empty() {
        let mut ring = Ring::new(0);
        ring.push(1);
        assert_eq!(ring.len(), 0);
    }

    #[test]
    fn one_outlier_does_not_move_the_median() {
        let mut ring = Ring::new(15);
        assert_eq!(ring.median(), None);
        for n in [300, 310, 90_000] {
            ring.push(n);
        }
        assert_eq!(ring.median(), Some(310));
        ring.push(305);
        assert_eq!(ring.median(), Some(305));
    }
}
