//! The reference: convolutions term by term.

use super::Conv;
use crate::ir::{Literal, Scalar};
use crate::ops::OpRules;
use crate::ops::arithmetic::{Arithmetic, of_type};

/// The result: each element is one chain `acc = a · b + acc` of fused multiply-adds from 0, in
/// the order of k.., then c or f, or of n, o...
pub(in crate::ops) fn reference(conv: &Conv, operands: [&Literal; 2]) -> Literal {
    match operands[0] {
        Literal::F32(_) => chains(conv, operands, f32::mul_add),
        Literal::F64(_) => chains(conv, operands, f64::mul_add),
        Literal::I32(_) | Literal::I64(_) | Literal::U8(_) | Literal::Bool(_) => {
            unreachable!("infer accepts floats")
        }
    }
}

fn chains<T: Arithmetic>(
    conv: &Conv,
    operands: [&Literal; 2],
    multiply_add: impl Fn(T, T, T) -> T,
) -> Literal {
    let types = [operands[0].tensor_type(), operands[1].tensor_type()];
    let result = conv.infer(&[&types[0], &types[1]]).expect("infer has accepted the operands");
    let [a, b] = [0, 1].map(|k| of_type::<T>(operands[k]).iter().copied().collect::<Vec<T>>());
    let sizes = [&types[0], &types[1], &result[0]].map(|t| t.sizes().expect("numbers"));
    let n_elements = sizes[2].iter().product();
    let mut z = vec![T::of_scalar(Scalar::zero(T::DTYPE)); n_elements];
    let of_result = sizes[2].clone();
    each_term(conv, &conv.exchanged(sizes), |term| {
        let [p, q, r] = conv.exchanged(term);
        z[r] = multiply_add(a[p], b[q], z[r]);
    });
    Literal::from_vec(&of_result, z).expect("as many as the result has")
}

/// Calls `f` with the row-major positions in x, w and y of every term of the form, of these sizes.
fn each_term(conv: &Conv, [x, w, y]: &[Vec<usize>; 3], mut f: impl FnMut([usize; 3])) {
    let n = conv.n_axes();
    let examples = y[0].checked_div(conv.parts).unwrap_or(y[0]).max(1);
    let w = conv.of_filter(w);
    let (groups, channels, filters) = (conv.groups.max(1), w[n], w[w.len() - 1]);
    for k in ndarray::indices(&w[..n]) {
        for o in ndarray::indices(&y[..=n]) {
            let axis = |d: usize| conv.windows[d].input_at(o[d + 1], k[d], x[d + 1]);
            let Some(i) = (0..n).map(axis).collect::<Option<Vec<usize>>>() else { continue };
            let of_x = i.iter().zip(&x[1..]).fold(o[0], |p, (i, size)| p * size + i);
            let part = o[0] / examples;
            let of_w = channels * (0..n).fold(part, |p, d| p * w[d] + k[d]);
            let of_y = (0..=n).fold(0, |p, d| p * y[d] + o[d]);
            for (g, c, filter) in ndarray::indices((groups, channels, filters)) {
                f([
                    (of_x * groups + g) * channels + c,
                    ((of_w + c) * groups + g) * filters + filter,
                    (of_y * groups + g) * filters + filter,
                ]);
            }
        }
    }
}
