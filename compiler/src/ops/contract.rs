//! Contractions: sums of products over an axis that two operands share.

use ndarray::{Array2, ArrayD, ArrayView2, Axis, Ix2, IxDyn, LinalgScalar};

use super::attributes::Attributes;
use super::conv;
use super::shape::{accepts, dims_agree, exactly, same_dtype};
use super::{
    Attribute, AttributeSignature, BatchContext, Contraction, Conv, Einsum, EvalContext, EvalError,
    GradientContext, GradientError, LowerContext, Op, OpRules, Signature, TypeError, codes,
    elements,
};
use crate::ir::{
    BinaryFn, Binding, DType, Dim, DimError, Element, IndexId, Literal, Lowering, Monoid, NodeId,
    Reading, TensorType,
};

/// A contraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contract {
    /// `[..., m, k] · [..., k, n]` → `[..., m, n]`, the leading dimensions equal.
    Matmul {
        /// The left operand is `[..., k, m]`.
        transpose_a: bool,
        /// The right operand is `[..., n, k]`.
        transpose_b: bool,
    },
}

impl From<Contract> for Op {
    fn from(op: Contract) -> Op {
        Op::Contract(op)
    }
}

const fn switch(name: &'static str, doc: &'static str) -> AttributeSignature {
    AttributeSignature { name, default: Some("false"), doc }
}

static MATMUL: Signature = Signature {
    name: "matmul",
    operands: &["a", "b"],
    attributes: &[
        switch("transpose_a", "whether a is [..., k, m]"),
        switch("transpose_b", "whether b is [..., n, k]"),
    ],
    doc: "[..., m, k] @ [..., k, n] -> [..., m, n], of any type but bool; \
          da = dy @ transpose(b), db = transpose(a) @ dy.",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&MATMUL]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    Ok(match a.name() {
        "matmul" => Some(Op::Contract(Contract::Matmul {
            transpose_a: a.switch("transpose_a")?,
            transpose_b: a.switch("transpose_b")?,
        })),
        _ => None,
    })
}

impl Contract {
    /// The product of matrices in tensors of `rank` axes, for many at once: operands that vary have
    /// one more leading axis, which the result has (`kept`) or is the sum over. It reads its
    /// operands where they lie. `None` if there are too few letters.
    pub(crate) fn of_many(self, rank: usize, varies: [bool; 2], kept: bool) -> Option<Einsum> {
        let Contract::Matmul { transpose_a, transpose_b } = self;
        let letters: Vec<char> = ('a'..='z').chain('A'..='Z').take(rank + 2).collect();
        let [many, leading @ .., m, k, n] = letters.as_slice() else { return None };
        if leading.len() + 2 != rank {
            return None;
        }
        let labels = |is_many: bool, rows: char, columns: char, transpose: bool| {
            let matrix = if transpose { [columns, rows] } else { [rows, columns] };
            let first = is_many.then_some(*many).into_iter();
            first.chain(leading.iter().copied()).chain(matrix).collect::<Vec<char>>()
        };
        Some(Einsum {
            a: labels(varies[0], *m, *k, transpose_a),
            b: labels(varies[1], *k, *n, transpose_b),
            y: labels(kept, *m, *n, false),
        })
    }
}

/// The last two dimensions, in the order in which the product reads them.
fn matrix(x: &TensorType, transpose: bool) -> [&Dim; 2] {
    let (rows, columns) = (&x.shape[x.rank() - 2], &x.shape[x.rank() - 1]);
    if transpose { [columns, rows] } else { [rows, columns] }
}

/// The product as the user would write it: `f32[2, 3] @ transposed f32[4, 3]`.
pub(super) fn written(
    a: &TensorType,
    b: &TensorType,
    transpose_a: bool,
    transpose_b: bool,
) -> String {
    let mark = |t: bool| if t { "transposed " } else { "" };
    format!("{}{a} @ {}{b}", mark(transpose_a), mark(transpose_b))
}

