//! Transcendental functions of consecutive elements. What is applied to an element is generated from
//! the compiler's expansion of the function (`expanded`), so that both have the same bits; the
//! accuracy is stated there. It has no branches, and is compiled for blocks of elements and for
//! several instruction sets; arguments that are rare and take far longer are gone through one by
//! one, after their block.

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic)]
mod expanded;

pub use expanded::*;

use crate::isa::Isa;

/// Elements that are computed at once; a last block is filled up with zeros.
const BLOCK: usize = 64;

/// `f(to, from, n)`
pub type Function<T> = unsafe extern "C" fn(*mut T, *const T, usize);

/// A function of consecutive elements.
#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    /// Of f32.
    F32(Function<f32>),
    /// Of f64.
    F64(Function<f64>),
}

impl Kernel {
    /// The address of the code.
    pub fn address(self) -> *const u8 {
        match self {
            Kernel::F32(f) => f as *const u8,
            Kernel::F64(f) => f as *const u8,
        }
    }
}

/// Lists the C symbols, each with its element type, its module and the function there of an element;
/// and, where some elements are rare, what tells them and what their function is.
macro_rules! symbols {
    ($($name:ident $t:ident $module:ident $value:ident $(, $is_rare:ident $rare:ident)?;)*) => {
        $(
            #[doc = concat!("`", stringify!($module), "` of `n` consecutive ", stringify!($t))]
            /// from `from` on, written from `to` on.
            ///
            /// # Safety
            /// `from` is readable and `to` writable for `n` elements; they are equal or do not
            /// overlap.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name(to: *mut $t, from: *const $t, n: usize) {
                #[inline(always)]
                fn apply<const FMA: bool>(block: &mut [$t; super::BLOCK]) {
                    // Read where some elements are rare.
                    let _from = *block;
                    // No closure, which might stay a function without the set's instructions.
                    for x in block.iter_mut() {
                        *x = $module::$value::<FMA>(*x);
                    }
                    $(
                        let (is_rare, rare) = ($module::$is_rare::<FMA>, $module::$rare::<FMA>);
                        super::again(&_from, block, is_rare, rare);
                    )?
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                unsafe fn avx512(block: &mut [$t; super::BLOCK]) {
                    apply::<true>(block);
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(block: &mut [$t; super::BLOCK]) {
                    apply::<true>(block);
                }
                unsafe fn portable(block: &mut [$t; super::BLOCK]) {
                    apply::<{ crate::isa::PORTABLE_FUSES }>(block);
                }
                #[cfg(not(target_arch = "x86_64"))]
                let (avx512, avx2) = (portable, portable);
                // SAFETY: the caller's promise; the host has the set that is chosen.
                unsafe { super::blocks(to, from, n, [avx512, avx2, portable]) }
            }
        )*

        /// Every function by its symbol.
        pub const KERNELS: &[(&str, super::Kernel)] = &[
            $((stringify!($name), super::symbols!(@kernel $t $name)),)*
        ];
    };
    (@kernel f32 $name:ident) => { super::Kernel::F32($name) };
    (@kernel f64 $name:ident) => { super::Kernel::F64($name) };
}
use symbols;

/// The f32 next to an f64.
#[inline(always)]
fn narrow(x: f64) -> f32 {
    x as f32
}

/// The f32 next to an integer.
#[inline(always)]
fn rounded(x: i32) -> f32 {
    x as f32
}

/// Puts the values of rare elements in the place of others.
#[inline(always)]
fn again<T: Copy>(
    from: &[T; BLOCK],
    to: &mut [T; BLOCK],
    is_rare: impl Fn(T) -> bool,
    value: impl Fn(T) -> T,
) {
    // Without a way out, so that the loop is one of vectors.
    let mut any = false;
    for &x in from {
        any |= is_rare(x);
    }
    if !any {
        return;
    }
    for (&x, y) in from.iter().zip(to) {
        if is_rare(x) {
            *y = value(x);
        }
    }
}

/// Applies a function, of the widest instruction set of the host, to blocks of elements.
///
/// # Safety
/// As for the symbols.
#[inline(always)]
unsafe fn blocks<T: Copy + Default>(
    to: *mut T,
    from: *const T,
    n: usize,
    [avx512, avx2, portable]: [unsafe fn(&mut [T; BLOCK]); 3],
) {
    let f = match Isa::detect() {
        Isa::Avx512 => avx512,
        Isa::Avx2 => avx2,
        Isa::Portable => portable,
    };
    let mut block = Aligned([T::default(); BLOCK]);
    let whole = n - n % BLOCK;
    for done in (0..whole).step_by(BLOCK) {
        // SAFETY: a block of elements from `done` on is within both ranges.
        unsafe {
            block.0 = from.add(done).cast::<[T; BLOCK]>().read_unaligned();
            f(&mut block.0);
            to.add(done).cast::<[T; BLOCK]>().write_unaligned(block.0);
        }
    }
    if whole < n {
        // SAFETY: so many elements from `whole` on are within both ranges; the block is apart.
        unsafe {
            std::ptr::copy_nonoverlapping(from.add(whole), block.0.as_mut_ptr(), n - whole);
            f(&mut block.0);
            std::ptr::copy_nonoverlapping(block.0.as_ptr(), to.add(whole), n - whole);
        }
    }
}

/// A block on cache lines of its own: elsewhere on the stack, where each thread's begins differently,
/// every vector could lie across two of them.
#[repr(align(64))]
struct Aligned<T>([T; BLOCK]);
