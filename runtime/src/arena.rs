//! Memory for compiled programs: zeroed blocks that start on a cache line, taken from a budget.
//!
//! A block is asked for with its final size, may be refused, and is touched once here, so that no
//! step pays for the first touch of a page.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brolga_compiler::loop_ir::CACHE_LINE;

use crate::RunError;

/// How many bytes may be taken, and how many are. Cloning shares both.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Count>);

#[derive(Debug)]
struct Count {
    limit: usize,
    taken: AtomicUsize,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Budget {
        Budget(Arc::new(Count { limit, taken: AtomicUsize::new(0) }))
    }

    /// Bytes that may be taken in all.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Bytes that are taken now.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// A zeroed block of at least `bytes` bytes for `purpose`, which stands in the error.
    ///
    /// # Errors
    /// If that is beyond the budget, or the machine has no such block.
    pub fn block(&self, bytes: usize, purpose: &str) -> Result<Memory, RunError> {
        let taken = self.take(bytes, purpose)?;
        let refused =
            || RunError::OutOfMemory { purpose: purpose.to_string(), bytes: bytes as u64 };
        let start = allocate(taken.size).ok_or_else(refused)?;
        Ok(Memory { start, taken })
    }

    /// Counts whole cache lines of at least `bytes` bytes that are held elsewhere for `purpose`,
    /// which stands in the error.
    ///
    /// # Errors
    /// If that is beyond the budget.
    pub fn take(&self, bytes: usize, purpose: &str) -> Result<Taken, RunError> {
        let refused = |taken: usize| RunError::MemoryLimit {
            purpose: purpose.to_string(),
            bytes: bytes as u64,
            taken: taken as u64,
            limit: self.0.limit as u64,
        };
        let size = bytes.checked_next_multiple_of(CACHE_LINE);
        let size = size.ok_or_else(|| refused(self.taken()))?;
        let free = |taken: usize| taken.checked_add(size).filter(|&sum| sum <= self.0.limit);
        let counter = &self.0.taken;
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).map_err(refused)?;
        Ok(Taken { size, budget: self.clone() })
    }
}

/// So many zeroed bytes, a multiple of the cache line, all of whose pages have been written to.
fn allocate(size: usize) -> Option<NonNull<u8>> {
    if size == 0 {
        return Some(CacheLine::dangling());
    }
    let layout = layout(size)?;
    // SAFETY: the size is not 0.
    let start = NonNull::new(unsafe { alloc(layout) })?;
    if layout.align() == LARGE_PAGE {
        ask_for_large_pages(start, size);
    }
    // SAFETY: the bytes are those of the allocation.
    unsafe { start.write_bytes(0, size) };
    Some(start)
}

/// Bytes of a large page of x86-64 and, usually, of 64-bit ARM.
const LARGE_PAGE: usize = 2 << 20;

/// How a block of so many bytes is allocated: one that holds a large page begins with one.
fn layout(size: usize) -> Option<Layout> {
    let align = if size >= LARGE_PAGE { LARGE_PAGE } else { CACHE_LINE };
    Layout::from_size_align(size, align).ok()
}

/// Asks for large pages in a block that was not touched yet: there are fewer to touch, and a step
/// translates fewer addresses. Linux gives them to those who ask; whether it does decides about speed
/// alone.
fn ask_for_large_pages(start: NonNull<u8>, size: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: the bytes are an allocation; what they hold and who may use them stays the same.
    unsafe {
        libc::madvise(start.as_ptr().cast(), size, libc::MADV_HUGEPAGE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, size);
}

/// Gives an empty block an address that is as aligned as any other's.
#[repr(align(64))]
struct CacheLine;

impl CacheLine {
    fn dangling() -> NonNull<u8> {
        NonNull::<CacheLine>::dangling().cast()
    }
}

const _: () = assert!(align_of::<CacheLine>() == CACHE_LINE);

/// Bytes that are counted in a budget until this is dropped.
#[derive(Debug)]
pub struct Taken {
    size: usize,
    budget: Budget,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.budget.0.taken.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// Owned bytes that start on a cache line and end with one.
#[derive(Debug)]
pub struct Memory {
    start: NonNull<u8>,
    taken: Taken,
}

// SAFETY: a block owns its bytes alone.
unsafe impl Send for Memory {}
// SAFETY: a shared block can only be read, but through the pointer, whose user answers for that.
unsafe impl Sync for Memory {}

impl Memory {
    /// The number of bytes: what was asked for, rounded up to whole cache lines.
    pub fn size(&self) -> usize {
        self.taken.size
    }

    /// The first byte, for machine code. Writing through it needs the same exclusive access as
    /// [`Memory::bytes_mut`].
    pub fn pointer(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: all bytes were initialised and are owned.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.taken.size) }
    }

    /// The bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: all bytes were initialised and are owned, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.taken.size) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.taken.size > 0 {
            let layout = layout(self.taken.size).expect("that which it was allocated with");
            // SAFETY: allocated with this layout, and not freed before.
            unsafe { dealloc(self.start.as_ptr(), layout) };
        }
    }
}

/// Makes the process keep what it frees, for eager mode: its blocks are freed and asked for again all
/// the time, and given back to the system in between they would be zeroed again page by page, which
/// takes longer than the work on them. Blocks of more than 32 MB still go back.
pub(crate) fn keep_freed_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        const M_TRIM_THRESHOLD: c_int = -1;
        const M_MMAP_THRESHOLD: c_int = -3;
        // SAFETY: sets two numbers of the C library's allocator, under its own lock. Whether it
        // takes them decides about speed alone.
        unsafe {
            mallopt(M_TRIM_THRESHOLD, c_int::MAX);
            mallopt(M_MMAP_THRESHOLD, 32 << 20);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_zeroed_aligned_and_counted() {
        let budget = Budget::new(4096);
        let mut block = budget.block(100, "a test").expect("it fits");
        assert_eq!((block.size(), block.pointer().addr() % CACHE_LINE), (128, 0));
        assert!(block.bytes().iter().all(|&b| b == 0));
        block.bytes_mut()[127] = 7;
        let large = Budget::new(8 << 20).block(5 << 20, "a test").expect("it fits");
        assert_eq!(large.pointer().addr() % LARGE_PAGE, 0);
        assert!(large.bytes().iter().all(|&b| b == 0));
        let empty = budget.block(0, "a test").expect("it fits");
        assert_eq!((empty.size(), empty.pointer().addr() % CACHE_LINE), (0, 0));
        assert_eq!(budget.taken(), 128);
        drop((block, empty));
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn what_is_beyond_the_budget_is_refused() {
        let budget = Budget::new(1 << 20);
        let kept = budget.block(1 << 19, "a test").expect("it fits");
        let error = budget.block((1 << 19) + 1, "the arena").expect_err("beyond the budget");
        assert_eq!(error.code(), "E0652");
        assert!(error.to_string().contains("the arena"), "{error}");
        let says_what_is_taken = "with the 524288 that are taken";
        assert!(error.to_string().contains(says_what_is_taken), "{error}");
        assert_eq!(budget.taken(), kept.size());
        let held = budget.take(1 << 19, "a test").expect("all that is left");
        assert_eq!(budget.taken(), 1 << 20);
        drop(held);
        assert!(budget.block(usize::MAX, "a test").is_err());
        let endless = Budget::new(usize::MAX);
        let error = endless.block(usize::MAX - 100, "a test").expect_err("no such layout");
        assert_eq!((error.code(), endless.taken()), ("E0651", 0));
    }
}
