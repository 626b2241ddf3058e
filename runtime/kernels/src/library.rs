//! What compiled models call beside kernels: their functions in C are made by the compiler, and what
//! of them is the same for every model is here. A model is one block of memory, which begins with its
//! [`State`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::{CStr, c_char, c_void};
use core::ptr::{copy_nonoverlapping, null_mut};

use crate::isa::Isa;
use crate::pool::Pool;

/// Bytes that every memory of a frame is aligned to.
const ALIGN: usize = 64;

/// No index.
const NONE: u64 = 0;

/// The results of the library's functions that are given here.
const OK: i32 = 0;
const NO_THREADS: i32 = 3;

/// What a model begins with, as the compiler lays it out.
#[repr(C)]
pub struct State {
    seed: i64,
    step: i64,
    epoch: i64,
    threads: usize,
    /// The threads and their scratch, or null.
    pool: *mut Pool,
    scratch: *mut u8,
    /// The block that `scratch` lies in.
    lines: *mut Lines,
}

/// Memory in whole cache lines.
type Lines = Vec<Line>;

/// A cache line.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Line(#[expect(dead_code, reason = "memory alone")] [u8; ALIGN]);

/// A variable as the caller sees it: `mlp_variable` of the header.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    name: *const c_char,
    dtype: i32,
    rank: i32,
    shape: *const i64,
    data: *mut c_void,
}

/// True if this processor can run code for a level of x86-64, or any other code (level 0).
#[unsafe(no_mangle)]
pub extern "C" fn brolga_model_can_run(level: u64) -> i32 {
    let can = match level {
        4 => Isa::Avx512.is_available(),
        3 => Isa::Avx2.is_available(),
        2 => has_sse42(),
        _ => true,
    };
    i32::from(can)
}

#[cfg(target_arch = "x86_64")]
fn has_sse42() -> bool {
    let features = core::arch::x86_64::__cpuid(1).ecx;
    // SSSE3, SSE4.1, SSE4.2, POPCNT.
    [9, 19, 20, 23].iter().all(|bit| features >> bit & 1 == 1)
}

#[cfg(not(target_arch = "x86_64"))]
fn has_sse42() -> bool {
    false
}

/// Where code reads what a caller gives: there, if it is aligned as code expects it, else in a copy.
///
/// # Safety
/// `given` is readable and `copy` writable for so many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_model_feed(
    given: *const u8,
    copy: *mut u8,
    n_bytes: usize,
) -> *const u8 {
    if given.addr().is_multiple_of(ALIGN) {
        return given;
    }
    // SAFETY: the caller's promise; a copy is the model's own.
    unsafe { copy_nonoverlapping(given, copy, n_bytes) };
    copy
}

/// 0, or the status of a check for the first of `n` indices that is not in `0..size`: the check's
/// number plus 1 in the upper half, the index in the lower.
///
/// # Safety
/// The indices are readable, of the type that `dtype` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_model_outside(
    indices: *const u8,
    dtype: i32,
    n: usize,
    size: i64,
    check: u64,
) -> u64 {
    let outside = |index: &i64| !(0..size).contains(index);
    // SAFETY: the caller's promise.
    let index = |i: usize| unsafe {
        match dtype {
            2 => i64::from(indices.cast::<i32>().add(i).read()),
            3 => indices.cast::<i64>().add(i).read(),
            _ => i64::from(indices.add(i).read()),
        }
    };
    match (0..n).map(index).find(outside) {
        Some(index) => ((check + 1) << 32) | u64::from(index as u32),
        None => NONE,
    }
}

/// Writes what a failed check says: the text before the index, the index, the text after it, as far
/// as there is room, and a zero. `texts` has two texts for each check.
///
/// # Safety
/// `to` is writable for `room` bytes, and the status is of a check that has texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_model_message(
    to: *mut u8,
    room: usize,
    texts: *const [*const c_char; 2],
    status: u64,
) {
    let (check, index) = ((status >> 32) as usize - 1, status as u32 as i32);
    // SAFETY: the caller's promise.
    let [before, after] = unsafe { *texts.add(check) };
    let mut digits = [0; 11];
    let digits = decimal(index, &mut digits);
    let mut at = 0;
    let mut put = |byte: u8| {
        if at + 1 < room {
            // SAFETY: within the room.
            unsafe { *to.add(at) = byte };
            at += 1;
        }
    };
    // SAFETY: texts of the object end with a zero.
    unsafe { CStr::from_ptr(before) }.to_bytes().iter().for_each(|&b| put(b));
    digits.iter().for_each(|&b| put(b));
    // SAFETY: as above.
    unsafe { CStr::from_ptr(after) }.to_bytes().iter().for_each(|&b| put(b));
    // SAFETY: there is room for one byte more than was put.
    unsafe { *to.add(at) = 0 };
}

