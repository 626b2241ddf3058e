//! The product of the others: the gradient of a product, and all of that gradient's own.
//!
//! A product is linear in each of its factors, so its derivatives of every order are sums of
//! products of what is left: no factor is divided by, and a zero among them is nothing special.

use ndarray::{ArcArray, ArrayD, Axis, IxDyn};

use super::arithmetic::{Arithmetic, of_type};
use super::attributes::Attributes;
use super::shape::{accepts, check_axis, same_dtype, same_shape};
use super::{
    Attribute, AttributeSignature, BatchContext, EvalContext, EvalError, GradientContext,
    GradientError, LowerContext, Op, OpRules, Signature, TypeError, codes, elements,
};
use crate::ir::{BinaryFn, Binding, Dim, DimError, Literal, Lowering, NodeId, Scalar, TensorType};
use crate::with_array;

/// Along an axis, element k of the result is the product of all elements of `x` but the k-th; with
/// directions `s`, `t`, ... the derivative of that product along each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProductOfOthers {
    /// The axis.
    pub axis: usize,
}

impl From<ProductOfOthers> for Op {
    fn from(op: ProductOfOthers) -> Op {
        Op::ProductOfOthers(op)
    }
}

/// The work doubles with each direction, and each order of derivative has one more.
const MOST_DIRECTIONS: usize = 8;

static PROD_OTHERS: Signature = Signature {
    name: "prod_others",
    operands: &["x", "along..."],
    attributes: &[AttributeSignature { name: "axis", default: None, doc: "the axis" }],
    doc: "The product of the others along an axis, y_k = ∏_(j≠k) x_j: the gradient of `prod`. With \
          directions, its derivative along each of them. dx is the product of the others along the \
          directions and dy; that of a direction the same along the other directions and dy.",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&PROD_OTHERS]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    if a.name() != PROD_OTHERS.name {
        return Ok(None);
    }
    Ok(Some(ProductOfOthers { axis: a.axis("axis")? }.into()))
}

impl OpRules for ProductOfOthers {
    fn signature(&self) -> &'static Signature {
        &PROD_OTHERS
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::Dim(Dim::from(self.axis))]
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let name = PROD_OTHERS.name;
        let Some((x, directions)) = operands.split_first() else {
            return Err(TypeError::new(codes::OPERAND_COUNT, format!("`{name}` needs an operand")));
        };
        if directions.len() > MOST_DIRECTIONS {
            let message = format!(
                "`{name}` along {} directions: the derivative of a product is of order {} at most",
                directions.len(),
                MOST_DIRECTIONS + 1
            );
            return Err(TypeError::new(codes::OPERAND_COUNT, message));
        }
        accepts(name, x.dtype.is_float(), x)?;
        check_axis(name, self.axis, x)?;
        for s in directions {
            same_dtype(name, x, s)?;
            same_shape(name, x, s)?;
        }
        Ok(vec![(*x).clone()])
    }

    fn specialise(&self, _: &Binding) -> Result<Op, DimError> {
        Ok((*self).into())
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        let (x, directions) = (operands[0], &operands[1..]);
        Ok(vec![with_array!(x, x => {
            let directions = directions.iter().map(|s| of_type(s)).collect::<Vec<_>>();
            others(x, &directions, self.axis)
        })])
    }

    fn carries(&self, _: usize) -> bool {
        true
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn flops(&self, operands: &[&TensorType], _: &TensorType) -> u64 {
        operands.iter().map(|x| elements(x)).fold(0, u64::saturating_add)
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        let (operands, dy) = (cx.graph.operands(cx.node).to_vec(), cx.dy());
        let (x, directions) = (operands[0], &operands[1..]);
        let mut g = cx.build();
        let mut cotangents = vec![];
        let all = [&[x], directions, &[dy]].concat();
        cotangents.push(Some(g.node(*self, &all)?));
        for k in 0..directions.len() {
            let mut instead = operands.clone();
            instead[k + 1] = dy;
            cotangents.push(Some(g.node(*self, &instead)?));
        }
        Ok(cotangents)
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let x = cx.alike()?[0];
        cx.build().node(ProductOfOthers { axis: self.axis + 1 }, &[x]).map(Some)
    }

    fn lower(&self, _: &mut LowerContext<'_>) -> Lowering {
        unreachable!("the pass `prod_others`, which is required, has written it as products")
    }
}

