//! Memory for compiled programs: zeroed blocks that start on a cache line, taken from a budget.
//!
//! A block is asked for with its final size, may be refused, and is touched once here, so that no
//! step pays for the first touch of a page. All blocks are in large pages, where the system has them:
//! a step goes through many matrices, a few elements of each of their rows at a time, and to
//! translate the addresses of thousands of small pages takes longer than to read what is there. A block
//! that fills no large page shares one with others.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc};
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brolga_compiler::loop_ir::CACHE_LINE;

use crate::RunError;

/// How many bytes may be taken, and how many are. Cloning shares both.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Count>);

#[derive(Debug)]
struct Count {
    limit: usize,
    taken: AtomicUsize,
    shared: Mutex<SharedPages>,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Budget {
        let (taken, shared) = (AtomicUsize::new(0), Mutex::default());
        Budget(Arc::new(Count { limit, taken, shared }))
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
        let start = self.0.allocate(taken.size).ok_or_else(refused)?;
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

impl Count {
    /// So many zeroed bytes, a multiple of the cache line, all of whose pages have been written to.
    fn allocate(&self, size: usize) -> Option<NonNull<u8>> {
        let start = match size {
            0 => return Some(CacheLine::dangling()),
            LARGE_PAGE.. => allocate(size)?,
            _ => self.shared().allocate(size)?,
        };
        // SAFETY: the bytes are those of the allocation.
        unsafe { start.write_bytes(0, size) };
        Some(start)
    }

    /// Gives back what [`Count::allocate`] gave.
    ///
    /// # Safety
    /// It did so for this size, and nothing uses the bytes any more.
    unsafe fn free(&self, start: NonNull<u8>, size: usize) {
        // SAFETY: the caller's promises.
        unsafe {
            match size {
                0 => {}
                LARGE_PAGE.. => free(start, size),
                _ => self.shared().free(start, size),
            }
        }
    }

    fn shared(&self) -> MutexGuard<'_, SharedPages> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Large pages that smaller blocks share: what is free in them, by its size and by where it begins.
/// A page that is free as a whole is given back. Each call takes the logarithm of the free parts.
#[derive(Debug, Default)]
struct SharedPages {
    by_size: BTreeSet<(usize, NonNull<u8>)>,
    by_start: BTreeMap<NonNull<u8>, usize>,
}

// SAFETY: only addresses, of bytes that no one else uses.
unsafe impl Send for SharedPages {}

impl SharedPages {
    /// So many bytes: of the smallest free part that has them, else of a new page.
    fn allocate(&mut self, size: usize) -> Option<NonNull<u8>> {
        let least = (size, NonNull::dangling());
        let found = self.by_size.range(least..).next().copied();
        let (all, start) = match found {
            Some(part) => part,
            None => (LARGE_PAGE, allocate(LARGE_PAGE)?),
        };
        self.by_size.remove(&(all, start));
        self.by_start.remove(&start);
        if all > size {
            // SAFETY: the part has more bytes.
            self.insert(unsafe { start.add(size) }, all - size);
        }
        Some(start)
    }

    /// Gives so many bytes back.
    ///
    /// # Safety
    /// [`SharedPages::allocate`] gave them for this size, and nothing uses them any more.
    unsafe fn free(&mut self, mut start: NonNull<u8>, mut size: usize) {
        // What ends where a page begins is of another page.
        let begins_page = |at: NonNull<u8>| at.addr().get().is_multiple_of(LARGE_PAGE);
        let before = self.by_start.range(..start).next_back().map(|(&at, &n)| (at, n));
        if let Some((at, n)) = before
            && at.addr().get() + n == start.addr().get()
            && !begins_page(start)
        {
            self.remove(at, n);
            (start, size) = (at, n + size);
        }
        // SAFETY: the end of what is in the page, or the page's.
        let end = unsafe { start.add(size) };
        if !begins_page(end)
            && let Some(&n) = self.by_start.get(&end)
        {
            self.remove(end, n);
            size += n;
        }
        if size == LARGE_PAGE {
            // SAFETY: as a page it was allocated, and all of it is free.
            unsafe { free(start, size) };
        } else {
            self.insert(start, size);
        }
    }

    fn insert(&mut self, start: NonNull<u8>, size: usize) {
        self.by_size.insert((size, start));
        self.by_start.insert(start, size);
    }

    fn remove(&mut self, start: NonNull<u8>, size: usize) {
        self.by_size.remove(&(size, start));
        self.by_start.remove(&start);
    }
}

/// Bytes of a large page of x86-64 and, usually, of 64-bit ARM.
const LARGE_PAGE: usize = 2 << 20;

/// So many bytes, at least a large page, from the begin of one on.
fn allocate(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the size is not 0.
    let start = NonNull::new(unsafe { alloc(layout(size)?) })?;
    ask_for_large_pages(start, size);
    Some(start)
}

/// # Safety
/// [`allocate`] gave these bytes, and nothing uses them any more.
unsafe fn free(start: NonNull<u8>, size: usize) {
    let layout = layout(size).expect("that which it was allocated with");
    // SAFETY: allocated with this layout, and not freed before.
    unsafe { dealloc(start.as_ptr(), layout) };
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size, LARGE_PAGE).ok()
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
        // SAFETY: the budget gave the block, whose bytes end with it.
        unsafe { self.taken.budget.0.free(self.start, self.taken.size) };
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
    fn small_blocks_share_pages_and_give_them_back() {
        let budget = Budget::new(64 << 20);
        let free = || -> Vec<usize> { budget.0.shared().by_start.values().copied().collect() };
        let block = |bytes: usize| budget.block(bytes, "a test").expect("it fits");
        let page = |block: &Memory| block.pointer().addr() / LARGE_PAGE;
        let (a, mut b, c) = (block(1 << 20), block(512 << 10), block(512 << 10));
        assert_eq!((page(&a), page(&b), free()), (page(&c), page(&c), vec![]));
        b.bytes_mut().fill(7);
        drop(b);
        assert_eq!(free(), [512 << 10]);
        // What was used is zeroed again. What fits goes where it fits best.
        let d = block(64);
        assert!(d.bytes().iter().all(|&byte| byte == 0) && page(&d) == page(&a));
        let e = block(LARGE_PAGE - 64);
        assert!(page(&e) != page(&a) && free().iter().sum::<usize>() == (512 << 10));
        let f = block(64);
        assert_eq!(page(&f), page(&e));
        // Parts that touch become one, in whichever order they are given back, and pages go.
        drop(a);
        drop((d, c));
        assert_eq!(free(), [0; 0]);
        drop((f, e));
        assert_eq!((free(), budget.taken()), (vec![], 0));
        let mut held: Vec<Memory> = vec![];
        for round in 0..2000_usize {
            let bytes = round.wrapping_mul(0x9E37_79B9) % (LARGE_PAGE / 2) + 1;
            held.push(block(bytes));
            held.last_mut().expect("one was put there").bytes_mut().fill(round as u8);
            if held.len() > 20 {
                let block = held.swap_remove(round * 7 % held.len());
                let first = block.bytes()[0];
                assert!(block.bytes().iter().all(|&byte| byte == first), "{round}");
            }
        }
        drop(held);
        assert_eq!((free(), budget.taken()), (vec![], 0));
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
