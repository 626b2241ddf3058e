//! Steps whose calls are observed: code that is made for it hands every call of a kernel to the
//! function here, and that to the observer of the step.

use std::ops::Range;

use brolga_compiler::program::Frame;

/// Sees the calls of a step. Of a wave's call several threads may run parts at a time.
pub(crate) trait Observer: Sync {
    /// Runs a part of a call, by `run`, or leaves it out.
    fn call(&self, call: &Part<'_>, run: &mut dyn FnMut());
}

/// A part of a call that is about to run.
pub(crate) struct Part<'a> {
    /// The number of the call, in the order of the program.
    pub(crate) number: usize,
    /// The units.
    pub(crate) units: Range<usize>,
    arguments: &'a [*mut u8],
    /// How many bytes the kernel may reach there.
    sizes: &'a [usize],
    /// Whether no other thread runs a kernel.
    alone: bool,
}

impl Part<'_> {
    /// The bytes of an argument now.
    ///
    /// # Panics
    /// If other threads may write them.
    pub(crate) fn copy(&self, argument: usize) -> Vec<u8> {
        assert!(self.alone, "what other threads write cannot be read");
        // SAFETY: the kernel may reach these bytes, and runs on this thread alone, which is here.
        unsafe { std::slice::from_raw_parts(self.arguments[argument], self.sizes[argument]) }
            .to_vec()
    }
}

/// A frame with what sees its step: what the code is called with that was made to be observed. It has
/// cache lines of its own (two, as the processor fetches pairs): all threads read it in every kernel,
/// and what the caller writes beside it would take it from them.
#[repr(C, align(128))]
pub(crate) struct Watched<'a> {
    pub(crate) frame: Frame,
    /// Nothing, unless the step is observed.
    pub(crate) watch: Option<&'a Watch<'a>>,
}

// The cache lines are those of the frame alone.
const _: () = assert!(size_of::<Watched<'_>>() == 128);

/// What sees a step, and what there is to see.
pub(crate) struct Watch<'a> {
    pub(crate) observer: &'a dyn Observer,
    /// For each call, how many bytes its kernel may reach in each argument.
    pub(crate) sizes: &'a [Vec<usize>],
    /// Whether one thread runs all of it.
    pub(crate) alone: bool,
}

type Kernel = unsafe extern "C" fn(*mut Frame, *const *mut u8, usize, usize, *mut u8);

/// Runs a kernel for a call of the step.
///
/// # Safety
/// The frame is that of a [`Watched`]; the rest is what a kernel of the program is called with, for its
/// call of that number.
pub(super) unsafe extern "C" fn brolga_observed(
    number: usize,
    kernel: Kernel,
    frame: *mut Frame,
    arguments: *const *mut u8,
    first: usize,
    end: usize,
    scratch: *mut u8,
) {
    // SAFETY: the caller's promises; the two fields are not written while a step runs.
    let mut run = || unsafe { kernel(frame, arguments, first, end, scratch) };
    // SAFETY: as above. No reference to the frame itself is made: kernels write its status.
    let watch = unsafe { (*frame.cast::<Watched<'_>>()).watch };
    let Some(Watch { observer, sizes, alone }) = watch else { return run() };
    let sizes = &sizes[number];
    // SAFETY: a call has a pointer for each argument.
    let arguments = unsafe { std::slice::from_raw_parts(arguments, sizes.len()) };
    let part = Part { number, units: first..end, arguments, sizes, alone: *alone };
    observer.call(&part, &mut run);
}