/// A polynomial in the infinitesimals of the directions, each of which is of power 0 or 1 in a
/// term: the coefficient of a set of directions stands at the number whose bits are the set. A
/// product of `n` linear factors has no terms of more than `n` directions.
struct Polynomial<T> {
    coefficients: Vec<T>,
    n_factors: usize,
}

impl<T: Arithmetic> Polynomial<T> {
    /// The product of no factors.
    fn one(n_directions: usize) -> Polynomial<T> {
        let mut coefficients = vec![zero(); 1 << n_directions];
        coefficients[0] = T::of_scalar(Scalar::one(T::DTYPE));
        Polynomial { coefficients, n_factors: 0 }
    }

    /// The coefficient, if the polynomial can have it: a zero that is not there must not meet an
    /// infinity.
    fn at(&self, set: usize) -> Option<T> {
        (set.count_ones() as usize <= self.n_factors).then(|| self.coefficients[set])
    }

    /// The product with `x + s ε + t δ + ...`.
    fn times(&self, x: T, directions: impl Iterator<Item = T> + Clone) -> Polynomial<T> {
        let coefficient = |set: usize| {
            let own = self.at(set).map(|c| T::binary(BinaryFn::Mul, c, x));
            let with = directions.clone().enumerate().filter(|(k, _)| set >> k & 1 == 1);
            let with = with.filter_map(|(k, s)| {
                self.at(set & !(1 << k)).map(|c| T::binary(BinaryFn::Mul, c, s))
            });
            total(own.into_iter().chain(with))
        };
        let coefficients = (0..self.coefficients.len()).map(coefficient).collect();
        Polynomial { coefficients, n_factors: self.n_factors + 1 }
    }

    /// The coefficient of all directions in the product with another polynomial.
    fn last_of_product(&self, other: &Polynomial<T>) -> T {
        let all = self.coefficients.len() - 1;
        total((0..=all).filter_map(|set| {
            self.at(set).zip(other.at(all & !set)).map(|(a, b)| T::binary(BinaryFn::Mul, a, b))
        }))
    }
}

fn zero<T: Arithmetic>() -> T {
    T::of_scalar(Scalar::zero(T::DTYPE))
}

fn total<T: Arithmetic>(terms: impl Iterator<Item = T>) -> T {
    terms.reduce(|a, b| T::binary(BinaryFn::Add, a, b)).unwrap_or(zero())
}

/// The products of what is before and what is after each element. Linear in the elements.
fn others<T: Arithmetic>(
    x: &ArcArray<T, IxDyn>,
    directions: &[&ArcArray<T, IxDyn>],
    axis: usize,
) -> Literal {
    let axis = Axis(axis);
    let mut y = ArrayD::from_elem(x.raw_dim(), zero());
    let mut lanes: Vec<_> = directions.iter().map(|s| s.lanes(axis).into_iter()).collect();
    for (row, mut result) in x.lanes(axis).into_iter().zip(y.lanes_mut(axis)) {
        let along: Vec<_> = lanes.iter_mut().filter_map(Iterator::next).collect();
        let at = |k: usize| along.iter().map(move |s| s[k]);
        let mut after = vec![Polynomial::one(along.len())];
        for k in (1..row.len()).rev() {
            let next = after[after.len() - 1].times(row[k], at(k));
            after.push(next);
        }
        let mut before = Polynomial::one(along.len());
        for k in 0..row.len() {
            result[k] = before.last_of_product(&after[row.len() - 1 - k]);
            before = before.times(row[k], at(k));
        }
    }
    Literal::new(y)
}
