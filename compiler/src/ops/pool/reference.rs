//! The reference: pools element by element.

use super::{Pool, PoolFn};
use crate::ir::{BinaryFn, Literal, Monoid, Scalar, TensorType};
use crate::ops::OpRules;
use crate::ops::arithmetic::{Arithmetic, of_type};
use crate::with_array;

/// The result, each element folded in the order of the window's elements, or of its places.
pub(super) fn evaluate(pool: &Pool, operands: &[&Literal]) -> Literal {
    let types: Vec<TensorType> = operands.iter().map(|x| x.tensor_type()).collect();
    let types: Vec<&TensorType> = types.iter().collect();
    let result = pool.infer(&types).expect("infer has accepted the operands");
    let sizes = [types[0], &result[0]].map(|t| t.sizes().expect("numbers"));
    let numbers: Option<Vec<i32>> =
        operands.get(1).map(|ids| of_type::<i32>(ids).iter().copied().collect());
    with_array!(operands[0], a => {
        let a: Vec<_> = a.iter().copied().collect();
        match pool.f {
            PoolFn::Argmax => first_largest(pool, &a, &sizes),
            PoolFn::Max => folded(pool, &a, &sizes, BinaryFn::Max, numbers.as_deref()),
            PoolFn::Sum | PoolFn::Take => folded(pool, &a, &sizes, BinaryFn::Add, numbers.as_deref()),
            PoolFn::Spread { .. } | PoolFn::Put { .. } => {
                given_back(pool, &a, &sizes, numbers.as_deref())
            }
        }
    })
}

/// The number in its window, and the positions in x (if it is there) and in y, of each element of
/// each place, for channel 0; x and y have `channels` elements at a position.
fn each_place(pool: &Pool, x: &[usize], y: &[usize], mut f: impl FnMut(i32, Option<usize>, usize)) {
    let n = pool.n_axes();
    for o in ndarray::indices(&y[..=n]) {
        let of_y = (0..=n).fold(0, |p, d| p * y[d] + o[d]);
        for (number, k) in (0..).zip(ndarray::indices(&pool.lengths[..])) {
            let axis = |d: usize| pool.windows[d].input_at(o[d + 1], k[d], x[d + 1]);
            let i = (0..n).map(axis).collect::<Option<Vec<usize>>>();
            let of_x = i.map(|i| i.iter().zip(&x[1..]).fold(o[0], |p, (i, size)| p * size + i));
            f(number, of_x, of_y);
        }
    }
}

fn folded<T: Arithmetic>(
    pool: &Pool,
    a: &[T],
    [x, y]: &[Vec<usize>; 2],
    f: BinaryFn,
    numbers: Option<&[i32]>,
) -> Literal {
    let monoid = if f == BinaryFn::Max { Monoid::Max } else { Monoid::Sum };
    let mut z = vec![T::of_scalar(monoid.neutral(T::DTYPE)); y.iter().product()];
    let channels = y[y.len() - 1];
    each_place(pool, x, y, |number, of_x, of_y| {
        let Some(of_x) = of_x else { return };
        for c in 0..channels {
            let to = of_y * channels + c;
            if numbers.is_none_or(|numbers| numbers[to] == number) {
                z[to] = T::binary(f, z[to], a[of_x * channels + c]);
            }
        }
    });
    Literal::from_vec(y, z).expect("as many as the result has")
}

fn first_largest<T: Arithmetic>(pool: &Pool, a: &[T], [x, y]: &[Vec<usize>; 2]) -> Literal {
    let lowest = Monoid::Max.neutral(T::DTYPE);
    let mut best = vec![(lowest, i32::MAX); y.iter().product()];
    let channels = y[y.len() - 1];
    each_place(pool, x, y, |number, of_x, of_y| {
        for c in 0..channels {
            let (largest, at) = &mut best[of_y * channels + c];
            let value = of_x.map_or(lowest, |of_x| a[of_x * channels + c].scalar());
            if Monoid::ArgMax.replaces(*largest, i64::from(*at), value, i64::from(number)) {
                (*largest, *at) = (value, number);
            }
        }
    });
    let numbers = best.into_iter().map(|(_, at)| at).collect();
    Literal::from_vec(y, numbers).expect("as many as the result has")
}

fn given_back<T: Arithmetic>(
    pool: &Pool,
    a: &[T],
    [y, x]: &[Vec<usize>; 2],
    numbers: Option<&[i32]>,
) -> Literal {
    let mut z = vec![T::of_scalar(Scalar::zero(T::DTYPE)); x.iter().product()];
    let channels = x[x.len() - 1];
    each_place(pool, x, y, |number, of_x, of_y| {
        let Some(of_x) = of_x else { return };
        for c in 0..channels {
            let (to, from) = (of_x * channels + c, of_y * channels + c);
            if numbers.is_none_or(|numbers| numbers[from] == number) {
                z[to] = T::binary(BinaryFn::Add, z[to], a[from]);
            }
        }
    });
    Literal::from_vec(x, z).expect("as many as the result has")
}