/// The digits of a number, at the end of the buffer.
fn decimal(number: i32, buffer: &mut [u8; 11]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut at = buffer.len();
    for place in buffer.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        at -= 1;
        if rest == 0 {
            break;
        }
    }
    if number < 0 && at > 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

/// Lists variables, at most `max`; returns how many there are. The table has offsets from the block's
/// beginning where the caller sees addresses.
///
/// # Safety
/// The table has `n` variables, which lie in the block; `out` is writable for `max`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_model_variables(
    table: *const Variable,
    n: usize,
    block: *mut u8,
    out: *mut Variable,
    max: i32,
) -> i32 {
    for i in 0..n.min(usize::try_from(max).unwrap_or(0)) {
        // SAFETY: the caller's promise.
        unsafe {
            let variable = *table.add(i);
            let data = block.wrapping_add(variable.data.addr()).cast();
            *out.add(i) = Variable { data, ..variable };
        }
    }
    n as i32
}

/// More are a mistake.
const MAX_THREADS: usize = 1024;

/// Runs the steps of a model on so many threads from now on: a pool of its own, or none for one.
///
/// # Safety
/// The state is that of a model, which nothing else uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_model_threads(state: *mut State, n: i32, stride: usize) -> i32 {
    // SAFETY: the caller's promise.
    let state = unsafe { &mut *state };
    if !state.pool.is_null() {
        // SAFETY: they were made below, and nothing uses them.
        unsafe {
            drop(Box::from_raw(state.pool));
            drop(Box::from_raw(state.lines));
        }
        (state.pool, state.scratch, state.lines) = (null_mut(), null_mut(), null_mut());
    }
    state.threads = 1;
    let Some(threads) = usize::try_from(n).ok().filter(|n| (1..=MAX_THREADS).contains(n)) else {
        return NO_THREADS;
    };
    if threads == 1 {
        return OK;
    }
    let Ok(pool) = Pool::new(threads) else { return NO_THREADS };
    let n_lines = threads * stride / ALIGN;
    let mut lines: Lines = Vec::new();
    if lines.try_reserve_exact(n_lines.max(1)).is_err() {
        return NO_THREADS;
    }
    lines.resize(n_lines.max(1), Line([0; ALIGN]));
    state.scratch = lines.as_mut_ptr().cast();
    state.lines = Box::into_raw(Box::new(lines));
    state.pool = Box::into_raw(Box::new(pool));
    state.threads = threads;
    OK
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn messages_hold_the_index_and_fit() {
        let texts = [c"no", c"never", c"index ", c" of 3"].map(CStr::as_ptr);
        let said = |index: i32, room: usize| {
            let mut to = vec![7u8; 40];
            let status = (2 << 32) | u64::from(index as u32);
            // SAFETY: two checks with two texts each; so much room.
            unsafe { brolga_model_message(to.as_mut_ptr(), room, texts.as_ptr().cast(), status) };
            CStr::from_bytes_until_nul(&to).expect("a zero").to_str().expect("ASCII").to_string()
        };
        assert_eq!(said(12, 40), "index 12 of 3");
        assert_eq!(said(i32::MIN, 40), "index -2147483648 of 3");
        assert_eq!(said(0, 9), "index 0 ");
        assert_eq!(said(-5, 1), "");
    }

    #[test]
    fn the_first_index_outside_is_found() {
        let status = |indices: &[i32], size: i64| {
            let n = indices.len();
            // SAFETY: so many i32.
            unsafe { brolga_model_outside(indices.as_ptr().cast(), 2, n, size, 4) }
        };
        assert_eq!(status(&[0, 9, 3], 10), 0);
        assert_eq!(status(&[0, 10, -1], 10), (5 << 32) | 10);
        assert_eq!(status(&[0, 1, -1], 10), (5 << 32) | 0xffff_ffff);
    }
}