impl OpRules for Contract {
    fn signature(&self) -> &'static Signature {
        match self {
            Contract::Matmul { .. } => &MATMUL,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Contract::Matmul { transpose_a, transpose_b } => {
                vec![Attribute::Bool(*transpose_a), Attribute::Bool(*transpose_b)]
            }
        }
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let Contract::Matmul { transpose_a, transpose_b } = *self;
        let [a, b] = exactly(self.signature(), operands)?;
        same_dtype("matmul", a, b)?;
        accepts("matmul", a.dtype != DType::Bool, a)?;
        let fail = |why: String| {
            let message = format!("{}: {why}", written(a, b, transpose_a, transpose_b));
            TypeError::new(codes::SHAPES_CANNOT_BE_MULTIPLIED, message)
        };
        if a.rank() < 2 || b.rank() != a.rank() {
            return Err(fail("both must be matrices with equal leading dimensions".to_string()));
        }
        let ([m, k], [l, n]) = (matrix(a, transpose_a), matrix(b, transpose_b));
        if !dims_agree(k, l) {
            return Err(fail(format!("{k} is not {l}")));
        }
        let leading = a.rank() - 2;
        let pairs = a.shape[..leading].iter().zip(&b.shape[..leading]);
        if let Some((x, y)) = pairs.into_iter().find(|(x, y)| !dims_agree(x, y)) {
            return Err(fail(format!("the leading dimension {x} is not {y}")));
        }
        let mut shape = a.shape[..leading].to_vec();
        shape.extend([m.clone(), n.clone()]);
        Ok(vec![TensorType::new(a.dtype, shape)])
    }

    fn specialise(&self, _: &Binding) -> Result<Op, DimError> {
        Ok((*self).into())
    }

    fn eval(&self, cx: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        let Contract::Matmul { transpose_a, transpose_b } = *self;
        let turned = |x: &Literal, transpose: bool| {
            if transpose { crate::with_array!(x, x => turn(x)) } else { x.clone() }
        };
        let (a, b) = (turned(operands[0], transpose_a), turned(operands[1], transpose_b));
        Ok(vec![match (&a, &b) {
            (Literal::F32(_), _) | (Literal::F64(_), _) => cx.contraction.matmul(&a, &b),
            (Literal::I32(_), _) | (Literal::I64(_), _) | (Literal::U8(_), _) => integers(&a, &b),
            (Literal::Bool(_), _) => a,
        }])
    }

    fn carries(&self, _: usize) -> bool {
        true
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn flops(&self, operands: &[&TensorType], result: &TensorType) -> u64 {
        let Contract::Matmul { transpose_a, .. } = self;
        let sizes = operands[0].sizes().unwrap_or_default();
        let k = sizes.iter().rev().nth(usize::from(*transpose_a)).copied().unwrap_or(0);
        elements(result).saturating_mul(2).saturating_mul(k as u64)
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        let Contract::Matmul { transpose_a: ta, transpose_b: tb } = *self;
        let (a, b, dy) = (cx.operand(0), cx.operand(1), cx.dy());
        let mut g = cx.build();
        let product =
            |transpose_a: bool, transpose_b: bool| Contract::Matmul { transpose_a, transpose_b };
        let da = if ta {
            g.node(product(tb, true), &[b, dy])?
        } else {
            g.node(product(false, !tb), &[dy, b])?
        };
        let db = if tb {
            g.node(product(true, ta), &[dy, a])?
        } else {
            g.node(product(!ta, false), &[a, dy])?
        };
        Ok(vec![Some(da), Some(db)])
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let [a, b] = [cx.operands[0], cx.operands[1]];
        if a.varies && b.varies {
            return cx.build().node(*self, &[a.node, b.node]).map(Some);
        }
        let Contract::Matmul { transpose_a, transpose_b } = *self;
        let mut columns = cx.graph.tensor_type(b.node).shape.iter().rev();
        let columns = columns.nth(usize::from(transpose_b));
        if !transpose_a && columns.and_then(Dim::as_number) == Some(1) {
            // Of one column it is a reduction (see `lower`), also where there are more rows.
            return cx.build().matmul(a.node, b.node, (transpose_a, transpose_b)).map(Some);
        }
        // What is the same for all is not repeated.
        let rank = cx.graph.tensor_type(a.node).rank() - usize::from(a.varies);
        let many = self.of_many(rank, [a.varies, b.varies], true);
        many.map(|many| cx.build().node(many, &[a.node, b.node])).transpose()
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        let Contract::Matmul { transpose_a, transpose_b } = *self;
        let sizes = cx.sizes();
        let leading = sizes.len() - 2;
        let of_a = cx.operand_sizes(0);
        let axes = cx.exprs.axes(&sizes);
        let k = cx.exprs.axis(of_a[if transpose_a { leading } else { leading + 1 }]);
        let at = cx.exprs.index_axes(&axes);
        let k_index = cx.exprs.index_axis(k);
        let side = |row: IndexId, column: IndexId, transpose: bool| {
            let mut index = at[..leading].to_vec();
            index.extend(if transpose { [column, row] } else { [row, column] });
            index
        };
        let a = side(at[leading], k_index, transpose_a);
        let b = side(k_index, at[leading + 1], transpose_b);
        // There is no tile for integers. One column would fill one lane of a tile; with the rows of
        // the left factor adjacent, sums of vectors along them are as fast as memory.
        let is_tile = cx.operands[0].dtype.is_float() && (sizes[leading + 1] > 1 || transpose_a);
        if cx.tiles && is_tile {
            let [a, b] = [a, b].map(|index| index.into_iter().map(Reading::from).collect());
            return Lowering::Contract { axes, column: leading + 1, reduced: vec![k], a, b };
        }
        let (a, b) = (cx.element(0, &a), cx.element(1, &b));
        let body = cx.exprs.binary(BinaryFn::Mul, a, b);
        Lowering::Reduce { axes, reduced: vec![k], monoid: Monoid::Sum, body }
    }
}

