//! A queue with an end: what does not fit is refused, counted, and handed back to who pushed it.

use std::collections::VecDeque;

/// First in, first out, never more than `capacity` items.
#[derive(Debug)]
pub struct BoundedQueue<T> {
    items: VecDeque<T>,
    capacity: usize,
    refused: u64,
}

impl<T> BoundedQueue<T> {
    /// `capacity`: the most items held at once. Room is taken as it is needed, not beforehand.
    pub const fn new(capacity: usize) -> Self {
        BoundedQueue { items: VecDeque::new(), capacity, refused: 0 }
    }

    /// Appends `item`.
    ///
    /// # Errors
    /// Hands the item back when the queue is full, and counts it.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.items.len() >= self.capacity {
            self.refused += 1;
            return Err(item);
        }
        self.items.push_back(item);
        Ok(())
    }

    /// Takes the oldest item.
    pub fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// Items held now.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True when nothing is held.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Items refused since the queue was made.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_hands_the_item_back_and_counts_it() {
        let mut queue = BoundedQueue::new(1);
        assert_eq!(queue.push(1), Ok(()));
        assert_eq!(queue.push(2), Err(2));
        assert_eq!((queue.len(), queue.refused(), queue.pop()), (1, 1, Some(1)));
        assert!(queue.is_empty());
    }
}
