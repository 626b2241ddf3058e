//! Threads, time and memory by the C library of a POSIX system, for a build without the standard
//! library.

use alloc::alloc::{GlobalAlloc, Layout};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ffi::{c_int, c_long, c_void};
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

/// A thread of the C library: a word on every system.
type PThread = usize;

/// What a new thread runs.
type Start = extern "C" fn(*mut c_void) -> *mut c_void;

unsafe extern "C" {
    fn pthread_create(
        thread: *mut PThread,
        attributes: *const Attributes,
        start: Start,
        argument: *mut c_void,
    ) -> c_int;
    fn pthread_attr_init(attributes: *mut Attributes) -> c_int;
    fn pthread_attr_setstacksize(attributes: *mut Attributes, bytes: usize) -> c_int;
    fn pthread_attr_destroy(attributes: *mut Attributes) -> c_int;
    fn pthread_join(thread: PThread, result: *mut *mut c_void) -> c_int;
    fn pthread_key_create(key: *mut u32, destructor: Option<extern "C" fn(*mut c_void)>) -> c_int;
    fn pthread_setspecific(key: u32, value: *const c_void) -> c_int;
    fn pthread_getspecific(key: u32) -> *mut c_void;
    fn sem_init(semaphore: *mut Semaphore, shared: c_int, value: u32) -> c_int;
    fn sem_wait(semaphore: *const Semaphore) -> c_int;
    fn sem_post(semaphore: *const Semaphore) -> c_int;
    fn sem_destroy(semaphore: *mut Semaphore) -> c_int;
    fn sched_yield() -> c_int;
    fn sched_getaffinity(process: c_int, bytes: usize, mask: *mut c_void) -> c_int;
    fn clock_gettime(clock: c_int, time: *mut [c_long; 2]) -> c_int;
    fn posix_memalign(block: *mut *mut c_void, align: usize, bytes: usize) -> c_int;
    fn free(block: *mut c_void);
    fn abort() -> !;
}

/// Bytes of a thread's stack. What kernels copy for the caches is on it; some C libraries give 128 KiB.
const STACK: usize = 1 << 20;

/// How a thread is made; at least as large as any C library's (glibc has 56 bytes).
#[repr(C, align(16))]
struct Attributes([u8; 128]);

/// At least as large as any C library's (glibc has 32 bytes).
#[repr(C, align(16))]
struct Semaphore([u8; 128]);

/// What a thread waits for while it is parked; a token is an unpark.
struct Parker(Semaphore);

impl Parker {
    fn new() -> Option<Arc<Parker>> {
        let mut parker = Arc::new(Parker(Semaphore([0; 128])));
        let semaphore = &mut Arc::get_mut(&mut parker)?.0;
        // SAFETY: nobody else has it yet, and it stays where it is.
        (unsafe { sem_init(semaphore, 0, 0) } == 0).then_some(parker)
    }
}

impl Drop for Parker {
    fn drop(&mut self) {
        // SAFETY: it was made, and nobody waits any more.
        unsafe { sem_destroy(&mut self.0) };
    }
}

// SAFETY: a semaphore is for several threads.
unsafe impl Send for Parker {}
// SAFETY: as above.
unsafe impl Sync for Parker {}

/// A thread that can be waked.
pub(crate) struct Thread(Arc<Parker>);

impl Thread {
    /// Makes its present or its next [`park`] return.
    pub(crate) fn unpark(&self) {
        // SAFETY: the semaphore was made. It overflows after 2^31 calls without a `park`, and says so.
        unsafe { sem_post(&self.0.0) };
    }
}

/// Where threads find their own parker; one more than the key, 0 before there is one.
static KEY: AtomicUsize = AtomicUsize::new(0);

/// The key, made by the first pool.
fn key() -> Option<u32> {
    let found = KEY.load(Ordering::Acquire);
    if found != 0 {
        return Some((found - 1) as u32);
    }
    let mut key = 0;
    // SAFETY: the key is written.
    if unsafe { pthread_key_create(&mut key, None) } != 0 {
        return None;
    }
    // Two pools that are made at once make a key each, of which one is never used.
    match KEY.compare_exchange(0, key as usize + 1, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Some(key),
        Err(other) => Some((other - 1) as u32),
    }
}

