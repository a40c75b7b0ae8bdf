//! Counts what this thread allocates and holds. The engine runs on one thread, so tests do not see each other.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

/// What the thread has allocated so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocated {
    /// Allocations and reallocations.
    pub count: u64,
    /// Octets held now. Less than nothing on a thread that frees what another one allocated.
    pub live: i64,
}

thread_local! {
    static ALLOCATED: Cell<Allocated> = const { Cell::new(Allocated { count: 0, live: 0 }) };
}

fn note(count: u64, grown: usize, shrunk: usize) {
    let change = grown as i64 - shrunk as i64;
    // Nothing is counted while the thread ends.
    let _ = ALLOCATED.try_with(|allocated| {
        let before = allocated.get();
        allocated.set(Allocated { count: before.count + count, live: before.live + change });
    });
}

// SAFETY: every call goes on to the system's allocator unchanged; only numbers are added to.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), 0);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, 0, layout.size());
        // SAFETY: the pointer came from `alloc` above, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What this thread has allocated so far.
pub fn allocated() -> Allocated {
    ALLOCATED.with(Cell::get)
}