/// The array with its last two axes swapped.
fn turn<T: Element>(x: &ndarray::ArcArray<T, IxDyn>) -> Literal {
    let (mut x, last) = (x.clone(), x.ndim() - 1);
    x.swap_axes(last - 1, last);
    T::wrap(x)
}

/// The reference: each element is one chain `acc = a · b + acc` of fused multiply-adds, in the
/// order of k, from 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Contraction for Reference {
    fn matmul(&self, a: &Literal, b: &Literal) -> Literal {
        match (a, b) {
            (Literal::F32(a), Literal::F32(b)) => batched(a, b, |a, b| chain(a, b, f32::mul_add)),
            (Literal::F64(a), Literal::F64(b)) => batched(a, b, |a, b| chain(a, b, f64::mul_add)),
            (a, b) => integers(a, b),
        }
    }

    fn convolve(&self, conv: &Conv, a: &Literal, b: &Literal) -> Literal {
        conv::reference(conv, [a, b])
    }
}

/// The product of integers, which wraps.
pub(super) fn integers(a: &Literal, b: &Literal) -> Literal {
    match (a, b) {
        (Literal::I32(a), Literal::I32(b)) => batched(a, b, |a, b| {
            chain(a, b, |x: i32, y, acc: i32| acc.wrapping_add(x.wrapping_mul(y)))
        }),
        (Literal::I64(a), Literal::I64(b)) => batched(a, b, |a, b| {
            chain(a, b, |x: i64, y, acc: i64| acc.wrapping_add(x.wrapping_mul(y)))
        }),
        (Literal::U8(a), Literal::U8(b)) => batched(a, b, |a, b| {
            chain(a, b, |x: u8, y, acc: u8| acc.wrapping_add(x.wrapping_mul(y)))
        }),
        (a, _) => a.clone(),
    }
}

/// Applies `product` to each pair of matrices.
fn batched<T: Element + LinalgScalar>(
    a: &ndarray::ArcArray<T, IxDyn>,
    b: &ndarray::ArcArray<T, IxDyn>,
    product: impl Fn(ArrayView2<'_, T>, ArrayView2<'_, T>) -> Array2<T>,
) -> Literal {
    let leading = a.ndim() - 2;
    let mut sizes = a.shape().to_vec();
    sizes[leading + 1] = b.shape()[leading + 1];
    let mut y = ArrayD::from_elem(IxDyn(&sizes), T::zero());
    let of_batch = IxDyn(&sizes[..leading]);
    for at in ndarray::indices(of_batch) {
        let (mut a, mut b, mut y) = (a.view(), b.view(), y.view_mut());
        for d in 0..leading {
            a.collapse_axis(Axis(d), at[d]);
            b.collapse_axis(Axis(d), at[d]);
            y.collapse_axis(Axis(d), at[d]);
        }
        for _ in 0..leading {
            (a, b) = (a.index_axis_move(Axis(0), 0), b.index_axis_move(Axis(0), 0));
            y = y.index_axis_move(Axis(0), 0);
        }
        let matrix = "the leading axes are gone";
        let (a, b) = (
            a.into_dimensionality::<Ix2>().expect(matrix),
            b.into_dimensionality::<Ix2>().expect(matrix),
        );
        y.assign(&product(a, b));
    }
    Literal::new(y)
}

fn chain<T: LinalgScalar>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    step: impl Fn(T, T, T) -> T,
) -> Array2<T> {
    let mut y = Array2::from_elem((a.nrows(), b.ncols()), T::zero());
    // Rows of b are added up one after the other: each element sees k in order.
    for (row, mut y) in a.rows().into_iter().zip(y.rows_mut()) {
        for (&x, b) in row.iter().zip(b.rows()) {
            for (acc, &b) in y.iter_mut().zip(b) {
                *acc = step(x, b, *acc);
            }
        }
    }
    y
}
