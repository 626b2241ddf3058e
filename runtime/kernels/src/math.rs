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

/// `f(to, x, y, n)`
pub type FunctionOfTwo<T> = unsafe extern "C" fn(*mut T, *const T, *const T, usize);

/// A function of consecutive elements.
#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    /// Of f32.
    F32(Function<f32>),
    /// Of f64.
    F64(Function<f64>),
    /// Of each two f32.
    OfTwoF32(FunctionOfTwo<f32>),
    /// Of each two f64.
    OfTwoF64(FunctionOfTwo<f64>),
}

impl Kernel {
    /// The address of the code.
    pub fn address(self) -> *const u8 {
        match self {
            Kernel::F32(f) => f as *const u8,
            Kernel::F64(f) => f as *const u8,
            Kernel::OfTwoF32(f) => f as *const u8,
            Kernel::OfTwoF64(f) => f as *const u8,
        }
    }
}

/// Lists the C symbols with their operands, each with its element type, its module and the function
/// there of an element; and, where some elements are rare, what tells them and what their function is.
macro_rules! symbols {
    ($(
        $name:ident($($x:ident)+) $t:ident $module:ident $value:ident
        $(, $is_rare:ident $rare:ident)?;
    )*) => {
        $(
            #[doc = concat!("`", stringify!($module), "` of `n` consecutive ", stringify!($t))]
            /// from each operand on, written from `to` on.
            ///
            /// # Safety
            /// The operands are readable and `to` writable for `n` elements; each of them is `to` or
            /// does not overlap it.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name(to: *mut $t, $($x: *const $t,)+ n: usize) {
                struct Of<const FMA: bool>;
                impl<const FMA: bool> super::Block<$t, { super::count(&[$(stringify!($x)),+]) }>
                    for Of<FMA>
                {
                    #[inline(always)]
                    fn apply(
                        to: &mut [$t; super::BLOCK],
                        from: [&[$t; super::BLOCK]; super::count(&[$(stringify!($x)),+])],
                    ) {
                        let [$($x),+] = from;
                        for (i, to) in to.iter_mut().enumerate() {
                            *to = $module::$value::<FMA>($($x[i]),+);
                        }
                        $(
                            let (is_rare, rare) = ($module::$is_rare::<FMA>, $module::$rare::<FMA>);
                            super::again(from, to, is_rare, rare);
                        )?
                    }
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                unsafe fn avx512(to: *mut $t, $($x: *const $t,)+ n: usize) {
                    // SAFETY: the caller's promise.
                    unsafe { super::blocks::<$t, _, Of<true>>(to, [$($x),+], n) }
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(to: *mut $t, $($x: *const $t,)+ n: usize) {
                    // SAFETY: the caller's promise.
                    unsafe { super::blocks::<$t, _, Of<true>>(to, [$($x),+], n) }
                }
                unsafe fn portable(to: *mut $t, $($x: *const $t,)+ n: usize) {
                    // SAFETY: the caller's promise.
                    unsafe {
                        super::blocks::<$t, _, Of<{ crate::isa::PORTABLE_FUSES }>>(to, [$($x),+], n)
                    }
                }
                #[cfg(not(target_arch = "x86_64"))]
                let (avx512, avx2) = (portable, portable);
                let f = super::widest([avx512, avx2, portable]);
                // SAFETY: the caller's promise; the host has the set that is chosen.
                unsafe { f(to, $($x,)+ n) }
            }
        )*

        /// Every function by its symbol.
        pub const KERNELS: &[(&str, super::Kernel)] = &[
            $((stringify!($name), super::symbols!(@kernel $t $name($($x)+))),)*
        ];
    };
    (@kernel f32 $name:ident($x:ident)) => { super::Kernel::F32($name) };
    (@kernel f64 $name:ident($x:ident)) => { super::Kernel::F64($name) };
    (@kernel f32 $name:ident($x:ident $y:ident)) => { super::Kernel::OfTwoF32($name) };
    (@kernel f64 $name:ident($x:ident $y:ident)) => { super::Kernel::OfTwoF64($name) };
}
use symbols;

/// How many names these are.
const fn count(names: &[&str]) -> usize {
    names.len()
}

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
    [from]: [&[T; BLOCK]; 1],
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

/// What is compiled for AVX-512, for AVX2 and for any host: the one for the widest that this one has.
#[inline(always)]
fn widest<F>([avx512, avx2, portable]: [F; 3]) -> F {
    match Isa::detect() {
        Isa::Avx512 => avx512,
        Isa::Avx2 => avx2,
        Isa::Portable => portable,
    }
}

/// A function of each element of a block, or of each `N`.
trait Block<T, const N: usize> {
    fn apply(to: &mut [T; BLOCK], from: [&[T; BLOCK]; N]);
}

/// Applies a function to blocks of elements. Inlined, as all that it calls, into a function of an
/// instruction set: so blocks are moved, too, in the vectors in which they are computed.
///
/// # Safety
/// As for the symbols.
#[inline(always)]
unsafe fn blocks<T: Copy + Default, const N: usize, F: Block<T, N>>(
    to: *mut T,
    from: [*const T; N],
    n: usize,
) {
    let whole = n - n % BLOCK;
    for done in (0..whole).step_by(BLOCK) {
        let mut block = Aligned([T::default(); BLOCK]);
        // SAFETY: a block of elements from `done` on is within all ranges. What is read is copied
        // before anything is written.
        unsafe {
            let from = from.map(|x| Aligned(x.add(done).cast::<[T; BLOCK]>().read_unaligned()));
            F::apply(&mut block.0, from.each_ref().map(|x| &x.0));
            to.add(done).cast::<[T; BLOCK]>().write_unaligned(block.0);
        }
    }
    if whole < n {
        let mut block = Aligned([T::default(); BLOCK]);
        // SAFETY: so many elements from `whole` on are within all ranges; the blocks are apart.
        unsafe {
            let from = from.map(|x| {
                let mut block = Aligned([T::default(); BLOCK]);
                core::ptr::copy_nonoverlapping(x.add(whole), block.0.as_mut_ptr(), n - whole);
                block
            });
            F::apply(&mut block.0, from.each_ref().map(|x| &x.0));
            core::ptr::copy_nonoverlapping(block.0.as_ptr(), to.add(whole), n - whole);
        }
    }
}

/// A block on cache lines of its own: elsewhere on the stack, where each thread's begins differently,
/// every vector could lie across two of them.
#[repr(align(64))]
struct Aligned<T>([T; BLOCK]);
