//! Loops over whole arrays: what `eval` does, for every element type, each function in a loop of
//! its own.

use ndarray::{ArcArray, IxDyn, Zip};

use super::elements::{map, zip};
use crate::ir::{BinaryFn, CompareFn, DType, Element, Float, Int, Literal, Scalar};
use crate::with_array;

/// What `eval` needs of an element type.
pub(super) trait Arithmetic: Element + PartialOrd {
    fn binary(f: BinaryFn, a: Self, b: Self) -> Self;
    fn of_scalar(s: Scalar) -> Self;
}

macro_rules! arithmetic {
    ($($t:ty, $variant:ident, $as:ident);*) => {$(
        impl Arithmetic for $t {
            #[inline(always)]
            fn binary(f: BinaryFn, a: $t, b: $t) -> $t { <$t as $as>::binary(f, a, b) }
            #[inline(always)]
            fn of_scalar(s: Scalar) -> $t {
                if let Scalar::$variant(x) = s.cast(DType::$variant) { x } else { Self::ZERO }
            }
        }
    )*};
}
arithmetic!(f32, F32, Float; f64, F64, Float; i32, I32, Int; i64, I64, Int; u8, U8, Int);

impl Arithmetic for bool {
    fn binary(f: BinaryFn, a: bool, b: bool) -> bool {
        f.eval(Scalar::Bool(a), Scalar::Bool(b)) == Scalar::Bool(true)
    }
    fn of_scalar(s: Scalar) -> bool {
        s.cast(DType::Bool) == Scalar::Bool(true)
    }
}

/// The array of an operand whose type `infer` has compared.
pub(super) fn of_type<T: Element>(x: &Literal) -> &ArcArray<T, IxDyn> {
    T::of(x).expect("infer has seen the element type")
}

/// `$body` with `$f` bound to a constant, so that each loop holds one function.
macro_rules! by_function {
    ($f:ident: $enum:ident [$($variant:ident)*] => $body:expr) => {
        match $f { $($enum::$variant => { const $f: $enum = $enum::$variant; $body })* }
    };
}

/// The function of every pair of elements.
#[allow(non_upper_case_globals)]
pub(super) fn eval_binary<T: Arithmetic>(
    f: BinaryFn,
    a: &ArcArray<T, IxDyn>,
    b: &ArcArray<T, IxDyn>,
) -> Literal {
    Literal::new(by_function!(f: BinaryFn [
        Add Sub Mul Div FloorDiv Mod Max Min Pow Atan2 And Or Xor ShiftRight
    ] => zip(a, b, |a, b| T::binary(f, a, b))))
}

/// The comparison of every pair of elements.
#[allow(non_upper_case_globals)]
pub(super) fn eval_compare<T: Arithmetic>(
    f: CompareFn,
    a: &ArcArray<T, IxDyn>,
    b: &ArcArray<T, IxDyn>,
) -> Literal {
    Literal::new(by_function!(f: CompareFn [Eq Ne Lt Le Gt Ge] => {
        zip(a, b, |a, b| f.holds(&a, &b))
    }))
}

/// The element of `a` where `cond`, else that of `b`.
pub(super) fn eval_select<T: Element>(
    cond: &ArcArray<bool, IxDyn>,
    a: &ArcArray<T, IxDyn>,
    b: &ArcArray<T, IxDyn>,
) -> Literal {
    let pick = |c: bool, a: T, b: T| if c { a } else { b };
    let full = cond.shape();
    Literal::new(match (single(a), single(b)) {
        (None, Some(b)) if a.shape() == full => zip(cond, a, |c, a| pick(c, a, b)),
        (Some(a), None) if b.shape() == full => zip(cond, b, |c, b| pick(c, a, b)),
        (None | Some(_), None | Some(_)) => {
            let shape = IxDyn(&joint(&joint(full, a.shape()), b.shape()));
            let all =
                (cond.broadcast(shape.clone()), a.broadcast(shape.clone()), b.broadcast(shape));
            let (Some(c), Some(a), Some(b)) = all else { unreachable_shapes() };
            Zip::from(c).and(a).and(b).map_collect(|&c, &a, &b| pick(c, a, b))
        }
    })
}

/// The only element of a scalar.
fn single<T: Element>(x: &ArcArray<T, IxDyn>) -> Option<T> {
    if x.ndim() == 0 { x.first().copied() } else { None }
}

/// The shape that two shapes broadcast to.
fn joint(a: &[usize], b: &[usize]) -> Vec<usize> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut shape = long.to_vec();
    let skip = long.len() - short.len();
    shape[skip..].iter_mut().zip(short).filter(|(n, _)| **n == 1).for_each(|(n, &m)| *n = m);
    shape
}

fn unreachable_shapes() -> ! {
    unreachable!("infer has compared the shapes")
}

/// The same numbers in another element type.
pub(super) fn cast_literal(dtype: DType, x: &Literal) -> Literal {
    if x.dtype() == dtype { x.clone() } else { with_array!(x, x => eval_cast(dtype, x)) }
}

fn eval_cast<T: Element>(dtype: DType, x: &ArcArray<T, IxDyn>) -> Literal {
    fn to<T: Element, U: Arithmetic>(x: &ArcArray<T, IxDyn>) -> Literal {
        Literal::new(map(x, |x| U::of_scalar(x.scalar())))
    }
    match dtype {
        DType::F32 => to::<T, f32>(x),
        DType::F64 => to::<T, f64>(x),
        DType::I32 => to::<T, i32>(x),
        DType::I64 => to::<T, i64>(x),
        DType::U8 => to::<T, u8>(x),
        DType::Bool => to::<T, bool>(x),
    }
}