/// Waits until this thread, one of [`spawn`], is waked; may return before.
pub(crate) fn park() {
    let Some(key) = key() else { return yield_now() };
    // SAFETY: the thread was started with its parker, which it owns.
    unsafe {
        let parker = pthread_getspecific(key).cast_const().cast::<Parker>();
        if !parker.is_null() {
            sem_wait(&(*parker).0);
        }
    }
}

/// A thread that was started, to be joined.
pub(crate) struct Worker(PThread);

impl Worker {
    /// Waits for its end.
    pub(crate) fn join(self) {
        // SAFETY: it was started, and is joined once.
        unsafe { pthread_join(self.0, null_mut()) };
    }
}

/// The system refuses a thread.
#[derive(Debug)]
pub struct Refused;

/// What a thread begins with.
struct Begin {
    parker: Arc<Parker>,
    work: Box<dyn FnOnce() + Send>,
}

extern "C" fn begin(argument: *mut c_void) -> *mut c_void {
    // SAFETY: `spawn` has given it away.
    let Begin { parker, work } = *unsafe { Box::from_raw(argument.cast::<Begin>()) };
    if let Some(key) = key() {
        // SAFETY: the parker lives as long as this thread.
        unsafe { pthread_setspecific(key, Arc::as_ptr(&parker).cast()) };
    }
    work();
    null_mut()
}

/// Starts a thread.
pub(crate) fn spawn(
    _number: usize,
    work: impl FnOnce() + Send + 'static,
) -> Result<(Worker, Thread), Refused> {
    let parker = Parker::new().filter(|_| key().is_some()).ok_or(Refused)?;
    let begins = Box::into_raw(Box::new(Begin { parker: parker.clone(), work: Box::new(work) }));
    let mut thread = 0;
    let mut attributes = Attributes([0; 128]);
    // SAFETY: the attributes are made before they are used, and the argument is what `begin` takes.
    let is_made = unsafe {
        pthread_attr_init(&mut attributes) == 0 && {
            // A system that refuses the size gives its own.
            pthread_attr_setstacksize(&mut attributes, STACK);
            let made = pthread_create(&mut thread, &attributes, begin, begins.cast());
            pthread_attr_destroy(&mut attributes);
            made == 0
        }
    };
    if !is_made {
        // SAFETY: nobody has taken it.
        drop(unsafe { Box::from_raw(begins) });
        return Err(Refused);
    }
    Ok((Worker(thread), Thread(parker)))
}

/// The cores that this process may use.
pub(crate) fn cores() -> usize {
    let mut mask = [0u64; 16];
    // SAFETY: so many bytes are writable.
    let known = unsafe { sched_getaffinity(0, size_of_val(&mask), mask.as_mut_ptr().cast()) };
    let cores: u32 = mask.iter().map(|word| word.count_ones()).sum();
    if known < 0 { 1 } else { cores.max(1) as usize }
}

pub(crate) fn yield_now() {
    // SAFETY: it may always be called.
    unsafe { sched_yield() };
}

/// A moment.
#[derive(Clone, Copy)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Instant {
        const MONOTONIC: c_int = 1;
        let mut time = [0; 2];
        // SAFETY: two words are written.
        unsafe { clock_gettime(MONOTONIC, &mut time) };
        Instant(Duration::new(time[0] as u64, time[1] as u32))
    }

    pub(crate) fn elapsed(self) -> Duration {
        Instant::now().0.saturating_sub(self.0)
    }
}

/// The memory of the C library, for pools.
struct Malloc;

// SAFETY: what the C library gives is as large and as aligned as was asked for.
unsafe impl GlobalAlloc for Malloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut block = MaybeUninit::uninit();
        let align = layout.align().max(size_of::<usize>());
        // SAFETY: the block is written where nothing else is returned.
        unsafe {
            match posix_memalign(block.as_mut_ptr(), align, layout.size()) {
                0 => block.assume_init().cast(),
                _ => null_mut(),
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: from `alloc`.
        unsafe { free(block.cast()) }
    }
}

#[global_allocator]
static MALLOC: Malloc = Malloc;

/// Nothing here panics but for a bug, which ends the process before it does harm.
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it may always be called.
    unsafe { abort() }
}

/// What the standard library's own code for the heap names, and never calls: nothing unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
